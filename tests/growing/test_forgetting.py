"""A class that is forgotten: nothing of it stays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import regraft
from regraft.classifier import Classifier
from regraft.errors import UsageError
from regraft.evaluation.calibration import Calibration
from regraft.growing.forgetting import forget
from regraft.growing.learning import learn
from regraft.heads import HEADS
from regraft.persistence import Bundle

from .conftest import features_of

Make = Callable[[str], Classifier]
pytestmark = pytest.mark.usefixtures("seeing")


def members(classifier: Classifier, path: Path) -> dict[str, Any]:
    """Return the arrays of a saved classifier by member and name, and its manifest without its record."""
    classifier.save(path)
    bundle = Bundle(path)
    kept = {k: v for k, v in bundle.manifest.items() if k not in ("info", "files")}
    names = [name.removesuffix(".safetensors") for name in bundle.manifest["files"]]
    return {"manifest": kept, **{name: bundle.tensors(name) for name in names}}


def assert_same(found: Any, expected: Any) -> None:
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key in expected:
            assert_same(found[key], expected[key])
    elif isinstance(expected, np.ndarray):
        np.testing.assert_array_equal(found, expected)
    else:
        assert found == expected


def test_what_was_learnt_goes_without_a_trace(remembering: Make, tmp_path: Path) -> None:
    before = remembering("logistic")
    one = learn(before, "dog", list(features_of(3, 5))).classifier
    two = learn(one, "elk", list(features_of(4, 5)), cost=0.02).classifier
    assert_same(members(forget(two, "elk").classifier, tmp_path / "a"), members(one, tmp_path / "b"))
    found = forget(forget(two, "dog").classifier, "elk")
    assert_same(members(found.classifier, tmp_path / "c"), members(before, tmp_path / "d"))
    assert (found.name, found.images, found.notes) == ("elk", 5, ())
    assert [c["change"] for c in found.classifier.info["changes"]] == ["learnt", "learnt", "forgot", "forgot"]
    # What stays of several is what there would be had the other never been.
    alone = learn(before, "elk", list(features_of(4, 5)), cost=0.02).classifier
    assert_same(members(forget(two, "dog").classifier, tmp_path / "e"), members(alone, tmp_path / "f"))


@pytest.mark.parametrize("head", HEADS)
def test_of_a_fitted_class_nothing_stays_in_the_file(remembering: Make, head: str, tmp_path: Path) -> None:
    before = remembering(head)
    found = forget(before, "bee")
    after = found.classifier
    assert after.classes == ("ant", "cat") and found.images == 40
    for label, position in ((0, 0), (2, 1)):
        images = features_of(label, 50, 1)
        named = before.score(images).argmax(axis=1) == label
        assert named.any() and (after.score(images).argmax(axis=1) == position)[named].all()
    after.save(tmp_path / "m.regraft")
    content = (tmp_path / "m.regraft").read_bytes()
    assert before.memory is not None and after.memory is not None
    for row in before.memory.rows[before.memory.labels == 1]:
        assert row.tobytes() not in content
    assert before.memory.rows[0].tobytes() in content
    if head == "knn":
        gone = before.tensors["examples"][before.tensors["labels"] == 1]
        assert not any(row.tobytes() in content for row in gone)
    if head in ("centroid", "logistic"):
        name = {"centroid": "centroids", "logistic": "coef"}[head]
        assert before.tensors[name][1].tobytes() not in content
    assert Classifier.load(tmp_path / "m.regraft").classes == ("ant", "cat")


def test_marks_and_sets_rest_on_what_is_remembered(remembering: Make) -> None:
    before = remembering("logistic")
    found = forget(before, "bee")
    after = found.classifier
    assert found.notes == ("Its sets and its marks of the unfamiliar now rest on 80 remembered images.",)
    assert after.conformal is not None and after.conformal.n == 80
    assert after.familiarity is not None and after.familiarity.n == 80
    known, gone = features_of(0, 100, 1), features_of(1, 100, 1)
    marked = [after.unfamiliar(images, after.score(images)).mean() for images in (known, gone)]  # type: ignore[union-attr]
    assert marked[0] < 0.2 and marked[1] > marked[0] + 0.3


def test_learnt_classes_stay_when_a_fitted_one_goes(remembering: Make, tmp_path: Path) -> None:
    grown = learn(remembering("logistic"), "dog", list(features_of(3, 8))).classifier
    after = forget(grown, "ant").classifier
    assert after.classes == ("bee", "cat", "dog") and after.learnt_classes == ("dog",)
    for label, position in ((1, 0), (2, 1), (3, 2)):
        assert (after.score(features_of(label, 50, 1)).argmax(axis=1) == position).mean() > 0.8
    last = forget(after, "bee").classifier
    assert last.classes == ("cat", "dog")
    assert (last.score(features_of(2, 50, 1)).argmax(axis=1) == 0).mean() > 0.9
    last.save(tmp_path / "m.regraft")
    assert Classifier.load(tmp_path / "m.regraft").classes == ("cat", "dog")


def test_curves_go_with_their_class(remembering: Make) -> None:
    curves = tuple((np.array([0.0, 1.0]), np.array([0.0, 0.5 + label / 10])) for label in range(3))
    calibration = Calibration("isotonic", curves=curves, smoothing=0.01)
    after = forget(replace(remembering("logistic"), calibration=calibration), "bee").classifier
    assert [float(y[1]) for _, y in after.calibration.curves] == [0.5, 0.7]


def test_without_a_memory_less_is_left(forgetful: Classifier) -> None:
    found = forget(forgetful, "ant")
    after = found.classifier
    assert (after.classes, after.conformal, after.familiarity, found.images) == (("bee", "cat"), None, None, 0)
    assert found.notes == (
        "It no longer gives sets of plausible classes: too few images are remembered.",
        "It no longer marks what is unlike all that was learnt from: too few images are remembered.",
    )
    assert (after.score(features_of(2, 50, 1)).argmax(axis=1) == 1).mean() > 0.95


def test_what_is_said(remembering: Make) -> None:
    found = forget(remembering("logistic"), "bee")
    assert found.sentences()[0] == "Forgot 'bee', and the features of 40 images; 2 classes are left."
    assert found.to_dict()["classes"] == ["ant", "cat"]
    assert "`bee` was forgotten." in found.classifier.card
    assert "Its classes now: `ant`, `cat`." in found.classifier.card


def test_what_cannot_be_forgotten_is_told(remembering: Make, tmp_path: Path) -> None:
    whole = remembering("logistic")
    with pytest.raises(
        UsageError, match=r"must have the class that is to be forgotten, but has no 'Be': did you mean 'b"
    ):
        forget(whole, "Be")
    with pytest.raises(UsageError, match=r"has no 'zebra': it has ant, bee, cat\."):
        forget(whole, "zebra")
    two = forget(whole, "ant").classifier
    with pytest.raises(UsageError, match="Two classes or more must be left, but there are only bee, cat"):
        forget(two, "bee")
    grown = learn(learn(two, "dog", list(features_of(3, 5))).classifier, "elk", list(features_of(4, 5))).classifier
    one = forget(grown, "bee").classifier
    with pytest.raises(UsageError, match="One class that was fitted must be left, but 'cat' is the last of them"):
        forget(one, "cat")
    whole.save(tmp_path / "m.regraft")
    assert regraft.forget(tmp_path / "m.regraft", "cat").classifier.classes == ("ant", "bee")
