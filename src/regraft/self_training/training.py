"""Self-training: a head learns also from images that it has named itself, if held-out labelled images agree."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from regraft.data.dataset import Dataset
from regraft.data.splits import folds
from regraft.errors import DataError
from regraft.evaluation.out_of_distribution import OutOfDistribution
from regraft.features.extraction import Features
from regraft.probe import Probe, select
from regraft.protocol import FOLDS
from regraft.self_training.lesson import Lesson
from regraft.self_training.self_taught import SelfTaught

if TYPE_CHECKING:
    from regraft.heads.selection import Selection

ENOUGH = 2000
"""Images without labels that are looked at; drawn at random where there are more."""

MIX = 0.2
"""Greatest distance between the classes' shares among labelled and unlabelled images (`mix_distance`)."""

# Measured with Lite0 + Lite1 on images outside all this, labels drawn 6 times, all others of two thirds of the set
# without labels: gain in points of accuracy where nothing is asked, by labels a class. "all": unlabelled images of all
# classes alike; "uneven": the rarest class a tenth as often as the commonest; "half": half of the classes are missing;
# "h. and g.": head and graph, with a portion of 0.7, as "graph".
#
#                    flowers 2     5    20    signs 2     5    20    cats and dogs 2     5    20
#   alone              0.633 0.733 0.864      0.624 0.762 0.917              0.909 0.988 0.992
#   all, h. and g.      +7.2  +4.1  +0.8       +9.0  +8.1  +2.3               +8.1  +0.3   0.0
#   all, graph          +9.1  +4.2  -0.6      +12.7 +10.5  +2.4               +7.9  +0.3  +0.1
#   uneven, h. and g.   +3.4  +0.6  +0.1       +1.5  +2.6  +0.2               +2.3  -0.8  -0.4
#   half, h. and g.     -4.7  -6.2  -2.6       -7.5  -9.2  -3.4               -8.9  -6.5  -1.2
#
# What is kept, by the rule of one standard error: of "all" 29 of 54, 2 of them wrongly (at worst -2.1 points), and 3.2
# of 4.4 points on average; of "uneven" 3 of 54, 1 wrongly (-2.7); of "half" 2 of 54, both wrongly (-14). Without `MIX`
# it were 30 (2 wrongly), 16 (4) and 8 (8). Two standard errors keep 10 of "all" (1 wrongly). The head's own labels
# without the graph gained a third to two thirds as much with 2 and 5 labels a class. Leaving out what is unlike all
# labelled images took 0 to 3% of the real ones and 13 to 100% of other sets' images, which changed the gain by 0.1
# points: they hurt little.

FEWEST = 10
"""Below this many images without labels nothing is learnt from them."""

MOST_LABELLED = 2000
"""With more labelled images nothing is tried: it would take minutes, and they are enough."""


def self_train(
    dataset: Dataset,
    features: Features,
    protocol: str,
    heads: dict[str, dict[str, Any]],
    seed: int,
    unlabelled: Features,
) -> tuple[Probe, SelfTaught]:
    """Choose and fit a head as `probe` does, and let it learn from images without labels too, where that helps.

    Images without labels get pseudo-labels, by the graph of nearest neighbours and by the head; a head of the same kind
    learns from both. It is kept if it names held-out labelled images better than the first, by more than the standard
    error of the difference: the validation part's, else training images, in turns, which neither the head nor the
    pseudo-labels know. The test part is only predicted.

    Parameters
    ----------
    dataset : Dataset
    features : Features
        Of all its images, with their looks.
    protocol : {"given", "holdout", "cross-validation"}
    heads : dict of str to dict
        Those to compare, with their settings.
    seed : int
    unlabelled : Features
        Of the images without labels, with their looks.

    Returns
    -------
    Probe, SelfTaught

    References
    ----------
    Lee, "Pseudo-Label: The simple and efficient semi-supervised learning method for deep neural networks", 2013;
    Iscen et al., "Label propagation for deep semi-supervised learning", 2019.
    """
    extra = _fresh(dataset, features, unlabelled, seed)

    def learn(train: npt.NDArray[np.intp], val: npt.NDArray[np.intp] | None = None) -> tuple[Selection, SelfTaught]:
        return _learn(dataset, features, train, val, heads, seed, extra)

    if protocol == "cross-validation":
        probabilities = np.zeros((len(dataset), len(dataset.class_names)), np.float32)
        predicted = np.zeros(len(dataset), bool)
        for train, test in folds(dataset.y, dataset.groups, FOLDS, seed):
            probabilities[test] = learn(train)[0].head.predict_proba(features.values[test])
            predicted[test] = True
        selection, taught = learn(np.arange(len(dataset)))
        held_out = selection.held_out_index
        tested = np.flatnonzero(predicted)
        return Probe(selection, tested, probabilities[tested], None, held_out, selection.held_out_proba), taught
    train, val, test = (dataset.part(part) for part in ("train", "val", "test"))
    selection, taught = learn(train, val if len(val) else None)
    of_val = selection.head.predict_proba(features.values[val]) if len(val) else None
    held_out = (val if len(val) else train)[selection.held_out_index]
    of_test = selection.head.predict_proba(features.values[test])
    return Probe(selection, test, of_test, of_val, held_out, selection.held_out_proba), taught


