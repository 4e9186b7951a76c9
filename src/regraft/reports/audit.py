"""An audit as one HTML page that needs nothing else: the pictures in question, side by side."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regraft import __version__
from regraft.auditing.auditing import Audited
from regraft.auditing.findings import Group
from regraft.reports.html import template
from regraft.reports.pictures import data_uri

PAGE = "audit.html"
FIGURES = "audit.json"

PAIRS, GROUPS, MEMBERS, SUSPECTS, NAMED = 24, 24, 6, 36, 60
"""Leaks, groups of copies, images of a group, suspects and unreadable files on the page; audit.json has all."""

SIDE = 200


@dataclass(frozen=True)
class Shown:
    """A picture on the page.

    Parameters
    ----------
    name : str
    label : str
        Its class.
    part : str
        Of the split, or nothing.
    uri : str or None
        The thumbnail as a data URI; None where the image can no longer be read.
    """

    name: str
    label: str
    part: str
    uri: str | None


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
    leaking = {leak.position for leak in audit.leaks}
    groups = sorted(
        (group for group in audit.duplicates if group.contradicts or not leaking.intersection(group.positions)),
        key=lambda group: not group.contradicts,
    )
    suspects = audit.likely_errors or audit.label_errors
    return template(PAGE).render(
        audit=audit,
        dataset=audited.dataset,
        sentences=audit.sentences(),
        leaks=[_pair(audited, leak) for leak in audit.leaks[:PAIRS]],
        groups=[_row(audited, group) for group in groups[:GROUPS]],
        more_groups=max(len(groups) - GROUPS, 0),
        suspects=[(suspect, _shown(audited, suspect.position)) for suspect in suspects[:SUSPECTS]],
        n_suspects=len(suspects),
        unreadable=audit.unreadable[:NAMED],
        counts=sorted(audit.classes.counts.items(), key=lambda item: item[1]),
        commonest=max(audit.classes.counts.values(), default=1),
        command=command,
        version=__version__,
    )


def _pair(audited: Audited, leak: Any) -> Row:
    pictures = (_shown(audited, leak.position), _shown(audited, leak.copy))
    return Row(pictures, 0, leak.kind, leak.label != leak.copy_label)


def _row(audited: Audited, group: Group) -> Row:
    pictures = tuple(_shown(audited, position) for position in group.positions[:MEMBERS])
    return Row(pictures, len(group.positions) - len(pictures), group.kind, group.contradicts)


def _shown(audited: Audited, position: int) -> Shown:
    dataset = audited.dataset
    return Shown(
        name=dataset.names[position],
        label=dataset.class_names[dataset.y[position]],
        part="" if dataset.split is None else str(dataset.split[position]),
        uri=data_uri(dataset.examples[position], SIDE),
    )
