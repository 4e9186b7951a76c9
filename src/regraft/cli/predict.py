"""regraft predict MODEL IMAGE...: name the class of images."""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path
from typing import Any

import click

from regraft.classifier import Classifier, Prediction
from regraft.cli.options import JSON, QUIET, engine_option, option, print_json, progress_bar, say
from regraft.errors import UsageError
from regraft.reports import explanations
from regraft.runs import new_run_folder, whole


@click.command("predict")
@click.argument("model")
@click.argument("images", nargs=-1, required=True)
@click.option("--top", type=click.IntRange(min=1), default=1, help="How many classes to show for each image.")
@option(
    Classifier.predict,
    "--coverage",
    type=float,
    metavar="SHARE",
    help="Also show all classes that cannot be ruled out, such that this share of the sets holds the truth: 0.9.",
)
@click.option("--explain", metavar="DIR", help="A new folder for pictures of what speaks for the label.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV on stdout.")
@engine_option(Classifier.predict)
@QUIET
@JSON
def command(
    model: str,
    images: tuple[str, ...],
    top: int,
    coverage: float | None,
    explain: str | None,
    as_csv: bool,
    engine: Any,
    quiet: bool,
    as_json: bool,
) -> None:
    """Name the class of images with a saved classifier.

    IMAGES are files, folders, or - for the bytes of one image on stdin.
    """
    if as_csv and as_json:
        raise UsageError("--csv and --json exclude each other; choose one.")
    if images.count("-") > 1:
        raise UsageError("- stands for the one image on stdin, but it is given more than once.")
    classifier = Classifier.load(model)
    classifier.check_coverage(coverage)
    folder = None if explain is None else new_run_folder("", explain, "--explain")
    sources: list[Any] = [sys.stdin.buffer.read() if image == "-" else Path(image) for image in images]
    with progress_bar("predict", quiet=quiet or len(images) == 1) as progress:
        predictions = classifier.predict(sources, coverage=coverage, engine=engine, progress=progress)
    if folder is not None:
        with whole(folder) as new:
            notes = explanations.write(classifier, sources, predictions, new, engine)
        for note in notes:
            say(note, to_stderr=True)
    if as_json:
        print_json([prediction.to_dict(top) for prediction in predictions])
    elif as_csv:
        say(_csv(predictions, top).rstrip("\n"))
    else:
        _print(predictions, top)
    if any(prediction.error for prediction in predictions):
        raise click.exceptions.Exit(1)


def _print(predictions: list[Prediction], top: int) -> None:
    width = max(len(prediction.name) for prediction in predictions)
    for prediction in predictions:
        if prediction.error:
            say(f"{prediction.name:{width}}  not read: {prediction.error}", to_stderr=True)
            continue
        ranked = list(prediction.probabilities.items())[:top]
        line = f"{prediction.name:{width}}  " + "  ".join(f"{name} {share:.3f}" for name, share in ranked)
        if prediction.plausible is not None:
            line += f"  plausible: {', '.join(prediction.plausible) or 'none'}"
        say(line + ("  (unlike anything learnt from)" if prediction.unfamiliar else ""))


def _csv(predictions: list[Prediction], top: int) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["image", "rank", "label", "probability", "error", "unfamiliar", "plausible"])
    for prediction in predictions:
        if prediction.error:
            writer.writerow([prediction.name, "", "", "", prediction.error, "", ""])
        for rank, (name, share) in enumerate(list(prediction.probabilities.items())[:top], 1):
            plausible = "" if prediction.plausible is None else _yes(name in prediction.plausible)
            writer.writerow([prediction.name, rank, name, f"{share:.6f}", "", _yes(prediction.unfamiliar), plausible])
    return text.getvalue()


def _yes(value: bool | None) -> str:
    return "" if value is None else "yes" if value else "no"
