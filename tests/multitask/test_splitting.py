from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from regraft.data.dataset import Dataset
from regraft.errors import DataError
from regraft.multitask.splitting import settle_parts, settle_test
from regraft.multitask.tasks import Task


def dataset(n: int, **more: object) -> Dataset:
    return Dataset([b""] * n, tuple(map(str, range(n))), {}, {}, **more)  # type: ignore[arg-type]


def task(n: int, name: str = "pet", share: float = 1.0, kind: str = "classes") -> Task:
    known = np.arange(n) < share * n
    values = np.arange(n) % 4 == 0
    return Task(name, kind, ("cat", "dog"), values.astype(np.int64), known)  # type: ignore[arg-type]


def numbers(n: int) -> Task:
    return Task("weight", "numbers", (), np.arange(n, dtype=float), np.ones(n, bool))


def test_the_test_is_stratified_by_the_first_task_of_classes() -> None:
    tasks = (numbers(200), task(200))
    parted, protocol = settle_test(dataset(200), tasks, 0.2, 0)
    test = parted.part("test")
    assert protocol == "holdout" and len(test) == 40 and tasks[1].values[test].sum() == 10
    assert "set aside as the test" in parted.notes[-1] and parted.labels == {}
    parts = settle_parts(parted, tasks, 0)
    assert len(parts.val) == 32 and not parts.own_val
    assert np.array_equal(np.sort(np.concatenate([parts.train, parts.val, parts.test])), np.arange(200))


def test_numbers_alone_are_split_at_random_by_the_seed() -> None:
    first, second, again = (settle_test(dataset(200), (numbers(200),), 0.2, seed)[0] for seed in (0, 1, 0))
    assert first.split is not None and second.split is not None and again.split is not None
    assert (first.split != second.split).any() and (first.split == again.split).all()


def test_groups_stay_whole() -> None:
    groups = np.array([f"g{i // 5}" for i in range(200)])
    tasks = (task(200), numbers(200))
    parted, _ = settle_test(dataset(200, groups=groups), tasks, 0.2, 0)
    parts = settle_parts(parted, tasks, 0)
    owners = [set(groups[part]) for part in (parts.train, parts.val, parts.test)]
    assert not (owners[0] & owners[1] or owners[0] & owners[2] or owners[1] & owners[2])


def test_a_split_of_its_own_is_kept_with_its_validation_part() -> None:
    split = np.repeat(["train", "val", "test"], [100, 50, 50])
    given = dataset(200, split=split)
    assert settle_test(given, (task(200),), 0.2, 0) == (given, "given")
    parts = settle_parts(given, (task(200), numbers(200)), 0)
    assert parts.own_val and np.array_equal(parts.val, np.arange(100, 150))


def test_too_few_for_a_test_are_refused() -> None:
    with pytest.raises(
        DataError, match=r"the test must have 20 images or more .*20% of 90 are 18: .*raise --test-size"
    ):
        settle_test(dataset(90), (task(90),), 0.2, 0)


def test_an_empty_test_part_is_refused() -> None:
    with pytest.raises(DataError, match="the test part must have an example, but has none"):
        settle_test(dataset(4, split=np.array(["train"] * 3 + ["val"])), (task(4),), 0.2, 0)


def test_a_task_with_too_few_labels_in_a_part_is_refused_by_name() -> None:
    split = np.repeat(["train", "val", "test"], [100, 50, 50])
    with pytest.raises(DataError, match="task 'size' must have 10 labels or more in the test part, but has 5"):
        settle_parts(dataset(200, split=split), (task(200), task(200, "size", share=0.775)), 0)


def test_a_task_of_one_class_in_training_is_refused_by_name() -> None:
    split = np.repeat(["train", "val", "test"], [100, 50, 50])
    values = (np.arange(200) >= 100).astype(np.int64)
    with pytest.raises(DataError, match=r"task 'pet' must have two classes or more .* training part has only 'cat'"):
        settle_parts(dataset(200, split=split), (replace(task(200), values=values),), 0)
