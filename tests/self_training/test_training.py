"""Images without labels are learnt from where that helps, and never where they must not be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from regraft.features.extraction import Features
from regraft.probe import probe
from regraft.self_training import training
from regraft.self_training.training import self_train

HEADS: dict[str, dict[str, Any]] = {"centroid": {}}
LOGISTIC: dict[str, dict[str, Any]] = {"logistic": {"C": 100.0, "powers": (1.0,)}}
Clouds = Callable[..., Any]


def accuracy(dataset: Any, found: Any) -> float:
    return float((found.test_probabilities.argmax(axis=1) == dataset.y[found.test_index]).mean())


def with_rows(features: Features, values: np.ndarray, digests: list[str]) -> Features:
    """Return features with further images."""
    looks = features.looks
    assert looks is not None
    n = len(values)
    more = replace(
        looks,
        digests=(*looks.digests, *digests),
        sizes=np.append(looks.sizes, np.ones(n, np.int64)),
        shapes=np.concatenate([looks.shapes, np.ones((n, 2), np.int64)]),
        thumbnails=np.concatenate([looks.thumbnails, np.zeros((n, *looks.thumbnails.shape[1:]), np.uint8)]),
    )
    rows = np.concatenate([features.values, values.astype(np.float32)])
    return replace(features, values=rows, index=np.arange(len(rows)), looks=more)


def test_it_helps_where_neighbours_tell_more_than_labels(clouds: Clouds) -> None:
    dataset, features, others = clouds(labelled=8)
    alone = probe(dataset, features.values, "given", HEADS, 0)
    found, record = self_train(dataset, features, "given", HEADS, 0, others)
    assert record.kept
    assert record.after > record.before
    assert accuracy(dataset, found) > accuracy(dataset, alone)
    assert sum(record.pseudo_labels.values()) > 50
    assert record.source in ("graph", "head and graph")
    assert 0 < record.threshold <= 1
    assert record.sentence().endswith(": kept.")


def test_what_is_not_kept_leaves_the_probe_as_it_was(clouds: Clouds) -> None:
    dataset, features, others = clouds(labelled=8)
    noise = np.random.default_rng(0).permuted(others.values, axis=0)
    alone = probe(dataset, features.values, "given", HEADS, 0)
    found, record = self_train(dataset, features, "given", HEADS, 0, replace(others, values=noise))
    assert not record.kept
    assert np.array_equal(found.test_probabilities, alone.test_probabilities)
    assert np.array_equal(found.held_out_probabilities, alone.held_out_probabilities)
    assert np.array_equal(found.held_out_index, alone.held_out_index)


@pytest.mark.parametrize("heads", [HEADS, LOGISTIC])
def test_held_out_images_and_their_probabilities_belong_together(clouds: Clouds, heads: Any) -> None:
    dataset, features, others = clouds(labelled=8)
    found, record = self_train(dataset, features, "given", heads, 0, others)
    right = found.held_out_probabilities.argmax(axis=1) == dataset.y[found.held_out_index]
    assert record.kept
    assert right.mean() == pytest.approx(record.after)
    assert len(found.held_out_index) == record.n_held_out == 16
    assert found.held_out_probabilities.sum(axis=1) == pytest.approx(np.ones(16))


def test_the_saved_state_is_the_head(clouds: Clouds) -> None:
    from regraft.heads.scoring import SCORERS

    dataset, features, others = clouds(labelled=8)
    found, record = self_train(dataset, features, "given", LOGISTIC, 0, others)
    assert record.kept
    head = found.selection.head
    again = SCORERS[found.selection.name](features.values[found.test_index], *head.state())
    assert np.allclose(again, found.test_probabilities)


def test_a_validation_part_judges(clouds: Clouds) -> None:
    dataset, features, others = clouds(labelled=4, val=30, seed=3)
    found, record = self_train(dataset, features, "given", HEADS, 0, others)
    assert record.n_held_out == 60
    assert set(dataset.split[found.held_out_index]) == {"val"}
    assert found.val_probabilities is not None
    right = found.val_probabilities.argmax(axis=1) == dataset.y[dataset.part("val")]
    assert right.mean() == pytest.approx(record.after if record.kept else record.before)


def test_the_test_part_decides_nothing(clouds: Clouds) -> None:
    dataset, features, others = clouds(labelled=8)
    found, record = self_train(dataset, features, "given", HEADS, 0, others)
    test = dataset.part("test")
    values, y = features.values.copy(), dataset.y.copy()
    values[test], y[test] = values[test][::-1], 1 - y[test]
    turned = replace(dataset, labels={"label": y})
    again, record_again = self_train(turned, replace(features, values=values), "given", HEADS, 0, others)
    assert record_again == record
    assert np.array_equal(again.test_probabilities, found.test_probabilities[::-1])


def test_cross_validation_predicts_every_image_without_itself(clouds: Clouds) -> None:
    dataset, features, others = clouds(labelled=10, tests=0, seed=3)
    dataset = replace(dataset, split=None)
    found, record = self_train(dataset, features, "cross-validation", HEADS, 0, others)
    assert found.test_index.tolist() == list(range(20))
    assert found.val_probabilities is None
    assert record.n_held_out == 20


def test_no_label_reaches_the_prediction_of_its_own_image(clouds: Clouds) -> None:
    dataset, features, others = clouds(labelled=20, tests=0)
    y = np.random.default_rng(0).permutation(dataset.y)
    meaningless = replace(dataset, split=None, labels={"label": y})
    found, record = self_train(meaningless, features, "cross-validation", HEADS, 0, others)
    assert accuracy(meaningless, found) < 0.75
    assert record.after is None or record.after < 0.75


def test_copies_of_the_data_are_left_out_and_those_of_the_test_are_said(clouds: Clouds) -> None:
    dataset, features, others = clouds(labelled=8)
    test, train = dataset.part("test")[:5], dataset.part("train")[:3]
    rows = np.concatenate([test, train])
    digests = [features.looks.digests[i] for i in rows]
    more = with_rows(others, features.values[rows], digests)
    plain, record = self_train(dataset, features, "given", HEADS, 0, others)
    found, with_copies = self_train(dataset, features, "given", HEADS, 0, more)
    assert (with_copies.copies, with_copies.test_copies, with_copies.unlabelled) == (8, 5, 308)
    assert with_copies.used == record.used
    assert np.array_equal(found.test_probabilities, plain.test_probabilities)
    assert "8 as copies of one another or of examples of the data (5 of the test part)" in with_copies.sentence()


def test_copies_of_one_another_count_once(clouds: Clouds) -> None:
    dataset, features, others = clouds(labelled=8)
    more = with_rows(others, others.values[:7], list(others.looks.digests[:7]))
    _, record = self_train(dataset, features, "given", HEADS, 0, more)
    assert (record.copies, record.test_copies) == (7, 0)


def test_what_is_unlike_the_labelled_is_left_out(clouds: Clouds) -> None:
    dataset, features, others = clouds(labelled=30, seed=3)
    strange = np.random.default_rng(0).normal(0, 4, (40, features.values.shape[1]))
    more = with_rows(others, strange, [f"strange {i}" for i in range(40)])
    _, record = self_train(dataset, features, "given", HEADS, 0, more)
    assert record.unfamiliar >= 20
    _, without = self_train(dataset, features, "given", HEADS, 0, others)
    assert without.unfamiliar < 40


def test_another_mix_of_classes_is_refused(clouds: Clouds) -> None:
    dataset, features, others = clouds(labelled=8, unlabelled=(150, 0), seed=3)
    _, record = self_train(dataset, features, "given", HEADS, 0, others)
    assert not record.kept
    assert record.why.startswith("the classes seem to be mixed too differently among them (distance 0.")


def test_too_few_images_or_labels_enough(clouds: Clouds, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset, features, others = clouds(labelled=8, unlabelled=(3, 3))
    _, record = self_train(dataset, features, "given", HEADS, 0, others)
    assert record.sentence().endswith("Nothing was learnt from them: there must be 10 or more.")
    dataset, features, others = clouds(labelled=8)
    monkeypatch.setattr(training, "MOST_LABELLED", 10)
    _, record = self_train(dataset, features, "given", HEADS, 0, others)
    assert record.why == "16 labelled examples are enough without them"


def test_where_nothing_can_be_spared_to_judge_by(clouds: Clouds, monkeypatch: pytest.MonkeyPatch) -> None:
    from regraft.errors import DataError

    dataset, features, others = clouds(labelled=8)

    def none(*_: object) -> None:
        raise DataError("nothing can be set aside")

    monkeypatch.setattr(training, "folds", none)
    _, record = self_train(dataset, features, "given", HEADS, 0, others)
    assert record.why == "no labelled example can be spared to judge by"


def test_no_more_than_enough_are_looked_at(clouds: Clouds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "ENOUGH", 120)
    dataset, features, others = clouds(labelled=8)
    _, record = self_train(dataset, features, "given", HEADS, 0, others)
    assert record.used + record.unfamiliar == 120
    assert f"180 since {record.used} are enough" in record.sentence()
