from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from regraft.backbones.lookup import get_backbones
from regraft.backbones.stages import CannotCut, stages
from regraft.backbones.vision import FeatureNetwork
from regraft.errors import UsageError
from regraft.finetuning.head import build_head
from regraft.finetuning.network import TrainedNetwork, count, lower_part, stages_of, upper_part

PIXELS = 255 * torch.rand(3, 160, 160, 3, generator=torch.Generator().manual_seed(0))


def backbone_of(name):
    return get_backbones(name, weights="none")[0]


def network_of(name="test_resnet", unfreeze="layer3", cut=False, **settings):
    backbone = backbone_of(name)
    torch.manual_seed(0)
    shape = lower_part(backbone, unfreeze)[1] if cut else None
    body, trained = upper_part(backbone, unfreeze, cut)
    return TrainedNetwork(body, build_head("linear", backbone.feature_dim, 4), trained, shape, **settings)


def learning(network):
    """Return the first parts of the names of the parameters that learn."""
    names = [name.removeprefix("body.network.") for name, p in network.named_parameters() if p.requires_grad]
    return sorted({name.split(".")[0] for name in names})


# --- the parts --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "unfreeze"),
    [("test_resnet", "layer3"), ("test_vit", "blocks.4"), ("test_convnext", "stages.2"), ("test_mambaout", "stages.2")],
)
def test_frozen_part_and_trained_part_give_what_the_whole_gives(name, unfreeze):
    backbone = backbone_of(name)
    lower, shape = lower_part(backbone, unfreeze)
    assert lower.until == unfreeze
    below = FeatureNetwork(lower.build(), lower).eval()
    cut, whole = network_of(name, unfreeze, cut=True).eval(), network_of(name, unfreeze).eval()
    with torch.no_grad():
        passed = below(PIXELS)
        assert passed.shape == (3, int(np.prod(shape)))
        expected = whole(PIXELS)
        assert expected.shape == (3, 4)
        assert torch.allclose(cut(passed.view(3, *shape)), expected, rtol=1e-3, atol=1e-4)
        features = FeatureNetwork(backbone.build(), backbone).eval()(PIXELS)
        assert torch.allclose(whole.features(PIXELS), features, rtol=1e-3, atol=1e-4)
    assert count(cut.body.network.parameters()) < count(whole.body.network.parameters())
    assert (cut.takes_pixels, whole.takes_pixels) == (False, True)


def test_where_the_head_alone_is_trained_features_pass():
    backbone = backbone_of("test_resnet")
    assert lower_part(backbone, "head") == (backbone, None)
    assert upper_part(backbone, "head", cut=True) == (None, ())
    network = network_of(unfreeze="head", cut=True)
    features = torch.rand(2, backbone.feature_dim)
    assert network.features(features) is features
    assert torch.equal(network(features), network.head(features))
    assert not network.takes_pixels
    body, trained = upper_part(backbone, "head", cut=False)
    assert isinstance(body, FeatureNetwork)
    assert trained == ()


@pytest.mark.parametrize("unfreeze", ["all", "conv1.0"])
def test_where_all_is_trained_nothing_is_frozen(unfreeze):
    backbone = backbone_of("test_resnet")
    assert lower_part(backbone, unfreeze) == (None, None)
    assert upper_part(backbone, unfreeze, cut=False)[1] == stages(backbone.build())


def test_an_unknown_stage():
    for part in (lambda: lower_part(backbone_of("test_vit"), "block.9"), lambda: network_of("test_vit", "block.9")):
        with pytest.raises(UsageError, match=r"--unfreeze must be head, all or one of this network's stages \(patch"):
            part()


