import math

import pytest
import torch

from regraft.adaptation.minimum_class_confusion import ClassConfusion, class_confusion


def test_certain_predictions_are_not_confused():
    logits = 1000 * torch.eye(3)[[0, 1, 2, 0]]
    assert float(class_confusion(logits)) == pytest.approx(0.0, abs=1e-12)


def test_a_class_that_is_never_named_is_confused_with_nothing():
    logits = 1000 * torch.eye(3)[[0, 1, 0]]
    assert float(class_confusion(logits)) == pytest.approx(0.0, abs=1e-12)


def test_undecided_predictions_are_confused_as_much_as_can_be():
    assert float(class_confusion(torch.zeros(5, 4))) == pytest.approx(3 / 4)


def test_two_predictions_by_hand():
    odds = math.log(3)  # temperature 1: probabilities (3/4, 1/4) and (1/2, 1/2)
    logits = torch.tensor([[odds, 0.0], [0.0, 0.0]])
    entropies = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25)), math.log(2)
    certain = [1 + math.exp(-h) for h in entropies]
    w, v = (2 * c / sum(certain) for c in certain)
    across = w * 3 / 16 + v / 4
    first, second = w * 9 / 16 + v / 4, w / 16 + v / 4
    expected = (across / (first + across) + across / (second + across)) / 2
    assert float(class_confusion(logits, 1.0)) == pytest.approx(expected, rel=1e-5)


def test_temperature_counts():
    logits = torch.tensor([[2.0, 0.0], [0.0, 2.0]])
    assert class_confusion(logits, 1.0) < class_confusion(logits, 4.0)


def test_objective_looks_at_the_targets_logits_alone():
    logits, nothing = torch.randn(6, 3), torch.full((2, 2), torch.nan)
    assert ClassConfusion(1.5)(nothing, nothing, logits, 0.1) == class_confusion(logits, 1.5)
