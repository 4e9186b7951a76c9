import time
from dataclasses import replace

import numpy as np
import pytest

from regraft.backbones.lookup import get_backbones
from regraft.errors import RegraftError
from regraft.finetuning.processes import Processes
from regraft.finetuning.settings import Training
from regraft.strategies import run as module
from regraft.strategies.attempts import Attempts
from regraft.strategies.network import Fitted
from regraft.strategies.run import run


@pytest.fixture
def forge(monkeypatch):
    """Return a function that lets trainings be right on so many of the validation images, without any training.

    They are the probe but for what they say; those who are right on None came to nothing.
    """
    named = []

    def make(*rights):
        left = list(rights)

        def network(self, backbone, training):
            named.append(backbone.name)
            right = left.pop(0)
            probe = self.tried[0]
            if right is None:
                nothing = Fitted((), "", {}, {}, None, replace(probe.attempt, name="tuned", note="no time"))
                return self._tried(nothing)
            y = self.job.y[self.val]
            said = np.where(np.arange(len(y)) < right, y, (y + 1) % 3)
            probabilities = np.full((len(y), 3), 0.001)
            probabilities[np.arange(len(y)), said] = 0.998
            attempt = replace(probe.attempt, name="tuned", accuracy=right / len(y), log_loss=0.1 + len(y) - right)
            return self._tried(replace(probe, probabilities=probabilities, attempt=attempt))

        monkeypatch.setattr(Attempts, "network", network)
        return named

    return make


def weaken(monkeypatch, right):
    """Let the probe be right on so many of the validation images."""
    whole = Attempts.probe

    def probe(self):
        found = whole(self)
        y = self.job.y[self.val]
        said = np.where(np.arange(len(y)) < right, y, (y + 1) % 3)
        probabilities = np.full((len(y), 3), 0.1)
        probabilities[np.arange(len(y)), said] = 0.8
        attempt = replace(found.attempt, accuracy=right / len(y), log_loss=1.0)
        self.tried[-1] = replace(found, probabilities=probabilities, attempt=attempt)
        return self.tried[-1]

    monkeypatch.setattr(Attempts, "probe", probe)


def chosen(outcome):
    return [attempt.name for attempt in outcome.attempts if attempt.chosen]


# --- finetune ---------------------------------------------------------------------------------------


def test_finetune_keeps_the_tuned_network_and_shows_the_probe_beside_it(make_job):
    job = make_job()
    outcome = run(job, "finetune")
    names = [attempt.name for attempt in outcome.attempts]
    assert names == ["probe", "fine-tuned from layer4 · test_resnet"]
    assert chosen(outcome) == names[1:]
    assert [candidate.name for candidate in outcome.candidates] == ["logistic", "centroid"]
    np.testing.assert_array_equal(outcome.test_index, job.dataset.part("test"))
    np.testing.assert_allclose(outcome.test_probabilities.sum(1), 1, rtol=1e-5)
    assert outcome.val_probabilities is outcome.fitted.probabilities
    assert [epoch.attempt for epoch in outcome.history] == names[1:]


def test_finetune_is_kept_even_where_the_probe_is_better_and_that_is_said(make_job, monkeypatch, forge):
    weaken(monkeypatch, 12)
    forge(4)
    job = make_job()
    assert chosen(run(job, "finetune")) == ["tuned"]
    assert job.notes == [
        "On the 12 validation images the probe did better (1.000) than fine-tuning (0.333): fine-tuning is kept as "
        "asked, but does not pay here."
    ]


def test_where_nothing_came_of_the_training_the_probe_is_kept(make_job, forge):
    forge(None)
    job = make_job()
    assert chosen(run(job, "finetune")) == ["probe"]
    assert job.notes == ["tuned: no time.", "Nothing came of the training, so the probe is kept."]


@pytest.fixture
def two(make_job, weights):
    """Return a job with two networks, of which the first has learnt."""
    from regraft.features.extraction import extract

    first = make_job()
    [other] = get_backbones("test_resnet", weights=weights, image_size=48)
    both = (*first.backbones, replace(other, name="other"))
    features = extract(first.dataset.examples, first.dataset.names, both, engine="torch")
    return replace(first, backbones=both, features=features)


def test_two_tuned_networks_are_joined(two):
    outcome = run(two, "finetune")
    names = [attempt.name for attempt in outcome.attempts]
    assert names[3] == f"{names[1]} + {names[2]}"
    assert chosen(outcome) == names[3:]
    assert len(outcome.fitted.backbones) == len(outcome.widths) == 2
    assert outcome.fitted.tensors["coef"].shape[1] == sum(outcome.widths)


# --- auto -------------------------------------------------------------------------------------------


def test_auto_keeps_training_where_it_pays(make_job, monkeypatch, forge):
    weaken(monkeypatch, 4)
    named = forge(12)
    job = make_job()
    assert chosen(run(job, "auto")) == ["tuned"]
    assert named == ["test_resnet"]
    assert job.notes == []


def test_auto_keeps_the_probe_and_tries_no_more_where_training_does_not_pay(two, monkeypatch, forge):
    weaken(monkeypatch, 12)
    named = forge(4, 12)
    assert chosen(run(two, "auto")) == ["probe"]
    assert named == ["test_resnet"]
    assert two.notes[-1] == "Training test_resnet did not pay on the validation images, so no more was tried."