def test_a_network_that_cannot_be_cut(monkeypatch):
    class Skipping(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Conv2d(3, 3, 1, bias=False), nn.Conv2d(3, 3, 1, bias=False)

        def forward_features(self, x):
            return x + self.b(self.a(x))

        def forward_head(self, x, pre_logits):
            return x.mean((2, 3))

    backbone = backbone_of("test_resnet")
    monkeypatch.setattr(type(backbone), "build", lambda self: Skipping())
    with pytest.raises(CannotCut, match="the two parts do not make the whole"):
        lower_part(backbone, "b")


# --- who learns -------------------------------------------------------------------------------------


def test_at_first_all_trained_stages_and_the_head_learn():
    assert learning(network_of()) == ["head", "layer3", "layer4"]
    assert learning(network_of(unfreeze="head")) == ["head"]


def test_only_what_is_named_learns():
    network = network_of()
    for names in (("head",), ("layer4", "head"), ("layer3",)):
        network.learn(names)
        assert learning(network) == sorted(names)


def test_a_step_changes_what_learns_and_nothing_else():
    network = network_of(unfreeze="layer4").train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=0.1)
    nn.functional.cross_entropy(network(PIXELS), torch.tensor([0, 1, 2])).backward()
    optimizer.step()
    changed = {name for name, tensor in network.state_dict().items() if not torch.equal(tensor, before[name])}
    assert {"head.0.weight", "head.0.bias"} < changed
    assert all(name.startswith(("head.", "body.network.layer4.")) for name in changed)
    # Neither running statistics: batch normalisation is frozen.
    assert not any("running" in name or "num_batches" in name for name in changed)


def test_modes():
    network = network_of("cnn4", "blocks.2", learn_statistics=True)
    network.learn(("dense.1", "head"))
    assert network.train() is network
    assert network.training
    assert network.stage("dense.1").training
    assert network.head.training
    assert not any(network.stage(name).training for name in ("blocks.0", "blocks.2", "dense.0"))
    network.eval()
    assert not any(module.training for module in network.modules())


@pytest.mark.parametrize("learn_statistics", [False, True])
def test_statistics_are_learned_only_from_scratch(learn_statistics):
    network = network_of(unfreeze="all", learn_statistics=learn_statistics).train()
    norm = network.stage("bn1")
    assert norm.training is learn_statistics
    before = norm.running_mean.clone()
    with torch.no_grad():
        network(PIXELS)
    assert torch.equal(norm.running_mean, before) is not learn_statistics


def test_a_heads_batch_normalisation_learns_its_statistics():
    backbone = backbone_of("test_resnet")
    body, trained = upper_part(backbone, "layer4", cut=False)
    head = build_head("mlp", backbone.feature_dim, 4, units=(5,), batch_norm=True)
    network = TrainedNetwork(body, head, trained, None).train()
    network(PIXELS)
    assert head[0].running_mean.any()


def test_stages_by_name():
    network = network_of()
    assert network.stage("head") is network.head
    assert network.stage("layer3") is network.body.network.layer3


# --- what is kept -----------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [False, True])
def test_the_state_of_the_whole_backbone(cut):
    backbone = backbone_of("test_resnet")
    network = network_of(unfreeze="layer4", cut=cut)
    with torch.no_grad():
        for parameter in network.stage("layer4").parameters():
            parameter += 1
    whole = backbone.build()
    before = {name: tensor.clone().numpy() for name, tensor in whole.state_dict().items()}
    state = network.backbone_state(whole)
    assert list(state) == list(before)
    for name, values in state.items():
        assert values.dtype == before[name].dtype
        moved = name.startswith("layer4") and not name.endswith(("running_mean", "running_var", "num_batches_tracked"))
        np.testing.assert_array_equal(values, before[name] + 1 if moved else before[name], name)
    with torch.no_grad():
        next(network.stage("layer4").parameters()).zero_()
        whole.conv1[0].weight.zero_()
    assert state["conv1.0.weight"].any()
    assert next(values for name, values in state.items() if name.startswith("layer4")).any()


def test_the_state_where_the_head_alone_was_trained():
    whole = backbone_of("test_resnet").build()
    state = network_of(unfreeze="head", cut=True).backbone_state(whole)
    assert all(np.array_equal(state[name], tensor.numpy()) for name, tensor in whole.state_dict().items())


