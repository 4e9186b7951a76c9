"""Whatever gives a class away beside its subject is found; what merely helps a little is not."""

from __future__ import annotations

import numpy as np
import pytest

from regraft.auditing.shortcuts import cues, given_away, shortcuts
from regraft.auditing.wording import EVERYTHING


@pytest.fixture
def pictures(scene):
    """Return 120 pictures of three classes in turn, with nothing that tells the classes apart."""
    return [scene(i, 40) for i in range(120)], np.arange(120) % 3


def found(cues_):
    return {cue.name: cue.gives_away for cue in cues_ if cue.found}


def test_nothing_is_found_where_nothing_is(pictures, look, labelled) -> None:
    images, y = pictures
    tried, reason = shortcuts(labelled(y), look(images))
    assert reason is None
    assert [cue.name for cue in tried] == ["mean colour", "border", EVERYTHING]  # sizes and shapes are all the same
    assert found(tried) == {}
    for cue in tried:
        assert cue.guess == pytest.approx(1 / 3)
        assert cue.ci95[0] <= cue.accuracy <= cue.ci95[1]


@pytest.mark.parametrize("share", [1.0, 0.5], ids=["whole class", "half of it"])
def test_a_painted_border(pictures, look, labelled, share: float) -> None:
    images, y = pictures
    for i in np.flatnonzero(y == 1)[: int(40 * share)]:
        images[i] = np.pad(images[i][2:-2, 2:-2], ((2, 2), (2, 2), (0, 0)), constant_values=200)
    given = found(shortcuts(labelled(y), look(images))[0])
    assert "border" in given
    assert list(given["border"]) == ["class 1"]
    assert given["border"]["class 1"] == pytest.approx(share, abs=0.1)
    assert given["border"]["class 1"] >= given.get("mean colour", {}).get("class 1", 0)


def test_a_class_of_one_shape_or_size(pictures, look, labelled, scene) -> None:
    _, y = pictures
    rng = np.random.default_rng(0)
    shapes = [(40, 30) if label == 2 else tuple(rng.integers(20, 60, 2)) for label in y]
    cut = [scene(i, 64)[:h, :w] for i, (h, w) in enumerate(shapes)]
    sizes = [5000 if label == 0 else int(size) for label, size in zip(y, rng.integers(1000, 9000, 120), strict=True)]
    given = found(shortcuts(labelled(y), look(cut, sizes))[0])
    assert list(given["image shape"]) == ["class 2"]
    assert list(given["file size"]) == ["class 0"]


def test_a_tint_of_one_class(pictures, look, labelled) -> None:
    images, y = pictures
    for i in np.flatnonzero(y == 0):
        images[i] = (images[i] * [1.0, 0.3, 0.3]).astype(np.uint8)
    assert list(found(shortcuts(labelled(y), look(images))[0])["mean colour"]) == ["class 0"]


def test_a_cue_almost_as_good_as_the_classifier_is_found(scene, look, labelled) -> None:
    y = np.arange(400) % 2
    wide = np.random.default_rng(0).random(400) < np.where(y == 1, 0.74, 0.26)
    looks = look([scene(1, 40), scene(1, 40)[:, :30]]).take(wide.astype(int))
    for accuracy, told in ((0.76, True), (0.99, False), (None, False)):
        [shape] = [cue for cue in shortcuts(labelled(y), looks, accuracy)[0] if cue.name == "image shape"]
        assert (shape.found, shape.gives_away) == (told, {})
        assert shape.accuracy == pytest.approx(0.74, abs=0.03)


def test_small_classes_are_left_out_and_said(labelled, look, scene) -> None:
    looks = look([scene(i, 40) for i in range(40)])
    tried, reason = shortcuts(labelled([0] * 31 + [1] * 9), looks)
    assert (tried, reason) == ((), "shortcuts are looked for where two classes have 10 images or more")
    tried, reason = shortcuts(labelled([0] * 20 + [1] * 15 + [2] * 5), looks)
    assert reason is None
    assert tried[0].guess == pytest.approx(20 / 35)


def test_images_without_a_difference(labelled, look, scene) -> None:
    tried, reason = shortcuts(labelled([0, 1] * 10), look([scene(1)] * 20))
    assert (tried, reason) == ((), "shortcuts are looked for where images differ in size, shape, colour or border")


def test_more_images_than_are_needed(labelled, look, scene) -> None:
    looks = look([scene(i, 32) for i in range(50)]).take(np.arange(4000) % 50)
    tried, _ = shortcuts(labelled(np.arange(4000) % 4), looks)
    assert tried[0].guess == pytest.approx(0.25, abs=0.01)
    assert tried[0].ci95[1] - tried[0].ci95[0] > 0.01  # by 1,500 images, not by 4,000


def test_cues_are_what_they_say(look, scene) -> None:
    image = scene(1, 32)
    image[0], image[-1], image[:, 0], image[:, -1] = 10, 20, 30, 40
    known = cues(look([image[:, :16]], [99]))
    assert known["file size"].item() == pytest.approx(np.log(100))
    np.testing.assert_allclose(known["image shape"], [[32, 16, 2]])
    known = cues(look([image]))
    np.testing.assert_allclose(known["mean colour"][0], image.mean(axis=(0, 1)))
    np.testing.assert_allclose(known["border"][0, :3], image[0].mean(axis=0))
    np.testing.assert_allclose(known["border"][0, 9:12], 40)


def test_given_away_is_the_share_named_with_precision() -> None:
    member = np.repeat([True, False], [50, 150])
    votes = np.concatenate([np.linspace(0.9, 0.8, 30), np.full(20, 0.1), np.full(150, 0.1)])
    assert given_away(votes, member) == pytest.approx(0.6)
    # Equal votes are all or nothing.
    assert given_away(np.full(200, 0.5), member) == 0
    assert given_away(np.zeros(200), np.ones(200, bool)) == 0
    # Three of three may be luck where a quarter are members.
    lucky = np.concatenate([[0.9, 0.9, 0.9], np.full(197, 0.1)])
    assert given_away(lucky, member) == 0
