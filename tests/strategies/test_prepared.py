import io
import time
from dataclasses import replace

import numpy as np
import pytest

from regraft.backbones.spectrogram import Spectrogram
from regraft.errors import UsageError
from regraft.finetuning import views as views_module
from regraft.finetuning.augmentation import Augmentation
from regraft.finetuning.module import TooShort
from regraft.finetuning.settings import Training
from regraft.finetuning.sound_augmentation import sound_preset
from regraft.finetuning.views import TooSlow
from regraft.heads.logistic import LogisticHead
from regraft.strategies import prepared as module
from regraft.strategies.defaults import settled
from regraft.strategies.prepared import Prepared


@pytest.fixture
def prepare(make_job, parts):
    def make(job=None, flips=False, backbone=None, **training):
        job = job or make_job()
        given = settled(Training(**{"epochs": 1, "precision": "f32", "unfreeze": "layer4", **training}), False)
        return Prepared(job, backbone or job.backbones[0], *parts, given, flips)

    return make


def test_what_passes_the_cut_is_varied_for_training_and_plain_for_validation(prepare):
    found = prepare(views=3)
    assert found.views.values.shape[:2] == (24, 3)
    assert found.plain.values.shape[:2] == (12, 1)
    assert found.note == ""


def test_without_augmentation_one_view_is_enough(prepare):
    found = prepare(augment="none", views=3)
    assert found.views is found.plain
    assert found.views.values.shape[:2] == (36, 1)


@pytest.mark.parametrize("training", [{"cut": False}, {"unfreeze": "all"}])
def test_where_nothing_is_cut_there_are_no_views(prepare, training):
    found = prepare(**training)
    assert found.views is None
    assert found.note == ""


def test_fewer_views_where_they_would_be_too_large(prepare, monkeypatch):
    one = prepare(augment="none").plain
    monkeypatch.setattr(module, "LARGEST_VIEWS", 2 * 24 * 2 * one.values.shape[2] + 1)
    found = prepare(views=4)
    assert found.views.values.shape[1] == 2
    assert found.note == "2 views of each image were kept instead of 4, to stay below 6 GB."


def test_a_network_that_cannot_be_cut_runs_whole(prepare, monkeypatch, parts):
    from regraft.backbones.stages import CannotCut
    from regraft.finetuning import network

    def fail(*_):
        raise CannotCut("no chain")

    monkeypatch.setattr(network, "lower_part", fail)
    found = prepare()
    assert found.views is None
    assert found.note == "The network cannot be cut there (no chain), so all of it ran in every epoch."
    tuned, trained = found.run(*parts, "tuned")
    assert trained.best is not None
    assert tuned.takes_pixels


def test_where_views_take_too_long_there_are_fewer(prepare, make_job, monkeypatch):
    asked = []
    compute = views_module.compute_views

    def slow(*arguments, **settings):
        asked.append(arguments[3])
        if arguments[3] > 1:
            raise TooSlow(100.0)
        return compute(*arguments, **settings)

    monkeypatch.setattr(views_module, "compute_views", slow)
    found = prepare(views=4)
    assert found.views.values.shape[1] == 1
    assert found.note == "1 view of each image was kept: for more there was no time."
    assert asked == [1, 4, 2, 1]
    monkeypatch.setattr(views_module, "compute_views", lambda *_, **__: (_ for _ in ()).throw(TooSlow(100.0)))
    with pytest.raises(TooShort, match="one epoch takes about 100 s, and 60 s are left"):
        prepare(make_job(deadline=time.monotonic() + 60.4))


def test_the_head_starts_from_a_probe(prepare, parts, make_job):
    job = make_job()
    network = prepare()._network(parts[0])
    from regraft.heads.logistic import LogisticHead

    head = LogisticHead(powers=(1.0,), seed=0).fit(job.features.values[parts[0]], job.y[parts[0]])
    np.testing.assert_allclose(network.head[0].weight.detach().numpy(), head.state()[0]["coef"], rtol=1e-4, atol=1e-5)
    found = prepare().logits(network, parts[1])
    # Before any step, it says what the probe says.
    expected = head.predict_proba(job.features.values[parts[1]])
    assert (found.argmax(1) == expected.argmax(1)).all()


def test_the_same_seed_gives_the_same_network(prepare, parts):
    states = [prepare().run(*parts, "tuned")[0].state_dict() for _ in range(2)]
    assert all((tensor == states[1][name]).all() for name, tensor in states[0].items())