def test_count():
    assert count(nn.Linear(3, 4).parameters()) == 16
    assert count([]) == 0


# --- a lower layer, and texts -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "layer"), [("test_resnet", "layer3"), ("test_convnext", "stages.2"), ("test_vit", "blocks.3")]
)
def test_of_a_lower_layer_the_network_ends_there(name, layer):
    backbone = replace(backbone_of(name), layer=layer, pool="avg")
    names = stages(backbone.build())
    lowest = names[names.index(layer) - 1]
    lower, shape = lower_part(backbone, lowest)
    assert (lower.until, lower.layer) == (lowest, layer)
    below = FeatureNetwork(lower.build(), lower).eval()
    body, trained = upper_part(backbone, lowest, cut=True)
    assert trained == (lowest, layer)
    head = build_head("linear", body.vector(body.network.forward_features(torch.zeros(1, *shape))).shape[1], 4)
    network = TrainedNetwork(body, head, trained, shape).eval()
    with torch.no_grad():
        expected = FeatureNetwork(backbone.build(), backbone).eval()(PIXELS)
        found = network.features(below(PIXELS).view(3, *shape))
    assert torch.allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_over_time_alone_pitch_survives():
    backbone = replace(backbone_of("test_resnet"), layer="layer3", pool="time")
    lower, shape = lower_part(backbone, "layer3")
    body, trained = upper_part(backbone, "layer3", cut=True)
    network = TrainedNetwork(body, nn.Sequential(), trained, shape).eval()
    with torch.no_grad():
        passed = FeatureNetwork(lower.build(), lower).eval()(PIXELS).view(3, *shape)
        found, map_ = network.features(passed), body.network.forward_features(passed)
    assert torch.allclose(found, map_.mean(3).flatten(1))


IDS = torch.tensor([[2, 4, 6, 8, 3], [2, 5, 3, 0, 0]])


def text_network(backbone, unfreeze, **settings):
    torch.manual_seed(0)
    body, trained = upper_part(backbone, unfreeze, cut=False)
    return TrainedNetwork(body, build_head("linear", backbone.feature_dim, 2), trained, None, **settings)


def test_a_text_encoder_is_trained_from_a_layer_up(text_backbone):
    network = text_network(text_backbone, "layer.1")
    assert network.trained == ("layer.1", "layer.2")
    assert not network.takes_pixels
    names = {name.split(".")[4] for name, p in network.named_parameters() if p.requires_grad and "layer" in name}
    assert names == {"1", "2"}
    network.train()
    assert [stage.training for stage in stages_of(network.body).values()] == [False, False, True, True]
    assert network.path("layer.1") == "encoder.layer.1"
    assert network(IDS).shape == (2, 2)


def test_dropout_is_on_where_a_text_encoder_learns_and_nowhere_else(text_backbone):
    with torch.no_grad():
        for unfreeze, alike in (("layer.2", False), ("all", False), ("head", True)):
            network = text_network(text_backbone, unfreeze).train()
            assert torch.equal(network.features(IDS), network.features(IDS)) is alike
            network.eval()
            assert torch.equal(network.features(IDS), network.features(IDS))


def test_texts_are_not_cut(text_backbone):
    assert lower_part(text_backbone, "all") == (None, None)
    assert lower_part(text_backbone, "head") == (text_backbone, None)
    with pytest.raises(CannotCut, match="texts are of many lengths"):
        lower_part(text_backbone, "layer.1")


def test_the_state_of_a_text_encoder_can_be_built_from(text_backbone):
    network = text_network(text_backbone, "layer.2")
    with torch.no_grad():
        for parameter in network.stage("layer.2").parameters():
            parameter += 1
    whole = text_backbone.build()
    state = network.backbone_state(whole)
    assert list(state) == list(whole.state_dict())
    for name, tensor in whole.state_dict().items():
        np.testing.assert_array_equal(state[name], tensor.numpy() + ("layer.2" in name), name)
