"""There and back: the target, named by a method, teaches the same method to name the source, whose labels are known."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.base import clone

from regraft.adaptation.base import Adaptation, Floats


def circular(
    method: Adaptation, X: Floats, target: Floats, said: npt.NDArray[np.intp], k: int
) -> npt.NDArray[np.float64]:
    """Return what is said of the source's examples by the method learnt on the target as it was named.

    A method that named the target at random, or turned classes round, does not find its way back.

    Parameters
    ----------
    method : Adaptation
        Its settings; the fitted state is not used.
    X : float32 array of shape (n, d)
        The source.
    target : float32 array of shape (m, d)
    said : int array of shape (m,)
        The class that the method gave to each example of the target, 0 to k - 1.
    k : int

    Returns
    -------
    array of shape (n, k)
        Probabilities; where the target was named as one class, all for that.

    References
    ----------
    Bruzzone & Marconcini, Domain Adaptation Problems: A DASVM Classification Technique and a Circular Validation
    Strategy, 2010.
    """
    back = np.zeros((len(X), k))
    if len(np.unique(said)) < 2:
        back[:, said[0]] = 1.0
        return back
    learnt = clone(method).fit(target, said, X)
    back[:, learnt.classes_] = learnt.predict_proba(X)
    return back
