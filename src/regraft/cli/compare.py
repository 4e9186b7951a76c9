"""regraft compare DATA: several strategies on one split, and whether transfer was worth it."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import click

from regraft.cli.options import JSON, QUIET, duration, option, print_json, progress_bar, say, source_options
from regraft.cli.recording import CONFIG, LOG, recorded, tracked
from regraft.comparison import STRATEGIES, Comparison, Row, compare
from regraft.finetuning.launching import check_alone
from regraft.reports.comparison import PAGE, PICTURE, p_value, write
from regraft.request import SPLITS
from regraft.runs import new_run_folder


class _Names(click.ParamType):
    name = "NAME,NAME"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> tuple[str, ...]:
        return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else tuple(value)


@click.command("compare")
@click.argument("data")
@option(compare, "--strategies", type=_Names(), help=f"Some of {', '.join(STRATEGIES)}.")
@option(compare, "--backbone", help="The network of all that do not say otherwise [default: the strategy's own].")
@option(compare, "--weights", metavar="FILE", help="A local weights file for it.")
@option(compare, "--budget", callback=duration, metavar="TIME", help="For all together, such as 90s, 20m or 1h.")
@option(compare, "--epochs", type=int, help="Where a network is trained [default: the strategy's own].")
@option(compare, "--test-size", type=float, help="Share held out where the data have no split of their own.")
@option(compare, "--split", type=click.Choice(SPLITS), help="How: at random, or in blocks of neighbouring examples.")
@option(compare, "--seed", type=int, help="Of every random choice.")
@source_options(compare)
@click.option("--out", metavar="DIR", help="A new folder for the run [default: runs/NAME-TIME].")
@LOG
@CONFIG
@QUIET
@JSON
def command(data: str, out: str | None, log: tuple[str, ...], quiet: bool, as_json: bool, **settings: Any) -> None:
    """Fit several strategies on one split of the same images, and tell whether transfer was worth it.

    DATA is as for `regraft fit`. Writes comparison.html, comparison.svg and comparison.json.
    """
    check_alone("A comparison")
    place = new_run_folder(Path(data).stem, out)  # refuse before the work, not after it
    with tracked(log, place, quiet=quiet) as tracker:
        with progress_bar("images", quiet=quiet or as_json) as progress:
            found = compare(
                data,
                progress=progress,
                announce=None if quiet else lambda sentence: say(sentence, to_stderr=as_json),
                command=shlex.join(["regraft", *sys.argv[1:]]),
                **settings,
            )
        folder = new_run_folder(found.dataset.name, out)
        with recorded(folder, found.dataset) as new:
            write(found, new)
        tracker.log(found, folder)
    if as_json:
        print_json({**found.to_dict(), "out": str(folder)})
    else:
        _show(found, folder)


def _show(found: Comparison, folder: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    # No wider than a plain terminal of 80 columns.
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for name in ("strategy", "trained", "time", "val", "test, 95% interval", "F1", "AUC", "p"):
        table.add_column(name, justify="left" if name == "strategy" else "right", no_wrap=True)
    for row in found.rows:
        if not row.error:
            table.add_row(row.strategy + (" *" if row.strategy == found.best else ""), *_cells(row))
    console = Console(highlight=False)
    console.print(table)
    console.print(
        "* best on validation: p compares with it. The test sets the order, and chose nothing.", soft_wrap=True
    )
    for row in found.rows:
        if row.error:
            say(f"{row.strategy} failed: {row.error}")
    say(found.verdict.text)
    say(f"report      {folder / PAGE}")
    say(f"picture     {folder / PICTURE}")


def _cells(row: Row) -> list[str]:
    low, high = row.ci95 or (0.0, 1.0)
    return [
        f"{row.trainable / 1e6:.2f}M" if row.trainable >= 1e6 else f"{row.trainable:,}",
        f"{row.seconds:.0f} s",
        "–" if row.val_accuracy is None else f"{row.val_accuracy:.3f}",
        f"{row.accuracy:.3f} ({low:.3f}–{high:.3f})",
        f"{row.f1:.3f}",
        "–" if row.auc is None else f"{row.auc:.3f}",
        p_value(row.p_value),
    ]
