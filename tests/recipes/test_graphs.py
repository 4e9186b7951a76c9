"""One training step of each published network with its published head, from random weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from regraft.backbones.lookup import get_backbones
from regraft.backbones.stage_names import ALL, HEAD
from regraft.finetuning.head import build_head
from regraft.finetuning.network import TrainedNetwork, upper_part
from regraft.recipes.recipe import Variant, load, names

SIZE = 75
"""The least that Inception-v3 takes; the published sizes would take minutes and gigabytes."""

VARIANTS = [(name, variant) for name in names() for variant in load(name).variants.values()]


def _graph(variant: Variant) -> TrainedNetwork:
    fit = dict(variant.fit)
    scratch = fit["strategy"] == "scratch"
    [backbone] = get_backbones(fit["backbone"], weights="none", image_size=SIZE, pool=fit.get("pool", "avg"))
    unfreeze = ALL if scratch else variant.training.get("unfreeze") or HEAD
    body, trained = upper_part(backbone, unfreeze, cut=False)
    body.eval()
    with torch.inference_mode():
        width = body(torch.zeros(2, SIZE, SIZE, 3)).shape[1]
    mlp = {name: fit[name] for name in ("units", "dropout", "batch_norm") if fit.get(name) is not None}
    kind = "mlp" if fit.get("head") == "mlp" else "linear"
    head = build_head(kind, width, 5, **(mlp if kind == "mlp" else {}))
    return TrainedNetwork(body, head, trained, None, learn_statistics=scratch)


@pytest.mark.parametrize(("name", "variant"), VARIANTS, ids=[f"{name}-{variant.name}" for name, variant in VARIANTS])
def test_one_step(name: str, variant: Variant) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = _graph(variant).train()
        before = {n: p.detach().clone() for n, p in network.named_parameters() if p.numel() < 100_000}
        pixels, targets = torch.rand(4, SIZE, SIZE, 3) * 255, torch.tensor([0, 1, 2, 3])
        loss = nn.functional.cross_entropy(network(pixels), targets)
        loss.backward()
        assert torch.isfinite(loss)
        torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=0.1).step()
    moved = {n for n, p in network.named_parameters() if n in before and not torch.equal(p, before[n])}
    learning = tuple(f"body.network.{stage}." for stage in network.trained)
    assert any(n.startswith("head.") for n in moved)
    assert all(n.startswith(("head.", *learning)) for n in moved)
    if learning:
        assert any(n.startswith(learning) for n in moved)
