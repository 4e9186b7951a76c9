import copy

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from regraft.backbones.lookup import get_backbones
from regraft.finetuning.head import build_head
from regraft.finetuning.network import TrainedNetwork, upper_part
from regraft.finetuning.regularization import HEAD_STRENGTH, L2SP, MAPS, Delta

K = 3


def network_of(name="test_resnet", unfreeze="layer3", size=64):
    """Return a small network, pixels in, some stages of which are trained; and images with classes."""
    backbone = get_backbones(name, weights="none", image_size=size)[0]
    torch.manual_seed(0)
    body, stages = upper_part(backbone, unfreeze, cut=False)
    network = TrainedNetwork(body, build_head("linear", backbone.feature_dim, K), stages, None).eval()
    generator = torch.Generator().manual_seed(1)
    return network, 255 * torch.rand(6, size, size, 3, generator=generator), torch.arange(6) % K


def head_alone():
    torch.manual_seed(0)
    return TrainedNetwork(None, build_head("linear", 5, K), (), None)


def of_head(network):
    return HEAD_STRENGTH / 2 * sum(float(p.detach().pow(2).sum()) for p in network.head.parameters())


def move(network, stage, by=0.5):
    with torch.no_grad():
        for parameter in network.stage(stage).parameters():
            parameter += by


# --- L2-SP ------------------------------------------------------------------------------------------


def test_l2_sp_by_hand():
    network, _, _ = network_of()
    holds = L2SP(network, 0.2)
    assert float(holds.penalty().detach()) == pytest.approx(of_head(network), rel=1e-5)
    move(network, "layer4", 0.5)
    size = sum(p.numel() for p in network.stage("layer4").parameters())
    assert float(holds.penalty().detach()) == pytest.approx(of_head(network) + 0.2 / 2 * size * 0.25, rel=1e-4)


def test_l2_sp_pulls_back_to_the_start_and_the_head_to_nothing():
    network, _, _ = network_of()
    holds = L2SP(network, 0.2)
    move(network, "layer4", 0.5)
    holds.penalty().backward()
    moved = next(network.stage("layer4").parameters())
    still = next(network.stage("layer3").parameters())
    assert torch.allclose(moved.grad, torch.tensor(0.2 * 0.5), rtol=1e-3)
    assert not still.grad.any()
    assert torch.allclose(network.head[0].weight.grad, HEAD_STRENGTH * network.head[0].weight)
    assert next(network.stage("layer1").parameters()).grad is None


@pytest.mark.parametrize("kind", ["l2-sp", "delta"])
def test_a_head_alone_is_held_by_its_length(kind):
    network = head_alone()
    inputs, targets = torch.rand(4, 5), torch.tensor([0, 1, 2, 0])
    holds = L2SP(network, 0.2) if kind == "l2-sp" else Delta(network, 0.2, inputs, targets)
    network(inputs)
    found = holds.penalty() if isinstance(holds, L2SP) else holds.penalty(inputs)
    assert float(found.detach()) == pytest.approx(of_head(network), rel=1e-5)


# --- DELTA ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "unfreeze"),
    [("test_resnet", "all"), ("test_vit", "blocks.3"), ("test_convnext", "stages.1"), ("test_mambaout", "stages.1")],
)
def test_delta_is_nothing_but_the_heads_length_at_the_start_and_grows(name, unfreeze):
    network, inputs, targets = network_of(name, unfreeze)
    holds = Delta(network, 0.5, inputs, targets)
    network(inputs)
    start = float(holds.penalty(inputs).detach())
    assert start == pytest.approx(of_head(network), rel=1e-4)
    found = []
    for _ in range(2):
        move(network, network.trained[0], 0.05)
        network(inputs)
        found.append(float(holds.penalty(inputs).detach()))
    assert start * 1.001 < found[0] < found[1]


def test_delta_by_hand():
    """One stage, moved: the formula, with maps and gradient taken from a copy."""
    network, inputs, targets = network_of(unfreeze="layer4")
    start = copy.deepcopy(network)
    maps = []
    hook = start.stage("layer4").register_forward_hook(lambda module, _, output: maps.append(output))
    gradient = torch.autograd.grad(cross_entropy(start(inputs), targets), maps[0])[0]
    growth = -(gradient * maps[0]).detach().sum((0, 2, 3))
    attention = torch.softmax((growth - growth.mean()) / growth.std(correction=0) / 5, 0)

    holds = Delta(network, 0.5, inputs, targets)
    move(network, "layer4", 0.01)
    live = network.body.network.forward_features(
        (inputs.permute(0, 3, 1, 2)) * network.body.scale + network.body.offset
    )
    network(inputs)
    squares = (live - maps[0]).detach().pow(2).mean((0, 2, 3))
    expected = of_head(network) + 0.25 * float((len(attention) * attention * squares).sum())
    assert float(holds.penalty(inputs).detach()) == pytest.approx(expected, rel=1e-4)
    hook.remove()


