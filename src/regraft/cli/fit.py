"""regraft fit DATA: learn from labelled images, texts or recordings, and measure how well."""

from __future__ import annotations

import shlex
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from regraft.cli import tasks
from regraft.cli.options import (
    JSON,
    QUIET,
    backbone_options,
    duration,
    option,
    print_json,
    progress_bar,
    say,
    source_options,
)
from regraft.cli.recording import CONFIG, LOG, resolved, tracked
from regraft.cli.training import take_training, training_options
from regraft.errors import UsageError
from regraft.finetuning.launching import check_alone, launched, one_voice
from regraft.multitask.fitting import fit_tasks
from regraft.multitask.tasks import KIND_NAMES
from regraft.multitask.weighting import WEIGHTINGS
from regraft.pipeline import fit
from regraft.request import SPLITS, STRATEGIES
from regraft.result import Epoch, Result
from regraft.runs import MODEL, REPORT, new_run_folder, write_run


def _units(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    if value is None:
        return None
    try:
        units = tuple(int(part) for part in value.split(","))
    except ValueError:
        units = ()
    if not units or min(units) < 1:
        raise UsageError(f"--units must be whole numbers above 0 joined by commas, such as 256,128, not {value!r}.")
    return units


@click.command("fit")
@click.argument("data")
@option(
    fit,
    "--strategy",
    type=click.Choice(STRATEGIES),
    help="A head on frozen features; the network fine-tuned; trained from random weights; or what pays.",
)
@option(fit, "--budget", callback=duration, metavar="TIME", help="What all may take, such as 90s or 5m.")
@backbone_options(fit)
@option(
    fit,
    "--head",
    type=click.Choice(["auto", "prototype", "logistic", "centroid", "knn", "mlp"]),
    help="What is learnt on the features; auto compares those that suit the number of images on the training data.",
)
@option(fit, "--units", callback=_units, metavar="N,N", help="Hidden layers of the mlp head.")
@option(fit, "--dropout", type=click.FloatRange(0, 1, max_open=True), help="Of the mlp head.")
@option(fit, "--batch-norm/--no-batch-norm", help="Of the mlp head.")
@option(fit, "--shots", type=int, metavar="K", help="Learn from K images of each class; the others are the test.")
@option(
    fit,
    "--unlabelled",
    metavar="DIR",
    help="Images without labels: those that are named surely are learnt from, if held-out labelled ones agree.",
)
@option(fit, "--test-size", type=float, help="Share held out where the data have no split of their own.")
@option(
    fit,
    "--split",
    type=click.Choice(SPLITS),
    help="How it is held out: at random, or in blocks of neighbouring examples, which stay together.",
)
@option(fit, "--seed", type=int, help="Of every random choice.")
@source_options(fit)
@click.option(
    "--label-columns",
    metavar="NAME,NAME",
    help="Several columns of a table: tasks that are learnt together, and each alone.",
)
@option(
    fit_tasks,
    "--task-kinds",
    metavar="NAME=KIND,...",
    help=f"What they are, where it is not what is recognised: {', '.join(KIND_NAMES)}.",
)
@option(fit_tasks, "--weighting", type=click.Choice(WEIGHTINGS), help="How the losses of several tasks become one.")
@training_options()
@option(fit, "--resume", metavar="DIR", help="Go on with the training that was interrupted in this folder.")
@click.option("--out", metavar="DIR", help="A new folder for the run [default: runs/NAME-TIME].")
@LOG
@CONFIG
@QUIET
@JSON
@one_voice()
def command(data: str, out: str | None, log: tuple[str, ...], quiet: bool, as_json: bool, **settings: Any) -> None:
    """Learn from labelled images, texts or recordings, and measure how well on others, not learnt from.

    DATA is a folder of class folders (or of train/, val/, test/ of class folders), a CSV, TSV, JSON lines or Parquet
    table, an HDF5 file, or a .zip or .tar.gz of any of these. Writes model.regraft, report.html, result.json and
    config.yaml.
    """
    alone_or_first = launched().first
    quiet = quiet or not alone_or_first
    # Refused before the work, not after it; other processes than the first write nothing.
    folder = new_run_folder(Path(data).stem, out) if alone_or_first else Path(out or "runs")
    training = take_training(settings)
    if settings["label_columns"] is not None:
        check_alone("A fit of several tasks")
        with tracked(log, folder, quiet=quiet) as tracker:
            tasks.fit_command(data, out, quiet, as_json, training, settings, tracker)
        return
    tasks.refuse_several(settings)
    trains = settings["strategy"] != "probe"
    checkpoints = settings["resume"] or (folder.with_name(f"{folder.name}.training") if trains else None)
    noisy = None if quiet else lambda sentence: say(sentence, to_stderr=as_json)
    if noisy is not None and trains and not settings["resume"]:
        noisy(f"Checkpoints: {checkpoints} (to go on after an interruption: --resume {checkpoints}).")
    with tracked(log if alone_or_first else (), folder, quiet=quiet) as tracker:

        def report(epoch: Epoch) -> None:
            tracker.epoch(epoch)
            if noisy is not None:
                noisy(_line(epoch))

        with progress_bar("examples", quiet=quiet or as_json) as progress:
            result = fit(
                data,
                training=training,
                checkpoints=None if settings["resume"] else checkpoints,
                progress=progress,
                announce=noisy,
                report=report,
                command=shlex.join(["regraft", *sys.argv[1:]]),
                **settings,
            )
        folder = write_run(result, folder if trains else out, config=resolved(result.dataset))
        tracker.log(result, folder)
    if checkpoints is not None:
        _forget(Path(checkpoints))
    if as_json:
        print_json({**result.to_dict(), "out": str(folder)})
    else:
        show(result, folder)


def _forget(checkpoints: Path) -> None:
    """Delete the checkpoints of a training that has ended, and their folder unless something else is in it."""
    for file in checkpoints.glob("*/last.ckpt"):
        shutil.rmtree(file.parent, ignore_errors=True)
    with suppress(OSError):
        checkpoints.rmdir()


def _learning(times: dict[str, float]) -> str:
    return "  ".join(f"{name} {times[name]:.1f} s" for name in ("head", "training") if name in times)


def _line(epoch: Epoch) -> str:
    """Return how a training stands, as one line."""
    return (
        f"  epoch {epoch.epoch:>3}  {epoch.phase}: training loss {epoch.train_loss:.3f}, validation loss "
        f"{epoch.val_loss:.3f}, accuracy {epoch.val_accuracy:.3f}, {epoch.seconds:.0f} s"
    )


def show(result: Result, folder: Path) -> None:
    """Print the table of results, and where the report and the classifier are."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from regraft.reports.verdict import verdict

    test = result.evaluations["test"]
    low, high = test.accuracy_ci95
    table = Table(title=f"Test: {result.dataset.count(test.n)}", title_justify="left")
    for name in ("class", "precision", "recall", "F1", result.dataset.things):
        table.add_column(name, justify="left" if name == "class" else "right")
    for name, values in sorted(test.per_class.items(), key=lambda item: item[1].f1 or 0)[:20]:
        numbers = (values.precision, values.recall, values.f1)
        shown = ["-" if value is None else f"{value:.3f}" for value in numbers]
        # As Text: a class may be called [red], which rich would take for a colour.
        table.add_row(Text(name.encode("utf-8", "backslashreplace").decode()), *shown, str(values.support))
    console = Console(highlight=False)
    console.print(table)
    if len(test.per_class) > 20:
        console.print(f"(the 20 hardest of {len(test.per_class)} classes; the report has all)")
    auc = "" if test.roc_auc is None else f"  ROC AUC {test.roc_auc:.3f}"
    console.print(
        f"accuracy {test.accuracy:.3f} ({low:.3f} to {high:.3f})  balanced {test.balanced_accuracy:.3f}  "
        f"macro F1 {test.macro_f1:.3f}  log loss {test.log_loss:.3f}{auc}",
        soft_wrap=True,
    )
    for attempt in result.attempts:
        console.print(
            f"{'chosen' if attempt.chosen else 'tried '}  {attempt.name}: validation {attempt.accuracy:.3f}, log loss "
            f"{attempt.log_loss:.3f}, {attempt.trainable:,} parameters trained, {attempt.seconds:.0f} s",
            soft_wrap=True,
            markup=False,
        )
    times = result.timings
    cached = result.cache_hits / max(1, result.cache_hits + result.cache_misses)
    console.print(
        f"head {result.chosen}  features {times['features']:.1f} s ({result.images_per_second:,.0f} "
        f"{result.dataset.things} a second, {cached:.0%} from the cache)  {_learning(times)}  "
        f"total {times['total']:.1f} s",
        soft_wrap=True,
    )
    if result.skipped:
        console.print(f"skipped {result.dataset.count(len(result.skipped))} that cannot be used; the report lists them")
    console.print(verdict(result).headline, soft_wrap=True)
    if result.evidence.control is not None:
        console.print(result.evidence.control.verdict.text, soft_wrap=True)
    console.print(f"report      {folder / REPORT}", soft_wrap=True, markup=False)
    console.print(f"classifier  {folder / MODEL}", soft_wrap=True, markup=False)
