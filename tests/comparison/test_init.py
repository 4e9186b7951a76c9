"""compare: what every strategy is given, what becomes of one that fails, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regraft import pipeline
from regraft.comparison import DEFAULTS, STRATEGIES, compare
from regraft.data.dataset import Dataset
from regraft.data.sources import read_source
from regraft.errors import DataError, RegraftError, UsageError
from regraft.evaluation.intervals import wilson
from regraft.finetuning.settings import Training

Fits = Callable[..., list[dict[str, Any]]]
SOME = {"right": 30, "val": 0.7}


def test_all_strategies_have_the_same_split(pets: Dataset, fits: Fits) -> None:
    calls = fits(*[SOME] * len(STRATEGIES))
    found = compare(pets, strategies=tuple(STRATEGIES), seed=3)
    assert len(calls) == len(STRATEGIES)
    assert {call["seed"] for call in calls} == {3}
    first = calls[0]["data"]
    assert all(call["data"] is first for call in calls)
    assert first.split.tolist().count("test") == 40
    assert found.protocol == "holdout"
    assert {row.strategy for row in found.rows} == set(STRATEGIES)


def test_what_each_strategy_is_called_with(pets: Dataset, fits: Fits) -> None:
    names = ("scratch", "random-backbone", "probe", "finetune", "finetune-all", "frozen-augmented")
    calls = fits(*[SOME] * len(names))
    compare(pets, strategies=names, backbone="tf_efficientnet_lite1", weights="w.pth", epochs=2)
    asked = [
        {key: call.get(key) for key in ("strategy", "training", "backbone", "weights", "budget")} for call in calls
    ]
    lite1 = {"backbone": "tf_efficientnet_lite1", "weights": "w.pth", "budget": None}
    assert asked == [
        {"strategy": "probe", "training": None, **lite1},
        {
            "strategy": "scratch",
            "training": Training(augment="none", epochs=2, patience=5),
            "backbone": None,
            "weights": None,
            "budget": None,
        },
        {"strategy": "scratch", "training": Training(epochs=2), **lite1, "weights": None},
        {"strategy": "finetune", "training": Training(epochs=2), **lite1},
        {"strategy": "finetune", "training": Training(unfreeze="all", epochs=2), **lite1},
        {"strategy": "finetune", "training": Training(unfreeze="head", augment="light", epochs=2), **lite1},
    ]


def test_few_images_are_cross_validated_by_every_strategy(pets: Dataset, fits: Fits) -> None:
    calls = fits(SOME, SOME)
    found = compare(pets.take(np.arange(60)), strategies=("probe", "scratch"))
    assert found.protocol == "cross-validation"
    assert all(call["data"].split is None for call in calls)
    assert found.to_dict()["n_test"] == 60


def test_the_budget_is_shared_among_what_is_left(pets: Dataset, fits: Fits) -> None:
    calls = fits(*[SOME] * len(DEFAULTS["image"]))
    compare(pets, budget=400.0)
    assert calls[0]["strategy"] == "probe"
    assert "budget" not in calls[0], "a probe cannot be shortened"
    shares = [call["budget"] for call in calls[1:]]
    # Made-up fits take no time, so that each leaves its share to the next.
    assert shares == pytest.approx([100, 400 / 3, 200, 400], rel=0.05)


def test_where_the_budget_is_used_up_the_rest_is_not_run(pets: Dataset, fits: Fits) -> None:
    calls = fits(SOME)
    found = compare(pets, strategies=("probe", "scratch"), budget=1e-9)
    assert len(calls) == 1
    assert found.rows[1].error.startswith("Nothing was left of the budget")


def test_a_strategy_that_fails_is_a_row(pets: Dataset, fits: Fits) -> None:
    fits(RegraftError("There is no such stage."), SOME)
    found = compare(pets, strategies=("finetune", "scratch"))
    assert [(row.strategy, row.error) for row in found.rows] == [
        ("scratch", ""),
        ("finetune", "There is no such stage."),
    ]
    assert found.to_dict()["rows"][1]["accuracy"] is None
    fits(RegraftError("No a."), RegraftError("No b."))
    with pytest.raises(RegraftError, match=r"At least one strategy must be fitted.*finetune: No a\.; scratch: No b\."):
        compare(pets, strategies=("finetune", "scratch"))


def test_validation_is_never_the_test(pets: Dataset, fits: Fits) -> None:
    fits(
        {"right": 30, "val": 0.7, "how": "attempt"},
        {"right": 30, "val": 0.7, "how": "val"},
        {"right": 30, "val": 0.9, "how": "candidate"},
        {"right": 30, "val": None, "how": "none"},
    )
    found = compare(pets, strategies=("scratch", "scratch-augmented", "finetune", "finetune-all"))
    rows = {row.strategy: row for row in found.rows}
    assert rows["scratch"].val_accuracy == 0.7
    assert rows["scratch"].val_ci95 == wilson(35, 50)
    assert rows["scratch-augmented"].val_accuracy == 0.75
    assert rows["finetune"].val_ci95 == wilson(144, 160)  # by cross-validation on the training part
    assert rows["finetune-all"].val_accuracy is None
    assert found.notes[-1] == "Without a validation accuracy, and so never the best: finetune-all."


def test_what_is_said(pets: Dataset, fits: Fits) -> None:
    fits(SOME, RegraftError("No."))
    said: list[str] = []
    compare(pets, strategies=("probe", "scratch"), announce=said.append)
    assert said[0] == "200 images in 2 classes: cat 100, dog 100."
    assert said[-4:] == [
        "probe (1 of 2)",
        "  75.0% of the test images right, in 0 s",
        "scratch (2 of 2)",
        "  failed: No.",
    ]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"strategies": ("fine-tune",)}, "not 'fine-tune'; did you mean 'finetune'?"),
        ({"strategies": ("qqq",)}, "--strategies must be some of scratch, .* not 'qqq'."),
        ({"strategies": ()}, "--strategies must name one or more, each once, not none."),
        ({"strategies": ("probe", "probe")}, "each once, not probe, probe."),
        ({"weights": "none"}, "--weights must be a file here, not none: add random-backbone"),
        ({"budget": 0.0}, "--budget must be above 0 seconds, not 0."),
        ({"test_size": 1.0}, "--test-size must be a share between 0 and 1, not 1.0."),
        ({"seed": -1}, "--seed must be 0 or above, not -1."),
        ({"epochs": 0}, "--epochs must be from 1 to 10000, not 0."),
        ({"backbone": "no_such_network"}, "no_such_network"),
    ],
)
def test_what_is_refused_before_any_work(pets: Dataset, fits: Fits, settings: dict[str, Any], words: str) -> None:
    calls = fits()
    with pytest.raises(UsageError, match=words):
        compare(pets, **settings)
    assert not calls


def test_data_that_cannot_be_learnt_from_end_it(pets: Dataset, fits: Fits) -> None:
    calls = fits()
    with pytest.raises(DataError, match="at least two classes"):
        compare(pets.take(pets.y == 0))
    assert not calls


@pytest.mark.skipif("strategy" not in signature(pipeline.fit).parameters, reason="fit has no strategies yet")
def test_real_fits_on_one_split(colours: Path) -> None:
    dataset = read_source(colours)
    dataset = dataset.with_split(np.where(np.arange(len(dataset)) % 3 == 0, "test", "train"))
    found = compare(dataset, strategies=("probe", "scratch"), backbone="tf_efficientnet_lite0", epochs=1)
    assert [row.error for row in found.rows] == ["", ""]
    rows = {row.strategy: row for row in found.rows}
    assert rows["probe"].accuracy == 1.0
    assert rows["scratch"].trainable > 1000
    assert all(row.val_accuracy is not None for row in found.rows)
    assert found.verdict.gain is not None
    assert found.to_dict()["n_test"] == 6
