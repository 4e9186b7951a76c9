"""NCE: how uncertain the target's labels are once the source's are known.

Tran, Nguyen & Hassner, Transferability and Hardness of Supervised Classification Tasks, ICCV 2019.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from regraft.errors import DataError
from regraft.transferability.labelled import check_classes


def nce(source_labels: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Return the negative conditional entropy -H(y | source label).

    The order matters: with the two exchanged it is the transfer from the target to the source. (In LogME's own
    experiments the arguments were exchanged, as its authors found later: thuml/LogME issue 14.)

    Parameters
    ----------
    source_labels : array of shape (n,)
        The class of the source task that the network sees in each image.
    y : array of shape (n,)
        Labels of the target task.

    Returns
    -------
    float
        In nats, at most 0, which is reached where the source's class settles the target's: the higher, the better.

    Raises
    ------
    DataError
        If it is undefined: one class only, or not one source label an image.

    References
    ----------
    Tran, Nguyen & Hassner, Transferability and Hardness of Supervised Classification Tasks, 2019.
    """
    source, target = np.asarray(source_labels), np.asarray(y)
    if source.ndim != 1 or source.shape != target.shape:
        raise DataError(
            f"NCE needs one source label an image, but got {source.shape} for labels {target.shape}; "
            "a network without source classes has no NCE."
        )
    labels = check_classes(target)
    _, sources = np.unique(source, return_inverse=True)
    joint = np.zeros((sources.max() + 1, labels.max() + 1))
    np.add.at(joint, (sources, labels), 1 / len(labels))
    given = np.broadcast_to(joint.sum(axis=1, keepdims=True), joint.shape)
    seen = joint > 0
    return float((joint[seen] * np.log(joint[seen] / given[seen])).sum())
