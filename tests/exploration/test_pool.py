"""The images to choose from: copies are found, and so is what is labelled already."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from regraft.classifier import Classifier
from regraft.data.sources import read_source
from regraft.errors import DataError
from regraft.evidence.memory import Memory
from regraft.exploration.pool import Pool


@pytest.fixture
def classifier(saved: Path) -> Any:
    return Classifier.load(saved)


@pytest.fixture
def others(tmp_path: Path, draw_classes: Any) -> Path:
    """Return a folder of nine new images, a copy of one of them, a file that is no image."""
    folder = draw_classes(tmp_path / "others", count=3, seed=77)
    shutil.copy(folder / "red" / "red-77-0.jpg", folder / "zz.jpg")
    (folder / "broken.jpg").write_bytes(b"no")
    return folder


def test_copies_among_the_images_are_left_out(classifier: Any, others: Path) -> None:
    pool = Pool.read(classifier, others, None, "auto", None)
    assert (len(pool.names), pool.copies, len(pool.fresh)) == (10, 1, 9)
    assert [skipped.name for skipped in pool.skipped] == ["broken.jpg"]
    assert {"zz.jpg", "red/red-77-0.jpg"} - {pool.names[i] for i in pool.fresh} == {"red/red-77-0.jpg"}


def test_copies_of_what_is_labelled_are_left_out(classifier: Any, others: Path, colours: Path) -> None:
    shutil.copy(next((colours / "blue").iterdir()), others / "again.jpg")
    pool = Pool.read(classifier, others, read_source(colours), "auto", None)
    assert (pool.known, pool.copies, len(pool.fresh)) == (1, 1, 9)
    assert "again.jpg" not in [pool.names[i] for i in pool.fresh]
    assert pool.labelled is not None
    assert len(pool.labelled) == len(pool.labelled_names) == 18


def test_what_the_classifier_remembers_is_left_out(classifier: Any, others: Path, colours: Path) -> None:
    features = classifier.features(colours)
    y = read_source(colours).y
    memory = Memory.draw(features.values, y, classifier.score(features.values), features.widths)
    classifier = replace(classifier, memory=memory)
    shutil.copy(next((colours / "blue").iterdir()), others / "again.jpg")
    pool = Pool.read(classifier, others, None, "auto", None)
    assert pool.known == 1
    assert pool.labelled is not None
    assert len(pool.labelled) == len(memory)


def test_without_a_memory_nothing_is_known(classifier: Any, others: Path) -> None:
    pool = Pool.read(replace(classifier, memory=None), others, None, "auto", None)
    assert (pool.labelled, pool.known) == (None, 0)


def test_no_readable_image_is_an_error(classifier: Any, tmp_path: Path, colours: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"no")
    words = r"There must be a readable image to choose from, but none of 1 is \(a.jpg: not an image .*\); give other"
    with pytest.raises(DataError, match=words):
        Pool.read(classifier, tmp_path, None, "auto", None)
    with pytest.raises(DataError, match=words):
        Pool.read(classifier, tmp_path, read_source(colours), "auto", None)
