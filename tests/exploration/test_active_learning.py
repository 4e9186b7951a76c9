"""What to label next: the picks, what is said of them, and what is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import regraft
from regraft.errors import DataError, UsageError
from regraft.exploration.active_learning import suggest


@pytest.fixture
def classifier(saved: Path) -> Any:
    return regraft.Classifier.load(saved)


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory, draw_classes: Any) -> Path:
    return draw_classes(tmp_path_factory.mktemp("pool") / "others", count=4, seed=300)


def test_picks_are_different_images_with_all_that_is_said_of_them(classifier: Any, others: Path) -> None:
    found = suggest(classifier, others, 5)
    assert len({one.name for one in found.picks}) == len(found.picks) == len(found.examples) == 5
    assert found.n == 12
    for one, example in zip(found.picks, found.examples, strict=True):
        assert (others / one.name) == example
        assert set(one.rivals) <= set(classifier.classes)
        assert one.margin == pytest.approx(one.probabilities[0] - one.probabilities[1])
        assert one.guess == one.rivals[0]
        assert 0 <= one.score <= 1
        assert one.why.startswith(("in doubt, ", "rather sure, but "))
    assert all(one.distance is not None for one in found.picks[1:])
    assert sum(one.stands_for for one in found.picks) == 12
    assert json.loads(json.dumps(found.to_dict()))["picks"][0]["rivals"] == list(found.picks[0].rivals)


def test_figures_are_those_of_the_classifier(classifier: Any, others: Path) -> None:
    found = suggest(classifier, others, 3)
    for one, example in zip(found.picks, found.examples, strict=True):
        [said] = classifier.predict([example])
        assert (one.guess, one.probabilities[0]) == (said.label, pytest.approx(said.confidence))
        assert one.unfamiliar == said.unfamiliar
        assert ("unlike anything learnt from" in one.why) == bool(said.unfamiliar)


def test_more_than_there_are_gives_all_and_says_so(classifier: Any, others: Path) -> None:
    found = suggest(classifier, others, 99)
    assert len(found.picks) == 12
    assert "99 were asked for, but there are 12: all of them, in the order to label them in." in found.notes


def test_where_all_is_labelled_nothing_is_left(classifier: Any, colours: Path) -> None:
    found = suggest(classifier, colours, 3, labelled=colours)
    assert (found.picks, found.known) == ((), 18)
    assert "Nothing is left to label: every image is a copy of one that is labelled." in found.notes
    assert "18 images are left out: copies of what is labelled already." in found.notes


def test_one_copy_is_named_in_the_singular(classifier: Any, others: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(others, tmp_path / "more")
    shutil.copy(next((folder / "red").iterdir()), folder / "zz.jpg")
    found = suggest(classifier, folder, 2)
    assert "1 image is left out: copies of others among them." in found.notes


def test_nearest_is_named(classifier: Any, others: Path, colours: Path) -> None:
    found = suggest(classifier, others, 4, labelled=colours)
    labelled = {f"{file.parent.name}/{file.name}" for file in colours.rglob("*.jpg")}
    assert all(one.nearest in labelled | {pick.name for pick in found.picks} for one in found.picks)


def test_without_a_memory_it_is_said(classifier: Any, others: Path) -> None:
    found = suggest(replace(classifier, memory=None), others, 2)
    assert any(note.startswith("The classifier does not remember what it has learnt from") for note in found.notes)
    assert found.picks[0].distance is None
    assert found.picks[0].nearest is None


@pytest.mark.parametrize("n", [0, -3])
def test_fewer_than_one_is_refused(classifier: Any, others: Path, n: int) -> None:
    with pytest.raises(UsageError, match=f"--n must be 1 or more, not {n}; it is the number of images to label"):
        suggest(classifier, others, n)


def test_no_images_are_refused(classifier: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no images"):
        suggest(classifier, tmp_path)


def test_picks_beat_random_ones_on_hand_signs(real_data: Path) -> None:
    """With the same number of labels, on real images; the features are computed once for both."""
    from regraft.backbones.lookup import get_backbones
    from regraft.evaluation.out_of_distribution import prepared
    from regraft.exploration.picking import pick
    from regraft.features.extraction import extract
    from regraft.heads.logistic import LogisticHead

    dataset = regraft.read_source(real_data / "signs")
    dataset = dataset.take(np.random.default_rng(0).permutation(dataset.part("train"))[:420])
    features = extract(dataset.examples, dataset.names, get_backbones("tf_efficientnet_lite0"))
    values, y, roots = features.values, dataset.y, prepared(features.values, features.widths)
    gains = []
    for seed in range(4):
        random = np.random.default_rng(seed)
        order = random.permutation(len(y))
        test, pool = order[:140], order[140:]
        first = np.concatenate([pool[y[pool] == c][:2] for c in range(6)])
        rest = np.setdiff1d(pool, first)
        said = LogisticHead(C=100.0, powers=(0.5,)).fit(values[first], y[first]).predict_proba(values[rest])
        right = []
        for new in (pick(roots[rest], said, roots[first], 20).index, random.permutation(len(rest))[:20]):
            labelled = np.concatenate([first, rest[new]])
            head = LogisticHead(C=100.0, powers=(0.5,)).fit(values[labelled], y[labelled])
            right.append((head.predict(values[test]) == y[test]).mean())
        gains.append(right[0] - right[1])
    assert np.mean(gains) > 0.02
