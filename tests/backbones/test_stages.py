import pytest
import timm
import torch
from torch import nn

from regraft.backbones.lookup import get_backbones
from regraft.backbones.stages import (
    CannotCut,
    batch_norms,
    chain,
    check_cut,
    keep_below,
    keep_from,
    keep_through,
    stages,
)

STAGES = {
    "test_vit": ("patch_embed", *(f"blocks.{i}" for i in range(6)), "norm"),
    "test_convnext": ("stem.0", "stem.1", "stages.0", "stages.1", "stages.2", "stages.3"),
    "test_mambaout": ("stem", "stages.0", "stages.1", "stages.2", "stages.3"),
    "test_efficientnet": ("conv_stem", "bn1", *(f"blocks.{i}" for i in range(5)), "conv_head", "bn2"),
    "cnn3": ("blocks.0", "blocks.1", "blocks.2", "dense"),
}


def built(name):
    return get_backbones(name, weights="none")[0].build()


@pytest.mark.parametrize("name", STAGES)
def test_stages_from_the_pixels_up(name):
    assert stages(built(name)) == STAGES[name]


@pytest.mark.parametrize("name", ["resnet50", "vgg16", "inception_v3", "legacy_xception", "tf_efficientnet_lite0"])
def test_stages_hold_all_there_is_to_learn_but_the_classifier(name):
    with torch.device("meta"):
        network = timm.create_model(name)
    parts = {id(p) for stage in stages(network) for p in network.get_submodule(stage).parameters()}
    left = {key for key, parameter in network.named_parameters() if id(parameter) not in parts}
    assert left
    assert all(key.startswith(("fc.", "classifier.", "head.", "pre_logits.")) for key in left)


def test_what_is_kept_through_a_stage_is_what_it_puts_out():
    whole = built("test_convnext")
    seen = []
    whole.get_submodule("stages.1").register_forward_hook(lambda part, given, output: seen.append(output))
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        whole.forward_features(images)
        upto = keep_through(built("test_convnext"), "stages.1")
        kept = upto.stages(upto.stem(images))
    torch.testing.assert_close(kept, seen[0])


def test_a_chain_has_what_learns_nothing_as_well():
    network = built("test_resnet")
    assert [name for name in chain(network) if name not in stages(network)] == ["conv1.2", "conv1.5", "act1", "maxpool"]
    assert all(network.get_submodule(name) is part for name, part in chain(network).items())


@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "test_convnext", "test_mambaout", "test_efficientnet"])
def test_two_parts_make_the_whole_at_every_stage(name):
    whole = built(name)
    images = torch.rand(2, 3, 160, 160)
    with torch.no_grad():
        expected = whole.forward_features(images)
        for stage in stages(whole)[1:]:
            below, above = keep_below(built(name), stage), keep_from(built(name), stage)
            shape = check_cut(whole, below, above, 160)
            passed = below.forward_features(images)
            assert passed.shape[1:] == shape
            assert torch.allclose(above.forward_features(passed), expected, rtol=1e-3, atol=1e-4), stage


def test_each_part_keeps_its_own_weights_alone():
    whole = {key for key in built("test_vit").state_dict() if not key.startswith("head.")}
    below, above = (set(part(built("test_vit"), "blocks.2").state_dict()) for part in (keep_below, keep_from))
    blocks = {key for key in whole if key.startswith(("blocks.", "norm.", "patch_embed."))}
    assert {key for key in below if key in blocks} == {k for k in blocks if k < "blocks.2" or k.startswith("patch")}
    assert {key for key in above if key in blocks} == {k for k in blocks if k >= "blocks.2" and k[:5] != "patch"}


class Skip(nn.Module):
    """What passes from the first part to the second is not all that the second needs."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)

    def forward_features(self, x):
        return x + self.b(self.a(x))

    def forward_head(self, x, pre_logits):
        return x.mean((2, 3))


def test_a_network_that_is_no_chain():
    torch.manual_seed(0)
    whole = Skip()
    below, above = Skip(), Skip()
    for part in (below, above):
        part.load_state_dict(whole.state_dict())
    with pytest.raises(CannotCut, match="the two parts do not make the whole"):
        check_cut(whole, keep_below(below, "b"), keep_from(above, "b"), 8)


def test_a_network_that_breaks_where_it_is_cut():
    whole, below, above = (built("test_resnet") for _ in range(3))
    with pytest.raises(CannotCut, match="channels"):
        check_cut(whole, keep_below(below, "layer4"), keep_from(above, "layer2"), 64)


def test_a_part_that_fails_without_a_word():
    class Silent(Skip):
        def forward_features(self, x):
            raise NotImplementedError

    with pytest.raises(CannotCut, match=r"^NotImplementedError$"):
        check_cut(Skip(), Silent(), Skip(), 8)


def test_batch_norms():
    network = nn.Sequential(nn.BatchNorm2d(2), nn.LayerNorm(2), nn.Sequential(nn.BatchNorm1d(3)))
    assert list(batch_norms(network)) == [network[0], network[2][0]]
    assert len(list(batch_norms(built("test_efficientnet")))) > 10
    assert not list(batch_norms(built("test_vit")))
