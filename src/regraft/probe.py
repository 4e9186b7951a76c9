"""The probe: a head on frozen features, chosen and evaluated without ever looking at the test part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from regraft.data.dataset import Dataset
from regraft.data.splits import folds
from regraft.protocol import FOLDS

if TYPE_CHECKING:
    from regraft.heads.few_examples import FewSelection
    from regraft.heads.selection import Selection


@dataclass(frozen=True)
class Probe:
    """A chosen and fitted head, and what it says of images that it was not chosen or fitted by.

    Parameters
    ----------
    selection : Selection
        The head and the ones it was compared with.
    test_index : int array of shape (m,)
        Positions of the predicted images.
    test_probabilities : float array of shape (m, k)
    val_probabilities : float array of shape (v, k) or None
        Of the validation part, where there is one.
    held_out_index : int array of shape (h,)
        Positions of the images that the head was chosen by: the validation part's, or training images.
    held_out_probabilities : float array of shape (h, k)
        What the chosen method says of each of them when it has not learnt from it.
    """

    selection: Selection
    test_index: np.ndarray
    test_probabilities: np.ndarray
    val_probabilities: np.ndarray | None
    held_out_index: np.ndarray
    held_out_probabilities: np.ndarray


def probe(dataset: Dataset, values: np.ndarray, protocol: str, heads: dict[str, dict[str, Any]], seed: int) -> Probe:
    """Choose and fit a head on the training part, and predict the test part, which nothing was chosen by."""
    if protocol == "cross-validation":
        return _cross_validate(dataset, values, heads, seed)
    train, val, test = (dataset.part(part) for part in ("train", "val", "test"))
    selection = select(dataset, values, train, heads, seed, val)
    of_val = selection.head.predict_proba(values[val]) if len(val) else None
    chosen_on = val if len(val) else train
    return Probe(
        selection,
        test,
        selection.head.predict_proba(values[test]),
        of_val,
        chosen_on[selection.held_out_index],
        selection.held_out_proba,
    )


def probe_few(
    dataset: Dataset,
    values: np.ndarray,
    protocol: str,
    views: Mapping[str, np.ndarray],
    heads: dict[str, dict[str, Any]],
    seed: int,
) -> tuple[Probe, tuple[str, ...]]:
    """Choose and fit a head on a few training images, and predict the test part, which nothing was chosen by.

    Parameters
    ----------
    dataset : Dataset
        Without a validation part.
    values : float array of shape (n, d)
    protocol : {"given", "holdout", "cross-validation"}
    views : mapping of str to float arrays of shape (m, d)
        Other views of the m training images.
    heads : dict of str to dict
    seed : int

    Returns
    -------
    probe : Probe
        Chosen by leaving each training image out; nothing is held out where each class has one.
    views : tuple of str
        Those that were learnt from.
    """
    train, test = dataset.part("train"), dataset.part("test")
    few = _select_few(dataset, values, train, views, heads, seed)
    chosen = few.selection
    if protocol == "cross-validation":
        probabilities = np.zeros((len(dataset), len(dataset.class_names)))
        predicted = np.zeros(len(dataset), bool)
        for rows, left_out in folds(dataset.y, dataset.groups, FOLDS, seed):
            part = {name: view[rows] for name, view in views.items()}
            fold = _select_few(dataset, values, rows, part, heads, seed).selection
            probabilities[left_out] = fold.head.predict_proba(values[left_out])
            predicted[left_out] = True
        test, said = np.flatnonzero(predicted), probabilities[predicted]
    else:
        said = chosen.head.predict_proba(values[test])
    return Probe(chosen, test, said, None, train[chosen.held_out_index], chosen.held_out_proba), few.views


def _select_few(
    dataset: Dataset,
    values: np.ndarray,
    train: np.ndarray,
    views: Mapping[str, np.ndarray],
    heads: dict[str, dict[str, Any]],
    seed: int,
) -> FewSelection:
    from threadpoolctl import threadpool_limits

    from regraft.heads.few_examples import select_for_few

    groups = None if dataset.groups is None else dataset.groups[train]
    with threadpool_limits(limits=1):
        return select_for_few(values[train], dataset.y[train], views, heads, seed, groups)


def _cross_validate(dataset: Dataset, values: np.ndarray, heads: dict[str, dict[str, Any]], seed: int) -> Probe:
    """Predict every image by a head chosen and fitted without it; then fit the one to keep on all of them."""
    probabilities = np.zeros((len(dataset), len(dataset.class_names)), np.float32)
    predicted = np.zeros(len(dataset), bool)
    for train, test in folds(dataset.y, dataset.groups, FOLDS, seed):
        probabilities[test] = select(dataset, values, train, heads, seed).head.predict_proba(values[test])
        predicted[test] = True
    everything = select(dataset, values, np.arange(len(dataset)), heads, seed)
    return Probe(
        everything,
        np.flatnonzero(predicted),
        probabilities[predicted],
        None,
        everything.held_out_index,
        everything.held_out_proba,
    )


def select(
    dataset: Dataset,
    values: np.ndarray,
    train: np.ndarray,
    heads: dict[str, dict[str, Any]],
    seed: int,
    val: np.ndarray | None = None,
) -> Selection:
    """Return the best head, fitted on the images at `train`.

    It is chosen on the validation part where there is one, else by cross-validation on `train`.
    """
    from threadpoolctl import threadpool_limits

    from regraft.heads import head_class
    from regraft.heads.selection import select_head

    # Only what is loaded can be limited, and another number of threads would give other last digits.
    for name in heads:
        head_class(name)
        if name == "mlp":
            import torch  # noqa: F401
    groups = None if dataset.groups is None else dataset.groups[train]
    validation = None if val is None or not len(val) else (values[val], dataset.y[val])
    # These matrices are small: threads of a linear algebra library that wait for each other cost ten times the work.
    with threadpool_limits(limits=1):
        return select_head(
            values[train],
            dataset.y[train],
            heads,
            folds=folds(dataset.y[train], groups, FOLDS, seed),
            seed=seed,
            groups=groups,
            validation=validation,
        )
