"""regraft fewshot DATA: how far a few labelled images a class go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from regraft.cli.options import JSON, QUIET, backbone_options, option, print_json, progress_bar, say, source_options
from regraft.cli.recording import CONFIG, LOG, recorded, tracked
from regraft.errors import UsageError
from regraft.few_shot.fewshot import USUAL, fewshot
from regraft.few_shot.found import FewShot
from regraft.reports.fewshot import PICTURE, write
from regraft.runs import new_run_folder


def _numbers(context: click.Context, parameter: click.Parameter, text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise UsageError(
            f"--shots must be whole numbers of images a class joined by commas, such as 1,5,20, not {text!r}."
        ) from None


@click.command("fewshot")
@click.argument("data")
@option(
    fewshot,
    "--shots",
    callback=_numbers,
    metavar="K,K",
    help=f"Labelled images a class [default: {','.join(map(str, USUAL))}, as far as each class has them].",
)
@option(fewshot, "--episodes", type=int, help="Random draws for each.")
@option(
    fewshot,
    "--together/--alone",
    help="Name all images that have no label together, by what they have in common; or each on its own.",
)
@option(fewshot, "--views/--no-views", help="Use mirrored and differently framed views as well.")
@option(
    fewshot,
    "--head",
    type=click.Choice(["auto", "prototype", "logistic", "centroid", "knn"]),
    help="What is learnt on the features; auto compares the first three, leaving each labelled image out.",
)
@option(fewshot, "--seed", type=int, help="Of every random choice.")
@backbone_options(fewshot)
@source_options(fewshot)
@click.option("--out", metavar="DIR", help=f"A new folder for the curve, {PICTURE} [default: runs/NAME-TIME].")
@LOG
@CONFIG
@QUIET
@JSON
def command(data: str, out: str | None, log: tuple[str, ...], quiet: bool, as_json: bool, **settings: Any) -> None:
    """Measure how accurate a classifier is that has seen a few labelled images a class.

    DATA is as for `regraft fit`. Images are drawn from it again and again; all others are the test (where DATA has a
    test part, that is). Writes fewshot.svg and fewshot.json.
    """
    place = new_run_folder(Path(data).stem, out)  # refuse before the work, not after it
    with tracked(log, place, quiet=quiet) as tracker:
        with progress_bar("examples", quiet=quiet or as_json) as progress:
            announce = None if quiet else lambda sentence: say(sentence, to_stderr=as_json)
            found = fewshot(data, progress=progress, announce=announce, **settings)
        folder = new_run_folder(found.dataset.name, out)
        with recorded(folder, found.dataset) as new:
            write(found, new)
        tracker.log(found, folder)
    if as_json:
        print_json(found.to_dict())
    else:
        _show(found, folder)


def _show(found: FewShot, folder: Path) -> None:
    columns = [f"{found.dataset.things} a class", "accuracy, 95% interval", "head"]
    if found.together:
        columns = [f"{found.dataset.things} a class", "named together, 95% interval", "head", "each on its own", "head"]
    rows = [columns]
    for point in found.points:
        figures = (point.best, point.alone) if found.together else (point.best,)
        cells = [
            cell
            for figure in figures
            for cell in (f"{figure.accuracy:.3f} ({figure.ci95[0]:.3f} to {figure.ci95[1]:.3f})", figure.head)
        ]
        rows.append([str(point.shots), *cells])
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    say(f"picture  {folder / PICTURE}")
