"""LEEP: how well the source task's class probabilities alone would name the target's classes.

Nguyen, Hassner, Seeger & Archambeau, LEEP: A New Measure to Evaluate Transferability of Learned Representations,
ICML 2020.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from regraft.errors import DataError
from regraft.transferability.labelled import check_classes, class_sums


def leep(source_probabilities: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Return the mean log probability of the labels when each is guessed from the source's classes.

    Parameters
    ----------
    source_probabilities : float array of shape (n, z)
        What the network says of each image about the classes that it was trained on.
    y : array of shape (n,)
        Labels of the target task.

    Returns
    -------
    float
        In nats, at most 0: the higher, the better the transfer.

    Raises
    ------
    DataError
        If it is undefined: one class only, no source classes, or rows that are no probabilities.

    References
    ----------
    Nguyen et al., LEEP: A New Measure to Evaluate Transferability of Learned Representations, 2020, equations 1 and 2.
    """
    theta = np.asarray(source_probabilities, np.float64)
    if theta.ndim != 2 or theta.shape[1] == 0 or len(theta) != len(np.asarray(y)):
        raise DataError(
            f"LEEP needs the probabilities (n, z) of the source's classes and n labels, but got {theta.shape} and "
            f"{len(np.asarray(y))}; a network without source classes has no LEEP."
        )
    labels = check_classes(y)
    if not (np.isfinite(theta).all() and theta.min() >= 0 and np.allclose(theta.sum(axis=1), 1, atol=1e-3)):
        raise DataError("LEEP needs rows of probabilities that sum to 1; pass the softmax of the source's logits.")
    joint = class_sums(theta, labels)
    total = joint.sum(axis=0)
    # A source class that no image has any share of says nothing about labels, and is multiplied by 0 below.
    conditional = joint / np.where(total > 0, total, 1.0)
    guesses = np.empty(len(theta))
    for label, of_label in enumerate(conditional):
        rows = labels == label
        guesses[rows] = theta[rows] @ of_label
    return float(np.log(guesses).mean())
