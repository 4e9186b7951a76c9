"""What a worker does: the same features and answers as the commands give, as columns."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regraft.bulk.work import Embedding, Naming, vectors
from regraft.errors import BundleError, UsageError
from regraft.features.extraction import extract

TINY = {"names": "test_efficientnet", "weights": "none"}


def images(folder: Path) -> tuple[list[Path], list[str]]:
    files = sorted(folder.rglob("*.jpg"))
    return files, [file.name for file in files]


def test_a_task_travels() -> None:
    there = pickle.loads(pickle.dumps(Embedding("image", TINY))).open()
    assert [backbone.name for backbone in there.backbones] == ["test_efficientnet"]
    assert there.precisions is None


def test_features_depend_on_network_and_precision() -> None:
    opened = Embedding("image", TINY).open()
    assert opened.facts(["f32"]) != opened.facts(["bf16"])
    assert opened.facts(["f32"]) == Embedding("image", TINY).open().facts(["f32"])


def test_a_classifier_answers_as_predict_does(saved: Path, fitted: Any, colours: Path) -> None:
    files, names = images(colours)
    opened = Naming(saved.read_bytes()).open()
    features = extract(files, names, opened.backbones, precisions=opened.precisions)
    columns = opened.columns(features, names)
    expected = fitted.classifier.predict(files)
    assert list(columns) == ["label", "probability", "probabilities", "unfamiliar"]
    assert columns["label"].to_pylist() == [one.label for one in expected]
    assert columns["unfamiliar"].to_pylist() == [one.unfamiliar for one in expected]
    shares = [[one.probabilities[name] for name in fitted.classifier.classes] for one in expected]
    np.testing.assert_array_equal(np.array(columns["probabilities"].to_pylist()), np.array(shares, np.float32))
    assert opened.facts(())["classes"] == list(fitted.classifier.classes)


def test_no_readable_row_gives_empty_columns_of_the_same_types(saved: Path, colours: Path) -> None:
    files, names = images(colours)
    opened = Naming(saved.read_bytes()).open()
    some = opened.columns(extract(files, names, opened.backbones, precisions=opened.precisions), names)
    none = opened.columns(
        extract([b"x"], ["x"], opened.backbones, precisions=opened.precisions, skip_unreadable=True), []
    )
    assert {name: column.type for name, column in none.items()} == {name: column.type for name, column in some.items()}
    assert {len(column) for column in none.values()} == {0}


def test_sets_that_the_classifier_cannot_give_are_refused(saved: Path) -> None:
    with pytest.raises(UsageError, match="--coverage"):
        Naming(saved.read_bytes(), 7.0).open()


def test_features_of_another_length_are_refused(saved: Path, colours: Path) -> None:
    files, names = images(colours)
    opened = Naming(saved.read_bytes()).open()
    other = extract(files, names, Embedding("image", TINY).open().backbones)
    with pytest.raises(BundleError, match="The head must have features of the lengths"):
        opened.columns(other, names)


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(BundleError, match=r"model\.regraft"):
        Naming(b"no bundle").open()


def test_rows_of_an_array_become_lists() -> None:
    values = np.arange(6, dtype=np.float64).reshape(2, 3)
    assert vectors(values).to_pylist() == [[0, 1, 2], [3, 4, 5]]
    assert vectors(values[:0]).to_pylist() == []
    assert vectors(values[:0]).type == vectors(values).type
