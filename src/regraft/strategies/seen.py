"""What is seen of the images before anything is learnt: their looks, and their features as far as they are wanted."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from regraft.backbones import checks
from regraft.backbones.registry import Backbone
from regraft.data.dataset import Dataset, Skipped
from regraft.data.looks import Looks
from regraft.features.engines import EngineName
from regraft.features.extraction import Features, extract
from regraft.features.streaming import Progress
from regraft.strategies.anytime import extract_within


@dataclass(frozen=True, eq=False)
class Seen:
    """What a pass over the images found.

    Parameters
    ----------
    index : int array of shape (n,)
        Positions of the images that can be read.
    looks : Looks
        Of these.
    features : Features or None
        Of these; None where nothing is transferred.
    backbones : tuple of Backbone
        Those that there was time for.
    skipped : tuple of Skipped
    notes : tuple of str
        What the budget left out.
    """

    index: np.ndarray
    looks: Looks
    features: Features | None
    backbones: tuple[Backbone, ...]
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...] = ()

    def warnings(self, dataset: Dataset) -> list[str]:
        """Return what the user should know of what is transferred to a data set."""
        if self.features is None:
            return []
        random = [b.name for b in self.backbones if b.weights.random]
        found = [f"Random weights: {', '.join(random)} knows nothing yet, so nothing is transferred."] if random else []
        return found + checks.warnings(self.backbones, self.features.values, self.features.widths, dataset.examples)


def see(
    dataset: Dataset,
    backbones: tuple[Backbone, ...],
    *,
    transfers: bool,
    begun: float,
    budget: float | None,
    engine: EngineName,
    skip_unreadable: bool,
    progress: Progress | None,
) -> Seen:
    """Look at all images, and compute their features unless nothing is transferred.

    Parameters
    ----------
    dataset : Dataset
    backbones : tuple of Backbone
    transfers : bool
        Whether features are wanted.
    begun : float
        When the work began, by `time.monotonic`.
    budget : float or None
        Seconds that all may take.
    engine, skip_unreadable, progress
        As for `extract`.

    Raises
    ------
    DataError
        If more than 5% of the images are unreadable and `skip_unreadable` is not set.
    """
    if not transfers:
        found = extract(
            dataset.examples,
            dataset.names,
            (),
            skip_unreadable=skip_unreadable,
            looks=True,
            progress=progress,
            modality=dataset.modality,
        )
        assert found.looks is not None
        return Seen(found.index, found.looks, None, backbones, found.skipped)
    found, affordable = extract_within(
        dataset.examples,
        dataset.names,
        backbones,
        float("inf") if budget is None else begun + budget,
        engine=engine,
        skip_unreadable=skip_unreadable,
        looks=True,
        progress=progress,
    )
    notes = [f"The budget leaves no time for {b.name}, so it was left out." for b in backbones[len(affordable) :]]
    if budget is not None and time.monotonic() > begun + budget:
        notes.append(f"The features alone took longer than the budget of {budget:g} s.")
    assert found.looks is not None
    return Seen(found.index, found.looks, found, affordable, found.skipped, tuple(notes))
