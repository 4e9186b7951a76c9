"""The main job from Python: labelled images in, a classifier and honest figures out."""

from __future__ import annotations

import csv
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import regraft
from regraft.errors import DataError, UsageError, WeightsError
from regraft.persistence import Bundle
from regraft.result import Result

ONE: dict[str, Any] = {"backbone": "tf_efficientnet_lite0"}
QUICK: dict[str, Any] = {**ONE, "head": "centroid"}

Draw = Callable[..., Path]


@pytest.fixture
def split(tmp_path: Path, draw_classes: Draw) -> Path:
    """Return a folder of train/ and test/, six and four images a class."""
    draw_classes(tmp_path / "data" / "train", 6)
    draw_classes(tmp_path / "data" / "test", 4, seed=50)
    return tmp_path / "data"


def without_clock(result: Result) -> dict[str, Any]:
    found = result.to_dict()
    return {k: found[k] for k in found.keys() - {"timings_s", "images_per_second", "created", "cache"}}


def head_file(result: Result, path: Path) -> bytes:
    result.classifier.save(path)
    return Bundle(path).member("head")


# --- fit ----------------------------------------------------------------------------------------


def test_four_lines_with_all_defaults(colours: Path, tmp_path: Path) -> None:
    result = regraft.fit(f"{colours}/")
    [prediction] = result.classifier.predict([colours / "red" / "red-0-0.jpg"])
    result.classifier.save(tmp_path / "m.regraft")
    assert prediction.label == "red"
    assert regraft.Classifier.load(tmp_path / "m.regraft").predict(str(colours / "blue" / "blue-0-0.jpg"))[0].label
    assert result.evaluations["test"].accuracy == 1.0
    assert [backbone.name for backbone in result.backbones] == ["tf_efficientnet_lite0", "tf_efficientnet_lite1"]
    assert result.classifier.widths == (1280, 1280)
    assert [candidate.name for candidate in result.candidates] == ["prototype", "logistic", "centroid"]
    assert result.command == f"regraft.fit('{colours}/')"


def test_arrays_lists_and_datasets(colours: Path) -> None:
    files = sorted(colours.rglob("*.jpg"))
    labels = [file.parent.name for file in files]
    arrays = np.stack([np.asarray(Image.open(file)) for file in files])
    numbers = [("blue", "green", "red").index(label) for label in labels]
    for data, given, classes in (
        (files, labels, ("blue", "green", "red")),
        ([str(file) for file in files], np.array(labels), ("blue", "green", "red")),
        ([file.read_bytes() for file in files], labels, ("blue", "green", "red")),
        (arrays, numbers, ("0", "1", "2")),
        (list(arrays / 255), numbers, ("0", "1", "2")),
        (regraft.read_source(colours), None, ("blue", "green", "red")),
    ):
        result = regraft.fit(data, given, **QUICK)
        assert result.classifier.classes == classes
        assert result.evaluations["test"].accuracy == 1.0
        assert len(result.command) < 60


def test_what_was_inferred_is_announced_before_the_work(colours: Path) -> None:
    said: list[str] = []
    progress: list[tuple[int, int]] = []

    def announce(sentence: str) -> None:
        assert not progress
        said.append(sentence)

    regraft.fit(colours, announce=announce, progress=lambda *done: progress.append(done), **QUICK)
    assert said[0] == "18 images in 3 classes: blue 6, green 6, red 6."
    assert "cross-validation in 5 folds" in said[1]
    assert progress[-1] == (18, 18)


def test_a_tiny_set_is_cross_validated(fitted: Result) -> None:
    assert (fitted.protocol, fitted.n_test) == ("cross-validation", 18)


