"""The source's classes in words, and its classifier side by side."""

from __future__ import annotations

import numpy as np
import pytest

from regraft.backbones.lookup import get_backbones
from regraft.backbones.source import source_classifier
from regraft.errors import UsageError
from regraft.zero_shot.vocabulary import joint_classifier, read_vocabulary

LITE0, LITE1 = get_backbones()
RANDOM = get_backbones("tf_efficientnet_lite0", weights="none")[0]


def test_the_vocabulary(encoder):
    found = read_vocabulary([RANDOM, LITE0])
    assert (len(found.names), found.called(985), found.called(934)) == (1000, "daisy", "hotdog")
    assert found.embeddings.shape == (1000, 384)
    assert np.allclose(np.linalg.norm(found.embeddings, axis=1), 1, atol=1e-5)


def test_classes_are_placed_by_name_and_text(encoder):
    found = read_vocabulary([LITE0])
    plain, told = found.place(["daisy", "daisy"], ["", "a pirate ship"])
    similarity = found.embeddings @ plain
    assert (similarity > similarity[985]).sum() < 5
    pirate = found.names.index("pirate, pirate ship")
    assert found.embeddings[pirate] @ told > found.embeddings[pirate] @ plain
    assert np.allclose(np.linalg.norm([plain, told], axis=1), 1, atol=1e-5)
    assert (found.embeddings @ found.read(["pirate ship"])[0]).argmax() == pirate


def test_logits_are_averaged_and_the_unknown_count_for_nothing():
    coef, intercept = joint_classifier([LITE0, RANDOM, LITE1], [1280, 7, 1280])
    assert (coef.shape, coef.dtype, intercept.shape) == ((1000, 2567), np.float16, (1000,))
    [(weight0, bias0), (weight1, bias1)] = [source_classifier(each) for each in (LITE0, LITE1)]
    assert np.allclose(coef[:, :1280], weight0 / 2, atol=1e-3)
    assert not coef[:, 1280:1287].any()
    assert np.allclose(coef[:, 1287:], weight1 / 2, atol=1e-3)
    assert np.allclose(intercept, (bias0 + bias1) / 2, atol=1e-6)


def test_a_network_of_unknown_classes():
    words = (
        "trained on classes known by name .ImageNet-1k., but of tf_efficientnet_lite0 .none .random weights.. it is not"
    )
    with pytest.raises(UsageError, match=words):
        read_vocabulary([RANDOM])


def test_a_network_without_a_linear_classifier():
    with pytest.raises(UsageError, match=r"own classifier is one linear layer .* but tf_efficientnet_lite0 has none"):
        joint_classifier([RANDOM], [1280])
