"""regraft generalize DATA: how well a domain is named that was never seen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from regraft.cli.options import JSON, QUIET, backbone_options, option, print_json, progress_bar, say, source_options
from regraft.cli.recording import CONFIG, LOG, recorded, tracked
from regraft.domains.generalize import generalize
from regraft.domains.generalized import Generalized
from regraft.errors import UsageError
from regraft.runs import new_run_folder

FIGURES = "generalize.json"


@click.command("generalize")
@click.argument("data", nargs=-1, required=True)
@option(generalize, "--method", metavar="none|auto|NAME,...", help="Adapt to the domain left out, without its labels.")
@option(
    generalize,
    "--head",
    type=click.Choice(["auto", "prototype", "logistic", "centroid", "knn", "mlp"]),
    help="What is learnt on the features.",
)
@backbone_options(generalize)
@option(generalize, "--domain-column", metavar="NAME", help="A table's column of domains.")
@source_options(generalize)
@option(generalize, "--seed", type=int, help="Of every random choice.")
@click.option("--out", metavar="DIR", help="A new folder for the figures [default: they are printed only].")
@LOG
@CONFIG
@QUIET
@JSON
def command(
    data: tuple[str, ...], out: str | None, log: tuple[str, ...], quiet: bool, as_json: bool, **settings: Any
) -> None:
    """Leave each domain out in turn, learn on all others, and tell how well it is named.

    DATA are a folder of domain folders with the same class folders, a table with a column called domain, or several
    such sources, each a domain.
    """
    place = new_run_folder(f"generalize-{Path(data[0]).stem}", out)  # refuse before the work, not after it
    with tracked(log, place, quiet=quiet) as tracker:
        with progress_bar("examples", quiet=quiet or as_json) as progress:
            found = generalize(
                _sources(data),
                progress=progress,
                announce=None if quiet else lambda sentence: say(sentence, to_stderr=True),
                **settings,
            )
        if out is not None:
            with recorded(place, found.dataset) as new:
                (new / FIGURES).write_text(json.dumps(found.to_dict(), indent=1), encoding="utf-8")
        tracker.log(found, None if out is None else place)
    if as_json:
        print_json({**found.to_dict(), **({} if out is None else {"out": str(place)})})
    else:
        _show(found)
        if out is not None:
            say(f"figures  {place / FIGURES}")


def _sources(data: tuple[str, ...]) -> Any:
    if len(data) == 1:
        return data[0]
    return named_sources(data)


def named_sources(data: tuple[str, ...]) -> dict[str, str]:
    """Return several sources by name: each by its file's or folder's, or where two share one by its path.

    Raises
    ------
    UsageError
        If one is given twice.
    """
    named: dict[str, str] = {}
    for each in data:
        stem = Path(each).stem or each
        named[each if stem in named else stem] = each
    if len(named) < len(data):
        raise UsageError("Each source must be given once, but one is there twice; leave it out.")
    return named


def _show(found: Generalized) -> None:
    adapted = found.adapted is not None
    header = ["domain left out", found.dataset.things, "accuracy, 95% interval", "had it been seen", "head"]
    rows = [[*header, *(["adapted", "by"] if adapted else [])]]
    for each in found.domains:
        low, high = each.accuracy_ci95
        row = [
            each.domain,
            f"{each.n:,}",
            f"{each.accuracy:.3f} ({low:.3f} to {high:.3f})",
            f"{each.seen:.3f}",
            each.head,
        ]
        rows.append([*row, *([f"{each.adapted:.3f}", str(each.method)] if adapted else [])])
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    for each in found.domains:
        if each.unknown:
            say(f"Left out of {each.domain}, for no other domain has them: {', '.join(each.unknown[:8])}.")
    for sentence in found.sentences:
        say(sentence)
