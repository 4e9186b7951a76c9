"""regraft evaluate MODEL DATA: measure a saved classifier on labelled images."""

from __future__ import annotations

from typing import Any

import click

from regraft.classifier import Classifier
from regraft.cli.options import JSON, QUIET, engine_option, print_json, progress_bar, say, source_options
from regraft.pipeline import evaluate
from regraft.result import Evaluated


@click.command("evaluate")
@click.argument("model")
@click.argument("data")
@source_options(evaluate)
@engine_option(evaluate)
@QUIET
@JSON
def command(model: str, data: str, quiet: bool, as_json: bool, **settings: Any) -> None:
    """Measure a saved classifier on labelled images, texts or recordings.

    Where DATA have a test part, it is measured on that alone.
    """
    classifier = Classifier.load(model)
    with progress_bar("features", quiet=quiet or as_json) as progress:
        found = evaluate(classifier, data, progress=progress, **settings)
    if as_json:
        print_json(found.to_dict())
    else:
        _print(found, quiet)


def _print(found: Evaluated, quiet: bool) -> None:
    result = found.evaluation
    if not quiet:
        for note in found.notes:
            say(note)
    low, high = result.accuracy_ci95
    say(f"{found.dataset.things:18} {result.n}" + (f" ({len(found.skipped)} skipped)" if found.skipped else ""))
    say(f"accuracy           {result.accuracy:.4f} (95% interval {low:.4f} to {high:.4f})")
    for name in ("balanced_accuracy", "macro_f1", "log_loss", "roc_auc", "average_precision"):
        value = getattr(result, name)
        say(
            f"{name.replace('_', ' '):18} "
            + ("undefined: not every class is there" if value is None else f"{value:.4f}")
        )
