"""The images to choose from: read once, without copies of one another or of what is labelled already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.auditing.duplicates import copies
from regraft.classifier import Classifier
from regraft.data.dataset import NOUNS, Dataset, Skipped
from regraft.data.looks import Looks
from regraft.data.sources import list_examples
from regraft.errors import DataError
from regraft.evaluation.out_of_distribution import prepared
from regraft.features.engines import EngineName
from regraft.features.extraction import extract
from regraft.features.streaming import Progress
from regraft.heads.scoring import CHUNK, unit_rows

SAME = 0.998
"""Least cosine of features that only copies of one file have.

Measured (Lite0 + Lite1): different images reach 0.95 (flowers), 0.97 (hand signs) and, where all look alike, 0.993
(solar cells); an image saved again at JPEG quality 95 has 0.992 to 0.998, and more altered copies cannot be told from
images that are merely alike. The same bytes in half precision keep 0.9999.
"""


@dataclass(frozen=True, eq=False)
class Pool:
    """The readable images to choose from, and what is labelled already.

    Parameters
    ----------
    examples : list of length N
    names : list of str, length N
    values : float32 array of shape (N, d)
        Their features.
    roots : float32 array of shape (N, d)
        Signed roots of the features, each backbone's at length one.
    fresh : int array of shape (f,)
        Those that are no copies.
    copies, known : int
        How many are copies of one another, and of labelled ones.
    labelled : float32 array of shape (m, d) or None
        The same of what is labelled; None where that is not known.
    labelled_names : list of str, length m or 0
    skipped : tuple of Skipped
    notes : tuple of str
    """

    examples: list[Any]
    names: list[str]
    values: npt.NDArray[np.float32]
    roots: npt.NDArray[np.float32]
    fresh: npt.NDArray[np.intp]
    copies: int
    known: int
    labelled: npt.NDArray[np.float32] | None
    labelled_names: list[str]
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]

    @classmethod
    def read(
        cls, classifier: Classifier, data: Any, labelled: Dataset | None, engine: EngineName, progress: Progress | None
    ) -> Pool:
        """Read the images of `data`, and what is labelled with them, in one pass.

        Raises
        ------
        DataError
            If there is no readable image.
        """
        examples, names = list_examples(data, classifier.modality)
        before = 0 if labelled is None else len(labelled)
        if labelled is not None:
            examples, names = [*labelled.examples, *examples], [*labelled.names, *names]
        # One pass over both, so that copies are found across them.
        features = extract(
            examples,
            names,
            classifier.backbones,
            engine=engine,
            precisions=classifier.precisions,
            skip_unreadable=True,
            looks=True,
            progress=progress,
        )
        own = features.index >= before
        if not own.any():
            thing, things = NOUNS[classifier.modality]
            raise DataError(
                f"There must be a readable {thing} to choose from, but none of {len(names) - before} is "
                f"({features.skipped[-1].name}: {features.skipped[-1].reason}); give other {things}."
            )
        assert features.looks is not None
        of_labelled, of_others = _copies(features.looks, features.values, own)
        roots = prepared(features.values, features.widths)
        old: npt.NDArray[np.float32] | None = roots[~own]
        if labelled is None:
            old = None if classifier.memory is None else classifier.memory.roots
            of_labelled |= _seen(roots, old)
        return cls(
            examples=[examples[i] for i in features.index[own]],
            names=[names[i] for i in features.index[own]],
            values=features.values[own],
            roots=roots[own],
            fresh=np.flatnonzero(~of_labelled & ~of_others),
            copies=int((of_others & ~of_labelled).sum()),
            known=int(of_labelled.sum()),
            labelled=old,
            labelled_names=[names[i] for i in features.index[~own]],
            skipped=features.skipped,
            notes=features.notes,
        )


def _copies(
    looks: Looks, values: npt.NDArray[np.float32], own: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return which images to choose from are copies of labelled ones, and which of an earlier one among them."""
    of_labelled, of_others = np.zeros(len(own), bool), np.zeros(len(own), bool)
    for group in copies(looks, values):
        mine = group[own[group]]
        if len(mine) < len(group):
            of_labelled[mine] = True
        else:
            of_others[mine[1:]] = True
    return of_labelled[own], of_others[own]


def _seen(roots: npt.NDArray[np.float32], remembered: npt.NDArray[np.float32] | None) -> npt.NDArray[np.bool_]:
    """Return which images (N,) are remembered themselves."""
    if remembered is None:
        return np.zeros(len(roots), bool)
    old = unit_rows(remembered)
    parts = (unit_rows(roots[i : i + CHUNK]) @ old.T for i in range(0, len(roots), CHUNK))
    return np.concatenate([part.max(axis=1) >= SAME for part in parts])
