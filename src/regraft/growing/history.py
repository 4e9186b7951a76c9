"""What became of a classifier since it was fitted: in its own record, and on its card."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from regraft import __version__

CHANGES = "changes"
"""Their place in a classifier's `info`."""

TITLE = "## Changed since it was fitted"
END = "<!-- end of the changes -->\n\n"
FIGURES = ("metrics", "model-index")
"""Metadata of the card that no longer hold."""


def recorded(info: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """Return a classifier's record with one more change, and the time of it."""
    stamped = {**change, "created": datetime.now(UTC).isoformat(timespec="seconds"), "version": __version__}
    return {**info, CHANGES: [*info.get(CHANGES, []), stamped]}


def noted(card: str, info: dict[str, Any], classes: Sequence[str]) -> str:
    """Return a model card that says what has changed, in front of figures that are of before.

    Parameters
    ----------
    card : str
        Markdown; "" where there is none, and none will be.
    info : dict
        The classifier's record.
    classes : sequence of str
        As they are now.
    """
    if not card:
        return ""
    card = re.sub(f"{re.escape(TITLE)}.*?{re.escape(END)}", "", _without_figures(card), flags=re.DOTALL)
    title = re.search(r"^# .*\n\n", card, flags=re.MULTILINE)
    place = title.end() if title else 0
    section = "\n".join(_section(info, classes))
    return f"{card[:place]}{section}\n\n{END}{card[place:]}"


def _section(info: dict[str, Any], classes: Sequence[str]) -> Iterator[str]:
    yield TITLE
    yield ""
    yield (
        "Every figure below is of the classifier as it was fitted, and none of it as it is now. Evaluate it anew "
        "(`regraft evaluate`) before relying on it."
    )
    yield ""
    for change in info.get(CHANGES, []):
        yield f"- {change['created'][:10]}: {_told(change)}"
    yield ""
    yield f"Its classes now: {', '.join(map(_literal, classes))}."


def _told(change: dict[str, Any]) -> str:
    name = _literal(change["class"])
    if change["change"] == "forgot":
        return f"{name} was forgotten."
    return (
        f"{name} was learnt from {change['images']:,} images; {change['taken']:,} of {change['compared']:,} remembered "
        "images of the other classes would be taken for it."
    )


def _literal(name: str) -> str:
    """Return a name as Markdown shows it letter by letter."""
    return "`" + "".join(c if c.isprintable() and c != "`" else " " for c in name) + "`"


def _without_figures(card: str) -> str:
    """Return a card whose metadata claim no figures."""
    head = re.match(r"---\n.*?^---\n", card, flags=re.DOTALL | re.MULTILINE)
    if head is None:
        return card
    kept, dropped = [], False
    for line in head[0].splitlines(keepends=True):
        if not line.startswith((" ", "-")) or line == "---\n":
            dropped = line.split(":")[0] in FIGURES
        if not dropped:
            kept.append(line)
    return "".join(kept) + card[head.end() :]
