"""Which images a recipe takes: in proportion, the same every time, and the data's own split comes first."""

from __future__ import annotations

import numpy as np
import pytest

from regraft.data.dataset import SPLITS, TASK, Dataset
from regraft.errors import UsageError
from regraft.recipes.sampling import as_published, limited


def made(counts: tuple[int, ...], split: list[str] | None = None) -> Dataset:
    y = np.repeat(np.arange(len(counts)), counts)
    return Dataset(
        examples=list(range(len(y))),
        names=tuple(str(i) for i in range(len(y))),
        labels={TASK: y},
        classes={TASK: tuple("abcdefgh"[: len(counts)])},
        split=None if split is None else np.array(split),
    )


def counts(dataset: Dataset) -> dict[str, list[int]]:
    k = len(dataset.class_names)
    return {part: np.bincount(dataset.y[dataset.part(part)], minlength=k).tolist() for part in SPLITS}


def test_shares_take_all() -> None:
    found = as_published(made((100, 60, 40)), {"train": 0.8, "test": 0.2}, 42)
    assert counts(found) == {"train": [80, 48, 32], "val": [0, 0, 0], "test": [20, 12, 8]}
    assert sorted(found.examples) == list(range(200))
    assert found.notes[-1].startswith("no split was given: 160 train, 40 test of 200 images, as the recipe says")


def test_numbers_take_as_many_and_leave_the_rest() -> None:
    found = as_published(made((1000, 1000)), {"train": 300, "val": 100, "test": 100}, 0)
    assert counts(found) == {"train": [150, 150], "val": [50, 50], "test": [50, 50]}
    assert len(set(found.examples)) == 500


def test_numbers_are_in_proportion_where_there_are_fewer() -> None:
    found = as_published(made((50, 50)), {"train": 3000, "val": 1000, "test": 1000}, 0)
    assert counts(found) == {"train": [30, 30], "val": [10, 10], "test": [10, 10]}


def test_every_class_is_learnt_from() -> None:
    found = as_published(made((1, 2, 97)), {"train": 0.5, "test": 0.5}, 0)
    assert min(counts(found)["train"]) >= 1
    assert abs(len(found.part("train")) - len(found.part("test"))) <= 1


def test_the_datas_own_split_comes_first() -> None:
    own = made((2, 2), ["train", "test", "test", "train"])
    assert as_published(own, {"train": 0.5, "test": 0.5}, 0) is own


def test_the_same_seed_takes_the_same_images() -> None:
    first, again, other = (as_published(made((40, 40)), {"train": 20, "test": 20}, seed) for seed in (1, 1, 2))
    assert first.names == again.names
    assert first.split.tolist() == again.split.tolist()
    assert first.names != other.names


def test_a_limit_keeps_the_split_and_the_proportions() -> None:
    whole = made((60, 30), ["train"] * 40 + ["val"] * 5 + ["test"] * 15 + ["train"] * 20 + ["val"] * 5 + ["test"] * 5)
    found = limited(whole, 12, 0)
    assert counts(found) == {"train": [8, 4], "val": [5, 5], "test": [9, 3]}
    part = dict(zip(whole.names, whole.split.tolist(), strict=True))
    assert [part[name] for name in found.names] == found.split.tolist()
    assert limited(whole, 1000, 0) is whole


def test_a_limit_keeps_every_class_to_learn_from() -> None:
    whole = made((1, 1, 98), ["train"] * 80 + ["test"] * 20)
    assert min(counts(limited(whole, 3, 0))["train"]) == 1
    with pytest.raises(UsageError, match=r"--limit must be at least the number of classes \(3\), .* not 2"):
        limited(whole, 2, 0)
