import numpy as np
import pytest
import torch

from regraft.backbones.encoders import TextBackbone
from regraft.backbones.weights import HeldWeights
from regraft.features.extraction import extract
from regraft.finetuning.head import build_head
from regraft.finetuning.network import TrainedNetwork, upper_part
from regraft.heads.scoring import SCORERS, softmax
from regraft.strategies.parts import trained_parts


def changed(backbone, unfreeze, stage):
    """Return a network whose stage is no longer what it was."""
    torch.manual_seed(0)
    body, trained = upper_part(backbone, unfreeze, cut=False)
    network = TrainedNetwork(body, build_head("linear", backbone.feature_dim, 2), trained, None).eval()
    with torch.no_grad():
        for parameter in network.stage(stage).parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return network


def test_a_trained_text_encoder_gives_the_same_features_through_the_engine(text_backbone):
    network = changed(text_backbone, "layer.1", "layer.2")
    tuned, head, tensors, settings = trained_parts(text_backbone, network, 2.0)
    assert isinstance(tuned, TextBackbone)
    assert isinstance(tuned.weights, HeldWeights)
    assert tuned.folder is None
    assert tuned.weights.source.endswith(", fine-tuned here")
    assert tuned.files() == text_backbone.files()
    texts = ["a cat sat", "the dogs ran home !"]
    found = extract(texts, ["1", "2"], (tuned,), engine="torch").values
    ids = [torch.from_numpy(pieces)[None] for pieces in text_backbone.tokenize(texts)]
    with torch.no_grad():
        expected = torch.cat([network.features(row) for row in ids]).numpy()
        logits = torch.cat([network(row) for row in ids]).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    before = extract(texts, ["1", "2"], (text_backbone,), engine="torch").values
    assert not np.allclose(found, before, atol=0.01)
    np.testing.assert_allclose(SCORERS[head](found, tensors, settings), softmax(2.0 * logits), rtol=1e-3, atol=1e-5)


def test_a_network_trained_from_nothing_says_so(backbone):
    network = changed(backbone, "all", "layer4")
    tuned, *_ = trained_parts(backbone, network, 1.0, scratch=True)
    assert tuned.weights.source == "trained here from random weights"
    assert not tuned.weights.random
    assert tuned.weights.sha256() != backbone.weights.sha256()


@pytest.mark.parametrize("kind", ["image", "text"])
def test_where_the_head_alone_was_trained_the_backbone_is_what_it_was(kind, backbone, text_backbone):
    one = backbone if kind == "image" else text_backbone
    network = TrainedNetwork(None, build_head("linear", one.feature_dim, 2), (), None)
    tuned, head, tensors, _ = trained_parts(one, network, 1.0)
    assert tuned is one
    assert (head, tensors["coef"].shape) == ("logistic", (2, one.feature_dim))
