import sys

import pytest
import torch

from regraft.backbones.lookup import get_backbones
from regraft.errors import UsageError
from regraft.finetuning.adapters import add_adapters, merge_adapters
from regraft.finetuning.head import build_head
from regraft.finetuning.network import TrainedNetwork, upper_part

INPUTS = 255 * torch.rand(4, 160, 160, 3, generator=torch.Generator().manual_seed(0))


def network_of(name="test_vit", unfreeze="blocks.4"):
    backbone = get_backbones(name, weights="none")[0]
    torch.manual_seed(0)
    body, stages = upper_part(backbone, unfreeze, cut=False)
    return TrainedNetwork(body, build_head("linear", backbone.feature_dim, 3), stages, None)


def learn_something(network, steps=3):
    network.train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2)
    for _ in range(steps):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(INPUTS), torch.tensor([0, 1, 2, 0])).backward()
        optimizer.step()
    return network.eval()


def logits(network):
    with torch.no_grad():
        return network.eval()(INPUTS)


def learning(network):
    return {name for name, parameter in network.named_parameters() if parameter.requires_grad}


def test_adapters_stand_beside_each_linear_layer_of_the_trained_stages():
    pytest.importorskip("peft")
    network = network_of()
    before = logits(network)
    shapes = [p.shape for n, p in network.body.named_parameters() if "blocks.4" in n or "blocks.5" in n]
    linear = [shape for shape in shapes if len(shape) == 2]
    assert len(linear) == 8  # attention in and out, and two of the perceptron, in two blocks
    found = add_adapters(network, 2)
    assert found == sum(2 * (a + b) for a, b in linear)
    assert torch.allclose(logits(network), before, atol=1e-5)
    assert {name.split(".")[3] for name in learning(network) if "lora_" in name} == {"4", "5"}


def test_only_adapters_and_the_head_learn_whatever_the_schedule_says():
    pytest.importorskip("peft")
    network = network_of()
    add_adapters(network, 2)
    everything = learning(network)
    assert {"head.0.weight", "head.0.bias"} < everything
    assert all("lora_" in name for name in everything if name.startswith("body."))
    network.learn(("head",))
    assert learning(network) == {"head.0.weight", "head.0.bias"}
    network.learn(("blocks.5",))
    assert learning(network) == {name for name in everything if "blocks.5" in name}
    network.learn((*network.trained, "head"))
    assert learning(network) == everything


@pytest.mark.parametrize(("name", "unfreeze"), [("test_vit", "blocks.4"), ("test_convnext", "all")])
def test_merged_it_is_the_network_it_was_with_other_numbers(name, unfreeze):
    pytest.importorskip("peft")
    network = network_of(name, unfreeze)
    before = {key: tensor.clone() for key, tensor in network.body.network.state_dict().items()}
    random = logits(network)
    add_adapters(network, 2)
    learned = logits(learn_something(network))
    assert not torch.allclose(learned, random, atol=1e-2)
    merge_adapters(network)
    after = network.body.network.state_dict()
    assert [(key, tensor.shape) for key, tensor in after.items()] == [(k, t.shape) for k, t in before.items()]
    assert torch.allclose(logits(network), learned, atol=1e-4)
    changed = {key for key, tensor in after.items() if not torch.equal(tensor, before[key])}
    assert changed
    assert all(key.startswith(network.trained) and before[key].ndim == 2 for key in changed)
    assert not network.adapters
    fresh = get_backbones(name, weights="none")[0].build()
    assert set(network.backbone_state(fresh)) == set(fresh.state_dict())


def test_without_adapters_there_is_nothing_to_merge():
    network = network_of()
    before = logits(network)
    merge_adapters(network)
    assert torch.equal(logits(network), before)


def test_adapters_are_the_seeds():
    pytest.importorskip("peft")
    found = []
    for seed in (1, 1, 2):
        network = network_of()
        torch.manual_seed(seed)
        add_adapters(network, 2)
        found.append(next(p.detach() for n, p in network.named_parameters() if "lora_A" in n))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_networks_without_linear_layers():
    with pytest.raises(
        UsageError,
        match=r"--lora must have linear layers in the trained stages, but stages of ResNet without them are trained; "
        "choose a backbone that has them, such as convnext_tiny or a vision transformer, or leave --lora out",
    ):
        add_adapters(network_of("test_resnet", "all"), 2)


def test_a_head_alone():
    network = TrainedNetwork(None, build_head("linear", 5, 3), (), None)
    with pytest.raises(UsageError, match=r"--lora must have linear layers .*, but the head alone is trained"):
        add_adapters(network, 2)


def test_without_peft(monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(UsageError, match=r"package peft, which is not installed; run `pip install 'regraft\[lora\]'`"):
        add_adapters(network_of(), 2)


def test_a_text_encoders_linear_layers_have_adapters(text_backbone):
    pytest.importorskip("peft")
    body, stages = upper_part(text_backbone, "layer.2", cut=False)
    network = TrainedNetwork(body, build_head("linear", text_backbone.feature_dim, 2), stages, None)
    ids = torch.tensor([[2, 4, 6, 3], [2, 5, 3, 0]])
    network.eval()
    with torch.no_grad():
        before = network(ids)
    add_adapters(network, 2)
    adapted = {name for name in learning(network) if "lora_" in name}
    assert len(adapted) == 12  # two for each of query, key, value, output and two of the perceptron
    assert all("layer.2." in name for name in adapted)
    network.train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2)
    for _ in range(3):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(ids), torch.tensor([0, 1])).backward()
        optimizer.step()
    network.eval()
    with torch.no_grad():
        learned = network(ids)
        merge_adapters(network)
        assert torch.allclose(network(ids), learned, atol=1e-5)
    assert not torch.allclose(learned, before, atol=1e-3)
    assert list(network.body.state_dict()) == list(text_backbone.build().state_dict())
