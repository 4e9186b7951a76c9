from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regraft.errors import DataError, UsageError
from regraft.transferability import advice as module
from regraft.transferability.advice import Advice, advise
from regraft.transferability.quadrant import Choice

TINY: dict[str, Any] = {"backbone": "test_convnext", "weights": "none"}


def noise(n: int, side: int = 40) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (n, side, side, 3), np.uint8)


@pytest.fixture(scope="module")
def advised(colours: Path) -> Advice:
    return advise(colours, backbone="tf_efficientnet_lite0")


def test_all_is_there_and_fit_for_json(advised: Advice, colours: Path) -> None:
    plain = json.loads(json.dumps(advised.to_dict(), allow_nan=False))
    assert plain.keys() == {
        "quadrant",
        "size",
        "similarity",
        "overlap",
        "learning_curve",
        "strategy",
        "command",
        "reason",
        "notes",
    }
    assert plain["size"]["images"] == 18
    assert plain["overlap"]["found"] == []
    assert plain["similarity"]["probe"]["chance"] == pytest.approx(1 / 3)
    assert plain["similarity"]["misfit"] > 0
    assert plain["learning_curve"]["gains"][0]["times"] == 2
    assert plain["quadrant"] == f"small and {plain['similarity']['verdict']}"


def test_colours_need_no_more_than_a_probe(advised: Advice, colours: Path) -> None:
    assert advised.strategy == "probe"
    assert advised.command == f"regraft fit {colours} --strategy probe --backbone tf_efficientnet_lite0"


def test_random_weights_say_what_is_not_known(colours: Path) -> None:
    heard: list[str] = []
    found = advise(colours, announce=heard.append, **TINY)
    assert found.quadrant == "small and of unknown similarity"
    assert heard[0] == "18 training images in 3 classes."
    [note] = [note for note in found.notes if "concentration" in note]
    assert note == (
        "Not known: concentration, max probability, source classes used; there is no classifier of a source task to "
        "ask."
    )
    assert found.to_dict()["overlap"] is None


def test_only_the_training_part_is_looked_at(tmp_path: Path, draw_classes: Callable[..., Path]) -> None:
    draw_classes(tmp_path / "a" / "train", 8, ("red", "blue"))
    draw_classes(tmp_path / "a" / "test", 4, ("red", "blue"), seed=50)
    first = advise(tmp_path / "a", **TINY)
    draw_classes(tmp_path / "b" / "train", 8, ("red", "blue"))
    for red, blue in (("red", "blue"), ("blue", "red")):  # another test part, its labels turned round
        drawn = draw_classes(tmp_path / "c" / red, 4, (blue,), seed=90)
        (tmp_path / "b" / "test").mkdir(exist_ok=True)
        (drawn / blue).rename(tmp_path / "b" / "test" / red)
    second = advise(tmp_path / "b", **TINY)
    one, other = first.to_dict(), second.to_dict()
    assert one.pop("command").replace("/a ", "/b ") == other.pop("command")
    assert one == other
    assert first.size.images == 16
    assert "8 images of the data's own val and test parts are not looked at." in first.notes


def test_images_that_fit_would_hold_out_are_not_looked_at() -> None:
    found = advise(noise(160), ["a", "b"] * 80, **TINY)
    assert found.size.images == 128
    assert "32 images are kept for a test, as `regraft fit` does, and not looked at." in found.notes


def test_a_part_of_many_images_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ADVISED_ON", 20)
    found = advise(noise(40), ["a", "b"] * 20, **TINY)
    assert found.size.images == 40
    assert "Measured on 20 of the 40 training images, every class in its share." in found.notes
    assert found.curve.images == 40


def test_what_fits_no_probe_is_to_be_audited() -> None:
    found = advise(np.repeat(noise(1), 20, axis=0), ["a", "b"] * 10, **TINY)
    assert (found.strategy, found.command) == ("probe", "regraft audit DATA")
    assert "Features must differ between images" in found.reason
    assert found.curve.reason is not None


def test_a_single_image_a_class() -> None:
    found = advise(noise(3), ["a", "b", "c"], **TINY)
    assert "No class has two examples" in found.reason
    assert found.curve.reason == "it needs 5 images a class or more, but the median class has 1."
    assert "The smallest class has 1 training example: all figures are rough; add some." in found.notes


def test_hundreds_of_classes_of_few_images() -> None:
    found = advise(noise(400, 32), [str(i // 2) for i in range(400)], **TINY)
    assert found.size.classes == 200
    assert found.curve.reason is not None


def test_unreadable_images_are_left_out_or_refused(tmp_path: Path, draw_classes: Callable[..., Path]) -> None:
    folder = draw_classes(tmp_path / "data", 6, ("red", "blue"))
    (folder / "red" / "broken.jpg").write_bytes(b"no image")
    with pytest.raises(DataError, match="At most 5% of the images may be"):
        advise(folder, **TINY)
    found = advise(folder, skip_unreadable=True, **TINY)
    assert "1 unreadable images were left out." in found.notes
    assert "--skip-unreadable" in found.command


def test_one_class_is_refused() -> None:
    with pytest.raises(DataError, match="only one class"):
        advise(noise(6), ["a"] * 6, **TINY)


def test_requests_out_of_range_are_refused(colours: Path) -> None:
    with pytest.raises(UsageError, match="--seed must be 0 or above, not -1"):
        advise(colours, seed=-1)
    with pytest.raises(UsageError, match="--engine must be"):
        advise(colours, engine="abacus")  # type: ignore[arg-type]


def test_command_says_what_was_asked_for() -> None:
    given = {"label_column": "kind", "label_from_name": False, "skip_unreadable": True, "backbone": "vgg16"}
    assert module._command("my data", Choice("auto", "", "blocks.5"), True, given) == (
        "regraft fit 'my data' --strategy auto --unfreeze blocks.5 --label-column kind --skip-unreadable "
        "--backbone vgg16"
    )
    # From scratch there is a network of its own.
    assert module._command(Path("x"), Choice("scratch", ""), True, given) == (
        "regraft fit x --strategy scratch --label-column kind --skip-unreadable"
    )


def test_dog_breeds_are_partly_memory(real_data: Path) -> None:
    found = advise(real_data / "dog_breeds" / "labels.csv", backbone="tf_efficientnet_lite0")
    assert found.quadrant == "small and similar"
    assert found.strategy == "probe"
    assert found.similarity.overlap is not None
    assert found.similarity.overlap.text.startswith("60 of 60 classes are among the source's own 1,000 (afghan_hound,")
    assert found.similarity.overlap.text.endswith("the result is partly memory.")
    assert found.curve.accuracy[-1] > 0.9
    assert found.probes.features is not None and found.probes.features < found.curve.accuracy[-1]
