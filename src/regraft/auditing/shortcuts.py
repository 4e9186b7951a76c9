"""What gives a class away beside its subject: file size, image shape, mean colour, border; of texts, `texts`.

A classifier that is shown nothing else must not do well: each example is named by those that are most like it in such
plain cues.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from regraft.auditing import texts
from regraft.auditing.findings import Cue
from regraft.auditing.wording import EVERYTHING
from regraft.data.dataset import Dataset
from regraft.data.looks import Looks
from regraft.evaluation.intervals import wilson

LIMIT, CLASSES, FEWEST, NEIGHBOURS = 1000, 50, 10, 8
"""Most images and classes looked at, fewest images of such a class, and neighbours that vote."""

PRECISION, GIVEN_AWAY = 0.95, 0.3
"""A class is given away if so large a share of it is named with this precision."""

SKILL, ALMOST = 0.5, 0.7
"""A cue is a shortcut too if it does so much of what can be done better than by guessing, or of what the classifier
does."""

WHERE = {
    "image": "size, shape, colour or border",
    "text": "length, capitals, digits, punctuation or links",
    "audio": "file size or length",
}
"""The cues of each modality in words."""

# Measured: accuracy where guessing reaches, and the largest share of a class that is named with a precision of 0.95.
# Forests of 30 trees say the same within two points or three, in ten times the time.
#
#                  guess  size         shape        colour       border       all
#   flowers        0.20   0.27, 0.00   0.24, 0.00   0.40, 0.00   0.36, 0.00   0.38, 0.00
#   cats_dogs      0.50   0.56, 0.00   0.52, 0.00   0.56, 0.00   0.54, 0.00   0.58, 0.00
#   hotdog         0.50   0.60, 0.00   0.57, 0.00   0.54, 0.00   0.59, 0.00   0.58, 0.00
#   cat_h5         0.60                             0.67, 0.14   0.58, 0.00   0.60, 0.10
#   elpv           0.68   0.69, 0.00                0.72, 0.00   0.73, 0.07   0.77, 0.00
#   signs          0.17   0.33, 0.00                0.48, 0.00   0.81, 0.91   0.86, 0.91   (arm and wall)
#   flowers, a class with a painted border                       0.52, 1.00
#   flowers, half of a class with one                            0.41, 0.45


def shortcuts(
    dataset: Dataset, looks: Looks, accuracy: float | None = None, seed: int = 0
) -> tuple[tuple[Cue, ...], str | None]:
    """Try to tell the classes by each of a few plain cues, and by all of them.

    Parameters
    ----------
    dataset : Dataset
    looks : Looks
        Of the same n images.
    accuracy : float, optional
        Of a true classifier on images it had not seen, to compare with.
    seed : int
        Of the sample.

    Returns
    -------
    cues : tuple of Cue
        Without those that are the same for all.
    reason : str or None
        Why nothing could be tried.
    """
    rows = _sample(dataset.y, seed)
    classes, y = np.unique(dataset.y[rows], return_inverse=True)
    if len(classes) < 2:
        return (), f"shortcuts are looked for where two classes have {FEWEST} {dataset.things} or more"
    names = [dataset.class_names[i] for i in classes]
    columns = {
        name: column
        for name, column in cues(looks.take(rows), dataset.modality).items()
        if np.ptp(column, axis=0).any()
    }
    if len(columns) > 1:
        columns[EVERYTHING] = np.concatenate(list(columns.values()), axis=1)
    if not columns:
        return (), f"shortcuts are looked for where {dataset.things} differ in {WHERE[dataset.modality]}"
    return tuple(_cue(name, column, y, names, accuracy) for name, column in columns.items()), None


def cues(looks: Looks, modality: str = "image") -> dict[str, npt.NDArray[np.float64]]:
    """Return what is known of n examples without a look at what they show: arrays of shape (n, some)."""
    if looks.texts is not None:
        return texts.cues(looks.texts)
    if modality == "audio":
        # Pixels of a spectrogram are what a recording sounds like.
        return {
            "file size": np.log1p(looks.sizes)[:, None],
            "length": np.log1p(looks.shapes[:, :1].astype(np.float64)),
        }
    pixels = looks.thumbnails.astype(np.float64)
    height, width = looks.shapes.T.astype(np.float64)
    sides = [pixels[:, 0], pixels[:, -1], pixels[:, :, 0], pixels[:, :, -1]]
    return {
        "file size": np.log1p(looks.sizes)[:, None],
        "image shape": np.stack([height, width, height / np.maximum(width, 1)], axis=1),
        "mean colour": pixels.mean(axis=(1, 2)),
        # The spread of its pixels tells a painted border from a natural one.
        "border": np.concatenate([side.mean(axis=1) for side in sides] + [np.hstack(sides).std(axis=1)], axis=1),
    }


def _sample(y: npt.NDArray[np.int64], seed: int) -> npt.NDArray[np.intp]:
    """Return rows of the largest classes, each in its proportion."""
    from regraft.heads.folds import stratified_rows

    counts = np.bincount(y, minlength=1)
    largest = np.argsort(-counts, kind="stable")[:CLASSES]
    rows = np.flatnonzero(np.isin(y, largest[counts[largest] >= FEWEST]))
    if not len(rows):
        return rows
    return rows[stratified_rows(np.unique(y[rows], return_inverse=True)[1], LIMIT, seed)]


def _cue(
    name: str,
    column: npt.NDArray[np.float64],
    y: npt.NDArray[np.intp],
    names: list[str],
    accuracy: float | None,
) -> Cue:
    votes = _votes(column, y)
    right = int((votes.argmax(axis=1) == y).sum())
    interval = wilson(right, len(y))
    guess = float(np.bincount(y).max() / len(y))
    given = {name: share for i, name in enumerate(names) if (share := given_away(votes[:, i], y == i)) >= GIVEN_AWAY}
    gain = interval[0] - guess
    almost = accuracy is not None and gain >= max(ALMOST * (accuracy - guess), 0.1)
    return Cue(
        name=name,
        accuracy=right / len(y),
        ci95=interval,
        guess=guess,
        gives_away=given,
        found=bool(given) or gain >= SKILL * (1 - guess) or almost,
    )


def _votes(column: npt.NDArray[np.float64], y: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    """Return the share of each class (n, k) among the neighbours of each image, itself left out."""
    spread = np.maximum(column.std(axis=0), np.finfo(np.float64).tiny)
    scaled = (column - column.mean(axis=0)) / spread
    lengths = np.square(scaled).sum(axis=1)
    distance = lengths[:, None] + lengths - 2 * scaled @ scaled.T
    np.fill_diagonal(distance, np.inf)
    count = min(NEIGHBOURS, len(y) - 1)
    nearest = np.argpartition(distance, count - 1, axis=1)[:, :count]
    cells = np.arange(len(y))[:, None] * (y.max() + 1) + y[nearest]
    return np.bincount(cells.ravel(), minlength=len(y) * (y.max() + 1)).reshape(len(y), -1) / count


def given_away(votes: npt.NDArray[np.float64], member: npt.NDArray[np.bool_]) -> float:
    """Return the largest share of a class that is named with high precision.

    Parameters
    ----------
    votes : float array of shape (n,)
        For the class.
    member : bool array of shape (n,)
        Who belongs to it.

    Returns
    -------
    float
        From 0 to 1; 0 where luck could do it.
    """
    ranking = np.argsort(-votes, kind="stable")
    hits = np.cumsum(member[ranking])
    named = np.arange(1, len(votes) + 1)
    ranked = votes[ranking]
    whole = np.append(ranked[1:] != ranked[:-1], True)  # equals are named together
    precise = np.flatnonzero(whole & (hits >= PRECISION * named) & (ranked > 0))
    if not len(precise):
        return 0.0
    last = precise[-1]
    low, _ = wilson(int(hits[last]), int(named[last]))
    return float(hits[last] / member.sum()) if low >= (1 + member.mean()) / 2 else 0.0
