from __future__ import annotations

import torch

from regraft.multitask.weighting.equal import Equal


def test_losses_are_summed() -> None:
    way = Equal(("classes", "numbers"), (1.0, 1.0))
    assert way.combine({0: torch.tensor(2.0), 1: torch.tensor(3.0)}, None).item() == 5
    assert way.combine({1: torch.tensor(3.0)}, None).item() == 3
    assert way.weights() == [1.0, 1.0]