def test_fingerprints_name_what_differs(prepare, parts, make_job):
    train = parts[0]
    base = prepare()
    one = base._fingerprint(train, base.training)
    assert one == prepare()._fingerprint(train, base.training)

    def differs(other, index=train):
        found = other._fingerprint(index, other.training)
        return [what for what in one if one[what] != found[what]]

    assert differs(base, train[:-1]) == ["data set"]
    assert differs(prepare(make_job(seed=1))) == ["way of training"]
    assert differs(prepare(label_smoothing=0.2)) == ["way of training"]
    assert differs(prepare(flips=True)) == ["way of training"]
    backbone = make_job().backbones[0]
    smaller = replace(backbone, preprocessing=replace(backbone.preprocessing, size=48))
    assert differs(prepare(backbone=smaller)) == ["backbone"]


def test_adapters_need_linear_layers(prepare, parts):
    with pytest.raises(UsageError, match="--lora must have linear layers in the trained stages, but stages of ResNet"):
        prepare(lora=2).run(*parts, "tuned")


def test_what_was_trained_is_counted(prepare, parts):
    found = prepare()
    network, _ = found.run(*parts, "tuned")
    expected = sum(p.numel() for p in network.stage("layer4").parameters())
    head = sum(p.numel() for p in network.head.parameters())
    assert found.trainable(network) == expected + head


def test_checkpoints_of_an_attempt_have_a_folder(prepare, parts, make_job, tmp_path):
    prepare(make_job(folder=tmp_path)).run(*parts, "fine-tuned from layer4 · test_resnet, fold 1")
    [folder] = tmp_path.iterdir()
    assert folder.name == "fine-tuned-from-layer4---test-resnet--fold-1"
    assert {file.name for file in folder.iterdir()} == {"best.ckpt", "last.ckpt"}


# --- texts ------------------------------------------------------------------------------------------


@pytest.fixture
def prepare_texts(make_text_job):
    def make(**training):
        job = make_text_job()
        given = settled(Training(**{"epochs": 1, "precision": "f32", "unfreeze": "layer.1", **training}), False, "text")
        train, val = (np.asarray(job.dataset.part(name)) for name in ("train", "val"))
        return Prepared(job, job.backbones[0], train, val, given, False), train, val

    return make


def test_texts_are_cut_into_pieces_once_and_run_whole(prepare_texts):
    prepared, train, val = prepare_texts()
    assert prepared.views is None
    assert sorted(prepared.pieces) == sorted([*train, *val])
    network, trained = prepared.run(train, val, "tuned")
    assert trained.best is not None
    assert network.trained == ("layer.1", "layer.2")
    assert prepared.logits(network, val).shape == (len(val), 2)


def test_a_text_encoder_begins_as_the_probe_says(prepare_texts):
    prepared, train, val = prepare_texts(learning_rate=1e-8)
    network, _ = prepared.run(train, val, "tuned")
    job = prepared.job
    head = LogisticHead(powers=(1.0,), seed=0).fit(job.features.values[train], job.y[train])
    found = prepared.logits(network, val)
    expected = head.predict_proba(job.features.values[val])
    assert (found.argmax(1) == expected.argmax(1)).all()


def test_where_the_head_alone_learns_the_features_of_texts_are_there_already(prepare_texts):
    prepared, train, val = prepare_texts(unfreeze="head")
    assert not prepared.pieces
    assert prepared.views is prepared.plain
    np.testing.assert_allclose(
        prepared.views.rows(np.arange(24), np.zeros(24, int)), prepared.job.features.values[:24], rtol=0.01, atol=1e-3
    )
    network, trained = prepared.run(train, val, "head")
    assert network.body is None
    assert trained.best is not None


# --- recordings -------------------------------------------------------------------------------------


def test_recordings_are_varied_as_recordings(prepare, make_job, parts):
    found = prepare(flips=True, backbone=None)
    assert isinstance(found.augmentation, Augmentation)
    backbone = replace(make_job().backbones[0], modality="audio", sound=Spectrogram(), layer="layer3", pool="time")
    for cut in (True, False):
        job = make_job(dataset=replace(make_job().dataset, examples=recordings(40), modality="audio"))
        job = replace(job, features=None)
        heard = prepare(job, backbone=backbone, unfreeze="layer3", augment="strong", views=2, cut=cut)
        assert heard.augmentation == sound_preset("strong")
        assert (heard.views is not None) is cut
        network, trained = heard.run(*parts, "tuned")
        assert trained.best is not None
        assert network.trained == ("layer3",)
        assert len(heard.logits(network, parts[1])) == len(parts[1])


def recordings(n):
    """Return encoded recordings of tones."""
    soundfile = pytest.importorskip("soundfile")
    found = []
    for i in range(n):
        file = io.BytesIO()
        soundfile.write(file, 0.3 * np.sin(np.arange(2000) * (0.05 + 0.01 * i)), 8000, format="WAV")
        found.append(file.getvalue())
    return found
