"""Relational transfer: how much related examples agree is learnt on one domain, and used on another one's links."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from regraft.errors import DataError
from regraft.relations.learnt import AMOUNTS, Gain, Relations
from regraft.relations.links import Links
from regraft.relations.smoothing import Smoothed, lift, propagate
from regraft.relations.stability import stable_power
from regraft.relations.strength import COMPONENTS, Strength, components, learn_strengths

LEAST = 10
"""Fewer linked examples cannot show whether smoothing helps."""

SURE = 1.645
"""Standard errors that the gain in log loss must exceed 0 by: one-sided 95%."""

STEPS, RANGE = 2, 8
"""A link's weight, in units of the usual one, is rounded to 2^(integer / STEPS), with integers from -RANGE to RANGE."""


def learn_relations(
    links: Links,
    y: npt.ArrayLike,
    held_out_probabilities: npt.ArrayLike,
    class_names: Sequence[str],
    seed: int = 0,
) -> Relations:
    """Learn how much linked examples agree, and how far predictions should be smoothed over links.

    How far is what lowers the log loss of held-out predictions most, and does not lower their accuracy; where no
    amount does that beyond doubt, none is used. Nothing of the domain that it is carried over to is looked at.

    Parameters
    ----------
    links : Links
        Between examples of the source.
    y : int array of shape (n,)
        Their class indices.
    held_out_probabilities : array of shape (n, k)
        Of classifiers that had not seen the example, best nor those linked with it.
    class_names : sequence of str of length k
    seed : int

    Returns
    -------
    Relations

    Raises
    ------
    DataError
        If shapes do not fit each other, probabilities are none, or links join examples that are not there.

    References
    ----------
    S. Macskassy and F. Provost, "Classification in networked data: a toolkit and a univariate case study", 2007;
    S. J. Pan and Q. Yang, "A survey on transfer learning", 2010 (relational knowledge transfer);
    Q. Huang et al., "Combining label propagation and simple models out-performs graph neural networks", 2021.
    """
    truth, k = np.asarray(y), len(class_names)
    before = _checked(held_out_probabilities, k, links)
    if truth.shape != (len(before),) or truth.min() < 0 or truth.max() >= k:
        raise DataError(
            f"y must be {len(before)} class indices from 0 to {k - 1}, one for each row of the probabilities: "
            f"check that both are of the same examples"
        )
    strengths = learn_strengths(links, truth, k, seed)
    names = tuple(class_names)
    used = _used(strengths, links)
    linked = np.unique(used.edges)
    if len(linked) < LEAST:
        reason = (
            "no type of link tells anything about the class on the source: predictions are not smoothed"
            if not any(s.tells for s in strengths)
            else f"only {len(linked)} examples of the source are linked, and {LEAST} are needed to see whether links "
            "help: predictions are not smoothed"
        )
        return Relations(names, strengths, 0.0, None, reason)
    tables = _tables(strengths, used, before)
    lowest, accuracy, best, gain = np.inf, _accuracy(before[linked], truth[linked]), 0.0, None
    losses = _losses(before[linked], truth[linked])
    for amount in sorted({min(amount, tables.stable) for amount in AMOUNTS}):
        after = tables.smooth(before, amount).probabilities[linked]
        left, right = _losses(after, truth[linked]), _accuracy(after, truth[linked])
        if left.mean() < lowest and right >= accuracy and _is_surely_less(left, losses, used, linked, len(before)):
            lowest, best = float(left.mean()), amount
            gain = Gain(len(linked), accuracy, right, float(losses.mean()), lowest)
    if gain is None:
        reason = (
            "links agree on the source, but smoothing did not make its held-out predictions better: "
            "predictions are not smoothed"
        )
        return Relations(names, strengths, 0.0, None, reason)
    return Relations(names, strengths, best, gain, "")


