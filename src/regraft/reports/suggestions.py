"""What to label next as a page of pictures, and as a table to be filled in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from regraft.data.columns import write_columns
from regraft.data.dataset import NOUNS, Dataset
from regraft.data.tables import cell
from regraft.exploration.active_learning import Suggestion, Suggestions
from regraft.reports.exhibits import Exhibits
from regraft.reports.sheet import SIDE, Card, Group, render

PAGE = "suggestions.html"
TABLE = "suggestions.csv"

SHOWN = 200
"""Pictures on the page; the table has all."""


def write(found: Suggestions, folder: Path, place: Path, command: str = "") -> bool:
    """Write `suggestions.html` and `suggestions.csv` into a folder that is there.

    Parameters
    ----------
    found : Suggestions
    folder : Path
    place : Path
        Where the folder will stand in the end: files below it are named from there.
    command : str
        What made them, for the record.

    Returns
    -------
    bool
        Whether there is a table: what lies in an archive has no files that it could name.
    """
    tabulated = bool(found.picks) and _can_be_named(found.examples, found.labelled)
    if tabulated:
        write_columns(_columns(found, place.absolute()), folder / TABLE)
    (folder / PAGE).write_text(page(found, command, tabulated), encoding="utf-8")
    return tabulated


def page(found: Suggestions, command: str = "", tabulated: bool = True) -> str:
    """Return the page of pictures."""
    picks = len(found.picks)
    things = NOUNS[found.modality][1]
    exhibits = Exhibits(found.modality)
    headline = f"Label these {picks:,} of {found.n:,} {things} next." if picks else "There is nothing left to label."
    cards = tuple(
        Card(one.name, f"{rank}. {caption(one)}", exhibits.show(example, SIDE))
        for rank, (one, example) in enumerate(zip(found.picks[:SHOWN], found.examples, strict=False), 1)
    )
    note = f"Each stands for {things} that are like it and of which the classifier is unsure; the most telling first."
    if tabulated:
        note += f" The column label of {TABLE} is there to be filled in."
    groups = [Group("To be labelled", note, cards, picks - len(cards))] if cards else []
    return render("What to label next", [headline, *found.notes], groups, command)


def caption(one: Suggestion) -> str:
    """Return what is said of a pick: its rivals with their probabilities, and why it was picked."""
    shares = ", ".join(f"{name} {share:.2f}" for name, share in zip(one.rivals, one.probabilities, strict=True))
    return f"{shares}: {one.why}"


def _can_be_named(examples: Sequence[Any], labelled: Dataset | None) -> bool:
    if labelled is not None:
        if labelled._keep is not None:
            return False
        examples = [*examples, *labelled.examples]
    if all(isinstance(example, str) for example in examples):
        return True
    # What is unpacked from an archive goes when the program ends.
    return all(isinstance(example, Path) and not hasattr(example, "folder") for example in examples)


def _columns(found: Suggestions, folder: Path) -> dict[str, Sequence[str]]:
    """Return the columns of the table: what is labelled already, then the picks with empty labels."""
    old, picks = found.labelled, len(found.picks)
    before = 0 if old is None else len(old)
    examples = [*(() if old is None else old.examples), *found.examples]
    columns: dict[str, Sequence[str]] = {
        NOUNS[found.modality][0]: [cell(folder, example) for example in examples],
        "label": [*(() if old is None else (old.class_names[c] for c in old.y)), *[""] * picks],
        "guess": [""] * before + [one.guess for one in found.picks],
    }
    if old is not None and old.split is not None:
        columns["split"] = [*old.split.tolist(), *["train"] * picks]
    if old is not None and old.groups is not None:
        columns["group"] = [*old.groups.tolist(), *[""] * picks]
    return columns
