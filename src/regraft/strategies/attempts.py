"""The ways to a classifier that a strategy tries on the same images; the best on the validation images is kept."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from regraft.backbones.registry import Backbone
from regraft.backbones.stage_names import ALL, HEAD
from regraft.data.images import decode, read_bytes
from regraft.features.extraction import extract
from regraft.finetuning.augmentation import Augmentation
from regraft.finetuning.flips import check_flips
from regraft.finetuning.settings import Training
from regraft.probe import select
from regraft.result import Attempt
from regraft.strategies.defaults import augmentation_of, default_stage, settled
from regraft.strategies.job import Job
from regraft.strategies.joining import join
from regraft.strategies.network import Fitted, accuracy_and_loss, fit_network

if TYPE_CHECKING:
    from regraft.heads.selection import Candidate, Selection

SHORTEST = 5.0
"""Seconds below which no training is begun."""

FLIPS_TRIED = 200
"""Validation images that are mirrored to see whether they are still named alike."""


@dataclass(eq=False)
class Attempts:
    """Tries ways to a classifier, one after the other.

    Parameters
    ----------
    job : Job
    train, val : int arrays
        Positions of the images to learn from, and to choose by.
    label : str
        Added to the names of the attempts, where there are several rounds of them.
    """

    job: Job
    train: np.ndarray
    val: np.ndarray
    label: str = ""
    tried: list[Fitted] = field(default_factory=list)
    kept: Fitted | None = None
    candidates: tuple[Candidate, ...] = ()
    _flips: bool | None = None

    def probe(self) -> Fitted:
        """Try a head on frozen features."""
        job, begun = self.job, time.monotonic()
        assert job.features is not None
        values = job.features.values
        first = self._first_probe
        probabilities = first.head.predict_proba(values[self.val])
        everything = np.sort(np.concatenate([self.train, self.val]))
        selection = first if job.own_validation else select(job.dataset, values, everything, job.heads, job.seed)
        self.candidates = selection.candidates
        tensors, settings = selection.head.state()
        accuracy, loss = accuracy_and_loss(probabilities, job.y[self.val])
        trainable = sum(array.size for array in tensors.values())
        attempt = Attempt("probe", accuracy, loss, len(self.val), trainable, time.monotonic() - begun)
        return self._tried(Fitted(job.backbones, selection.name, tensors, settings, probabilities, attempt))

    @cached_property
    def _first_probe(self) -> Selection:
        """The probe that has not seen the validation images."""
        job = self.job
        assert job.features is not None
        return select(job.dataset, job.features.values, self.train, job.heads, job.seed)

    def network(self, backbone: Backbone, training: Training) -> Fitted:
        """Try a trained network."""
        scratch = self.job.scratch
        if training.unfreeze is None and not scratch:
            training = replace(training, unfreeze=ALL if training.lora else default_stage(backbone))
        training = settled(training, scratch, backbone.modality)
        name = f"{_called(training, scratch)} · {backbone.name}{self.label}"
        flips = training.flips == "on" or (training.flips == "auto" and self._flips_do_no_harm(training))
        flips = bool(self.job.processes.agree(flips))
        return self._tried(fit_network(self.job, backbone, self.train, self.val, training, name, flips))

    def join(self, parts: list[Fitted]) -> Fitted:
        """Try the mean of several linear classifiers' logits."""
        return self._tried(join(parts, self.job.y[self.val]))

    def _tried(self, fitted: Fitted) -> Fitted:
        self.tried.append(fitted)
        attempt = fitted.attempt
        if fitted.probabilities is not None and self.job.announce is not None:
            self.job.announce(
                f"{attempt.name}: {attempt.accuracy:.3f} of {attempt.n} validation "
                f"{self.job.dataset.things}, log loss "
                f"{attempt.log_loss:.3f}, {attempt.seconds:.0f} s."
            )
        if attempt.note:
            self.job.say(f"{attempt.name}: {attempt.note}.".replace("..", "."))
        return fitted

    def _flips_do_no_harm(self, training: Training) -> bool:
        """Return whether mirrored images are named as well as plain ones by the probe; True where there is none."""
        job = self.job
        varied = augmentation_of(training, True, job.dataset.modality)
        if job.features is None or not isinstance(varied, Augmentation) or not varied.flip:
            return True
        if self._flips is None:
            side = max(b.preprocessing.short_side for b in job.backbones)
            shown = np.random.default_rng(job.seed).permutation(self.val)[:FLIPS_TRIED]
            images = [decode(read_bytes(job.dataset.examples[int(i)]), side) for i in shown]
            head = self._first_probe.head
            precisions = job.features.precisions

            def predict(arrays: list[np.ndarray]) -> np.ndarray:
                names = [str(i) for i in range(len(arrays))]
                found = extract(arrays, names, job.backbones, engine=job.engine, precisions=precisions)
                return head.predict_proba(found.values)

            flips = check_flips(images, job.y[shown], predict)
            self._flips = not flips.harm
            if flips.harm:
                job.say(flips.sentence)
        return self._flips

    @property
    def best(self) -> Fitted:
        """What is kept: as asked for, or the most accurate on the validation images.

        Among those that are as accurate, within one standard error, it is the one with the least log loss.
        """
        if self.kept is not None:
            return self.kept
        sound = [fitted for fitted in self.tried if fitted.probabilities is not None]
        y = self.job.y[self.val]
        right = [fitted.probabilities.argmax(axis=1) == y for fitted in sound if fitted.probabilities is not None]
        top = int(np.argmax([r.mean() for r in right]))
        equals = [i for i, r in enumerate(right) if _equal(right[top], r)]
        return sound[min(equals, key=lambda i: sound[i].attempt.log_loss)]

    def is_better(self, one: Fitted, other: Fitted) -> bool:
        """Return whether one names the validation images better than another, beyond one standard error."""
        assert one.probabilities is not None and other.probabilities is not None
        y = self.job.y[self.val]
        right = one.probabilities.argmax(axis=1) == y, other.probabilities.argmax(axis=1) == y
        return not _equal(*right)

    def worth_trying(self, tuned: list[Fitted]) -> bool:
        """Return whether the time that is left may do for another training."""
        if not tuned:
            return self.job.left > SHORTEST
        return self.job.left > 0.5 * max(fitted.attempt.seconds for fitted in tuned)


def _equal(better: np.ndarray, other: np.ndarray) -> bool:
    """Return whether two shares of the same images differ by at most one standard error of the difference."""
    difference = better.astype(float) - other
    error = difference.std(ddof=1) / np.sqrt(len(difference)) if len(difference) > 1 else np.inf
    return float(difference.mean()) <= error * (1 + 1e-9)


def _called(training: Training, scratch: bool) -> str:
    if scratch:
        return "from scratch"
    if training.unfreeze == HEAD:
        return "head"
    how = f"adapters of rank {training.lora}" if training.lora else "fine-tuned"
    return f"{how}, all" if training.unfreeze == ALL else f"{how} from {training.unfreeze}"
