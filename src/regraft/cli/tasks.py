"""`regraft fit TABLE --label-columns A,B`: several tasks together; and what a model of them says."""

from __future__ import annotations

import csv
import io
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from regraft.cli.options import print_json, progress_bar, say
from regraft.cli.recording import is_given, recorded
from regraft.data.dataset import NOUNS
from regraft.errors import UsageError
from regraft.finetuning.settings import Training
from regraft.multitask.answers import TaskPrediction
from regraft.multitask.fitting import fit_tasks
from regraft.multitask.model import Tasks
from regraft.multitask.recognition import parse_kinds
from regraft.multitask.result import TOLD, TasksResult
from regraft.reports.tasks import PAGE, VERDICTS, plain, told, write
from regraft.runs import MODEL, new_run_folder
from regraft.tracking import Tracker

ONE_TASK_ONLY = {
    "label_column": "name all columns in --label-columns",
    "label_from_name": "labels come from the table",
    "head": "each kind of task has a head of its own",
    "units": "each kind of task has a head of its own",
    "dropout": "each kind of task has a head of its own",
    "batch_norm": "each kind of task has a head of its own",
    "shots": "leave it out",
    "unlabelled": "leave it out",
    "split": "the test is drawn at random, with --group-column or a column of the table's own by groups or parts",
    "budget": "leave it out",
    "resume": "such a training is short, and begins anew",
}
"""Options of `regraft fit` that say nothing of several tasks, and what to do instead."""

SEVERAL_ONLY = ("task_kinds", "weighting")
"""Options that say nothing of one task."""


def fit_command(
    data: str,
    out: str | None,
    quiet: bool,
    as_json: bool,
    training: Training,
    settings: dict[str, Any],
    tracker: Tracker,
) -> None:
    """Fit several tasks as the command line asks, write the run's folder, and print what was found."""
    _refuse_given(ONE_TASK_ONLY, "--label-columns")
    for name in ONE_TASK_ONLY:
        settings.pop(name, None)
    columns = tuple(part for part in settings.pop("label_columns").split(",") if part.strip())
    kinds = parse_kinds(settings.pop("task_kinds") or "")
    noisy = None if quiet else lambda sentence: say(sentence, to_stderr=as_json)
    with progress_bar("examples", quiet=quiet or as_json) as progress:
        result = fit_tasks(
            data,
            label_columns=columns,
            task_kinds=kinds,
            training=training,
            progress=progress,
            announce=noisy,
            command=shlex.join(["regraft", *sys.argv[1:]]),
            **settings,
        )
    folder = new_run_folder(result.dataset.name, out)
    with recorded(folder, result.dataset, Path(data)) as new:
        result.model.save(new / MODEL)
        write(result, new)
    tracker.log(result, folder)
    if as_json:
        print_json({**result.to_dict(), "out": str(folder)})
    else:
        _show(result, folder)


def refuse_several(settings: dict[str, Any]) -> None:
    """Take the options of several tasks out of those of a fit of one; raise UsageError if the user gave any."""
    _refuse_given(dict.fromkeys(SEVERAL_ONLY, "leave it out, or name the tasks"), "one task (no --label-columns)")
    for name in ("label_columns", *SEVERAL_ONLY):
        settings.pop(name)


def _refuse_given(names: dict[str, str], because: str) -> None:
    """Raise UsageError if the user gave one of these options of the running command."""
    for name, remedy in names.items():
        if is_given(name):
            raise UsageError(f"--{name.replace('_', '-')} has no meaning with {because}; {remedy}.")


def _show(result: TasksResult, folder: Path) -> None:
    shared = ("together",) if len(result.tasks) > 1 else ()
    ways_there = ("linear", "alone", *shared)
    rows: list[tuple[str, ...]] = [
        ("task", "measure", "linear head", "alone", *shared, "gain, 95% interval", "", "kept")
    ]
    for task in result.tasks:
        for name, gain in task.compared.gain.items():
            first = name == task.measure.name
            ways = (plain(task.compared.ways[way][name].value) for way in ways_there)
            verdict = VERDICTS[task.verdict] if first else ""
            value, low, high = told(gain, sign=True)
            shown = f"{value} ({low} to {high})"
            rows.append((task.name if first else "", TOLD[name], *ways, shown, verdict, task.kept if first else ""))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    say(result.headline)
    say(f"report  {folder / PAGE}")
    say(f"model   {folder / MODEL}")


def predict_command(
    model: str, given: Callable[[str], list[Any]], top: int, as_csv: bool, as_json: bool, quiet: bool, engine: Any
) -> None:
    """Print what a model of several tasks says of each example, task by task.

    Parameters
    ----------
    model : str
        Its file.
    given : callable
        From the model's modality to the examples.
    top : int
        How many classes JSON has for each task.
    as_csv, as_json, quiet, engine
        As for `regraft predict`.
    """
    _refuse_given(dict.fromkeys(("coverage", "explain"), "leave it out"), "a model of several tasks")
    tasks = Tasks.load(model)
    examples = given(tasks.modality)
    with progress_bar("predict", quiet=quiet or len(examples) == 1) as progress:
        predictions = tasks.predict(examples, engine=engine, progress=progress)
    show_predictions(predictions, top, NOUNS[tasks.modality][0], as_csv, as_json)
    if any(prediction.error for prediction in predictions):
        raise click.exceptions.Exit(1)


def show_predictions(predictions: list[TaskPrediction], top: int, thing: str, as_csv: bool, as_json: bool) -> None:
    """Print what a model says of each example, task by task."""
    if as_json:
        print_json([prediction.to_dict(top) for prediction in predictions])
    elif as_csv:
        say(_csv(predictions, thing).rstrip("\n"))
    else:
        _lines(predictions)


def _lines(predictions: list[TaskPrediction]) -> None:
    width = max(len(prediction.name) for prediction in predictions)
    for prediction in predictions:
        if prediction.error:
            say(f"{prediction.name:{width}}  not read: {prediction.error}", to_stderr=True)
            continue
        parts = []
        for task, answer in prediction.answers.items():
            sure = answer.probabilities.get(answer.value) if isinstance(answer.value, str) else None
            parts.append(f"{task}: {_told(answer.value)}" + ("" if sure is None else f" {sure:.3f}"))
        say(f"{prediction.name:{width}}  {'  '.join(parts)}")


def _csv(predictions: list[TaskPrediction], thing: str) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    tasks = next((list(each.answers) for each in predictions if each.answers), [])
    writer.writerow([thing, *tasks, "error"])
    for each in predictions:
        cells = [_told(each.answers[task].value, none=";") if each.answers else "" for task in tasks]
        writer.writerow([each.name, *cells, each.error or ""])
    return text.getvalue()


def _told(value: Any, none: str = "none") -> str:
    """Return an answer as a table has it; `none` stands for no label at all."""
    if isinstance(value, list):
        return ";".join(value) or none
    return f"{value:.6g}" if isinstance(value, float) else str(value)
