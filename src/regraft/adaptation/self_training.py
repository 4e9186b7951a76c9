"""Self-training: the target's surest examples are learnt from under the names they were given, round by round."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.adaptation.base import Floats, Known
from regraft.adaptation.standardization import Standardization
from regraft.errors import UsageError
from regraft.heads.logistic import LogisticHead


class SelfTraining(Standardization):
    """Logistic regression on the centred source and, in rounds, on ever more of the centred target under pseudo-labels.

    A round takes the same share of each class, so that the classes which are easy to tell do not crowd out the others.

    Parameters
    ----------
    shares : sequence of float
        Of the examples named as each class, the surest that are learnt from, a round each; above 0 to 1, rising.
    scale : bool
        Divide by standard deviations too, and not only take each domain's mean away.
    shrinkage : float
        As in `Standardization`.
    C : float, optional
        Inverse strength of the penalty; default: by cross-validation on the source.
    seed : int

    References
    ----------
    Lee, Pseudo-Label: The Simple and Efficient Semi-Supervised Learning Method, 2013;
    Zou et al., Unsupervised Domain Adaptation for Semantic Segmentation via Class-Balanced Self-Training, 2018.
    """

    def __init__(
        self,
        shares: Sequence[float] = (0.3, 0.5, 0.7, 0.9),
        scale: bool = False,
        shrinkage: float = 0.5,
        C: float | None = None,
        seed: int = 0,
    ):
        super().__init__(scale, shrinkage, C, seed)
        self.shares = shares

    def _learn(
        self,
        X: Floats,
        y: npt.NDArray[np.intp],
        k: int,
        target: Floats,
        known: Known,
        domains: npt.NDArray[np.intp],
    ) -> tuple[str, dict[str, np.ndarray], dict[str, Any]]:
        if not len(self.shares) or not all(0 < share <= 1 for share in self.shares):
            raise UsageError(f"shares must be one or more numbers above 0 and at most 1, not {self.shares!r}")
        rows = [np.flatnonzero(domains == domain) for domain in range(domains.max() + 1)]
        sources = [X[own] for own in rows]
        moves, of_target, chosen = self._align(sources, [y[own] for own in rows], target, known)
        unnamed = np.setdiff1d(np.arange(len(target)), known.rows)
        moved = of_target(target)
        learnt = np.concatenate([*(move(own) for move, own in zip(moves, sources, strict=True)), moved[known.rows]])
        labels = np.concatenate([*(y[own] for own in rows), known.y])
        head = LogisticHead(C=self.C, powers=(1.0,), seed=self.seed).fit(learnt, labels)
        settled = LogisticHead(C=head.settings_["C"], powers=(1.0,), seed=self.seed)
        taken = np.zeros(0, np.intp)
        # Without a target, or where all of its labels are known, there is nothing to be taught by.
        for share in self.shares if target is not X and len(unnamed) else ():
            proba = head.predict_proba(moved[unnamed])
            taken = surest(proba, share)
            head = settled.fit(
                np.concatenate([learnt, moved[unnamed[taken]]]), np.concatenate([labels, proba[taken].argmax(axis=1)])
            )
        tensors, settings = head.state()
        self._moves, self._moved_tensors = moves, tensors
        chosen = {**chosen, "shares": [float(share) for share in self.shares], "pseudo_labels": len(taken)}
        return "logistic", of_target.fold(tensors), {**settings, "n_features": X.shape[1], **chosen}


def surest(proba: npt.NDArray[np.float64], share: float) -> npt.NDArray[np.intp]:
    """Return the rows of probabilities (n, k) that are surest of those named alike, one of each at least.

    Parameters
    ----------
    proba : array of shape (n, k)
    share : float
        Of each class's rows, above 0 to 1.
    """
    named, sure = proba.argmax(axis=1), proba.max(axis=1)
    taken = []
    for c in np.unique(named):
        own = np.flatnonzero(named == c)
        taken.append(own[np.argsort(-sure[own], kind="stable")][: max(1, round(share * len(own)))])
    return np.sort(np.concatenate(taken)) if taken else np.zeros(0, np.intp)
