"""The whole audit: planted faults are found, and no data stop it."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from regraft.auditing.auditing import audit, examine
from regraft.data.dataset import Skipped
from regraft.errors import DataError

BACKBONE = "tf_efficientnet_lite0"


@pytest.fixture
def scenes(scene, look):
    """Return the looks of 60 scenes."""
    return look([scene(i) for i in range(60)])


def test_a_sound_set_has_no_sentence(scenes, labelled, separable) -> None:
    y = np.random.default_rng(0).integers(0, 2, 60)
    found = examine(labelled(y), separable(y), scenes)
    assert found.sentences() == []
    assert (found.n, found.duplicates, found.leaks, found.likely_errors) == (60, (), (), ())
    assert not found.order.related
    assert found.seconds > 0
    assert found.notes[0].startswith("No shortcut: without a look at the subject, ")


def test_given_probabilities_are_taken(scenes, labelled, separable, monkeypatch) -> None:
    monkeypatch.setattr("regraft.auditing.auditing.out_of_sample", None)
    y = np.arange(60) % 2
    probabilities = np.eye(2)[y] * 0.8 + 0.1
    probabilities[7] = [0.95, 0.05]
    found = examine(labelled(y), separable(y), scenes, probabilities=probabilities[5:], index=np.arange(5, 60))
    assert [suspect.position for suspect in found.label_errors] == [7]
    assert found.label_errors[0].likely


def test_leaks_follow_from_copies(scene, look, labelled, separable) -> None:
    looks = look([*(scene(i) for i in range(58)), scene(4), scene(5)])
    y = np.append(np.arange(58) % 2, [0, 1])
    found = examine(
        labelled(y, ["train"] * 50 + ["test"] * 10), separable(y), looks, skipped=[Skipped("x", "empty")] * 2
    )
    assert [(leak.position, leak.copy) for leak in found.leaks] == [(58, 4), (59, 5)]
    assert found.unreadable == (Skipped("x", "empty"),)


@pytest.mark.parametrize(
    ("y", "said", "noted"),
    [
        ([0] * 60, "There is only one class, class 0,", "Labels were not checked: there is only one class."),
        (list(range(60)), "60 classes have fewer than 5 images", "Labels were not checked: no class has two examples"),
        (
            np.arange(60) // 2,
            "30 classes have fewer than 5 images",
            "Shortcuts are looked for where two classes have 10",
        ),
        (np.arange(60) // 6, None, "Shortcuts are looked for where two classes have 10 images or more."),
    ],
    ids=["one class", "lone images", "pairs", "six each"],
)
def test_hard_sets_are_answered_by_a_sentence(scenes, labelled, separable, y, said, noted) -> None:
    found = examine(labelled(y), separable(y), scenes)
    assert [sentence[: len(said)] for sentence in found.sentences()] == [said] if said else not found.sentences()
    assert any(note.startswith(noted) for note in found.notes)
    json.dumps(found.to_dict(), allow_nan=False)


def test_one_repeated_image(scene, look, labelled) -> None:
    found = examine(labelled([0, 1] * 30), np.ones((60, 8), np.float32), look([scene(1)] * 60))
    first, second = found.sentences()
    assert first.startswith("1 picture is there several times, with different labels, such as ")
    assert second == "All 60 images are copies of one picture, so nothing can be learnt: add others."
    assert "Labels were not checked: all images have the same features." in found.notes
    assert found.order.reason == "the order of the data is judged by features, and they are all the same"


def test_a_missing_test_part_is_noted(scenes, labelled, separable) -> None:
    y = np.arange(60) % 2
    found = examine(labelled(y, ["train"] * 40 + ["val"] * 20), separable(y), scenes)
    assert "There is no test part, so leaks into it cannot be told; fit sets one aside." in found.notes


def test_labels_that_cannot_be_foretold_are_not_accused(scenes, labelled) -> None:
    rng = np.random.default_rng(0)
    found = examine(labelled(rng.integers(0, 2, 60)), rng.normal(size=(60, 16)).astype(np.float32), scenes)
    assert found.label_errors == ()
    assert any(note.startswith("Labels cannot be judged: ") for note in found.notes)


def test_without_features_and_without_looks(scenes, labelled, separable) -> None:
    y = np.arange(60) % 2
    blind = examine(labelled(y), None, scenes)
    assert "Labels were not checked: there are no features." in blind.notes
    assert "The order of the data is judged by features, and there are none." in blind.notes
    bare = examine(labelled(y), separable(y), None)
    assert "Copies and shortcuts were not looked for: the images' looks are not at hand." in bare.notes


def test_the_audit_of_a_folder(folder_of_scenes) -> None:
    files = {
        f"{part}/{label}/{part}{i}.png": 100 * number + i
        for number, (part, label) in enumerate([("train", "a"), ("train", "b"), ("test", "a"), ("test", "b")])
        for i in range(7)
    }
    folder = folder_of_scenes(files | {"test/a/leaked.png": 3})
    (folder / "train" / "b" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    said: list[str] = []
    audited = audit(folder, backbone=BACKBONE, announce=said.append)
    assert [leak.name for leak in audited.audit.leaks] == ["test/a/leaked.png"]
    assert [skipped.name for skipped in audited.audit.unreadable] == ["train/b/broken.png"]
    assert len(audited.dataset) == audited.audit.n == 29
    assert audited.dataset.skipped == audited.audit.unreadable
    assert said[0] == "30 images in 2 classes."


def test_more_unreadable_images_than_a_fit_would_take(folder_of_scenes) -> None:
    folder = folder_of_scenes({f"{label}/{i}.png": i + 50 * (label == "b") for label in "ab" for i in range(3)})
    for i in range(4):
        (folder / "a" / f"broken{i}.png").write_bytes(b"<html>")
    found = audit(folder, backbone=BACKBONE).audit
    assert (found.n, len(found.unreadable)) == (6, 4)


def test_nothing_readable(tmp_path: Path) -> None:
    for label in "ab":
        (tmp_path / label).mkdir()
        (tmp_path / label / "x.png").write_bytes(b"<html>")
    with pytest.raises(
        DataError, match=r"at least one readable image to audit, but there is none \(a/x.png: not an im"
    ):
        audit(tmp_path, backbone=BACKBONE)


def test_arrays_with_labels(scene) -> None:
    images = [scene(i) for i in range(20)] + [cv2.resize(scene(3), (60, 60), interpolation=cv2.INTER_AREA)]
    found = audit(images, [i % 2 for i in range(21)], backbone=BACKBONE).audit
    assert [group.positions for group in found.duplicates] == [(3, 20)]
    assert found.duplicates[0].contradicts
