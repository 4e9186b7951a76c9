from dataclasses import replace

import numpy as np
import pytest

from regraft.adaptation.base import Known
from regraft.adaptation.network_adaptation import adapt_network
from regraft.backbones.lookup import get_backbones
from regraft.data.sources import read_source
from regraft.errors import DataError, UsageError
from regraft.features.extraction import extract
from regraft.finetuning.settings import Training
from regraft.heads.scoring import SCORERS
from regraft.persistence import packed

METHODS = ("dann", "deep-coral", "mcc", "tent")
QUICK = Training(epochs=2, unfreeze="layer4", precision="f32", views=2)


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    """Return a tiny network with a file of weights: to regraft they are pretrained."""
    built = get_backbones("test_resnet", weights="none")[0].build().state_dict()
    state = {name: tensor.numpy().copy() for name, tensor in built.items()}
    for name, values in state.items():
        if "bn" in name and name.endswith(".weight"):
            values[...] = 1.0  # a residual branch that ends in zero would learn nothing
    file = tmp_path_factory.mktemp("weights") / "own.safetensors"
    file.write_bytes(packed(state))
    return get_backbones("test_resnet", weights=file, image_size=32)[0]


@pytest.fixture(scope="module")
def domains(tmp_path_factory, draw_classes):
    """Return 24 images of three classes, and 12 others."""
    folder = tmp_path_factory.mktemp("domains")
    source = read_source(draw_classes(folder / "source", 8))
    return source, read_source(draw_classes(folder / "target", 4, seed=70))


def adapt(domains, backbone, method="mcc", training=QUICK, **settings):
    return adapt_network(*domains, backbone, method=method, training=training, engine="torch", **settings)


@pytest.mark.parametrize("method", METHODS)
def test_a_network_and_a_head_for_the_target(domains, backbone, method):
    target = domains[1]
    found = adapt(domains, backbone, method)
    assert found.target_probabilities.shape == (12, 3)
    positions, probabilities = found.source_held_out
    assert set(positions) < set(range(24))
    assert probabilities.shape == (len(positions), 3)
    assert [epoch.epoch for epoch in found.history] == [1, 2]
    assert found.history[0].attempt == f"{method} from layer4"
    values = extract(target.examples, target.names, found.backbones, engine="torch", precisions=found.precisions).values
    assert found.widths == (values.shape[1],)
    said = SCORERS[found.head](values, found.tensors, found.settings)
    np.testing.assert_allclose(said, found.target_probabilities, atol=0.05)
    assert found.backbones[0].weights.sha256() != backbone.weights.sha256()


def test_it_ends_soon_where_no_number_of_epochs_is_given(domains, backbone):
    found = adapt(domains, backbone, training=replace(QUICK, epochs=None))
    assert len(found.history) == 4


def test_labels_of_the_target_are_not_looked_at(domains, backbone):
    source, target = domains
    turned = replace(target, labels={name: y[::-1].copy() for name, y in target.labels.items()})
    one, two = adapt(domains, backbone), adapt((source, turned), backbone)
    np.testing.assert_array_equal(one.target_probabilities, two.target_probabilities)


def test_known_labels_are_learnt_from(domains, backbone):
    blind = adapt(domains, backbone)
    told = adapt(domains, backbone, known=Known(np.arange(4), np.array([2, 2, 2, 2])))
    assert told.target_probabilities[:4, 2].mean() > blind.target_probabilities[:4, 2].mean()


def test_the_validation_part_of_a_source_is_held_out(domains, backbone):
    source, target = domains
    split = np.array(["train"] * 18 + ["val"] * 4 + ["test"] * 2)
    order = np.random.default_rng(0).permutation(24)
    found = adapt((source.take(order).with_split(split), target), backbone)
    assert found.source_held_out[0].tolist() == [18, 19, 20, 21]


def test_the_head_starts_from_a_probe(domains, backbone):
    features = tuple(extract(d.examples, d.names, (backbone,), engine="torch").values for d in domains)
    head = Training(epochs=1, unfreeze="head", precision="f32", learning_rate=1e-8)
    found = adapt(domains, backbone, training=head, features=features)
    assert (found.target_probabilities.argmax(1) == domains[1].y).mean() > 0.8
    assert found.backbones == (backbone,)


@pytest.mark.parametrize("method", METHODS)
def test_texts(texts, text_backbone, method):
    source, target = texts
    features = tuple(extract(d.examples, d.names, (text_backbone,), engine="torch").values for d in texts)
    training = Training(epochs=2, precision="f32")
    found = adapt(texts, text_backbone, method, training, features=features)
    assert found.target_probabilities.shape == (12, 2)
    assert found.history[0].attempt == f"{method} from layer.0"
    assert len(found.source_held_out[0]) + 19 == len(source)
    values = extract(target.examples, target.names, found.backbones, engine="torch", precisions=found.precisions).values
    said = SCORERS[found.head](values, found.tensors, found.settings)
    np.testing.assert_allclose(said, found.target_probabilities, atol=1e-3)
    assert found.backbones[0].weights.sha256() != text_backbone.weights.sha256()


@pytest.mark.parametrize("method", ["dann", "deep-coral", "mcc"])
def test_the_objective_matters(domains, backbone, method):
    without, little = (adapt(domains, backbone, method, trade_off=w).target_probabilities for w in (0.0, 5.0))
    assert not np.allclose(without, little, atol=1e-4)


def test_entropy_falls_and_it_says_so(domains, backbone):
    found = adapt(domains, backbone, "tent")
    assert found.notes[0].startswith("The entropy of the target's predictions went from ")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"method": "magic"}, "--method of a network must be one of dann, deep-coral, mcc, tent, not 'magic'"),
        ({"training": Training(mix="mixup")}, "--mix has no meaning where a network is adapted; leave it out"),
        (
            {"method": "dann", "training": Training(unfreeze="head")},
            "--method dann must have stages of the network to train, not the head alone",
        ),
        ({"trade_off": -0.5}, "trade_off must be 0 or more, not -0.5"),
    ],
)
def test_requests_that_are_wrong(domains, backbone, change, words):
    with pytest.raises(UsageError, match=words):
        adapt(domains, backbone, **change)


def test_domains_that_do_not_fit(domains, backbone):
    source, target = domains
    with pytest.raises(UsageError, match="of one kind, but the source is images and the target texts"):
        adapt((source, replace(target, modality="text")), backbone)
    with pytest.raises(DataError, match="A target must have an example or more, but it has none"):
        adapt((source, target.take(np.zeros(12, bool))), backbone)
