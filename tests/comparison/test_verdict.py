"""The verdict: chosen on validation, paired on the test, and said in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from regraft.comparison.comparison import Comparison, Row
from regraft.comparison.verdict import best_of, compared, paired
from regraft.data.dataset import Dataset
from regraft.evaluation.significance import mcnemar, paired_gain
from regraft.result import Result

Make = Callable[..., Result]


def row(name: str, result: Result, val: float | None = None) -> Row:
    test = result.evaluations["test"]
    return Row(name, 1.0, val_accuracy=val, accuracy=test.accuracy, ci95=test.accuracy_ci95, result=result)


@pytest.fixture
def against(tested: Dataset, make_result: Make) -> Callable[[Any, Any], Comparison]:
    """Return a function that compares a finetune and a scratch, right on so many of 40 images."""

    def make(transfer: Any, scratch: Any) -> Comparison:
        rows = [
            row("finetune", make_result(tested, transfer, val=0.9), 0.9),
            row("scratch", make_result(tested, scratch, val=0.8), 0.8),
        ]
        return compared(rows, tested, "holdout", seed=0, seconds=2.0)

    return make


def test_a_gain(against: Any) -> None:
    found = against(36, 20).verdict
    assert found.gain == pytest.approx(0.4)
    assert found.ci95 == paired_gain(np.arange(40) < 36, np.arange(40) < 20)[1]
    low, high = (100 * bound for bound in found.ci95)
    assert (
        found.text == f"Transfer gains +40.0 points (95% interval {low:.1f} to {high:.1f}) over training from scratch."
    )
    assert low > 0
    assert (found.transfer, found.scratch) == ("finetune", "scratch")


def test_a_loss(against: Any) -> None:
    found = against(20, 36).verdict
    assert found.gain == pytest.approx(-0.4)
    assert found.text.startswith("Transfer hurts: it loses 40.0 points (95% interval -")


def test_no_difference_that_shows(against: Any) -> None:
    assert against(31, 30).verdict.text.startswith(
        "As far as these 40 images can tell, transfer and training from scratch are equal: +2.5 points"
    )
    assert "+0.0 points" in against(30, 30).verdict.text
    worse = against(30, 31).verdict
    assert worse.text.startswith("Transfer does not help here: −2.5 points (95% interval -")
    assert worse.text.endswith("which may be chance.")


def test_it_needs_both(tested: Dataset, make_result: Make) -> None:
    for name, missing in (("probe", "training from scratch"), ("scratch", "transfer")):
        found = compared([row(name, make_result(tested, 30, val=0.9), 0.9)], tested, "holdout", seed=0, seconds=1.0)
        assert found.verdict.text.startswith(f"Whether transfer pays cannot be said without {missing}:")
        assert found.verdict.to_dict()["gain"] is None
        assert found.verdict.to_dict()["ci95"] is None


def test_the_test_images_choose_nothing(tested: Dataset, make_result: Make) -> None:
    """The best on validation stays the best, whatever the test says; of equals the one that ran first is taken."""
    rows = [
        row("probe", make_result(tested, 20, val=None), 0.9),
        row("finetune", make_result(tested, 40, val=None), 0.9),
        row("scratch", make_result(tested, 10, val=None), 0.7),
        row("scratch-augmented", make_result(tested, 35, val=None), 0.6),
        row("frozen-augmented", make_result(tested, 38, val=None), None),
    ]
    found = compared(rows, tested, "holdout", seed=0, seconds=1.0)
    assert found.best == "probe"
    assert (found.verdict.transfer, found.verdict.scratch) == ("probe", "scratch")
    assert found.verdict.gain == pytest.approx(0.25)
    shown = [each.strategy for each in found.rows]
    assert shown == ["finetune", "frozen-augmented", "scratch-augmented", "probe", "scratch"]
    assert best_of(rows[4:]).strategy == "frozen-augmented"


def test_p_values_are_against_the_best(against: Any) -> None:
    rows = {each.strategy: each for each in against(36, 28).rows}
    assert rows["finetune"].p_value is None
    assert rows["scratch"].p_value == mcnemar(np.arange(40) < 36, np.arange(40) < 28)
    assert rows["scratch"].p_value == pytest.approx(2 / 2**8)


def test_images_are_paired_by_name(tested: Dataset, make_result: Make) -> None:
    """One fit could not read an image that the other could: the rest still stands beside its like."""
    whole = make_result(tested, np.arange(40) % 3 == 0, val=None)
    lost = tested.part("test")[5]
    fewer = tested.take(np.flatnonzero(np.arange(len(tested)) != lost))
    other = make_result(fewer, np.delete(np.arange(40) % 3 == 0, 5), val=None)
    a, b = paired(row("probe", whole), row("scratch", other))
    assert len(a) == 39
    assert (a == b).all()


def test_plain_values(against: Any) -> None:
    plain = against(36, 20).to_dict()
    assert set(plain["rows"][0]) >= {
        *("strategy", "accuracy", "ci95", "f1", "auc", "seconds", "trainable_parameters", "val_accuracy", "p_value"),
        "backbone",
    }
    assert set(plain["verdict"]) >= {"gain", "ci95", "text"}
    assert plain["n_test"] == 40
    assert plain["rows"][0]["accuracy"] == 0.9
    assert isinstance(plain["rows"][0]["ci95"], list)
