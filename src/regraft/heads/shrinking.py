"""A head's state without one of its classes, with numpy alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from regraft.errors import UsageError
from regraft.heads.scoring import Settings, Tensors

State = tuple[dict[str, np.ndarray], dict[str, Any]]


def shrunk(head: str, tensors: Tensors, settings: Settings, label: int) -> State:
    """Return a head's state without a class: what was learnt of that class alone is gone from it.

    The other classes keep their odds among each other. What they learnt beside the class, to be told from it, stays.

    Parameters
    ----------
    head : str
        Name of the head's method.
    tensors : dict of str to array
    settings : dict
    label : int
        The class, by position.

    Raises
    ------
    UsageError
        If a head of that kind cannot lose a class.
    """
    if head not in _SHRUNK:
        raise UsageError(
            f"The head must be one of {', '.join(_SHRUNK)} to forget a class that it was fitted on, not {head}; "
            "make it anew without that class."
        )
    return _SHRUNK[head](tensors, settings, label)


def _linear(tensors: Tensors, settings: Settings, label: int) -> State:
    coef, intercept = _fewer_rows(tensors["coef"], tensors["intercept"], label)
    return {**tensors, "coef": coef, "intercept": intercept}, dict(settings)


def _mlp(tensors: Tensors, settings: Settings, label: int) -> State:
    last = settings["layers"] - 1
    weight, bias = _fewer_rows(tensors[f"weight_{last}"], tensors[f"bias_{last}"], label)
    return {**tensors, f"weight_{last}": weight, f"bias_{last}": bias}, dict(settings)


def _fewer_rows(coef: np.ndarray, intercept: np.ndarray, label: int) -> tuple[np.ndarray, np.ndarray]:
    coef, intercept = np.delete(coef, label, axis=0), np.delete(intercept, label)
    # A penalty makes the rows sum to zero, so that the others would still tell the one that is gone. What all rows
    # share is nothing to a softmax, and is taken away.
    return coef - coef.mean(axis=0), intercept - intercept.mean()


def _centroid(tensors: Tensors, settings: Settings, label: int) -> State:
    return {**tensors, "centroids": np.delete(tensors["centroids"], label, axis=0)}, dict(settings)


def _knn(tensors: Tensors, settings: Settings, label: int) -> State:
    labels = tensors["labels"]
    kept = labels != label
    left = labels[kept]
    fewer = {"examples": tensors["examples"][kept], "labels": left - (left > label).astype(left.dtype)}
    return {**tensors, **fewer}, {**settings, "n_classes": settings["n_classes"] - 1}


def _zero_shot(tensors: Tensors, settings: Settings, label: int) -> State:
    return {**tensors, "evidence": np.delete(tensors["evidence"], label, axis=1)}, dict(settings)


_SHRUNK: dict[str, Callable[[Tensors, Settings, int], State]] = {
    "logistic": _linear,
    "source": _linear,
    "prototype": _linear,
    "centroid": _centroid,
    "knn": _knn,
    "mlp": _mlp,
    "zero_shot": _zero_shot,
}
