import math
import time
from dataclasses import replace

import numpy as np
import pytest

from regraft.finetuning.flips import Flips
from regraft.finetuning.settings import Training
from regraft.result import Attempt
from regraft.strategies import attempts as module
from regraft.strategies.attempts import Attempts
from regraft.strategies.network import Fitted, accuracy_and_loss


@pytest.fixture
def attempts(make_job, parts):
    return Attempts(make_job(), *parts)


def guess(attempts, right, sure=0.9, name="x", seconds=1.0):
    """Return a classifier that is right on so many of the validation images, and so sure of what it says."""
    y = attempts.job.y[attempts.val]
    said = np.where(np.arange(len(y)) < right, y, (y + 1) % 3)
    probabilities = np.full((len(y), 3), (1 - sure) / 2)
    probabilities[np.arange(len(y)), said] = sure
    attempt = Attempt(name, *accuracy_and_loss(probabilities, y), len(y), 1, seconds)
    return Fitted((), "logistic", {}, {}, probabilities, attempt)


# --- the choice -------------------------------------------------------------------------------------


def test_the_most_accurate_is_the_best(attempts):
    attempts.tried = [guess(attempts, 4), guess(attempts, 12), guess(attempts, 6)]
    assert attempts.best is attempts.tried[1]


def test_among_equals_the_least_log_loss_decides(attempts):
    attempts.tried = [guess(attempts, 12, 0.8), guess(attempts, 11, 0.99), guess(attempts, 12, 0.9)]
    # One image of twelve is within a standard error, but being sure and wrong is dear.
    assert attempts.best is attempts.tried[2]
    attempts.tried[0] = guess(attempts, 11, 0.6)
    attempts.tried[2] = guess(attempts, 12, 0.4)
    attempts.tried[1] = guess(attempts, 11, 0.9)
    assert attempts.best is attempts.tried[1]


def test_what_was_asked_for_is_kept(attempts):
    attempts.tried = [guess(attempts, 12), guess(attempts, 4)]
    attempts.kept = attempts.tried[1]
    assert attempts.best is attempts.tried[1]


def test_what_came_to_nothing_is_never_the_best(attempts):
    attempts.tried = [guess(attempts, 4), replace(guess(attempts, 12), probabilities=None)]
    assert attempts.best is attempts.tried[0]


def test_better_is_beyond_one_standard_error(attempts):
    few, more, most = (guess(attempts, right) for right in (4, 11, 12))
    assert attempts.is_better(most, few)
    assert not attempts.is_better(most, more)
    assert not attempts.is_better(few, most)
    assert not attempts.is_better(most, most)


def test_worth_trying(attempts, monkeypatch):
    assert attempts.worth_trying([])
    monkeypatch.setattr(module.time, "monotonic", lambda: 100.0)
    attempts.job = replace(attempts.job, deadline=104.0)
    assert not attempts.worth_trying([])
    attempts.job = replace(attempts.job, deadline=110.0)
    assert attempts.worth_trying([])
    assert attempts.worth_trying([guess(attempts, 1, seconds=19.0)])
    assert not attempts.worth_trying([guess(attempts, 1, seconds=2.0), guess(attempts, 1, seconds=21.0)])


# --- the ways ---------------------------------------------------------------------------------------


def test_the_probe_is_judged_on_images_it_has_not_learnt(attempts):
    said = []
    attempts.job = replace(attempts.job, announce=said.append)
    probe = attempts.probe()
    assert attempts.tried == [probe]
    assert (probe.attempt.name, probe.attempt.n) == ("probe", 12)
    y = attempts.job.y[attempts.val]
    assert probe.attempt.accuracy == np.mean(probe.probabilities.argmax(1) == y)
    assert [candidate.name for candidate in attempts.candidates] == ["logistic", "centroid"]
    assert said == [
        f"probe: {probe.attempt.accuracy:.3f} of 12 validation images, log loss {probe.attempt.log_loss:.3f}, "
        f"{probe.attempt.seconds:.0f} s."
    ]


