"""A fit that trains nothing: each strategy is right on as many images as a test says."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from regraft import pipeline
from regraft.data.dataset import Dataset
from regraft.data.splits import split
from regraft.errors import RegraftError
from regraft.evaluation.metrics import evaluate
from regraft.heads.selection import Candidate
from regraft.result import Attempt, Result


@pytest.fixture
def pets() -> Dataset:
    """Return 200 examples of two classes, without a split."""
    return Dataset(
        examples=[np.zeros((2, 2, 3), np.uint8)] * 200,
        names=tuple(f"pet {i}" for i in range(200)),
        labels={"label": np.arange(200) % 2},
        classes={"label": ("cat", "dog")},
        name="pets",
    )


def result_of(dataset: Dataset, right: Any, *, val: float | None, how: str = "attempt", **changes: Any) -> Result:
    """Return the result of a fit whose classifier is right on the first so many test images."""
    index = dataset.part("test") if dataset.split is not None else np.arange(len(dataset))
    truth = dataset.y[index]
    hits = np.arange(len(truth)) < right if isinstance(right, int) else np.asarray(right)
    said = np.where(hits, truth, 1 - truth)
    probabilities = np.where(np.arange(2) == said[:, None], 0.8, 0.2)
    attempts = (
        () if val is None else (Attempt("other", 0.1, 2.0, 50, 7, 1.0), Attempt("this", val, 0.5, 50, 7, 1.0, True))
    )
    evaluations = {"test": evaluate(truth, probabilities, dataset.class_names)}
    found = {
        "classifier": SimpleNamespace(head="logistic", backbones=(SimpleNamespace(name="toynet"),)),
        "dataset": dataset,
        "protocol": "given",
        "evaluations": evaluations,
        "test_index": index,
        "test_probabilities": probabilities,
        "candidates": (Candidate("logistic", val or 0, 0.01, 0.5, {}),) if how == "candidate" else (),
        "attempts": attempts if how == "attempt" else (),
        "timings": {"total": 1.0},
        "engine": "torch",
        "cache_hits": 0,
        "cache_misses": 0,
        "skipped": (),
        "notes": (),
        "seed": 0,
        "evidence": None,
        "audit": SimpleNamespace(sentences=list),
        "trainable": 7,
    }
    if how == "val":
        evaluations["val"] = evaluate([0, 1, 0, 1], np.eye(2)[[0, 1, 0, 0]], dataset.class_names)
    return Result(**{**found, **changes})


@pytest.fixture
def make_result() -> Callable[..., Result]:
    """Return the function that makes such results."""
    return result_of


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[dict[str, Any]]]:
    """Return a function that puts made-up results in place of `fit`, one a call, and returns what it is called with."""

    def install(*outcomes: Any) -> list[dict[str, Any]]:
        calls: list[dict[str, Any]] = []

        def fit(data: Dataset, **settings: Any) -> Result:
            outcome = outcomes[len(calls)]
            calls.append({"data": data, **settings})
            if isinstance(outcome, RegraftError):
                raise outcome
            return result_of(data, **outcome)

        monkeypatch.setattr(pipeline, "fit", fit)
        return calls

    return install


@pytest.fixture
def tested(pets: Dataset) -> Dataset:
    """Return the examples with 40 set aside as the test."""
    return split(pets)
