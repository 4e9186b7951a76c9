"""The whole way: what was asked is checked, the file is compared, and only then stands where it was wanted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_sample_images

from regraft.backbones.preprocessing import Preprocessing
from regraft.backbones.registry import Backbone
from regraft.errors import RegraftError, UsageError
from regraft.export import eight_bits, parity, targets
from regraft.export.exporting import export
from regraft.export.parity import IMAGES, Bound
from regraft.export.target import CannotExport, Job
from regraft.features.engine_openvino import precisions

KINDS = ("onnx", "openvino", "torch", "tflite")


def left(folder: Path) -> list[str]:
    """Return the names of all in a folder, hidden ones too."""
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def perturbed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that has a kind's writer change the head before it writes it."""

    def use(change: Callable[[torch.nn.Module], None], kind: str = "openvino") -> None:
        target = targets.find(kind)

        def write(job: Job, path: Path) -> None:
            change(job.network.head)
            target.write(job, path)

        monkeypatch.setitem(targets.TARGETS, kind, replace(target, write=write))

    return use


@pytest.fixture
def lenient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let int8 be as wrong as it likes: a tiny network of random weights is no measure of it."""
    monkeypatch.setitem(parity.BOUNDS, "int8", Bound(0.0, 1.0, 1.0))
    monkeypatch.setattr(eight_bits, "LOSS", 1.0)


def swap(head: torch.nn.Module) -> None:
    head.get_buffer("centroids").copy_(head.get_buffer("centroids")[[1, 0, 2]])


def shake(head: torch.nn.Module) -> None:
    centroids = head.get_buffer("centroids")
    centroids += 0.3 * torch.randn(centroids.shape, generator=torch.Generator().manual_seed(0)) * centroids.std()


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_says_what_the_classifier_says(kind: str, exported: Callable[[str], Any]) -> None:
    done = exported(kind)
    assert (done.to, done.precision, done.eight) == (kind, "f32", None)
    [compared] = done.parity
    assert compared.precision == "f32" and compared.holds and compared.images == IMAGES
    assert compared.marks is not None and compared.marks > 0.95
    assert all(path.is_file() for path in done.paths)
    assert done.bytes == sum(path.stat().st_size for path in done.paths)
    [note] = done.notes
    assert note.startswith("It was compared on no images of yours and 64 parts of the photos")
    json.dumps(done.to_dict())


def _levels_higher(by: int) -> Callable[..., np.ndarray]:
    """Return `Preprocessing.apply` for a processor that rounds some pixels by some grey levels higher."""
    exact = Preprocessing.apply

    def apply(self: Preprocessing, image: np.ndarray) -> np.ndarray:
        square = exact(self, image).astype(int)
        square[::16] += by
        return np.clip(square, 0, 255).astype(np.uint8)

    return apply


@pytest.mark.parametrize(("by", "kept"), [(1, True), (2, False)])
def test_another_rounding_of_grey_levels_is_told_and_no_more_than_that_is_let_through(
    by: int, kept: bool, small: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGRAFT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(Preprocessing, "apply", _levels_higher(by))
    monkeypatch.setitem(parity.BOUNDS, "f32", Bound(1.0, 5e-4, 1.0))
    # Photos of which just the square is cut out: nothing is resized, so nothing else is rounded.
    side = small.backbones[0].preprocessing.short_side
    photos = load_sample_images().images
    images = [photo[top : top + side, 7 * top : 7 * top + side] for photo in photos for top in range(32)]
    if kept:
        done = export(small, tmp_path / "m.xml", to="openvino", images=images)
        assert not done.parity[0].holds and done.parity[0].same == 1
        assert "rounds grey levels in its own way" in done.notes[-1]
    else:
        with pytest.raises(RegraftError, match="no file was written"):
            export(small, tmp_path / "m.xml", to="openvino", images=images)
        assert not (tmp_path / "m.xml").exists()


def test_nothing_else_is_left_beside_it(exported: Callable[[str], Any]) -> None:
    done = exported("openvino")
    assert all(not name.startswith(".") for name in left(done.paths[0].parent))


@pytest.mark.parametrize("kind", ["openvino", "torch"])
def test_a_grown_classifier_has_all_its_classes(kind: str, grown: Any, tmp_path: Path) -> None:
    done = export(grown, tmp_path / f"m{targets.find(kind).suffix}", to=kind)
    pixels = np.full((1, 64, 72, 3), (230, 220, 60), np.uint8)
    pixels += np.random.default_rng(0).integers(0, 20, pixels.shape).astype(np.uint8)
    probabilities, _ = targets.find(kind).open(done.paths[0], "f32")(pixels)
    assert probabilities.shape == (1, 5)
    np.testing.assert_allclose(probabilities, grown.predict_proba([pixels[0]]), atol=0.02)


def test_a_network_with_attention_and_two_side_by_side(colours: Path, tmp_path: Path) -> None:
    import regraft

    both = regraft.fit(colours, backbone="test_vit+test_resnet", weights="none", head="logistic").classifier
    done = export(both, tmp_path / "m.xml", to="openvino")
    assert done.parity[0].holds


def test_what_comes_with_regraft_is_exported(fitted: Any, tmp_path: Path) -> None:
    done = export(fitted.classifier, tmp_path / "m.xml", to="openvino")
    # Where OpenCV has no kernels of Intel's, it enlarges with other rounding, which is told.
    assert done.parity[0].holds or "rounds grey levels in its own way" in done.notes[-1]
    assert done.parity[0].same == 1


def test_what_is_done_is_announced(small: Any, tmp_path: Path) -> None:
    said: list[str] = []
    export(small, tmp_path / "m.xml", to="openvino", announce=said.append)
    assert said == ["Writing openvino.", "Comparing it with the classifier on 64 images."]


@pytest.mark.parametrize("change", [swap, shake], ids=["two-classes-swapped", "noise"])
@pytest.mark.parametrize("before", [None, b"older"], ids=["new", "forced"])
def test_a_file_that_says_something_else_is_refused_and_leaves_nothing(
    change: Callable[[torch.nn.Module], None],
    before: bytes | None,
    perturbed: Callable[..., None],
    small: Any,
    tmp_path: Path,
) -> None:
    perturbed(change)
    if before is not None:
        (tmp_path / "m.xml").write_bytes(before)
    with pytest.raises(
        RegraftError, match=r"What the openvino file says in f32 must be .*; no file was written: choose"
    ):
        export(small, tmp_path / "m.xml", to="openvino", force=before is not None)
    assert left(tmp_path) == ([] if before is None else ["m.xml"])
    assert before is None or (tmp_path / "m.xml").read_bytes() == before


def test_the_same_writer_without_a_change_is_let_through(
    perturbed: Callable[..., None], small: Any, tmp_path: Path
) -> None:
    perturbed(lambda head: None)
    assert export(small, tmp_path / "m.xml", to="openvino").parity[0].holds


@pytest.mark.skipif(len(precisions()) == 1, reason="this processor does not compute in bf16")
def test_it_is_compared_in_each_precision_of_the_engine(
    small: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("regraft.export.openvino.precisions", lambda: ("bf16", "f32"))
    monkeypatch.setitem(parity.BOUNDS, "bf16", Bound(0.0, 1.0, 1.0))
    done = export(small, tmp_path / "m.xml", to="openvino")
    assert [each.precision for each in done.parity] == ["f32", "bf16"]


# Which images are compared on.


def test_few_images_are_topped_up_and_it_is_said(small: Any, colours: Path, tmp_path: Path) -> None:
    done = export(small, tmp_path / "m.xml", to="openvino", images=colours)
    assert done.parity[0].images == IMAGES
    assert done.notes == (
        "It was compared on 18 images of yours and 46 parts of the photos that come with scikit-learn; "
        "--images takes more of yours.",
    )


def test_enough_images_are_drawn_from_and_broken_ones_passed_over(
    small: Any, draw_classes: Callable[..., Path], tmp_path: Path
) -> None:
    many = draw_classes(tmp_path / "many", count=23)
    (many / "red" / "broken.jpg").write_bytes(b"no photo")
    (tmp_path / "out").mkdir()
    done = export(small, tmp_path / "out" / "m.xml", to="openvino", images=many)
    assert done.notes == () and done.parity[0].images == IMAGES


# int8


@pytest.mark.parametrize("kind", ["onnx", "openvino"])
def test_int8_is_smaller_and_its_cost_is_told(
    kind: str, small: Any, exported: Callable[[str], Any], colours: Path, tmp_path: Path, lenient: None
) -> None:
    pytest.importorskip("nncf")
    path = tmp_path / f"m{targets.find(kind).suffix}"
    said: list[str] = []
    done = export(small, path, to=kind, int8=True, images=colours, announce=said.append)
    assert said[-1] == "Calibrating int8."
    assert left(tmp_path) == sorted(each.name for each in done.paths)
    assert done.precision == "int8" and [each.precision for each in done.parity] == ["int8"]
    eight = done.eight
    assert eight is not None
    assert eight.bytes[1] == done.bytes
    assert (eight.calibrated_on, eight.n, eight.held_out) == (18, 18, False)
    assert 0.8 <= eight.accuracy[0] <= 1 and 0.6 <= eight.accuracy[1] <= 1
    assert set(eight.images_a_second) == {"f32", "int8"} and all(rate > 0 for rate in eight.images_a_second.values())
    json.dumps(done.to_dict())


def test_int8_that_costs_too_much_is_refused_and_leaves_nothing(
    small: Any, colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("nncf")
    monkeypatch.setattr(eight_bits, "LOSS", -1.1)
    with pytest.raises(RegraftError, match=r"int8 may cost -110% of accuracy at most, but costs .*no file was written"):
        export(small, tmp_path / "m.xml", to="openvino", int8=True, images=colours)
    assert left(tmp_path) == []


def test_int8_that_says_something_else_is_refused_and_leaves_nothing(
    small: Any, colours: Path, tmp_path: Path, lenient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("nncf")
    monkeypatch.setitem(parity.BOUNDS, "int8", Bound(1.1, 1.0, 1.0))
    with pytest.raises(RegraftError, match=r"openvino file says in int8 .*another target, or leave --int8 out\."):
        export(small, tmp_path / "m.xml", to="openvino", int8=True, images=colours)
    assert left(tmp_path) == []


def test_int8_must_have_images(small: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"must be calibrated on labelled images .*; name them with --images"):
        export(small, tmp_path / "m.onnx", int8=True)


@pytest.mark.parametrize(("kind", "name"), [("torch", "m.pt2"), ("tflite", "m.tflite")], ids=["torch", "tflite"])
def test_int8_must_be_had(kind: Any, name: str, small: Any, colours: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=rf"computes in it \(onnx, openvino\), not {kind}; leave it out"):
        export(small, tmp_path / name, to=kind, int8=True, images=colours)
    assert left(tmp_path) == []


# What is asked is checked before any work.


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail if any kind's writer is called."""

    def write(job: Job, path: Path) -> None:
        raise AssertionError("nothing was to be written")

    for kind in KINDS:
        monkeypatch.setitem(targets.TARGETS, kind, replace(targets.find(kind), write=write))
    yield