def test_a_larger_set_is_split_with_the_groups_kept_whole(tmp_path: Path, draw_classes: Draw) -> None:
    folder = draw_classes(tmp_path / "images", 32, ("blue", "red"))
    files = sorted(folder.rglob("*.jpg"))
    with (tmp_path / "table.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "label", "cell"])
        writer.writerows([f"images/{f.relative_to(folder)}", f.parent.name, f"c{i // 4}"] for i, f in enumerate(files))
    options = {**QUICK, "group_column": "cell", "test_size": 0.5}
    result = regraft.fit(tmp_path / "table.csv", **options)
    assert (result.protocol, result.n_train, result.n_test) == ("holdout", 32, 32)
    groups = result.dataset.groups
    assert groups is not None
    assert not set(groups[result.dataset.part("train")]) & set(groups[result.dataset.part("test")])
    assert result.evaluations["test"].accuracy == 1.0
    again = regraft.fit(tmp_path / "table.csv", **options)
    assert without_clock(again) == without_clock(result)
    assert head_file(again, tmp_path / "a") == head_file(result, tmp_path / "b")
    other = regraft.fit(tmp_path / "table.csv", **options, seed=5)
    assert other.dataset.split is not None and result.dataset.split is not None
    assert other.dataset.split.tolist() != result.dataset.split.tolist()


def test_the_only_evaluation_folder_is_the_test(tmp_path: Path, draw_classes: Draw) -> None:
    draw_classes(tmp_path / "data" / "training_set", 5)
    draw_classes(tmp_path / "data" / "valid", 3, seed=50)
    result = regraft.fit(tmp_path / "data", **ONE)
    assert (result.protocol, result.n_train, result.n_val, result.n_test) == ("given", 15, 0, 9)
    assert result.evaluations.keys() == {"test"}
    assert any("valid/ is the only evaluation part, so it is the test" in note for note in result.notes)


def test_with_val_and_test_the_choice_is_made_on_val(split: Path, draw_classes: Draw) -> None:
    draw_classes(split / "val", 3, seed=90)
    for old, new in (("red", "tmp"), ("blue", "red"), ("green", "blue"), ("tmp", "green")):
        (split / "val" / old).rename(split / "val" / new)  # no image of val is called what train calls it
    result = regraft.fit(split, **ONE)
    assert (result.n_train, result.n_val, result.n_test) == (18, 9, 12)
    assert [candidate.accuracy for candidate in result.candidates] == [0, 0, 0]
    assert result.evaluations["val"].accuracy == 0
    assert result.evaluations["test"].accuracy == 1


def test_nothing_depends_on_the_test_images(
    split: Path, tmp_path: Path, draw_classes: Draw, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fit(name: str) -> Result:
        # No features are carried over: only the converted networks are.
        own = tmp_path / f"cache-{name}"
        own.mkdir()
        (own / "engines").symlink_to(cache / "engines")
        monkeypatch.setenv("REGRAFT_CACHE", str(own))
        result = regraft.fit(split, **ONE)
        assert result.cache_hits == 0
        return result

    expected = fit("as it is")
    for old, new in (("red", "tmp"), ("blue", "red"), ("tmp", "blue")):
        (split / "test" / old).rename(split / "test" / new)
    permuted = fit("labels permuted")
    shutil.rmtree(split / "test")
    draw_classes(split / "test", 4, seed=700)
    for file in (split / "test").rglob("*.jpg"):
        Image.open(file).convert("L").save(file)
    replaced = fit("other images")
    assert permuted.evaluations["test"].accuracy == pytest.approx(1 / 3)
    assert replaced.evaluations["test"].accuracy < 1
    for found in (permuted, replaced):
        assert found.chosen == expected.chosen
        assert found.candidates == expected.candidates
        assert found.classifier.precisions == expected.classifier.precisions
        assert head_file(found, tmp_path / "found") == head_file(expected, tmp_path / "expected")


def test_unreadable_images_are_skipped_up_to_a_share(tmp_path: Path, draw_classes: Draw) -> None:
    folder = draw_classes(tmp_path / "data", 10, ("blue", "red"))
    (folder / "red" / "empty.jpg").touch()
    result = regraft.fit(folder, **QUICK)
    assert [(skipped.name, skipped.reason) for skipped in result.skipped] == [("red/empty.jpg", "empty (0 bytes)")]
    assert (len(result.dataset), result.n_test) == (20, 20)
    (folder / "red" / "page.jpg").write_bytes(b"<html></html>")
    with pytest.raises(DataError, match="At most 5% of the images may be unreadable, but 2 of 22 already are"):
        regraft.fit(folder, **QUICK)
    assert len(regraft.fit(folder, **QUICK, skip_unreadable=True).skipped) == 2
    for file in (folder / "red").iterdir():
        file.write_bytes(b"")
    with pytest.raises(DataError, match="of at least two classes, but there are 10 readable images of 1, only 'blue'"):
        regraft.fit(folder, **QUICK, skip_unreadable=True)


def test_a_missing_image_of_a_table_counts_as_unusable(tmp_path: Path, draw_classes: Draw) -> None:
    folder = draw_classes(tmp_path / "data", 4, ("blue", "red"))
    rows = [f"{f.relative_to(folder)},{f.parent.name}" for f in sorted(folder.rglob("*.jpg"))]
    (folder / "t.csv").write_text("\n".join(["image,label", *rows, "red/gone.jpg,red"]))
    with pytest.raises(DataError, match=r"At most 5% .* unusable, but 1 of 9 are \(red/gone\.jpg: file not found\)"):
        regraft.fit(folder / "t.csv", **QUICK)
    assert len(regraft.fit(folder / "t.csv", **QUICK, skip_unreadable=True).dataset) == 8


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"test_size": 0}, UsageError, "--test-size must be a share between 0 and 1, not 0"),
        ({"test_size": float("nan")}, UsageError, "--test-size must be a share"),
        ({"seed": -1}, UsageError, "--seed must be 0 or above, not -1"),
        ({"head": "logistik"}, UsageError, "there is no head 'logistik' .*did you mean 'logistic'"),
        ({"units": (8,)}, UsageError, "--units belongs to the mlp head; add --head mlp"),
        ({"head": "knn", "batch_norm": False}, UsageError, "--batch-norm belongs to the mlp head, but --head is knn"),
        ({"backbone": "resnet5"}, UsageError, "Did you mean 'resnet50'"),
        ({"backbone": "resnet50"}, WeightsError, "could not be downloaded; connect to the network once, or give a lo"),
        ({"engine": "tpu"}, UsageError, "--engine must be auto, openvino or torch, not 'tpu'"),
        ({"labels": [1]}, UsageError, "has its own: leave them out"),
        ({"group_column": "cell"}, UsageError, "--group-column means nothing for"),
    ],
    ids=lambda value: next(iter(value), "") if isinstance(value, dict) else "",
)
def test_a_wrong_request_is_told(colours: Path, options: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        regraft.fit(colours, **{**ONE, **options})


def test_the_mlp_takes_its_settings(split: Path, draw_classes: Draw) -> None:
    draw_classes(split / "val", 2, seed=90)
    result = regraft.fit(split, **ONE, head="mlp", units=[16], dropout=0.1, batch_norm=False)
    assert result.chosen == "mlp"
    assert result.classifier.tensors["weight_0"].shape == (16, 1280)
    assert result.classifier.settings["layers"] == 2
    assert result.evaluations["test"].accuracy == 1


# --- evaluate -----------------------------------------------------------------------------------


def test_evaluation_names_classes_and_not_numbers(fitted: Result, tmp_path: Path, draw_classes: Draw) -> None:
    folder = draw_classes(tmp_path / "some", 3, ("green", "red"), seed=50)
    found = regraft.evaluate(fitted.classifier, folder)
    assert found.evaluation.classes == ("blue", "green", "red")
    assert found.evaluation.confusion.tolist() == [[0, 0, 0], [0, 3, 0], [0, 0, 3]]
    files = sorted(folder.rglob("*.jpg"))
    listed = regraft.evaluate(fitted.classifier, files, [file.parent.name for file in files])
    np.testing.assert_array_equal(listed.probabilities, found.probabilities)


def test_where_there_is_a_test_part_it_alone_is_evaluated(fitted: Result, split: Path) -> None:
    found = regraft.evaluate(fitted.classifier, split)
    assert (found.evaluation.n, len(found.dataset)) == (12, 12)
    assert all(name.startswith("test/") for name in found.dataset.names)


def test_unknown_classes_and_unreadable_images_are_refused(fitted: Result, tmp_path: Path, draw_classes: Draw) -> None:
    folder = draw_classes(tmp_path / "some", 3, ("green", "red"), seed=50)
    (folder / "red" / "empty.jpg").touch()
    with pytest.raises(DataError, match="At most 5% of the images may be unreadable"):
        regraft.evaluate(fitted.classifier, folder)
    found = regraft.evaluate(fitted.classifier, folder, skip_unreadable=True)
    assert (found.evaluation.n, [skipped.name for skipped in found.skipped]) == (6, ["red/empty.jpg"])
    for file in folder.rglob("*.jpg"):
        file.write_bytes(b"")
    with pytest.raises(DataError, match="There must be readable images to evaluate on, but there are none"):
        regraft.evaluate(fitted.classifier, folder, skip_unreadable=True)
    (folder / "red").rename(folder / "purple")
    with pytest.raises(DataError, match=r"classifier's classes \(blue, green, red\), but have purple; rename or leave"):
        regraft.evaluate(fitted.classifier, folder)


# --- embed --------------------------------------------------------------------------------------


def test_features_come_with_labels_where_there_are_any(colours: Path, fitted: Result, tmp_path: Path) -> None:
    found = regraft.embed(colours, **ONE)
    assert found.features.values.shape == (18, 1280)
    assert found.labels == ("blue",) * 6 + ("green",) * 6 + ("red",) * 6
    assert found.names[0] == "blue/blue-0-0.jpg"
    np.testing.assert_array_equal(found.features.values, fitted.classifier.features(colours).values)
    bare = regraft.embed(colours / "red", **ONE)
    assert (bare.labels, len(bare.names)) == (None, 6)
    np.testing.assert_array_equal(bare.features.values, found.features.values[12:])
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        for file in sorted(colours.rglob("*.jpg")):
            archive.write(file, file.relative_to(colours))
    zipped = regraft.embed(tmp_path / "c.zip", **ONE)
    assert zipped.labels == found.labels
    np.testing.assert_array_equal(zipped.features.values, found.features.values)


@pytest.mark.skipif(os.name == "nt", reason="links are made differently on Windows")
def test_what_is_not_embedded_is_listed(tmp_path: Path, draw_classes: Draw) -> None:
    folder = draw_classes(tmp_path / "data", 3, ("blue", "red"))
    (folder / "red" / "empty.jpg").touch()
    (folder / "blue" / "link.jpg").symlink_to("gone.jpg")
    found = regraft.embed(folder, **ONE, skip_unreadable=True)
    assert {skipped.name: skipped.reason for skipped in found.skipped} == {
        "blue/link.jpg": "broken symbolic link",
        "red/empty.jpg": "empty (0 bytes)",
    }
    assert len(found.names) == len(found.labels or ()) == len(found.features.values) == 6
    with pytest.raises(DataError, match="unreadable"):
        regraft.embed(folder, **ONE)


def test_size_and_pooling_reach_the_network(colours: Path) -> None:
    small: dict[str, Any] = {"backbone": "lcnet_035", "weights": "none", "image_size": 64}
    mean = regraft.embed(colours / "red", **small).features.values
    most = regraft.embed(colours / "red", **small, pool="max").features.values
    assert len(mean) == len(most) == 6
    assert mean.shape[1] != most.shape[1] or not np.allclose(most, mean)