class Gate(nn.Module):
    """Multiplies each channel; stands for a stage."""

    def __init__(self, channels):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))

    def forward(self, x):
        return x * self.weight.view(-1, 1, 1)


def test_the_first_order_attention_ranks_channels_as_removing_them_does():
    network, inputs, targets = network_of(unfreeze="layer4")
    with torch.no_grad():
        # A head that names these very images: removing what it looks at must cost.
        features = network.features(inputs)
        features = features - features.mean(0)
        network.head[0].weight.copy_(torch.stack([features[targets == k].mean(0) for k in range(K)]) * 2)
    holds = Delta(network, 0.5, inputs, targets)
    attention = holds._attention["layer4"]
    assert float(attention.mean()) == pytest.approx(1, rel=1e-4)
    gate = Gate(len(attention))
    network.stage("layer4").register_forward_hook(lambda module, _, output: gate(output))
    growth = []
    with torch.no_grad():
        loss = cross_entropy(network(inputs), targets)
        for channel in range(len(attention)):
            gate.weight[channel] = 0
            growth.append(float(cross_entropy(network(inputs), targets) - loss))
            gate.weight[channel] = 1
    ranks = [torch.as_tensor(values).argsort().argsort().double() for values in (growth, attention.tolist())]
    assert float(torch.corrcoef(torch.stack(ranks))[0, 1]) > 0.8


def test_delta_pulls_the_trained_stages_and_no_teacher():
    network, inputs, targets = network_of()
    holds = Delta(network, 0.5, inputs, targets)
    move(network, "layer3", 0.01)
    network(inputs)
    holds.penalty(inputs).backward()
    assert next(network.stage("layer3").parameters()).grad.abs().sum() > 0
    assert all(p.grad is None for p in holds._teacher.parameters())
    assert not any(module.training for module in holds._teacher.modules())


@pytest.mark.parametrize("schedule", [("head",), ("layer4",)])
def test_delta_where_only_a_part_learns_at_first(schedule):
    network, inputs, targets = network_of()
    network.learn(schedule)
    holds = Delta(network, 0.5, inputs, targets)
    network(inputs)
    assert float(holds.penalty(inputs).detach()) == pytest.approx(of_head(network), rel=1e-4)
    assert next(network.stage("layer3").parameters()).requires_grad is False


def test_delta_compares_the_topmost_stages():
    network, inputs, targets = network_of(unfreeze="all")
    assert len(network.trained) > MAPS
    assert list(Delta(network, 0.5, inputs, targets)._attention) == ["layer1", "layer2", "layer3", "layer4"]


@pytest.mark.parametrize(
    ("shape", "channels"),
    [((2, 7, 5, 5), 7), ((2, 5, 5, 7), 7), ((2, 5, 9), 9), ((2, 8), 8), ((2, 1, 1, 7), 7), ((2, 7, 1, 1), 7)],
)
def test_the_axis_of_channels(shape, channels):
    holds = Delta(head_alone(), 0.5, torch.rand(2, 5), torch.tensor([0, 1]))
    found = holds._by_channel(torch.zeros(shape))
    assert found.shape[:2] == (2, channels)
    assert found.numel() == torch.Size(shape).numel()


@pytest.mark.parametrize(("word", "axis"), [("NCHW", 1), ("NHWC", 3)])
def test_the_networks_word_counts_where_all_axes_are_of_one_length(word, axis):
    network, inputs, targets = network_of(unfreeze="layer4")
    network.body.network.output_fmt = word
    values = torch.arange(2 * 27).view(2, 3, 3, 3)
    found = Delta(network, 0.5, inputs, targets)._by_channel(values)
    assert torch.equal(found[:, 1], values.select(axis, 1).flatten(1).float())


def test_delta_leaves_no_trace():
    network, inputs, targets = network_of()
    names = list(network.state_dict())
    modules = len(list(network.modules()))
    holds = Delta(network, 0.5, inputs, targets)
    assert list(network.state_dict()) == names
    assert len(list(network.modules())) == modules
    assert all(p.requires_grad for p in network.stage("layer4").parameters())
    holds.close()
    assert not any(module._forward_hooks for module in network.modules())


def test_copies_and_passes_without_gradients_are_not_watched():
    network, inputs, targets = network_of()
    holds = Delta(network, 0.5, inputs, targets)
    move(network, "layer4", 0.01)
    network(inputs)
    copied, same = copy.deepcopy([network, holds])
    assert same is holds
    before = float(holds.penalty(inputs).detach())
    network(inputs)
    move(copied, "layer4", 3.0)
    copied(inputs)
    with torch.no_grad():
        network(inputs[:2])
    assert float(holds.penalty(inputs).detach()) == pytest.approx(before, rel=1e-5)
