"""One attempt: a network trained on some images, its best epoch chosen on others, as a classifier's parts."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from regraft.backbones.registry import Backbone
from regraft.finetuning.augmentation import Augmentation
from regraft.finetuning.settings import Training
from regraft.finetuning.sound_augmentation import SoundAugmentation
from regraft.heads.scoring import softmax
from regraft.result import Attempt, Epoch
from regraft.strategies.job import Job
from regraft.strategies.parts import trained_parts
from regraft.strategies.prepared import Prepared


@dataclass(frozen=True, eq=False)
class Fitted:
    """A classifier's parts, how they came about, and what they say of the validation images.

    Parameters
    ----------
    backbones : tuple of Backbone
    head : str
        Name in `SCORERS`.
    tensors, settings : dict
        The head's state.
    probabilities : float array of shape (n, k) or None
        Of the validation images; None after a training on all images.
    attempt : Attempt
    history : tuple of Epoch
    augmentation : Augmentation, SoundAugmentation or None
    """

    backbones: tuple[Backbone, ...]
    head: str
    tensors: dict[str, np.ndarray]
    settings: dict[str, Any]
    probabilities: np.ndarray | None
    attempt: Attempt
    history: tuple[Epoch, ...] = ()
    augmentation: Augmentation | SoundAugmentation | None = None


def fit_network(
    job: Job, backbone: Backbone, train: np.ndarray, val: np.ndarray, training: Training, name: str, flips: bool
) -> Fitted:
    """Train a network on some images, keep its best epoch by others, and return the classifier's parts.

    Parameters
    ----------
    job : Job
    backbone : Backbone
    train, val : int arrays
        Positions in the dataset.
    training : Training
        Settled.
    name : str
        Of the attempt.
    flips : bool
        Whether images may be mirrored.

    Raises
    ------
    RegraftError
        Of what is wrong with the request, the weights or the place for checkpoints.
    """
    from regraft.finetuning.module import TooShort
    from regraft.heads.temperature import fit_temperature

    begun = time.monotonic()
    refits = training.refit and not job.own_validation
    everything = np.concatenate([train, val])
    try:
        prepared = Prepared(job, backbone, everything if refits else train, val, training, flips)
        network, trained = prepared.run(train, val, name)
        note, history = " ".join(filter(None, (prepared.note, trained.note))), trained.history
        best = trained.best
    except TooShort as stopped:
        note, history, best = str(stopped), (), None
    if best is None:
        return Fitted((), "", {}, {}, None, _attempt(name, None, job.y[val], 0, begun, note), history, None)
    trainable = prepared.trainable(network)
    logits = prepared.logits(network, val)
    scale = fit_temperature(logits, job.y[val])[0]
    if refits and job.left > 1.3 * _again(history, best, len(val) / len(train)):
        again, second = prepared.run(everything, None, f"{name}, all images", best.epoch)
        network = network if second.note else again
    tuned, head, tensors, settings = trained_parts(backbone, network, scale, scratch=job.scratch)
    probabilities = softmax(scale * logits)
    varied = None if backbone.modality == "text" else prepared.augmentation
    attempt = _attempt(name, probabilities, job.y[val], trainable, begun, note)
    return Fitted((tuned,), head, tensors, settings, probabilities, attempt, history, varied)


def _again(history: tuple[Epoch, ...], best: Epoch, more: float) -> float:
    """Return about how many seconds a training to the best epoch takes with a share of images more."""
    an_epoch = (history[-1].seconds - history[0].seconds) / max(1, len(history) - 1) or best.seconds
    return best.epoch * an_epoch * (1 + more)


def _attempt(
    name: str, probabilities: np.ndarray | None, y: np.ndarray, trainable: int, begun: float, note: str
) -> Attempt:
    accuracy, loss = (0.0, float("inf")) if probabilities is None else accuracy_and_loss(probabilities, y)
    return Attempt(name, accuracy, loss, len(y), trainable, time.monotonic() - begun, note=note)


def accuracy_and_loss(probabilities: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Return the share that is right, and the mean of -log(probability of the truth)."""
    right = probabilities.argmax(axis=1) == y
    return float(right.mean()), float(-np.log(np.maximum(probabilities[np.arange(len(y)), y], 1e-12)).mean())