def test_where_validation_images_were_set_aside_the_probe_learns_from_them_in_the_end(make_job, parts):
    job = make_job()
    train = parts[0]
    everything = replace(job, dataset=job.dataset.with_split(np.where(job.dataset.split == "val", "test", "train")))
    own, aside = (Attempts(j, train[::2], train[1::2]) for j in (job, everything))
    assert (own.job.own_validation, aside.job.own_validation) == (True, False)
    kept, refitted = own.probe(), aside.probe()
    np.testing.assert_array_equal(kept.probabilities, refitted.probabilities)
    assert not np.array_equal(next(iter(kept.tensors.values())), next(iter(refitted.tensors.values())))


def test_the_attempts_have_names(attempts, backbone):
    named = []
    attempts.label = ", fold 2"

    def fit(job, backbone, train, val, training, name, flips):
        named.append((name, training.unfreeze))
        return guess(attempts, 3, name=name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "fit_network", fit)
        for training in (
            Training(),
            Training(unfreeze="all"),
            Training(unfreeze="head"),
            Training(unfreeze="layer3", lora=4),
        ):
            attempts.network(backbone, training)
        attempts.job = replace(attempts.job, scratch=True)
        attempts.network(backbone, Training())
    assert named == [
        ("fine-tuned from layer4 · test_resnet, fold 2", "layer4"),
        ("fine-tuned, all · test_resnet, fold 2", "all"),
        ("head · test_resnet, fold 2", "head"),
        ("adapters of rank 4 from layer3 · test_resnet, fold 2", "layer3"),
        ("from scratch · test_resnet, fold 2", "all"),
    ]


def test_a_note_is_said(attempts, backbone, monkeypatch):
    noted = guess(attempts, 3, name="tuned")
    noted = replace(noted, attempt=replace(noted.attempt, note="the loss is no longer a number at step 4 (epoch 2)"))
    monkeypatch.setattr(module, "fit_network", lambda *_: noted)
    said = []
    attempts.job = replace(attempts.job, announce=said.append)
    attempts.network(backbone, attempts.job.training)
    sentence = "tuned: the loss is no longer a number at step 4 (epoch 2)."
    assert attempts.job.notes == [sentence]
    assert said[-1] == f"Note: {sentence}"


# --- mirroring --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flips", "harm", "expected"),
    [("on", True, True), ("off", False, False), ("auto", False, True), ("auto", True, False)],
)
def test_images_are_mirrored_where_it_does_no_harm(attempts, backbone, monkeypatch, flips, harm, expected):
    checked, used = [], []

    def check(images, y, predict):
        checked.append(len(images))
        assert predict([np.zeros((40, 40, 3), np.uint8)]).shape == (1, 3)
        return Flips(len(y), 0.9, 0.5, 0.01, harm)

    monkeypatch.setattr(module, "check_flips", check)
    monkeypatch.setattr(module, "fit_network", lambda *a: used.append(a[-1]) or guess(attempts, 3))
    training = Training(unfreeze="layer4", flips=flips)
    for _ in range(2):
        attempts.network(backbone, training)
    assert used == [expected, expected]
    assert checked == ([12] if flips == "auto" else [])  # once for all attempts
    assert len(attempts.job.notes) == (flips == "auto" and harm)
    assert all("are named worse" in note for note in attempts.job.notes)


def test_without_a_probe_or_mirroring_nothing_is_checked(attempts, backbone, monkeypatch):
    monkeypatch.setattr(module, "check_flips", None)
    used = []
    monkeypatch.setattr(module, "fit_network", lambda *a: used.append(a[-1]) or guess(attempts, 3))
    attempts.network(backbone, Training(unfreeze="layer4", augment="none"))
    attempts.job = replace(attempts.job, features=None)
    attempts.network(backbone, Training(unfreeze="layer4"))
    assert used == [True, True]


def test_time_left(make_job):
    assert make_job().left == math.inf
    assert make_job(deadline=time.monotonic() - 5).left <= -5
