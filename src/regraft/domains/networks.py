"""Methods that change the network itself, tried: its batch normalisation's statistics, or its weights."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from regraft.adaptation import BATCH_NORM, SOURCE_ONLY
from regraft.data.dataset import TASK, Dataset
from regraft.data.target import Target
from regraft.domains.trial import Problem, Trial, try_method
from regraft.features.engines import EngineName
from regraft.features.extraction import Features, extract
from regraft.features.streaming import Progress
from regraft.finetuning.settings import Training
from regraft.heads.scoring import SCORERS

if TYPE_CHECKING:
    from regraft.backbones.registry import Backbone


def by_batch_norm(
    source: Dataset,
    target: Target,
    backbones: tuple[Backbone, ...],
    problem: Problem,
    features: tuple[Features, Features],
    engine: EngineName,
    progress: Progress | None,
    seed: int,
) -> Trial:
    """Try source-only on the target's features by networks that take away what its activations differ in.

    Parameters
    ----------
    source : Dataset
    target : Target
    backbones : tuple of Backbone
        Each with batch normalisation.
    problem : Problem
    features : (Features, Features)
        Of both domains by the networks as they are.
    engine : {"auto", "openvino", "torch"}
    progress : callable, optional
    seed : int
    """
    from threadpoolctl import threadpool_limits

    from regraft.adaptation.batch_norm import adapt_batch_norm
    from regraft.heads.scoring import signed_power

    begun = time.perf_counter()
    adapted = tuple(
        adapt_batch_norm(each, target.examples, target.names, source=source.examples, seed=seed) for each in backbones
    )
    here = extract(
        target.examples, target.names, adapted, engine=engine, precisions=features[1].precisions, progress=progress
    )
    other = np.ascontiguousarray(signed_power(here.values, problem.power))
    with threadpool_limits(limits=1):
        trial = try_method(
            SOURCE_ONLY,
            replace(problem, target=other),
            adapted,
            here.precisions,
            here.widths,
            called=BATCH_NORM,
        )
    return replace(trial, seconds=time.perf_counter() - begun)


def end_to_end(
    name: str,
    source: Dataset,
    target: Target,
    features: tuple[Features, Features],
    backbone: Backbone,
    known: np.ndarray,
    problem: Problem,
    training: Training,
    seed: int,
    engine: EngineName,
    progress: Progress | None,
    announce: Callable[[str], None],
) -> Trial:
    """Try a method that trains the backbone; it cannot go there and back, for that would train it twice.

    Parameters
    ----------
    name : str
        One of `DEEP`.
    source : Dataset
    target : Target
    features : (Features, Features)
        Of both domains by the network as it is.
    backbone : Backbone
    known : int array of shape (q,)
        Positions of the target's examples whose labels may be learnt from.
    problem : Problem
    training : Training
    seed : int
    engine : {"auto", "openvino", "torch"}
    progress : callable, optional
    announce : callable
    """
    from regraft.adaptation.base import Known
    from regraft.adaptation.network_adaptation import adapt_network
    from regraft.adaptation.selection import scores_of

    method: Any = name
    found = adapt_network(
        source,
        _unlabelled(target, source),
        backbone,
        (features[0].values, features[1].values),
        method=method,
        known=Known(problem.known_rows, problem.known_y) if len(known) else None,
        training=training,
        seed=seed,
        engine=engine,
        progress=progress,
        announce=announce,
    )
    # As the saved classifier will name them: by its engine, in its precision.
    seen = extract(
        target.examples, target.names, found.backbones, engine=engine, precisions=found.precisions, progress=progress
    )
    probabilities = SCORERS[found.head](seen.values, found.tensors, found.settings)
    rows, said = found.source_held_out
    nothing = np.zeros((0, problem.k))
    scores = scores_of(
        probabilities,
        said,
        problem.y[rows],
        problem.weights[rows],
        None,
        problem.y,
        nothing,
        np.zeros(0, np.intp),
    )
    return Trial(
        name=name,
        backbones=found.backbones,
        precisions=found.precisions,
        widths=found.widths,
        head=found.head,
        tensors=found.tensors,
        settings=found.settings,
        probabilities=probabilities,
        source_rows=rows,
        source_probabilities=said,
        scores=scores,
        seconds=found.seconds,
    )


def _unlabelled(target: Target, source: Dataset) -> Dataset:
    """Return the target as a dataset whose labels say nothing."""
    return Dataset(
        examples=target.examples,
        names=target.names,
        labels={TASK: np.zeros(len(target), np.int64)},
        classes=source.classes,
        modality=target.modality,
        name=target.name,
    )