@dataclass(frozen=True, eq=False)
class _Fresh:
    """Images without labels, without copies."""

    values: npt.NDArray[np.float32]
    given: int
    copies: int
    test_copies: int


def _fresh(dataset: Dataset, features: Features, unlabelled: Features, seed: int) -> _Fresh:
    assert features.looks is not None and unlabelled.looks is not None
    own, digests = set(features.looks.digests), unlabelled.looks.digests
    of_test = {features.looks.digests[i] for i in dataset.part("test")}
    first = {digest: row for row, digest in reversed(list(enumerate(digests))) if digest not in own}
    rows = np.sort(np.array(list(first.values()), np.intp))
    drawn = np.sort(np.random.default_rng(seed).permutation(len(rows))[:ENOUGH])
    return _Fresh(
        values=unlabelled.values[rows[drawn]],
        given=len(digests),
        copies=len(digests) - len(rows),
        test_copies=sum(digest in of_test for digest in digests),
    )


def _learn(
    dataset: Dataset,
    features: Features,
    train: npt.NDArray[np.intp],
    val: npt.NDArray[np.intp] | None,
    heads: dict[str, dict[str, Any]],
    seed: int,
    extra: _Fresh,
) -> tuple[Selection, SelfTaught]:
    """Return the head learnt from the images at `train`, alone or with pseudo-labels, and what those gave."""
    from threadpoolctl import threadpool_limits

    selection = select(dataset, features.values, train, heads, seed, val)
    with threadpool_limits(limits=1):
        strange = _strange(selection, features, dataset, train, val, extra.values, seed)
        values = extra.values[~strange]
        record = SelfTaught(
            unlabelled=extra.given,
            copies=extra.copies,
            test_copies=extra.test_copies,
            unfamiliar=int(strange.sum()),
            used=len(values),
            pseudo_labels={},
            source=None,
            portion=None,
            threshold=None,
            n_held_out=0,
            before=None,
            after=None,
            gain_ci95=None,
            kept=False,
            why="",
        )
        if len(values) < FEWEST:
            return selection, replace(record, why=f"there must be {FEWEST} or more")
        if len(train) > MOST_LABELLED:
            return selection, replace(record, why=f"{len(train):,} labelled examples are enough without them")
        lesson = Lesson(dataset, features.values, train, val, selection, values)
        distance = lesson.mix_distance()
        if distance > MIX:
            why = f"the classes seem to be mixed too differently among them (distance {distance:.2f}, at most {MIX})"
            return selection, replace(record, why=why)
        try:
            pairs = None if val is not None else folds(lesson.y, lesson.groups, FOLDS, seed)
        except DataError:
            return selection, replace(record, why="no labelled example can be spared to judge by")
        return lesson.judged(pairs, dataset.class_names, record)


def _strange(
    selection: Selection,
    features: Features,
    dataset: Dataset,
    train: npt.NDArray[np.intp],
    val: npt.NDArray[np.intp] | None,
    values: npt.NDArray[np.float32],
    seed: int,
) -> npt.NDArray[np.bool_]:
    """Return which images without labels (u,) are unlike all labelled ones."""
    if not len(values):
        return np.zeros(0, bool)
    known = OutOfDistribution.fit(
        features.values[train],
        selection.held_out_proba,
        index=selection.held_out_index,
        validation=None if val is None else features.values[val],
        widths=features.widths,
        groups=None if dataset.groups is None else dataset.groups[train],
        seed=seed,
    )
    return known.score(values, selection.head.predict_proba(values)) > known.threshold
