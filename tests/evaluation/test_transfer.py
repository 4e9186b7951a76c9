"""Whether transfer was worth it, in words and numbers."""

from __future__ import annotations

import numpy as np
import pytest

from regraft.errors import DataError
from regraft.evaluation.transfer import Verdict, judge


def right(count: int, n: int = 100) -> np.ndarray:
    return np.arange(n) < count


def test_a_clear_gain_is_said_with_its_interval() -> None:
    found = judge(right(95), right(60), "the raw pixels alone", transfer="probe", scratch="pixels")
    assert found.text.startswith("Transfer gains +35.0 points (95% interval ")
    assert found.text.endswith("over the raw pixels alone.")
    assert found.gain == pytest.approx(0.35)
    assert found.ci95 is not None and 0 < found.ci95[0] < 0.35 < found.ci95[1]
    assert not found.hurts
    assert (found.transfer, found.scratch) == ("probe", "pixels")


def test_a_clear_loss_hurts() -> None:
    found = judge(right(60), right(95))
    assert found.text.startswith("Transfer hurts: it loses 35.0 points")
    assert "against training from scratch" in found.text
    assert found.hurts


def test_what_may_be_chance_is_called_so() -> None:
    assert "which may be chance" in judge(right(59), right(60)).text
    assert judge(right(60), right(60)).text.startswith("As far as these 100 images can tell")
    assert not judge(right(59), right(60)).hurts


def test_plain_values() -> None:
    plain = judge(right(95), right(60)).to_dict()
    assert set(plain) == {"text", "gain", "ci95", "transfer", "scratch"}
    assert isinstance(plain["ci95"], list)
    assert Verdict("nothing to say").to_dict()["ci95"] is None


def test_other_images_are_refused() -> None:
    with pytest.raises(DataError, match="take the same images for both"):
        judge(right(5, 10), right(5, 11))
