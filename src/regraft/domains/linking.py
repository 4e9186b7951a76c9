"""Links between related examples of two domains: learnt from in the source, and used in the target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from regraft.domains.adapted import Related
from regraft.domains.candidates import Tried
from regraft.domains.trial import Trial
from regraft.errors import DataError
from regraft.evaluation.significance import paired_gain
from regraft.relations.links import Links, read_links
from regraft.relations.relational import learn_relations, relate


@dataclass(frozen=True, eq=False)
class Linked:
    """Links within each of two domains.

    Parameters
    ----------
    source, target : Links
        By position in their own domain.
    notes : tuple of str
        What was left out or inferred.
    """

    source: Links
    target: Links
    notes: tuple[str, ...]


def read_linked(path: Path, source: Sequence[str], target: Sequence[str]) -> Linked:
    """Read a table of links between the named examples of two domains; where both use a name, source/ or target/ is put
    before it.

    Raises
    ------
    DataError
        If the table cannot be read, or joins no examples of either domain.
    """
    n = len(source)
    names = [*source, *target]
    if set(source) & set(target):
        names = [f"source/{name}" for name in source] + [f"target/{name}" for name in target]
    links = read_links(path, names)
    of_source, of_target = links.edges.max(axis=1) < n, links.edges.min(axis=1) >= n
    if not of_source.any() or not of_target.any():
        which = "source" if not of_source.any() else "target"
        raise DataError(
            f"--links must join examples within the source and within the target, but none joins two of the {which}; "
            "add some, or leave it out."
        )
    across = int(len(links) - of_source.sum() - of_target.sum())
    what = "link between source and target is" if across == 1 else "links between source and target are"
    said = [f"{across:,} {what} not used"] if across else []
    here = links.take(of_target)
    return Linked(
        links.take(of_source),
        Links(here.edges - n, here.kinds, here.kind_names, here.weights),
        (*links.notes, *said),
    )


def smoothed(tried: Tried, chosen: Trial, linked: Linked, measured: npt.NDArray[np.intp]) -> Related:
    """Return the chosen method's predictions smoothed over the target's links, as far as the source's teach it."""
    source, target, rows = tried.source, tried.target, chosen.source_rows
    place = np.full(len(source), -1)
    place[rows] = np.arange(len(rows))
    held_out = linked.source.take(np.isin(linked.source.edges, rows).all(axis=1))
    relations = learn_relations(
        Links(place[held_out.edges], held_out.kinds, held_out.kind_names, held_out.weights),
        source.y[rows],
        chosen.source_probabilities,
        source.class_names,
        tried.seed,
    )
    probabilities, said = relate(relations, linked.target, chosen.probabilities)
    accuracy = without = interval = None
    if len(measured):
        y = target.y[measured]
        after = probabilities[measured].argmax(axis=1) == y
        before = chosen.probabilities[measured].argmax(axis=1) == y
        accuracy, without = float(after.mean()), float(before.mean())
        interval = paired_gain(after, before)[1]
    return Related(
        relations, (*linked.notes, *relations.sentences(), *said), probabilities, accuracy, without, interval
    )
