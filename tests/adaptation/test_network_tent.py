import numpy as np
import pytest

from regraft.adaptation.network_adaptation import adapt_network
from regraft.backbones.lookup import get_backbones
from regraft.backbones.stages import batch_norms
from regraft.data.sources import read_source
from regraft.errors import UsageError
from regraft.finetuning.network import build_body
from regraft.finetuning.settings import Training

QUICK = Training(epochs=1, unfreeze="layer4", precision="f32", views=1, augment="none", learning_rate=1e-4)


@pytest.fixture(scope="module")
def source(colours):
    """Return 18 images, 6 of which are held out."""
    dataset = read_source(colours)
    order = np.random.default_rng(0).permutation(18)
    return dataset.take(order).with_split(np.array(["train"] * 12 + ["val"] * 6))


@pytest.fixture(scope="module")
def backbone():
    return get_backbones("test_resnet", weights="none", image_size=32)[0]


def statistics(backbone):
    return {number: norm.running_mean.numpy() for number, norm in enumerate(batch_norms(build_body(backbone)))}


def moved(source, target, backbone):
    """Return which batch normalisations have other means than they came with."""
    found = adapt_network(source, target, backbone, method="tent", training=QUICK, engine="torch")
    before, after = statistics(backbone), statistics(found.backbones[0])
    return [number for number in before if not np.allclose(before[number], after[number], rtol=1e-2, atol=1e-3)]


def test_statistics_stay_where_the_target_is_the_source(source, backbone):
    assert moved(source, source.take(np.arange(18) < 12), backbone) == []


def test_statistics_of_the_trained_stages_follow_another_target(source, backbone):
    reds = source.take(source.y == 2)
    found = moved(source, reds, backbone)
    assert found
    assert min(found) > 5  # those below layer4 stay
    assert max(found) == len(statistics(backbone)) - 1


def test_a_network_without_normalisation_layers(source):
    plain = get_backbones("test_nfnet", weights="none", image_size=32)[0]
    training = Training(epochs=1, unfreeze="final_conv", precision="f32", views=1)
    with pytest.raises(UsageError, match="must have normalisation layers in the trained stages, but test_nfnet has no"):
        adapt_network(source, source, plain, method="tent", training=training, engine="torch")