def test_auto_goes_on_while_it_pays_and_joins(two, monkeypatch, forge):
    weaken(monkeypatch, 1)
    named = forge(6, 12)
    monkeypatch.setattr(module, "joinable", lambda fitted: False)
    assert chosen(run(two, "auto")) == ["tuned"]
    assert named == ["test_resnet", "other"]


def test_auto_without_time_is_the_probe(make_job, forge):
    named = forge(12)
    job = make_job(deadline=time.monotonic() + 1)
    assert chosen(run(job, "auto")) == ["probe"]
    assert named == []
    assert job.notes == ["The budget leaves no time to train test_resnet."]


def test_finetuning_does_not_begin_when_the_budget_is_over(two, monkeypatch, forge):
    named = forge(12, 12)
    whole = Attempts.network

    def network(self, backbone, training):
        found = whole(self, backbone, training)
        monkeypatch.setattr(module.Job, "left", 0.0)
        return found

    monkeypatch.setattr(Attempts, "network", network)
    assert chosen(run(two, "finetune")) == ["tuned"]
    assert named == ["test_resnet"]
    assert two.notes == ["The budget leaves no time to train other."]


def test_auto_after_a_training_that_came_to_nothing(two, forge):
    named = forge(None, 12)
    assert chosen(run(two, "auto")) == ["probe"]
    assert named == ["test_resnet"]


# --- scratch ----------------------------------------------------------------------------------------


@pytest.fixture
def scratch(make_job):
    [network] = get_backbones("cnn3", weights="none", image_size=40)
    training = Training(epochs=1, precision="f32", batch_size=8)
    return make_job(backbones=(network,), features=None, training=training, scratch=True)


def test_scratch(scratch):
    outcome = run(scratch, "scratch")
    assert chosen(outcome) == ["from scratch · cnn3"]
    assert outcome.candidates == ()
    assert outcome.fitted.attempt.trainable > 100_000
    assert outcome.fitted.backbones[0].weights.source == "trained here from random weights"


def test_scratch_without_an_epoch(scratch):
    with pytest.raises(
        RegraftError, match=r"Training from scratch must come to the end of an epoch, but it did not \(one"
    ):
        run(replace(scratch, deadline=time.monotonic() - 1), "scratch")


# --- cross-validation -------------------------------------------------------------------------------


def test_cross_validation_predicts_every_image_by_a_network_that_has_not_seen_it(make_job, monkeypatch):
    job = make_job()
    job = replace(job, dataset=replace(job.dataset, split=None), protocol="cross-validation")
    seen = []
    whole = Attempts.network

    def network(self, backbone, training):
        seen.append((set(self.train) | set(self.val), self.label))
        return self.probe() if self.label else whole(self, backbone, training)

    monkeypatch.setattr(Attempts, "network", network)
    outcome = run(job, "finetune")
    assert [label for _, label in seen] == [*(f", fold {i}" for i in range(1, 6)), ""]
    sizes = [len(images) for images, _ in seen]
    assert sizes[-1] == len(job.dataset)
    assert sum(len(job.dataset) - size for size in sizes[:-1]) == len(job.dataset)
    np.testing.assert_array_equal(outcome.test_index, np.arange(len(job.dataset)))
    np.testing.assert_allclose(outcome.test_probabilities.sum(1), 1, rtol=1e-5)
    assert chosen(outcome) == ["fine-tuned from layer4 · test_resnet"]
    assert outcome.val_probabilities is None


def test_notes_are_those_of_the_classifier_that_is_kept(make_job, monkeypatch, forge):
    weaken(monkeypatch, 100)
    forge(*[0] * 6)
    job = make_job()
    job = replace(job, dataset=replace(job.dataset, split=None), protocol="cross-validation")
    run(job, "finetune")
    assert len(job.notes) == 1


# --- several processes ------------------------------------------------------------------------------


class Second(Processes):
    """One that is not the first, of processes that all say the same."""

    def __init__(self):
        super().__init__(rank=1)

    def part(self):
        raise SystemExit(0)


@pytest.mark.parametrize("protocol", ["given", "cross-validation"])
def test_only_the_first_process_predicts(protocol, make_job, monkeypatch, forge):
    forge(*[12] * 6)
    monkeypatch.setattr(module, "_predict", lambda *arguments: pytest.fail("it predicted"))
    job = make_job(processes=Second())
    if protocol == "cross-validation":
        job = replace(job, dataset=replace(job.dataset, split=None), protocol=protocol)
    with pytest.raises(SystemExit):
        run(job, "finetune")


@pytest.mark.parametrize("stop", [True, False])
def test_whether_another_network_is_tried_is_what_the_first_process_says(stop, two, monkeypatch, forge):
    class Told(Second):
        def agree(self, value):
            return float(stop)

    weaken(monkeypatch, 12)
    named = forge(12, 12)
    with pytest.raises(SystemExit):
        run(replace(two, processes=Told()), "auto")
    assert named == ["test_resnet", "other"][: 2 - stop]