@pytest.mark.parametrize("there", ["m.xml", "m.bin"])
def test_what_exists_is_left_untouched(there: str, small: Any, tmp_path: Path, idle: None) -> None:
    (tmp_path / there).write_bytes(b"mine")
    with pytest.raises(UsageError, match=rf"must be a new file, but .*{there} exists; choose another or say --force"):
        export(small, tmp_path / "m.xml", to="openvino")
    assert left(tmp_path) == [there] and (tmp_path / there).read_bytes() == b"mine"


def test_what_exists_is_replaced_with_force(small: Any, tmp_path: Path) -> None:
    for name in ("m.xml", "m.bin", "other"):
        (tmp_path / name).write_bytes(b"mine")
    export(small, tmp_path / "m.xml", to="openvino", force=True)
    assert left(tmp_path) == ["m.bin", "m.xml", "other"]
    assert (tmp_path / "m.xml").stat().st_size > 1000 < (tmp_path / "m.bin").stat().st_size
    assert (tmp_path / "other").read_bytes() == b"mine"


@pytest.mark.parametrize("name", ["m", "m.xml", "m.onnx.gz", "m.ONNX"])
def test_the_ending_must_be_the_kind_s(name: str, small: Any, tmp_path: Path, idle: None) -> None:
    with pytest.raises(UsageError, match=rf"for onnx must end in \.onnx, but {name} does not; rename it"):
        export(small, tmp_path / name)


