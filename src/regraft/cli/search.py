"""regraft search DATA QUERY...: find the images, texts or recordings that are most like others."""

from __future__ import annotations

import shlex
import sys
from typing import Any

import click

from regraft.cli.options import JSON, QUIET, backbone_options, option, print_json, progress_bar, say, source_options
from regraft.cli.recording import CONFIG, recorded
from regraft.data.dataset import NOUNS
from regraft.exploration.similarity import Found, search
from regraft.reports.exhibits import beginning
from regraft.reports.search import PAGE, write
from regraft.runs import new_run_folder

SHOWN = 80
"""Characters of a text beside its name."""


@click.command("search")
@click.argument("data")
@click.argument("queries", nargs=-1, required=True, metavar="QUERY...")
@option(search, "--n", type=int, help="How many to find for each query.")
@option(search, "--index", metavar="FILE", help="Keep the features here: written if it is not there, else used.")
@backbone_options(search)
@source_options(search)
@click.option("--out", metavar="DIR", help="A new folder for a page with the pictures.")
@CONFIG
@QUIET
@JSON
def command(data: str, queries: tuple[str, ...], out: str | None, quiet: bool, as_json: bool, **settings: Any) -> None:
    """Find what of DATA is most like each QUERY, by the cosine of centred features.

    QUERY is a file, or a folder of them, or a text in quotes. A query that is itself in DATA is found first, with
    similarity 1, and marked as the same. Up to 100,000 examples are all compared.
    """
    if out is not None:
        new_run_folder("", out)  # refuse before the work, not after it
    with progress_bar("examples", quiet=quiet or as_json) as progress:
        found = search(data, list(queries), progress=progress, **settings)
    folder = None if out is None else new_run_folder("", out)
    if folder is not None:
        with recorded(folder, found.images) as new:
            write(found, new, shlex.join(["regraft", *sys.argv[1:]]))
    if as_json:
        print_json({**found.to_dict(), **({} if folder is None else {"out": str(folder)})})
    else:
        _show(found, quiet)
        if folder is not None:
            say(f"page  {folder / PAGE}")
    if any(answer.error for answer in found.answers):
        raise click.exceptions.Exit(1)


def _show(found: Found, quiet: bool) -> None:
    for answer in found.answers:
        if answer.error:
            say(f"{answer.query}  not read: {answer.error}", to_stderr=True)
            continue
        if len(found.answers) > 1 or not quiet:
            say(answer.query)
        width = max(len(hit.name) for hit in answer.hits)
        for rank, hit in enumerate(answer.hits, 1):
            beside = [hit.label or "", f"the same {NOUNS[found.images.modality][0]}" if hit.same else ""]
            if found.images.modality == "text":
                beside.append(beginning(found.images.examples[hit.position], SHOWN))
            line = f"{rank:4}  {hit.similarity:6.3f}  {hit.name:{width}}  {'  '.join(filter(None, beside))}"
            say(line.rstrip())
    if not quiet:
        for note in found.notes:
            say(f"Note: {note}")
    if found.skipped:
        first = found.skipped[0]
        say(
            f"{found.images.count(len(found.skipped))} cannot be read, such as {first.name}: {first.reason}",
            to_stderr=True,
        )
