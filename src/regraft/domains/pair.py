"""The two domains as they were given: read, told apart, and warned about where they do not fit each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.data.dataset import Dataset
from regraft.data.domains import read_domains, select_domains, with_classes_present
from regraft.data.target import UNLABELLED, Target, read_target, target_of
from regraft.errors import DataError, UsageError

FAR_SMALLER = 10
"""So many times as large a domain is called far larger."""

LEAST = 5
"""A domain of fewer examples has no mean or covariance to go by."""


def read_pair(
    source: Any,
    target: Any,
    *,
    target_domain: str | None = None,
    source_domains: Sequence[str] | None = None,
    **options: Any,
) -> tuple[Dataset, Target]:
    """Read a labelled source, and the target that is to be named.

    Parameters
    ----------
    source : Dataset, path, or mapping of str to any of these
    target : Dataset, path, array or list, optional
    target_domain : str, optional
        The domain of `source` that is the target, where `target` is None.
    source_domains : sequence of str, optional
        The domains of `source` to learn from; default: all (others).
    **options
        Of `read_source`.

    Raises
    ------
    DataError
        If one of them cannot be read, or nothing can be learnt from the source.
    UsageError
        If it is not said, or said twice, what the target is.
    """
    if (target is None) == (target_domain is None):
        raise UsageError(
            "There must be one target: give a TARGET beside the source, or --target-domain NAME for one of the "
            "source's own domains" + (", and not both." if target is not None else ".")
        )
    dataset = read_domains(source, **options)
    if target_domain is None:
        if source_domains is not None:
            dataset = select_domains(dataset, source_domains, "--source-domains")
        return learnable(dataset), read_target(target, dataset.class_names, dataset.modality, **options)
    other = select_domains(dataset, [target_domain], "--target-domain")
    assert dataset.domain is not None
    wanted = source_domains or sorted(set(dataset.domain.tolist()) - {target_domain})
    if target_domain in wanted:
        raise UsageError(f"--target-domain must be none of --source-domains, but {target_domain!r} is; leave it out.")
    dataset = learnable(select_domains(dataset, wanted, "--source-domains"))
    return dataset, replace(target_of(other, dataset.class_names), name=target_domain)


def learnable(dataset: Dataset) -> Dataset:
    """Return what may be learnt from: all but a test part of its own.

    Raises
    ------
    DataError
        If it has fewer than two classes, or too few examples.
    """
    test = dataset.part("test")
    if len(test):
        kept = np.setdiff1d(np.arange(len(dataset)), test)
        note = f"the source's own test part ({dataset.count(len(test))}) is left aside"
        dataset = replace(with_classes_present(dataset.take(kept)), split=None, notes=(*dataset.notes, note))
    if len(dataset.class_names) < 2:
        raise DataError(
            f"The source must have {dataset.things} of at least two classes, but has {len(dataset.class_names)}; add "
            f"{dataset.things} of another."
        )
    return dataset


def check_pair(source: Dataset, target: Target) -> list[str]:
    """Return what a person should know of how two domains fit each other, each a sentence.

    Raises
    ------
    DataError
        If they share no class, or a domain has too few examples.
    """
    things = source.things
    for name, count in (("source", len(source)), ("target", len(target))):
        if count < LEAST:
            raise DataError(f"The {name} must have {LEAST} readable {things} or more, but has {count}; add some.")
    warnings = []
    found = Counter(label for label in target.labels if label)
    unknown = [label for label in found if label not in source.class_names]
    if found and len(unknown) == len(found):
        raise DataError(
            f"Source and target must share classes, but the source has {_listed(source.class_names)} and the target "
            f"{_listed(list(found))}; name the same classes alike."
        )
    if unknown:
        count = sum(found[label] for label in unknown)
        warnings.append(
            f"Open set: the target has classes that the source lacks, {_listed(unknown)} ({source.count(count)}); they "
            "are named as one of the source's, and are left out of every figure."
        )
    missing = [name for name in source.class_names if name not in found]
    if found and missing and len(found) > 1:
        warnings.append(
            f"Partial set: the target has no {things} of {_listed(missing)}; methods that make the domains alike may "
            "carry others there."
        )
    if len(found) == 1:
        warnings.append(
            f"All labelled {things} of the target are of one class, {next(iter(found))!r}: the domains cannot be made "
            "alike, and accuracy is the share named so."
        )
    large, small = max(len(source), len(target)), min(len(source), len(target))
    if large > FAR_SMALLER * small:
        which = "source" if len(source) < len(target) else "target"
        warnings.append(
            f"The {which} is far smaller ({small:,} against {large:,} {things}): what is measured on it is uncertain."
        )
    return warnings


def draw_known(target: Target, each: int, class_names: Sequence[str], seed: int) -> npt.NDArray[np.intp]:
    """Return the positions of target examples whose labels may be learnt from: so many of each class that it has.

    They are drawn at random, from outside its test part where it has one.

    Raises
    ------
    UsageError
        If the number is below 1.
    DataError
        If there are no labels, or a class has too few to draw from and still be measured.
    """
    if each < 1:
        raise UsageError(f"--target-labels must be a number of labels a class from 1 up, not {each}.")
    y = np.where(target.tested, UNLABELLED, target.y) if target.has_test else target.y
    present = np.unique(y[y != UNLABELLED])
    if not len(present):
        raise DataError(
            "--target-labels must have labelled examples of the target to draw from, but there are none; label some, "
            "or leave it out."
        )
    rng = np.random.default_rng(seed)
    drawn = []
    for c in present:
        own = np.flatnonzero(y == c)
        most = len(own) - (0 if target.has_test else 1)
        if each > most:
            raise DataError(
                f"--target-labels must leave some of each class to be measured, but {class_names[c]!r} has "
                f"{len(own)} in the target and {each} were asked for; ask for {max(most, 1)} or fewer."
            )
        drawn.append(rng.choice(own, each, replace=False))
    return np.sort(np.concatenate(drawn))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