@pytest.mark.parametrize("force", [False, True], ids=["plain", "forced"])
@pytest.mark.parametrize("there", ["m.xml", "m.bin"])
def test_a_folder_in_the_way_is_refused(there: str, force: bool, small: Any, tmp_path: Path, idle: None) -> None:
    (tmp_path / there).mkdir()
    with pytest.raises(UsageError, match=r"must be written to a file, but .* is a folder; choose another name"):
        export(small, tmp_path / "m.xml", to="openvino", force=force)


@pytest.mark.parametrize("parent", ["missing", "file"])
def test_a_place_that_cannot_be_written_is_told(parent: str, small: Any, tmp_path: Path, idle: None) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(
        RegraftError, match=r"where files can be made, but .*m\.onnx cannot \(.*\); choose another place"
    ):
        export(small, tmp_path / parent / "m.onnx")
    assert left(tmp_path) == ["file"]


@pytest.mark.parametrize(("modality", "noun"), [("text", "texts"), ("audio", "recordings")], ids=["text", "audio"])
def test_only_classifiers_of_images_can_be_exported(
    modality: str, noun: str, small: Any, tmp_path: Path, idle: None
) -> None:
    other = replace(small, backbones=(replace(small.backbones[0], modality=modality),))
    with pytest.raises(
        UsageError, match=rf"Only classifiers of images can be exported, but this one names {noun}; use"
    ):
        export(other, tmp_path / "m.onnx")


