"""How well a classifier names a domain that it has never seen: each domain left out in turn."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from regraft.backbones.lookup import AUTO, get_backbones
from regraft.backbones.preprocessing import Pixels, Resize
from regraft.data.dataset import Dataset
from regraft.data.domains import read_domains, with_classes_present
from regraft.data.splits import folds
from regraft.data.target import target_of
from regraft.domains.candidates import asked_for, try_all
from regraft.domains.generalized import Generalized, LeftOut
from regraft.errors import DataError, UsageError
from regraft.evaluation.intervals import wilson
from regraft.evaluation.significance import paired_gain
from regraft.features.engines import EngineName
from regraft.features.extraction import Features, extract
from regraft.features.streaming import Progress
from regraft.probe import select
from regraft.protocol import FOLDS, check_classes, check_skipped
from regraft.request import heads_of

if TYPE_CHECKING:
    from regraft.backbones.registry import Backbone

NONE = "none"
"""No adaptation: the domain that is left out is named as if it were none."""

LEAST = 5
"""A domain of fewer examples says next to nothing."""


def generalize(
    data: Any,
    *,
    method: str = NONE,
    head: str = "auto",
    backbone: str | None = None,
    weights: str | Path | None = None,
    image_size: int | None = None,
    resize: Resize | None = None,
    pool: str = AUTO,
    layer: str | None = None,
    pixels: Pixels = "weights",
    seed: int = 0,
    column: str | None = None,
    label_column: str | None = None,
    domain_column: str | None = None,
    images: str | Path | None = None,
    skip_unreadable: bool = False,
    engine: EngineName = "auto",
    progress: Progress | None = None,
    announce: Callable[[str], None] | None = None,
) -> Generalized:
    """Measure how well each of several domains is named by a classifier that learnt on all others.

    Parameters
    ----------
    data : path, Dataset, or mapping of str to any of these
        Labelled data of two domains or more: a folder of domain folders, a table with a column of domains, or several
        sources by name.
    method : str
        "none", or how to adapt to the domain that is left out, without its labels: "auto", "all" or names, as for
        `adapt`.
    head : {"auto", "prototype", "logistic", "centroid", "knn", "mlp"}
        Chosen on the domains that are learnt from, leaving each of them out in turn.
    backbone, weights, image_size, resize, pool, layer, pixels, seed
        As in `adapt`.
    column, label_column, domain_column, images, skip_unreadable, engine, progress, announce
        As in `adapt`.

    Returns
    -------
    Generalized

    Raises
    ------
    DataError
        If there are no domains, or fewer than two.

    References
    ----------
    Gulrajani & Lopez-Paz, In Search of Lost Domain Generalization, 2021 (leave-one-domain-out).
    """
    started = time.perf_counter()
    say = announce or (lambda sentence: None)
    if seed < 0:
        raise UsageError(f"--seed must be 0 or above, not {seed}.")
    if layer == AUTO:
        raise UsageError("--layer must be a stage here, such as blocks.3, not auto; or leave it out for the usual one.")
    if method != NONE:
        asked_for(method, None)
    heads = heads_of(head, {})
    dataset = read_domains(data, column=column, label_column=label_column, domain_column=domain_column, images=images)
    dataset = replace(dataset, split=None)
    backbones = get_backbones(
        backbone,
        modality=dataset.modality,
        weights=weights,
        image_size=image_size,
        resize=resize,
        pool=pool,
        layer=layer,
        pixels=pixels,
    )
    check_domains(dataset)
    features = extract(
        dataset.examples, dataset.names, backbones, engine=engine, skip_unreadable=skip_unreadable, progress=progress
    )
    skipped = dataset.skipped + features.skipped
    check_skipped(len(dataset) + len(dataset.skipped), skipped, skip_unreadable)
    dataset = replace(dataset.take(features.index), skipped=skipped)
    names = check_domains(dataset)
    check_classes(dataset)
    for note in dataset.notes:
        say(f"Note: {note}.")
    seen = _seen_right(dataset, features.values, heads, seed)
    found = []
    for name in names:
        each = _left_out(name, dataset, features, backbones, heads, seen, method, seed, engine)
        found.append(each)
        adapted = "" if each.adapted is None else f"; adapted by {each.method} {each.adapted:.3f}"
        say(f"{name}: {each.accuracy:.3f} never seen, {each.seen:.3f} seen{adapted}")
    return Generalized(
        domains=tuple(found),
        dataset=dataset,
        backbone="+".join(each.name for each in backbones),
        notes=dataset.notes + features.notes,
        skipped=skipped,
        seed=seed,
        seconds=time.perf_counter() - started,
    )


def check_domains(dataset: Dataset) -> list[str]:
    """Return the names of a dataset's domains.

    Raises
    ------
    DataError
        If there are fewer than two, or one has too few examples.
    """
    names = [] if dataset.domain is None else sorted(set(dataset.domain.tolist()))
    if len(names) < 2:
        found = f"only {names[0]!r}" if names else "none"
        raise DataError(
            f"There must be two domains or more to leave one out, but {dataset.name} has {found}; put "
            f"{dataset.things} in folders domain/class/file, or give the table a column called domain."
        )
    assert dataset.domain is not None
    for name in names:
        count = int(np.sum(dataset.domain == name))
        if count < LEAST:
            raise DataError(
                f"Each domain must have {LEAST} readable {dataset.things} or more, but {name!r} has {count}; add some, "
                "or leave the domain out."
            )
    return names


def _seen_right(dataset: Dataset, values: np.ndarray, heads: dict[str, dict[str, Any]], seed: int) -> np.ndarray:
    """Return which examples are named rightly (n,) by what was learnt on others of all domains."""
    right = np.zeros(len(dataset), bool)
    for train, test in folds(dataset.y, dataset.groups, FOLDS, seed):
        found = select(dataset, values, train, heads, seed).head
        right[test] = found.predict_proba(values[test]).argmax(axis=1) == np.searchsorted(
            np.unique(dataset.y[train]), dataset.y[test]
        )
    return right


def _left_out(
    name: str,
    dataset: Dataset,
    features: Features,
    backbones: tuple[Backbone, ...],
    heads: dict[str, dict[str, Any]],
    seen: np.ndarray,
    method: str,
    seed: int,
    engine: EngineName,
) -> LeftOut:
    """Learn on all domains but one, and name that one."""
    assert dataset.domain is not None
    others, own = np.flatnonzero(dataset.domain != name), np.flatnonzero(dataset.domain == name)
    source = with_classes_present(dataset.take(others))
    if len(source.class_names) < 2:
        raise DataError(
            f"Without {name!r} there must be {dataset.things} of two classes or more, but there is one, "
            f"{source.class_names[0]!r}; add some of another."
        )
    target = target_of(dataset.take(own), source.class_names)
    known = target.y >= 0
    if not known.any():
        raise DataError(f"{name!r} must share a class with the other domains, but shares none; name the same alike.")
    own, y = own[known], target.y[known]
    # Where there are several domains to learn from, what is chosen is chosen for one that was not seen.
    several = len(np.unique(dataset.domain[others])) > 1
    judged = replace(source, groups=source.domain) if several else source
    selection = select(judged, features.values[others], np.arange(len(source)), heads, seed)
    right = selection.head.predict_proba(features.values[own]).argmax(axis=1) == y
    cost, interval = paired_gain(seen[own], right)
    found = LeftOut(
        domain=name,
        n=len(own),
        accuracy=float(right.mean()),
        accuracy_ci95=wilson(int(right.sum()), len(right)),
        seen=float(seen[own].mean()),
        cost=cost,
        cost_ci95=interval,
        head=selection.name,
        unknown=tuple(sorted({label for label in target.labels if label not in source.class_names})),
    )
    if method == NONE:
        return found
    return _with_adaptation(found, source, target, features, others, backbones, method, seed, engine)


def _with_adaptation(
    found: LeftOut,
    source: Dataset,
    target: Any,
    features: Features,
    others: np.ndarray,
    backbones: tuple[Backbone, ...],
    method: str,
    seed: int,
    engine: EngineName,
) -> LeftOut:
    rest = np.setdiff1d(np.arange(len(features.values)), others)
    tried = try_all(
        asked_for(method, None),
        source,
        target,
        (replace(features, values=features.values[others]), replace(features, values=features.values[rest])),
        backbones,
        np.zeros(0, np.intp),
        training=None,
        seed=seed,
        engine=engine,
        progress=None,
        announce=lambda sentence: None,
    )
    choice, trial = tried.choose("mixture")
    known = target.y >= 0
    right = trial.probabilities[known].argmax(axis=1) == target.y[known]
    return replace(
        found,
        method=choice.name,
        adapted=float(right.mean()),
        adapted_ci95=wilson(int(right.sum()), len(right)),
    )
