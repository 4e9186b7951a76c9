"""One process sees what torch's own batch normalisation gives; several are tested in `test_processes`."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import nn

from regraft.finetuning.processes import ALONE
from regraft.finetuning.synchronized import Synchronized

CASES = {
    "vectors": (nn.BatchNorm1d(3), (5, 3)),
    "maps": (nn.BatchNorm2d(3, momentum=0.3), (4, 3, 2, 2)),
    "without a scale": (nn.BatchNorm2d(3, affine=False), (2, 3, 1, 1)),
}


@pytest.mark.parametrize(("norm", "shape"), CASES.values(), ids=CASES)
def test_statistics_outputs_and_gradients_are_torch_s(norm: nn.Module, shape: tuple[int, ...]) -> None:
    other = deepcopy(norm)
    values = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float32)
    given, expected = values.clone().requires_grad_(), values.clone().requires_grad_()
    weights = torch.arange(values.numel()).reshape(shape).float()
    with Synchronized(ALONE, counts=True):
        found = norm(given)
    (weights * found).sum().backward()
    wanted = other(expected)
    (weights * wanted).sum().backward()
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(given.grad, expected.grad, atol=1e-3, rtol=1e-3)
    for name, buffer in other.named_buffers():
        torch.testing.assert_close(norm.get_buffer(name), buffer)
    for name, parameter in other.named_parameters():
        torch.testing.assert_close(norm.get_parameter(name).grad, parameter.grad, atol=1e-4, rtol=1e-4)


def test_fixed_statistics_stay() -> None:
    norm = nn.BatchNorm1d(2).eval()
    values = torch.randn(4, 2)
    with Synchronized(ALONE, counts=True):
        found = norm(values)
    assert torch.equal(found, norm(values))
    assert norm.running_mean is not None
    assert norm.running_mean.tolist() == [0.0, 0.0]


def test_what_is_normalised_in_bf16_stays_so() -> None:
    with Synchronized(ALONE, counts=True):
        assert nn.BatchNorm1d(2)(torch.randn(4, 2, dtype=torch.bfloat16)).dtype == torch.bfloat16
