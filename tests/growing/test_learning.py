"""A class from a few images: known from then on, whatever the head, and the others as before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import regraft
from regraft.classifier import Classifier
from regraft.errors import BundleError, DataError, UsageError
from regraft.evaluation.calibration import Calibration
from regraft.growing.learning import MOST, learn
from regraft.heads import HEADS
from regraft.persistence import Bundle

from .conftest import features_of

Make = Callable[[str], Classifier]
pytestmark = pytest.mark.usefixtures("seeing")


@pytest.mark.parametrize("head", HEADS)
def test_it_is_known_from_then_on(remembering: Make, head: str, tmp_path: Path) -> None:
    before = remembering(head)
    found = learn(before, "dog", list(features_of(3, 6)))
    after = found.classifier
    assert after.classes == ("ant", "bee", "cat", "dog")
    assert before.classes == ("ant", "bee", "cat") and before.growth is None
    named = after.score(features_of(3, 50, 1)).argmax(axis=1)
    assert (named == 3).mean() > 0.8
    old = np.concatenate([features_of(label, 100, 2) for label in range(3)])
    y = np.repeat(range(3), 100)
    right, still = (c.score(old).argmax(axis=1) == y for c in (before, after))
    assert (right & ~still).mean() <= 0.02
    after.save(tmp_path / "m.regraft")
    assert Bundle(tmp_path / "m.regraft").manifest["version"] == 3
    loaded = Classifier.load(tmp_path / "m.regraft")
    images = np.concatenate([features_of(label, 5, 3) for label in range(5)])
    rows = after.score(images)
    np.testing.assert_allclose(loaded.score(images), rows, rtol=1e-6)
    assert (loaded.fitted_classes, loaded.learnt_classes) == (("ant", "bee", "cat"), ("dog",))
    assert loaded.unfamiliar(images, rows).tolist() == after.unfamiliar(images, rows).tolist()  # type: ignore[union-attr]


def test_it_is_more_familiar_than_before(remembering: Make) -> None:
    before = remembering("logistic")
    after = learn(before, "dog", list(features_of(3, 20))).classifier
    images = features_of(3, 100, 1)
    marked = [c.unfamiliar(images, c.score(images)).mean() for c in (before, after)]  # type: ignore[union-attr]
    assert marked[0] > 0.5 and marked[1] < 0.3


def test_what_is_said_of_it(remembering: Make) -> None:
    found = learn(remembering("logistic"), " dog ", [*features_of(3, 6), "broken.jpg"])
    assert (found.name, found.images, found.remembered, found.compared) == ("dog", 6, 6, 120)
    assert found.recognised is not None and found.recognised >= 4
    said = found.sentences()
    assert said[0].startswith("Learnt 'dog' from 6 images, in 0.")
    assert said[1].startswith("Of 120 remembered images of the other classes, ")
    assert said[2].startswith(f"Left out in turn, {found.recognised} of its 6 images are recognised")
    plain = found.to_dict()
    assert plain["skipped"] == [{"name": "broken.jpg", "reason": "empty (0 bytes)"}]
    assert plain["classes"] == ["ant", "bee", "cat", "dog"]
    [change] = found.classifier.info["changes"]
    assert (change["change"], change["class"], change["images"], change["taken"]) == ("learnt", "dog", 6, found.taken)


def test_one_image_says_little(remembering: Make) -> None:
    found = learn(remembering("logistic"), "dog", list(features_of(3, 1)))
    assert (found.recognised, found.confused_with) == (None, None)
    assert "Learnt 'dog' from 1 image, in" in found.sentences()[0]
    assert any("cannot be told from one image" in note for note in found.notes)
    assert any("What is unlike 'dog' is marked from 5 images of it on." in note for note in found.notes)


def test_a_class_that_is_hard_to_tell_is_named(remembering: Make) -> None:
    found = learn(remembering("logistic"), "bumblebee", list(features_of(1, 8, 5)))
    assert found.confused_with == "bee"
    assert found.recognised is not None and found.recognised < 4
    assert "most others are taken for 'bee'" in " ".join(found.sentences())
    assert any("'bumblebee' can hardly be told from the others" in note for note in found.notes)


def test_a_higher_cost_is_offered_where_it_helps(remembering: Make) -> None:
    between = np.float32(0.7) * features_of(1, 12, 7) + np.float32(0.3) * features_of(3, 12, 7)
    found = learn(remembering("logistic"), "wasp", list(between), cost=0.01)
    offered = [note for note in found.notes if "at a cost of 0.05 of the other classes' images" in note]
    dearer = learn(remembering("logistic"), "wasp", list(between), cost=0.05)
    assert dearer.recognised is not None and found.recognised is not None
    assert found.recognised < dearer.recognised
    assert f"{dearer.recognised} of 12 would be." in offered[0]


def test_further_images_are_added(remembering: Make) -> None:
    once = learn(remembering("logistic"), "dog", list(features_of(3, 6)))
    first = learn(remembering("logistic"), "dog", list(features_of(3, 6)[:2])).classifier
    again = learn(first, "dog", list(features_of(3, 6)))
    assert (again.images, again.remembered) == (4, 6)
    assert "beside the 2 it was learnt from before" in again.sentences()[0]
    assert "2 of the images given are copies of others, or were learnt before, and count once." in again.notes
    images = features_of(3, 20, 1)
    np.testing.assert_array_equal(again.classifier.score(images), once.classifier.score(images))
    assert [change["images"] for change in again.classifier.info["changes"]] == [2, 4]


def test_several_classes_are_learnt(remembering: Make) -> None:
    both = learn(learn(remembering("knn"), "dog", list(features_of(3, 8))).classifier, "elk", list(features_of(4, 8)))
    after = both.classifier
    assert after.learnt_classes == ("dog", "elk")
    for label in (3, 4):
        assert (after.score(features_of(label, 50, 1)).argmax(axis=1) == label).mean() > 0.7


def test_an_image_of_another_class_is_told(remembering: Make) -> None:
    first = learn(remembering("logistic"), "dog", list(features_of(3, 6))).classifier
    found = learn(first, "elk", [*features_of(4, 5), features_of(3, 6)[0]])
    assert "Some of these images are remembered as 'dog': one of the two is wrong." in found.notes


def test_classes_that_are_not_remembered_are_told(remembering: Make) -> None:
    whole = remembering("logistic")
    assert whole.memory is not None
    kept = whole.memory.labels != 1
    memory = replace(
        whole.memory, rows=whole.memory.rows[kept], labels=whole.memory.labels[kept], said=whole.memory.said[kept]
    )
    found = learn(replace(whole, memory=memory), "dog", list(features_of(3, 5)))
    assert any("what they lose is not known" in note for note in found.notes)


def test_calibration_and_sets_go_on(remembering: Make) -> None:
    before = replace(remembering("logistic"), calibration=Calibration("temperature", 0.7))
    after = learn(before, "dog", list(features_of(3, 10))).classifier
    images = features_of(0, 30, 1)
    rows = after.score(images)
    own = rows[:, :3] / rows[:, :3].sum(axis=1, keepdims=True)
    np.testing.assert_allclose(own, before.score(images), atol=1e-6)
    after.check_coverage(0.9)
    assert after.growth is not None and after.growth.conformal is not None and after.growth.conformal.n == 130


def test_the_card_says_that_its_figures_are_of_before(remembering: Make) -> None:
    found = learn(learn(remembering("logistic"), "dog", list(features_of(3, 5))).classifier, "e`lk", features_of(4, 5))
    card = found.classifier.card
    assert "model-index" not in card and "- accuracy" not in card and "license: mit" in card
    assert card.count("## Changed since it was fitted") == 1
    assert card.index("none of it as it is now") < card.index("It names 97% correctly.")
    assert "`dog` was learnt from 5 images" in card and "`e lk` was learnt from 5 images" in card
    assert "Its classes now: `ant`, `bee`, `cat`, `dog`, `e lk`." in card


def test_what_cannot_be_learnt_is_told(remembering: Make, forgetful: Classifier) -> None:
    whole = remembering("logistic")
    one = list(features_of(3, 1))
    for name, words in (
        (" ", "A class must have a name, but it is empty"),
        ("bee", "must be a new one, or one that was learnt after the fit, but 'bee' was fitted; fit anew"),
        ("Bee", "The class 'Bee' is there already as 'bee'; use that name, or a clearly different one"),
    ):
        with pytest.raises(UsageError, match=words):
            learn(whole, name, one)
    with pytest.raises(UsageError, match="--cost must be a share between 0 and 1, not 2"):
        learn(whole, "dog", one, cost=2.0)
    with pytest.raises(DataError, match=r"one readable image of 'dog', but there is none \(a\.jpg: empty \(0 bytes\)"):
        learn(whole, "dog", ["a.jpg", "b.jpg"])
    with pytest.raises(DataError, match=f"from {MOST} images at most, but 'dog' would have {MOST + 1}; fit anew"):
        learn(whole, "dog", list(features_of(3, MOST + 1)))
    with pytest.raises(
        BundleError, match="must remember some of the images it was fitted on to learn a class, but this"
    ):
        learn(forgetful, "dog", one)


def test_it_is_a_public_function_and_takes_a_path(remembering: Make, tmp_path: Path) -> None:
    remembering("logistic").save(tmp_path / "m.regraft")
    assert Bundle(tmp_path / "m.regraft").manifest["version"] == 2  # older releases read it
    before = (tmp_path / "m.regraft").read_bytes()
    found = regraft.learn(tmp_path / "m.regraft", "dog", list(features_of(3, 5)))
    assert found.classifier.learnt_classes == ("dog",)
    assert (tmp_path / "m.regraft").read_bytes() == before
