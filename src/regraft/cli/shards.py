"""What `embed` and `predict` share where they write a folder of Parquet files: options, and what is said at the end."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import asdict
from pathlib import PurePath
from typing import Any

import click

from regraft.bulk.running import ENGINES, Written, embed_shards
from regraft.cli.options import add, option, print_json, say
from regraft.errors import UsageError

ONLY_SHARDS = ("address", "workers", "shard_rows")
"""Options that mean something only where a folder is written."""


def shard_options() -> Callable[[Any], Any]:
    """Return the options that say who computes a folder of Parquet files, and in what portions."""
    return add(
        [
            option(
                embed_shards,
                "--engine",
                type=click.Choice(ENGINES),
                help="What runs the networks: an engine on all cores of this machine (local: the faster one), or a Ray "
                "cluster, which writes a folder.",
            ),
            option(
                embed_shards, "--address", metavar="HOST", help="Of the Ray cluster [default: one is started here]."
            ),
            option(
                embed_shards, "--workers", type=int, metavar="N", help="Of the Ray cluster [default: 4 cores each]."
            ),
            option(embed_shards, "--shard-rows", type=int, metavar="N", help="Rows of each file of a folder."),
        ]
    )


def is_folder(out: str | None) -> bool:
    """Return whether a place stands for a folder: it has no ending, or is a URL."""
    return out is not None and ("://" in out or not PurePath(out).suffix)


def refuse_shards(settings: dict[str, Any], because: str) -> None:
    """Take the options of folders out of a command's settings.

    Raises
    ------
    UsageError
        If one was given, or a cluster is to compute.
    """
    parameters = inspect.signature(embed_shards).parameters
    for name in ONLY_SHARDS:
        if settings.pop(name) != parameters[name].default:
            raise UsageError(f"--{name.replace('_', '-')} is of a folder of Parquet files, but {because}.")
    if settings["engine"] == "ray":
        raise UsageError(f"--engine ray writes a folder of Parquet files, but {because}.")
    if settings["engine"] == "local":
        settings["engine"] = "auto"


def show_written(written: Written, things: str, *, quiet: bool, as_json: bool) -> None:
    """Print what a job left in its folder."""
    if as_json:
        print_json({**asdict(written), "examples": list(written.examples)})
        return
    for example in written.examples:
        say(f"not read: {example}", to_stderr=True)
    if quiet:
        return
    kept = written.rows - written.computed
    say(
        f"{written.rows:,} {things} in {written.shards:,} files, {written.megabytes:,.1f} MB, {written.seconds:.1f} s: "
        f"{written.out}" + (f"; {kept:,} of them were there already" if kept else "")
    )
    if written.unreadable:
        say(f"{written.unreadable:,} of them could not be read; their column error says why")
