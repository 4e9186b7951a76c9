"""regraft suggest MODEL UNLABELLED: which images to label next."""

from __future__ import annotations

import csv
import io
import json
import shlex
import sys
from pathlib import Path
from typing import Any

import click

from regraft.classifier import Classifier
from regraft.cli.options import JSON, QUIET, engine_option, option, print_json, progress_bar, say
from regraft.cli.recording import CONFIG, recorded
from regraft.data.dataset import NOUNS
from regraft.errors import UsageError
from regraft.exploration.active_learning import Suggestions, suggest
from regraft.reports.exhibits import beginning
from regraft.reports.suggestions import PAGE, TABLE, write
from regraft.runs import new_run_folder

FIGURES = "suggestions.json"

SHOWN = 60
"""Characters of a text beside its name."""


@click.command("suggest")
@click.argument("model")
@click.argument("unlabelled", nargs=-1, required=True)
@option(suggest, "--n", type=int, metavar="COUNT", help="How many images to choose.")
@option(suggest, "--labelled", metavar="DATA", help="What is labelled already: nothing like it is chosen.")
@click.option("--out", metavar="DIR", help="A new folder for the page and the table [default: runs/NAME-suggest-TIME].")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV on stdout.")
@engine_option(suggest)
@CONFIG
@QUIET
@JSON
def command(
    model: str,
    unlabelled: tuple[str, ...],
    n: int,
    labelled: str | None,
    out: str | None,
    as_csv: bool,
    engine: Any,
    quiet: bool,
    as_json: bool,
) -> None:
    """Choose the images whose labels would teach a saved classifier most.

    UNLABELLED are files or folders. The picks are diverse, and stand for images of which the classifier is unsure.
    Writes suggestions.html, a sheet of pictures, and suggestions.csv, whose column label is to be filled in; with
    --labelled it begins with DATA's images and labels, so that it can be given to `regraft fit` as it is.
    """
    if as_csv and as_json:
        raise UsageError("--csv and --json exclude each other; choose one.")
    folder = new_run_folder(f"{Path(unlabelled[0]).name}-suggest", out)  # refuse before the work, not after it
    classifier = Classifier.load(model)
    with progress_bar("examples", quiet=quiet or as_json or as_csv) as progress:
        sources = [Path(one) for one in unlabelled]
        data = sources[0] if len(sources) == 1 else sources
        found = suggest(classifier, data, n, labelled=labelled, engine=engine, progress=progress)
    with recorded(folder, Path(model), *sources) as new:
        (new / FIGURES).write_text(json.dumps(found.to_dict(), indent=1), encoding="utf-8")
        tabulated = write(found, new, folder, shlex.join(["regraft", *sys.argv[1:]]))
    if as_json:
        print_json({**found.to_dict(), "out": str(folder)})
    elif as_csv:
        say(_csv(found).rstrip("\n"))
    else:
        _show(found, quiet)
        say(f"page   {folder / PAGE}")
    for skipped in found.skipped:
        say(f"{skipped.name}  not read: {skipped.reason}", to_stderr=True)
    if not as_json and not as_csv and found.picks:
        say(_next(folder, tabulated, labelled is not None, NOUNS[found.modality][1]))


def _show(found: Suggestions, quiet: bool) -> None:
    heads = ("", NOUNS[found.modality][0], "rivals", "margin", "distance", "why")
    rows = [
        (
            str(rank),
            one.name if found.modality != "text" else f"{one.name}: {beginning(example, SHOWN)}",
            ", ".join(f"{name} {share:.2f}" for name, share in zip(one.rivals, one.probabilities, strict=True)),
            f"{one.margin:.2f}",
            "–" if one.distance is None else f"{one.distance:.2f}",
            one.why,
        )
        for rank, (one, example) in enumerate(zip(found.picks, found.examples, strict=True), 1)
    ]
    widths = [max(len(cell) for cell in column) for column in zip(heads, *rows, strict=True)]
    right = (0, 3, 4)
    for row in [heads, *rows] if rows else []:
        cells = [c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))]
        say("  ".join(cells).rstrip())
    if not quiet:
        for note in found.notes:
            say(f"Note: {note}")


def _next(folder: Path, tabulated: bool, labelled: bool, things: str) -> str:
    """Return how to go on, in a line."""
    if not tabulated:
        return (
            f"next   label these {things}, add them to your labelled ones, and fit anew (no table: they are no files)"
        )
    table = shlex.quote(str(folder / TABLE))
    if labelled:
        return f"next   fill in the column label, then: regraft fit {table}"
    return f"next   fill in the column label of {table}, add its rows to your labelled {things}' table, and fit anew"


def _csv(found: Suggestions) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        [
            "rank",
            NOUNS[found.modality][0],
            "guess",
            "probability",
            "rival",
            "margin",
            "score",
            "distance",
            "unfamiliar",
            "why",
        ]
    )
    for rank, one in enumerate(found.picks, 1):
        distance = "" if one.distance is None else f"{one.distance:.6f}"
        unfamiliar = "" if one.unfamiliar is None else "yes" if one.unfamiliar else "no"
        figures = (f"{one.probabilities[0]:.6f}", one.rivals[1], f"{one.margin:.6f}", f"{one.score:.6f}", distance)
        writer.writerow([rank, one.name, one.guess, *figures, unfamiliar, one.why])
    return text.getvalue()