def relate(
    relations: Relations, links: Links, probabilities: npt.ArrayLike
) -> tuple[npt.NDArray[np.float64], tuple[str, ...]]:
    """Return predictions smoothed over links with the strengths learnt elsewhere, and what there is to say.

    Parameters
    ----------
    relations : Relations
    links : Links
        Between these examples; a type that was not learnt is not used.
    probabilities : array of shape (m, k)
        Of each example alone; an example that is certain, such as one whose label is known, hardly moves.

    Returns
    -------
    probabilities : float array of shape (m, k)
        An example without links that tell something keeps its own exactly.
    notes : tuple of str

    Raises
    ------
    DataError
        If probabilities are none of these classes, or links join examples that are not there.
    """
    before = _checked(probabilities, len(relations.class_names), links)
    if relations.reason:
        return before, (relations.reason,)
    notes = []
    learnt = {strength.kind: strength for strength in relations.strengths}
    for kind, name in enumerate(links.kind_names):
        count = int((links.kinds == kind).sum())
        if count and name not in learnt:
            notes.append(f"links of the type {name!r} are not among those of the source: {count:,} are not used")
        elif count and not learnt[name].tells:
            notes.append(f"links of the type {name!r} tell nothing on the source: {count:,} are not used")
    used = _used(relations.strengths, links)
    if not len(used):
        return before, (*notes, "no link is left to smooth predictions over")
    after = _tables(relations.strengths, used, before).smooth(before, relations.amount)
    linked = len(np.unique(used.edges))
    changed = int((after.probabilities.argmax(axis=1) != before.argmax(axis=1)).sum())
    notes.append(
        f"{linked:,} of {len(before):,} examples have links that tell something, and {changed:,} are named "
        f"otherwise for them; the other {len(before) - linked:,} keep their predictions"
    )
    if not after.settled:
        notes.append(
            f"predictions had not settled after {after.passes} passes over the links, and are used as they were"
        )
    return after.probabilities, tuple(notes)


def _used(strengths: Sequence[Strength], links: Links) -> Links:
    """Return the links of the types that tell something."""
    telling = {strength.kind for strength in strengths if strength.tells}
    return links.take(np.isin(links.kinds, [i for i, name in enumerate(links.kind_names) if name in telling]))


@dataclass(frozen=True, eq=False)
class _Tables:
    """What each link says, ready for smoothing.

    Parameters
    ----------
    edges : int array of shape (e, 2)
    which : int array of shape (e,)
        The potential of each link.
    potentials : list of float arrays of shape (k, k)
    stable : float
        The power of them beyond which links drown predictions.
    """

    edges: npt.NDArray[np.intp]
    which: npt.NDArray[np.intp]
    potentials: list[npt.NDArray[np.float64]]
    stable: float

    def smooth(self, before: npt.NDArray[np.float64], amount: float) -> Smoothed:
        power = min(amount, self.stable)
        return propagate(before, self.edges, self.which, [potential**power for potential in self.potentials])


def _tables(strengths: Sequence[Strength], used: Links, before: npt.NDArray[np.float64]) -> _Tables:
    """Return what links of known types say, each by its weight, where classes are as frequent as predictions say."""
    n, k = before.shape
    prior = (before.sum(axis=0) + 1 / k) / (n + 1)
    learnt = {strength.kind: strength for strength in strengths}
    usual = np.array([learnt[name].weight if name in learnt else 1.0 for name in used.kind_names])
    step = np.clip(np.round(STEPS * np.log2(used.weights / usual[used.kinds])), -RANGE, RANGE).astype(np.intp)
    distinct, which = np.unique(np.column_stack([used.kinds, step]), axis=0, return_inverse=True)
    which = which.reshape(-1)
    lifts = {kind: lift(learnt[used.kind_names[kind]].joint, prior) for kind in np.unique(used.kinds).tolist()}
    potentials = [lifts[int(kind)] ** 2.0 ** (at / STEPS) for kind, at in distinct]
    return _Tables(used.edges, which, potentials, stable_power(used.edges, which, potentials, prior, n))


def _is_surely_less(after: np.ndarray, before: np.ndarray, used: Links, linked: np.ndarray, n: int) -> bool:
    """Whether losses fall by more than chance explains; examples that hang together count as one where many do."""
    group = np.unique(components(used.edges, n)[linked], return_inverse=True)[1]
    count = int(group.max()) + 1
    fall = before - after
    if count >= COMPONENTS:
        fall = np.bincount(group, fall) * count / len(linked)
    return bool(fall.mean() > SURE * fall.std(ddof=1) / np.sqrt(len(fall)))


def _losses(probabilities: np.ndarray, y: np.ndarray) -> npt.NDArray[np.float64]:
    return -np.log(np.maximum(probabilities[np.arange(len(y)), y], np.finfo(np.float64).eps))


def _accuracy(probabilities: np.ndarray, y: np.ndarray) -> float:
    return float((probabilities.argmax(axis=1) == y).mean())


def _checked(probabilities: npt.ArrayLike, k: int, links: Links) -> npt.NDArray[np.float64]:
    p = np.array(probabilities, np.float64)
    if p.ndim != 2 or p.shape[1] != k or not len(p):
        raise DataError(f"probabilities must have a row an example and {k} columns, not the shape {p.shape}")
    # Written so that NaN fails too.
    if not (p.min() >= 0 and np.abs(p.sum(axis=1) - 1).max() < 1e-2):
        raise DataError("probabilities must not be negative and must sum to 1 in each row: apply a softmax first")
    if len(links) and links.edges.max() >= len(p):
        raise DataError(
            f"links must join examples 0 to {len(p) - 1}, and one joins {links.edges.max()}: read them for these names"
        )
    return p
