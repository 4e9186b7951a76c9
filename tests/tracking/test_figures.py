"""Figures under flat names: numbers that a tracker has room for, and nothing else."""

from __future__ import annotations

import json
import re
from typing import Any

from regraft.tracking.figures import figures, named


def test_numbers_get_the_path_to_them_as_a_name() -> None:
    values = {
        "metrics": {"test": {"accuracy": 0.9, "accuracy_ci95": [0.8, 0.95], "per_class": {"cat": {"recall": 1.0}}}},
        "head": {"name": "knn", "candidates": [{"name": "knn", "accuracy": 0.7}, {"name": "mlp", "accuracy": 0.6}]},
        "rows": [{"strategy": "probe", "seconds": 2}],
        "trainable": True,
        "missing": None,
        "infinite": float("inf"),
        "words": ["a", "b"],
        "numbers": [1, 2],
        "history": [{"name": "x", "val_loss": 1.0}],
    }
    assert figures(values) == {
        "test/accuracy": 0.9,
        "test/accuracy_ci95_low": 0.8,
        "test/accuracy_ci95_high": 0.95,
        "head/candidates/knn/accuracy": 0.7,
        "head/candidates/mlp/accuracy": 0.6,
        "rows/probe/seconds": 2.0,
    }


def test_names_are_such_that_every_tracker_takes_them() -> None:
    assert named("fine-tuned from blocks.4 · lite0", "val_loss") == "fine-tuned-from-blocks.4-lite0/val_loss"
    assert named("日本", "n") == "-/n"


def test_a_fit_has_the_figures_that_matter(fitted: Any) -> None:
    plain = json.loads(json.dumps(fitted.to_dict()))
    found = figures(plain)
    test = fitted.evaluations["test"]
    assert found["test/accuracy"] == test.accuracy
    assert (found["test/accuracy_ci95_low"], found["test/accuracy_ci95_high"]) == test.accuracy_ci95
    assert found["test/log_loss"] == test.log_loss
    assert found["head/candidates/centroid/accuracy"] == fitted.candidates[0].accuracy
    assert found["timings_s/total"] > 0
    assert all(re.fullmatch(r"[A-Za-z0-9_./-]+", name) and len(name) < 250 for name in found)
    assert len(found) < 150
