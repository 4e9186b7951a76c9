"""A page of pictures that needs nothing else: groups of examples side by side, each with what is said of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from regraft import __version__
from regraft.reports.exhibits import Exhibit
from regraft.reports.html import template

SIDE = 160
"""Pixels of a thumbnail's longest side that suit these pages."""


@dataclass(frozen=True)
class Card:
    """An example and what is said of it.

    Parameters
    ----------
    name : str
        What the user calls it.
    caption : str
        "" for none.
    shown : Exhibit
    """

    name: str
    caption: str
    shown: Exhibit


@dataclass(frozen=True)
class Group:
    """Pictures under one heading.

    Parameters
    ----------
    title : str
    note : str
        What is said of them all; "" for none.
    cards : tuple of Card
    more : int
        How many more belong to the group than are shown.
    """

    title: str
    note: str
    cards: tuple[Card, ...]
    more: int = 0


def render(title: str, lead: Sequence[str], groups: Sequence[Group], command: str = "") -> str:
    """Return a page of pictures as self-contained HTML; all characters in it can be written as UTF-8.

    Parameters
    ----------
    title : str
    lead : sequence of str
        What the page says: the headline first, then a paragraph each.
    groups : sequence of Group
    command : str
        What made it, for the record.
    """
    page = template("sheet.html").render(title=title, lead=lead, groups=groups, command=command, version=__version__)
    return printable(page)


def printable(text: str) -> str:
    """Return a text or a page in which file names that are no UTF-8 come escaped."""
    # A file name's undecodable bytes come as lone surrogates, which UTF-8 cannot hold.
    return text.encode("utf-8", errors="backslashreplace").decode()
