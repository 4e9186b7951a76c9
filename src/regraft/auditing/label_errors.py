"""Labels that are probably wrong: confident learning.

A class's threshold is the mean probability that images with its label get for it. An image that reaches the threshold
of another class than its label's, and of no likelier one, is counted as an error: how sure a classifier is of a class
differs from class to class, and the thresholds make up for that.

References
----------
C. G. Northcutt, L. Jiang and I. L. Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", 2021.
"""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt

from regraft.auditing.findings import Suspect
from regraft.data.dataset import Dataset
from regraft.data.splits import folds
from regraft.protocol import FOLDS

ENOUGH = 10
"""Below so many images of a class its threshold says too little to count errors by; they are ranked all the same."""

MANY_CLASSES = 100
"""Above, logistic regression takes minutes; the nearest centroid takes seconds."""

# Ranked by self-confidence, the probability of the own label. Measured on Lite0's features with 5% of the labels
# flipped at random, four times: share of the flips within the first 10% of all images, and precision at 50.
#
#                 self-confidence         normalised margin
#   flowers       0.92 to 1.00, 0.80      0.94 to 0.98, 0.76
#   signs         1.00, 0.95              1.00, 0.91
#   cats_dogs     0.98 to 1.00, 1.00      0.98 to 1.00, 1.00
#   dog_breeds    0.96 to 1.00, 0.51      0.92 to 0.96, 0.48   (26 flips: 0.52 is the most there can be)
#
# Adjusted by the thresholds, as cleanlab offers, both were the same or worse.


def out_of_sample(
    dataset: Dataset, values: npt.NDArray[np.float32], seed: int = 0
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.intp]]:
    """Return what a linear probe says of images that it has not learnt from.

    Parameters
    ----------
    dataset : Dataset
        Of n images in two or more of k classes.
    values : float32 array of shape (n, d)
        Features.
    seed : int
        Deals the images into five folds.

    Returns
    -------
    probabilities : float array of shape (m, k)
    index : int array of shape (m,)
        Whose they are; an image that is alone in its class is never held out.

    Raises
    ------
    DataError
        If no class has two images.
    """
    from threadpoolctl import threadpool_limits

    from regraft.heads import build_head

    pairs = folds(dataset.y, dataset.groups, FOLDS, seed)
    present, y = np.unique(dataset.y, return_inverse=True)
    head = build_head("centroid") if len(present) > MANY_CLASSES else build_head("logistic", seed=seed)
    with threadpool_limits(limits=1), warnings.catch_warnings():
        # scikit-learn takes labels for numbers where most classes have one image.
        warnings.filterwarnings("ignore", message="The number of unique classes", category=UserWarning)
        head.fit(values, y, dataset.groups)
        found = head.out_of_fold(values, y, pairs, dataset.groups)
    probabilities = np.zeros((len(found), len(dataset.class_names)))
    probabilities[:, present] = found
    return probabilities, np.concatenate([test for _, test in pairs])


def label_errors(
    dataset: Dataset, probabilities: npt.NDArray[np.floating], index: npt.NDArray[np.integer]
) -> tuple[Suspect, ...]:
    """Return the images that look like another class than their label, the least credible label first.

    Parameters
    ----------
    dataset : Dataset
        For names and labels.
    probabilities : float array of shape (m, k)
        By classifiers that had not seen the image; of an image that comes twice, the first counts.
    index : int array of shape (m,)
        Position of each row's image.

    Returns
    -------
    tuple of Suspect
        All images whose label is not the likeliest class; those that are `likely` estimate the number of errors.
    """
    index, first = np.unique(index, return_index=True)
    probabilities = np.asarray(probabilities, np.float64)[first]
    y = dataset.y[index]
    own = probabilities[np.arange(len(y)), y]
    looks_like = probabilities.argmax(axis=1)
    confident = confident_class(probabilities, y)
    likely = (confident >= 0) & (confident != y)
    suspects = np.flatnonzero((looks_like != y) | likely)
    ranked = suspects[np.argsort(own[suspects], kind="stable")]
    return tuple(_suspect(dataset, int(index[i]), probabilities[i], bool(likely[i])) for i in ranked)


def confident_class(probabilities: npt.NDArray[np.float64], y: npt.NDArray[np.int64]) -> npt.NDArray[np.intp]:
    """Return for each image the class that it is counted for in the confident joint (m,); -1 for none.

    Parameters
    ----------
    probabilities : float array of shape (m, k)
    y : int array of shape (m,)
        Labels.
    """
    m, k = probabilities.shape
    own = probabilities[np.arange(m), y]
    counts = np.bincount(y, minlength=k)
    threshold = np.bincount(y, own, minlength=k) / np.maximum(counts, 1)
    threshold[counts < ENOUGH] = np.inf
    reached = probabilities >= threshold
    best = np.where(reached, probabilities, -1.0).argmax(axis=1)
    # A label without a threshold of its own cannot be defended, and so is not accused either.
    return np.where(reached.any(axis=1) & (counts[y] >= ENOUGH), best, -1)


def _suspect(dataset: Dataset, position: int, probabilities: npt.NDArray[np.float64], likely: bool) -> Suspect:
    label = int(dataset.y[position])
    others = probabilities.copy()
    others[label] = -1
    suggested = int(others.argmax())
    return Suspect(
        position=position,
        name=dataset.names[position],
        label=dataset.class_names[label],
        suggested=dataset.class_names[suggested],
        probability=float(probabilities[suggested]),
        own=float(probabilities[label]),
        likely=likely,
    )
