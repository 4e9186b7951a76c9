"""regraft cache info|clear: the features kept on this machine."""

from __future__ import annotations

from typing import Any

import click

from regraft.cli.options import JSON, print_json, say
from regraft.data.dataset import NOUNS
from regraft.features import cache


@click.group("cache")
def command() -> None:
    """Show or clear the features kept on this machine."""


@command.command("info")
@JSON
def info(as_json: bool) -> None:
    """Show where the cache is and what it holds."""
    entries = cache.info()
    root = cache.cache_root()
    if as_json:
        rows = [{"producer": e.producer, "images": e.images, "megabytes": e.megabytes} for e in entries]
        print_json({"path": str(root), "entries": rows})
        return
    say(f"{root}: {sum(e.megabytes for e in entries):,.1f} MB of features (REGRAFT_CACHE moves it)")
    for entry in entries:
        name = entry.producer.get("backbone", "?")
        what = _things(entry.producer)
        say(f"  {name:28} {entry.images:>9,} {what:10} {entry.megabytes:>9,.1f} MB  {_made(entry.producer)}")


def _things(producer: dict[str, Any]) -> str:
    """Return what an entry's features are of, as far as it tells."""
    told = "audio" if "sound" in producer else "image" if "preprocessing" in producer else "text"
    return NOUNS[producer.get("modality", told)][1]


def _made(producer: dict[str, Any]) -> str:
    """Return how features were produced, in a few words."""
    pixels = producer.get("preprocessing", {})
    parts = [f"{pixels['size']} px {pixels['resize']}"] if "size" in pixels else []
    parts += ["mirrored"] if pixels.get("mirror") else []
    parts += [f"pool {producer['pool']}"] if "pool" in producer else []
    parts += [str(producer["precision"])] if "precision" in producer else []
    parts += [f"weights {str(producer['weights'])[:12]}"] if "weights" in producer else []
    return ", ".join(parts)


@command.command("clear")
def clear() -> None:
    """Delete the cached features and compiled networks; they are computed again when needed."""
    say(f"{cache.clear():,.1f} MB freed in {cache.cache_root()}")
