from __future__ import annotations

import numpy as np
import pytest

from regraft.multitask.tasks import Task


def test_some_examples_of_a_task() -> None:
    task = Task("pet", "classes", ("cat", "dog"), np.array([0, 1, 1]), np.array([True, False, True]))
    taken = task.take(np.array([2, 1]))
    assert taken.values.tolist() == [1, 1] and taken.known.tolist() == [True, False]
    assert task.among(np.array([1, 2])).tolist() == [2]


@pytest.mark.parametrize(("kind", "outputs"), [("classes", 3), ("multi-label", 3), ("ordinal", 2), ("numbers", 1)])
def test_outputs_of_each_kind(kind: str, outputs: int) -> None:
    task = Task("x", kind, ("1", "2", "3"), np.zeros(1), np.ones(1, bool))  # type: ignore[arg-type]
    assert task.outputs == outputs
