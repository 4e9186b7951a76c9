"""regraft predict MODEL FILE...: name the class of images, texts or recordings."""

from __future__ import annotations

import csv
import io
import sys
from functools import partial
from typing import Any

import click
from click.core import ParameterSource

from regraft.bulk.running import predict_shards
from regraft.classifier import Classifier, Prediction
from regraft.cli.options import JSON, QUIET, option, print_json, progress_bar, say
from regraft.cli.shards import refuse_shards, shard_options, show_written
from regraft.cli.tasks import predict_command
from regraft.data import texts
from regraft.data.dataset import NOUNS
from regraft.data.sources import list_examples
from regraft.errors import DataError, Unreadable, UsageError
from regraft.multitask.model import holds_tasks
from regraft.reports import explanations
from regraft.reports.exhibits import beginning
from regraft.runs import new_run_folder, whole

SHOWN = 60
"""Characters of a text beside its name."""


@click.command("predict")
@click.argument("model")
@click.argument("sources", nargs=-1, required=True)
@click.option("--top", type=click.IntRange(min=1), default=1, help="How many classes to show for each.")
@option(
    Classifier.predict,
    "--coverage",
    type=float,
    metavar="SHARE",
    help="Also show all classes that cannot be ruled out, such that this share of the sets holds the truth: 0.9.",
)
@click.option("--explain", metavar="DIR", help="A new folder for pictures of what speaks for the label.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV on stdout.")
@click.option("--out", metavar="DIR", help="A folder of Parquet files instead, for any number of SOURCES' examples.")
@shard_options()
@option(predict_shards, "--column", metavar="NAME", help="With --out: a Parquet file's column of bytes or texts.")
@option(predict_shards, "--skip-unreadable", is_flag=True, help="With --out: go on if over 5% are unreadable.")
@QUIET
@JSON
def command(
    model: str,
    sources: tuple[str, ...],
    top: int,
    coverage: float | None,
    explain: str | None,
    as_csv: bool,
    out: str | None,
    quiet: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Name the class of images, texts or recordings with a saved classifier.

    SOURCES are files, folders, tables, texts in quotes, or - for the bytes of one image, text or recording on stdin.
    With --out a single one, which may also be a URL, such as s3://bucket/photos, or Parquet with a column of bytes:
    a folder of Parquet files is written piece by piece, and the same command goes on with a job that was stopped.
    """
    if out is not None:
        _write_shards(model, sources, out, coverage, quiet, as_json, settings)
        return
    refuse_shards(settings, "there is no --out; name one")
    for name in ("column", "skip_unreadable"):
        if settings.pop(name):
            raise UsageError(f"--{name.replace('_', '-')} is of a folder of Parquet files; name one with --out.")
    engine = settings["engine"]
    if as_csv and as_json:
        raise UsageError("--csv and --json exclude each other; choose one.")
    if holds_tasks(model):
        predict_command(model, partial(_given, sources), top, as_csv, as_json, quiet, engine)
        return
    classifier = Classifier.load(model)
    thing, things = NOUNS[classifier.modality]
    if explain is not None and classifier.modality != "image":
        raise UsageError(f"--explain colours places of images, but this classifier names {things}; leave it out.")
    classifier.check_coverage(coverage)
    folder = None if explain is None else new_run_folder("", explain, "--explain")
    given = _given(sources, classifier.modality)
    with progress_bar("predict", quiet=quiet or len(sources) == 1) as progress:
        predictions = classifier.predict(given, coverage=coverage, engine=engine, progress=progress)
    if folder is not None:
        with whole(folder) as new:
            notes = explanations.write(classifier, given, predictions, new, engine)
        for note in notes:
            say(note, to_stderr=True)
    if as_json:
        print_json([prediction.to_dict(top) for prediction in predictions])
    elif as_csv:
        say(_csv(predictions, top, thing).rstrip("\n"))
    else:
        _print(predictions, top, _texts(given) if classifier.modality == "text" else [])
    if any(prediction.error for prediction in predictions):
        raise click.exceptions.Exit(1)


def _write_shards(
    model: str,
    sources: tuple[str, ...],
    out: str,
    coverage: float | None,
    quiet: bool,
    as_json: bool,
    settings: dict[str, Any],
) -> None:
    """Write a folder of Parquet files with what the model says."""
    context = click.get_current_context()
    for name in ("top", "explain", "as_csv"):
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            flag = name.removeprefix("as_")
            raise UsageError(f"--{flag} is of what is printed, but --out writes Parquet files; leave one of them out.")
    if len(sources) > 1 or sources[0] == "-":
        raise UsageError(f"--out must have one source, a folder, table or URL, not {' '.join(sources[:3])!r}.")
    with progress_bar("predict", quiet=quiet or as_json) as progress:
        written = predict_shards(model, sources[0], out, coverage=coverage, progress=progress, **settings)
    show_written(written, "rows", quiet=quiet, as_json=as_json)


def _given(sources: tuple[str, ...], modality: str) -> list[Any]:
    """Return what the sources stand for: - for what is on stdin."""
    if sources.count("-") > 1:
        raise UsageError(f"- stands for the one {NOUNS[modality][0]} on stdin, but it is given more than once.")
    return [_stdin(modality) if source == "-" else source for source in sources]


def _stdin(modality: str) -> Any:
    raw = sys.stdin.buffer.read()
    if modality != "text":
        return raw
    try:
        return texts.decode(raw)
    except Unreadable as error:
        raise DataError(f"The text on stdin cannot be read: {error}.") from None


def _texts(given: list[Any]) -> list[str]:
    """Return the beginning of each text; "" where it cannot be read."""
    examples, _ = list_examples(given, "text")
    found = []
    for example in examples:
        try:
            found.append(beginning(example, SHOWN))
        except Unreadable:
            found.append("")
    return found


def _print(predictions: list[Prediction], top: int, beginnings: list[str]) -> None:
    width = max(len(prediction.name) for prediction in predictions)
    for position, prediction in enumerate(predictions):
        if prediction.error:
            say(f"{prediction.name:{width}}  not read: {prediction.error}", to_stderr=True)
            continue
        ranked = list(prediction.probabilities.items())[:top]
        line = f"{prediction.name:{width}}  " + "  ".join(f"{name} {share:.3f}" for name, share in ranked)
        if prediction.plausible is not None:
            line += f"  plausible: {', '.join(prediction.plausible) or 'none'}"
        line += "  (unlike anything learnt from)" if prediction.unfamiliar else ""
        say(f"{line}  {beginnings[position]}" if beginnings else line)


def _csv(predictions: list[Prediction], top: int, thing: str) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([thing, "rank", "label", "probability", "error", "unfamiliar", "plausible"])
    for prediction in predictions:
        if prediction.error:
            writer.writerow([prediction.name, "", "", "", prediction.error, "", ""])
        for rank, (name, share) in enumerate(list(prediction.probabilities.items())[:top], 1):
            plausible = "" if prediction.plausible is None else _yes(name in prediction.plausible)
            writer.writerow([prediction.name, rank, name, f"{share:.6f}", "", _yes(prediction.unfamiliar), plausible])
    return text.getvalue()


def _yes(value: bool | None) -> str:
    return "" if value is None else "yes" if value else "no"
