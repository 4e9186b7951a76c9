"""Tent on features: a linear head stays as it is, and each feature of the target gets a scale and a shift."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.adaptation.base import Floats, Known
from regraft.adaptation.domainwise import Domainwise, centre_and_spread
from regraft.errors import UsageError
from regraft.heads.logistic import LogisticHead


class Tent(Domainwise):
    """Logistic regression on the standardised source; the target is standardised by its own mean and spread.

    Then a scale and a shift for each feature are learnt that make the head surer of the target, as those of a network's
    normalisation layers are. Where that would leave fewer classes named, it is undone.

    Parameters
    ----------
    C : float, optional
        Inverse strength of the regression's penalty; default: by cross-validation.
    epochs : int
        Passes over the target.
    learning_rate : float
    batch_size : int
    seed : int

    References
    ----------
    Wang et al., Tent: Fully Test-Time Adaptation by Entropy Minimization, 2021.
    """

    def __init__(
        self,
        C: float | None = None,
        epochs: int = 3,
        learning_rate: float = 1e-3,
        batch_size: int = 64,
        seed: int = 0,
    ):
        self.C = C
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.seed = seed

    def _learn(
        self,
        X: Floats,
        y: npt.NDArray[np.intp],
        k: int,
        target: Floats,
        known: Known,
        domains: npt.NDArray[np.intp],
    ) -> tuple[str, dict[str, np.ndarray], dict[str, Any]]:
        if self.epochs < 1 or self.batch_size < 1 or self.learning_rate <= 0:
            raise UsageError(
                "epochs and batch_size must be 1 or more and learning_rate above 0, not "
                f"epochs={self.epochs}, batch_size={self.batch_size}, learning_rate={self.learning_rate}."
            )
        of_source, of_target = centre_and_spread(X), centre_and_spread(target)
        rows = (target - of_target[0]) / of_target[1]
        head = LogisticHead(C=self.C, powers=(1.0,), seed=self.seed)
        labelled = np.concatenate([(X - of_source[0]) / of_source[1], rows[known.rows]])
        head.fit(labelled, np.concatenate([y, known.y]))
        tensors, settings = head.state()
        coef, intercept = tensors["coef"], tensors["intercept"]
        gain, shift = np.ones(X.shape[1], np.float32), np.zeros(X.shape[1], np.float32)
        if target is not X:  # else there is no other domain
            gain, shift, entropies, collapsed = self._surer(coef, intercept, rows)
            settings = {**settings, "entropies": entropies, "collapsed": collapsed}
        self.source_tensors_ = _folded(coef, intercept, gain, shift, *of_source)
        return "logistic", _folded(coef, intercept, gain, shift, *of_target), settings

    def _surer(self, coef: Floats, intercept: Floats, rows: Floats) -> tuple[Floats, Floats, list[float], bool]:
        """Return the scale and shift (d,) of standardised features, the entropies, and whether classes were lost."""
        from regraft.adaptation.network_training import FeatureBatches
        from regraft.adaptation.test_time_entropy import ScaledFeatures, minimise_entropy
        from regraft.finetuning.batches import train_loader, validation_loader

        network = ScaledFeatures(coef, intercept)
        batches = FeatureBatches(rows, np.zeros(len(rows), np.int64))
        run = minimise_entropy(
            network,
            [network.gain, network.shift],
            train_loader(batches, self.batch_size, self.seed),
            validation_loader(batches, self.batch_size),
            epochs=self.epochs,
            learning_rate=self.learning_rate,
            seed=self.seed,
        )
        gain, shift = (parameter.detach().numpy().copy() for parameter in (network.gain, network.shift))
        return gain, shift, run.entropies, run.collapsed


def _folded(
    coef: Floats, intercept: Floats, gain: Floats, shift: Floats, mean: Floats, spread: np.floating
) -> dict[str, np.ndarray]:
    """Return the head on features as they come: coef (gain (x - mean) / spread + shift) + intercept."""
    folded = coef * (gain / spread)
    return {"coef": folded, "intercept": intercept + coef @ shift - folded @ mean}
