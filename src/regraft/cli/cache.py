"""regraft cache info|clear: the features kept on this machine."""

from __future__ import annotations

import click

from regraft.cli.options import JSON, print_json, say
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
        made = entry.producer
        pixels = made.get("preprocessing", {})
        say(
            f"  {made.get('backbone', '?'):28} {entry.images:>9,} images {entry.megabytes:>9,.1f} MB  "
            f"{pixels.get('size', '?')} px {pixels.get('resize', '?')}, pool {made.get('pool', '?')}, "
            f"{made.get('precision', '?')}, weights {str(made.get('weights', '?'))[:12]}"
        )


@command.command("clear")
def clear() -> None:
    """Delete the cached features and compiled networks; they are computed again when needed."""
    say(f"{cache.clear():,.1f} MB freed in {cache.cache_root()}")
