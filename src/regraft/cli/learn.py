"""regraft learn MODEL NEWCLASS IMAGE...: add a class to a saved classifier from one or a few images."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from regraft.cli.options import JSON, QUIET, engine_option, option, print_json, progress_bar, say
from regraft.errors import UsageError
from regraft.growing.learning import learn


@click.command("learn")
@click.argument("model")
@click.argument("newclass")
@click.argument("images", nargs=-1, required=True)
@option(
    learn,
    "--cost",
    type=float,
    metavar="SHARE",
    help="Share of the other classes' images that may be taken for it; more recognises more of the new class.",
)
@click.option("--out", metavar="FILE", help="Where to write the classifier [default: MODEL itself].")
@engine_option(learn)
@QUIET
@JSON
def command(
    model: str,
    newclass: str,
    images: tuple[str, ...],
    cost: float,
    out: str | None,
    engine: Any,
    quiet: bool,
    as_json: bool,
) -> None:
    """Add a class to a saved classifier from one or a few images, without the images it was fitted on.

    IMAGES are files, folders, or - for the bytes of one image on stdin. A class that was learnt so before gets these
    images as well. MODEL is written anew, whole or not at all.
    """
    if images.count("-") > 1:
        raise UsageError("- stands for the one image on stdin, but it is given more than once.")
    sources: list[Any] = [sys.stdin.buffer.read() if image == "-" else Path(image) for image in images]
    with progress_bar("learn", quiet=quiet or as_json) as progress:
        found = learn(model, newclass, sources, cost=cost, engine=engine, progress=progress)
    found.classifier.save(out or model)
    for skipped in found.skipped:
        say(f"{skipped.name}  not read: {skipped.reason}", to_stderr=True)
    if as_json:
        print_json({**found.to_dict(), "out": out or model})
    elif not quiet:
        for sentence in found.sentences():
            say(sentence)
        say(f"classifier  {out or model}")
