import math
import time
from dataclasses import replace

import numpy as np
import pytest

from regraft.data.dataset import TASK
from regraft.features.extraction import extract
from regraft.finetuning.module import FineTuning
from regraft.finetuning.settings import Training
from regraft.heads.scoring import SCORERS
from regraft.strategies.defaults import settled
from regraft.strategies.network import accuracy_and_loss, fit_network

QUICK = {"epochs": 2, "unfreeze": "layer4", "precision": "f32", "batch_size": 8}


def run(job, parts, backbone=None, **changes):
    training = settled(Training(**{**QUICK, **changes}), scratch=False)
    return fit_network(job, backbone or job.backbones[0], *parts, training, "tuned", False)


def scores(fitted, job, positions):
    names = [job.dataset.names[i] for i in positions]
    found = extract([job.dataset.examples[i] for i in positions], names, fitted.backbones, engine="torch")
    return SCORERS[fitted.head](found.values, fitted.tensors, fitted.settings)


def test_a_tuned_network_is_a_backbone_with_a_head_that_say_what_it_said(make_job, parts):
    job = make_job()
    found = run(job, parts)
    [tuned] = found.backbones
    assert tuned.weights.sha256() != job.backbones[0].weights.sha256()
    assert not tuned.weights.random
    assert tuned.weights.source.endswith(", fine-tuned here")
    # What was chosen by is what will be served: validation images through the engine, as any image.
    np.testing.assert_allclose(scores(found, job, parts[1]), found.probabilities, atol=0.02)
    assert found.attempt.accuracy == np.mean(found.probabilities.argmax(1) == job.y[parts[1]])
    assert len(found.history) == 2


def test_with_the_head_alone_the_backbone_stays(make_job, parts):
    found = run(make_job(), parts, unfreeze="head")
    assert found.backbones == make_job().backbones
    assert found.head == "logistic"
    assert found.attempt.trainable == 3 * found.backbones[0].feature_dim + 3


def test_an_mlp_head(make_job, parts):
    settings = {"units": (16,), "dropout": 0.1, "batch_norm": True}
    job = make_job(head="mlp", head_settings=settings)
    for unfreeze in ("head", "layer4"):
        found = run(job, parts, unfreeze=unfreeze)
        assert found.head == "mlp"
        assert found.tensors["weight_0"].shape == (16, job.backbones[0].feature_dim)
        np.testing.assert_allclose(scores(found, job, parts[1]), found.probabilities, atol=0.02)


@pytest.mark.parametrize("cut", [True, False])
def test_cut_and_whole_are_the_same_training(make_job, parts, cut):
    job = make_job()
    found = run(job, parts, cut=cut, augment="none", average=False, optimizer="sgd", batch_size=24, epochs=1)
    other = run(job, parts, cut=not cut, augment="none", average=False, optimizer="sgd", batch_size=24, epochs=1)
    np.testing.assert_allclose(found.probabilities, other.probabilities, atol=0.02)
    assert found.history[0].train_loss == pytest.approx(other.history[0].train_loss, rel=0.02)
    assert found.attempt.trainable == other.attempt.trainable


def test_nothing_is_learnt_from_the_validation_part_of_the_user_s(make_job, parts):
    job = make_job()
    _, val = parts
    # With one epoch there is nothing to choose; only the temperature is set by the validation part.
    expected = run(job, parts, epochs=1)
    y = job.y.copy()
    y[val] = (y[val] + 1) % 3
    other = run(replace(job, dataset=replace(job.dataset, labels={TASK: y})), parts, epochs=1)
    assert other.backbones[0].weights.sha256() == expected.backbones[0].weights.sha256()
    scale = [found.settings["inverse_temperature"] for found in (expected, other)]
    np.testing.assert_allclose(other.tensors["coef"] / scale[1], expected.tensors["coef"] / scale[0], rtol=1e-4)
    assert other.attempt.accuracy != expected.attempt.accuracy


def refitted(monkeypatch, make_job, parts, split, **changes):
    """Return the number of images of each training."""
    from regraft.strategies.prepared import Prepared

    seen = []
    whole = Prepared.run

    def watch(self, train, val, name, epochs=None, **others):
        seen.append((len(train), None if val is None else len(val), epochs))
        return whole(self, train, val, name, epochs, **others)

    monkeypatch.setattr(Prepared, "run", watch)
    job = make_job()
    if not split:
        parts_of = np.where(job.dataset.split == "test", "test", "train")
        job = make_job(dataset=job.dataset.with_split(parts_of), protocol="holdout")
    run(job, parts, **changes)
    return seen


def test_validation_images_that_were_set_aside_are_learnt_from_in_the_end(monkeypatch, make_job, parts):
    first, second = refitted(monkeypatch, make_job, parts, split=False)
    assert first == (24, 12, None)
    assert second[:2] == (36, None)
    assert second[2] in (1, 2)


@pytest.mark.parametrize(("split", "refit"), [(True, True), (False, False)])
def test_but_not_those_of_the_user_s_own_nor_without_refit(monkeypatch, make_job, parts, split, refit):
    assert refitted(monkeypatch, make_job, parts, split, refit=refit) == [(24, 12, None)]


@pytest.mark.parametrize("schedule", ["head-first", "gradual", "layer-by-layer"])
def test_refitting_with_phases_where_the_first_epoch_was_the_best(monkeypatch, make_job, parts, schedule):
    found = refitted(
        monkeypatch, make_job, parts, split=False, schedule=schedule, learning_rate=5.0, optimizer="sgd", epochs=2
    )
    assert len(found) == 2


def test_no_time_for_an_epoch(make_job, parts):
    found = run(make_job(deadline=time.monotonic() - 1), parts)
    assert (found.probabilities, found.backbones, found.history) == (None, (), ())
    assert found.attempt.note.startswith("one epoch takes about ")
    assert (found.attempt.accuracy, found.attempt.log_loss) == (0.0, math.inf)


def test_a_loss_that_is_no_number(make_job, parts, monkeypatch):
    whole = FineTuning.training_step

    def step(self, batch, number):
        inputs, y = batch
        return whole(self, (inputs * math.nan if self.global_step >= 4 else inputs, y), number)

    monkeypatch.setattr(FineTuning, "training_step", step)
    found = run(make_job(), parts)
    assert found.attempt.note == "the loss is no longer a number at step 5 (epoch 2)"
    assert len(found.history) == 1
    assert np.isfinite(found.probabilities).all()


def test_accuracy_and_loss():
    accuracy, loss = accuracy_and_loss(np.array([[0.5, 0.5], [0.2, 0.8], [1.0, 0.0]]), np.array([0, 1, 1]))
    assert accuracy == pytest.approx(2 / 3)
    assert loss == pytest.approx(-(math.log(0.5) + math.log(0.8) + math.log(1e-12)) / 3)
