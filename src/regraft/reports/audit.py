"""An audit as one HTML page that needs nothing else: the pictures in question, side by side."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regraft import __version__
from regraft.auditing.auditing import Audited
from regraft.auditing.findings import Group
from regraft.auditing.wording import WORDS
from regraft.reports.exhibits import Exhibit, Exhibits
from regraft.reports.html import template

PAGE = "audit.html"
FIGURES = "audit.json"

PAIRS, GROUPS, MEMBERS, SUSPECTS, NAMED = 24, 24, 6, 36, 60
"""Leaks, groups of copies, images of a group, suspects and unreadable files on the page; audit.json has all."""

SIDE = 200


@dataclass(frozen=True)
class Shown:
    """An example on the page.

    Parameters
    ----------
    name : str
    label : str
        Its class.
    part : str
        Of the split, or nothing.
    exhibit : Exhibit
    """

    name: str
    label: str
    part: str
    exhibit: Exhibit


@dataclass(frozen=True)
class Row:
    """Copies side by side: their pictures, how many more there are, and what is to be said of them."""

    pictures: tuple[Shown, ...]
    more: int
    kind: str
    contradicts: bool


def write(audited: Audited, folder: Path, command: str = "") -> None:
    """Write `audit.html` and `audit.json` into a folder that is there."""
    # A file name's undecodable bytes come as lone surrogates, which UTF-8 cannot hold.
    (folder / PAGE).write_bytes(render(audited, command).encode("utf-8", errors="backslashreplace"))
    (folder / FIGURES).write_text(json.dumps(audited.audit.to_dict(), indent=1), encoding="utf-8")


def render(audited: Audited, command: str = "") -> str:
    """Return an audit as one self-contained HTML page.

    Parameters
    ----------
    audited : Audited
    command : str
        What made it, for the record.
    """
    audit = audited.audit
    exhibits = Exhibits(audit.modality)
    leaking = {leak.position for leak in audit.leaks}
    groups = sorted(
        (group for group in audit.duplicates if group.contradicts or not leaking.intersection(group.positions)),
        key=lambda group: not group.contradicts,
    )
    suspects = audit.likely_errors or audit.label_errors
    return template(PAGE).render(
        audit=audit,
        words=WORDS[audit.modality],
        dataset=audited.dataset,
        sentences=audit.sentences(),
        leaks=[_pair(audited, leak, exhibits) for leak in audit.leaks[:PAIRS]],
        groups=[_row(audited, group, exhibits) for group in groups[:GROUPS]],
        more_groups=max(len(groups) - GROUPS, 0),
        suspects=[(suspect, _shown(audited, suspect.position, exhibits)) for suspect in suspects[:SUSPECTS]],
        n_suspects=len(suspects),
        unreadable=audit.unreadable[:NAMED],
        counts=sorted(audit.classes.counts.items(), key=lambda item: item[1]),
        commonest=max(audit.classes.counts.values(), default=1),
        command=command,
        version=__version__,
    )


def _pair(audited: Audited, leak: Any, exhibits: Exhibits) -> Row:
    pictures = tuple(_shown(audited, position, exhibits) for position in (leak.position, leak.copy))
    return Row(pictures, 0, leak.kind, leak.label != leak.copy_label)


def _row(audited: Audited, group: Group, exhibits: Exhibits) -> Row:
    pictures = tuple(_shown(audited, position, exhibits) for position in group.positions[:MEMBERS])
    return Row(pictures, len(group.positions) - len(pictures), group.kind, group.contradicts)


def _shown(audited: Audited, position: int, exhibits: Exhibits) -> Shown:
    dataset = audited.dataset
    return Shown(
        name=dataset.names[position],
        label=dataset.class_names[dataset.y[position]],
        part="" if dataset.split is None else str(dataset.split[position]),
        exhibit=exhibits.show(dataset.examples[position], SIDE),
    )