def test_an_unknown_kind_is_refused(small: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--to must be one of"):
        export(small, tmp_path / "m.mlmodel", to="coreml")  # type: ignore[arg-type]


class Odd(torch.nn.Module):
    """A network with an operator that few others know."""

    num_features = 256

    def __init__(self, way: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.way = way

    def forward_features(self, x: torch.Tensor) -> torch.Tensor:
        return self.way(x).tile(1, 86, 1, 1)[:, :256]

    def forward_head(self, x: torch.Tensor, pre_logits: bool = False) -> torch.Tensor:
        return x.mean((2, 3))


@pytest.mark.parametrize("kind", ["onnx", "openvino", "tflite"])
def test_an_operator_that_a_kind_lacks_is_named(
    kind: Any, small: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "tflite":
        pytest.importorskip("litert_torch")
    monkeypatch.setattr(Backbone, "build", lambda backbone: Odd(torch.special.bessel_j0))
    with pytest.raises(
        CannotExport, match=r"operators that .* has, but its operator \w+::(special_)?bessel_j0 cannot be"
    ):
        export(small, tmp_path / f"m{targets.find(kind).suffix}", to=kind)
    assert left(tmp_path) == []


def test_a_way_that_depends_on_the_image_is_refused(
    small: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Backbone, "build", lambda backbone: Odd(lambda x: x if x.sum() > 0 else -x))
    with pytest.raises(CannotExport, match="choose another target or fit on another --backbone"):
        export(small, tmp_path / "m.pt2", to="torch")
    assert left(tmp_path) == []


@pytest.mark.parametrize("kind", ["onnx"])
def test_a_missing_package_is_named_and_nothing_is_left(
    kind: Any, small: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("regraft._optional.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r'which is not installed; run `pip install "regraft\[export\]"`'):
        export(small, tmp_path / "m.onnx", to=kind)
    assert left(tmp_path) == []


def test_images_of_many_sizes_and_kinds_are_taken(small: Any, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number, (mode, size) in enumerate([("L", (30, 500)), ("RGBA", (1, 1)), ("P", (257, 33)), ("RGB", (640, 480))]):
        Image.new(mode, size, 90).save(tmp_path / "in" / f"{number}.png")
    done = export(small, tmp_path / "m.xml", to="openvino", images=tmp_path / "in")
    assert done.notes[0].startswith("It was compared on 4 images of yours and 60 parts")
