"""regraft adapt SOURCE TARGET: learn on one domain to name another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from regraft.adaptation import RULES
from regraft.cli.generalize import named_sources
from regraft.cli.options import JSON, QUIET, backbone_options, option, print_json, progress_bar, say, source_options
from regraft.cli.recording import CONFIG, LOG, recorded, tracked
from regraft.domains.adapt import adapt
from regraft.domains.adapted import Adapted
from regraft.errors import UsageError
from regraft.finetuning.settings import Training
from regraft.reports.adaptation import PREDICTIONS, REPORT, write
from regraft.runs import MODEL, new_run_folder


def _names(context: click.Context, parameter: click.Parameter, text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(name.strip() for name in text.split(",") if name.strip())


@click.command("adapt")
@click.argument("data", nargs=-1, required=True, metavar="SOURCE... TARGET")
@option(adapt, "--method", metavar="auto|all|NAME,...", help="auto, all, or methods by name; one alone is kept.")
@option(adapt, "--choose-by", type=click.Choice(list(RULES)), help="By what a method is chosen without labels.")
@option(adapt, "--target-labels", type=int, metavar="K", help="Learn from so many of the target's labels a class.")
@option(adapt, "--target-domain", metavar="NAME", help="The domain of SOURCE that is the target, instead of TARGET.")
@option(
    adapt,
    "--source-domains",
    metavar="NAME,NAME",
    callback=_names,
    help="The domains of SOURCE to learn from [default: all others].",
)
@option(adapt, "--links", metavar="FILE", help="A table of pairs of related examples, within each domain.")
@click.option(
    "--unfreeze", metavar="STAGE", help="Train the backbone from this stage up (dann, deep-coral, mcc, tent)."
)
@click.option("--epochs", type=int, help="Of that training.")
@click.option("--learning-rate", type=float, help="Of that training.")
@backbone_options(adapt)
@option(adapt, "--domain-column", metavar="NAME", help="A table's column of domains.")
@source_options(adapt)
@option(adapt, "--seed", type=int, help="Of every random choice.")
@click.option("--out", metavar="DIR", help="A new folder for classifier, report and figures [default: runs/NAME-TIME].")
@LOG
@CONFIG
@QUIET
@JSON
def command(
    data: tuple[str, ...],
    unfreeze: str | None,
    epochs: int | None,
    learning_rate: float | None,
    out: str | None,
    log: tuple[str, ...],
    quiet: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Learn on a labelled domain to name the examples of another: a camera, a product, a speaker.

    SOURCE is labelled, as for `regraft fit`; it may be several, or a folder of domain folders. TARGET needs no labels:
    those found there serve to measure alone. Several methods are tried, and one is kept, or none, without them.
    """
    source, target = _sources(data, settings["target_domain"])
    folder = new_run_folder(f"adapt-{Path(data[-1]).stem or 'data'}", out)
    training = _training(unfreeze, epochs, learning_rate)
    with tracked(log, folder, quiet=quiet) as tracker:
        with progress_bar("examples", quiet=quiet or as_json) as progress:
            adapted = adapt(
                source,
                target,
                training=training,
                progress=progress,
                announce=None if quiet else lambda sentence: say(sentence, to_stderr=True),
                **settings,
            )
        with recorded(folder, adapted.source, adapted.target) as place:
            adapted.classifier.save(place / MODEL)
            write(adapted, place)
        tracker.log(adapted, folder)
    if as_json:
        print_json({**adapted.to_dict(), "folder": str(folder)})
    else:
        _show(adapted, folder)


def _sources(data: tuple[str, ...], target_domain: str | None) -> tuple[Any, str | None]:
    """Return the source, several by name where there are several, and the target."""
    if target_domain is not None:
        if len(data) > 1:
            raise UsageError("--target-domain names a domain of one SOURCE: give that alone, or leave the option out.")
        return data[0], None
    if len(data) < 2:
        raise UsageError("Give a SOURCE and a TARGET, or --target-domain NAME for a domain of the source.")
    *sources, target = data
    if len(sources) == 1:
        return sources[0], target
    return named_sources(tuple(sources)), target


def _training(unfreeze: str | None, epochs: int | None, learning_rate: float | None) -> Training | None:
    if unfreeze is None and (epochs is not None or learning_rate is not None):
        given = "--epochs" if epochs is not None else "--learning-rate"
        raise UsageError(f"{given} is for training the backbone; add --unfreeze STAGE, or leave it out.")
    return None if unfreeze is None else Training(unfreeze=unfreeze, epochs=epochs, learning_rate=learning_rate)


def _show(adapted: Adapted, folder: Path) -> None:
    measured = bool(len(adapted.measured))
    header = ["method", *(["accuracy, 95% interval"] if measured else []), "mixture", "there and back", "agreement", ""]
    rows = [header]
    for each in adapted.attempts:
        marks = [
            *(["kept"] if each.name == adapted.method else []),
            *(["best by the target's labels"] if each.name == adapted.oracle else []),
        ]
        figure = []
        if each.accuracy is not None and each.accuracy_ci95 is not None:
            figure = [f"{each.accuracy:.3f} ({each.accuracy_ci95[0]:.3f} to {each.accuracy_ci95[1]:.3f})"]
        back = "–" if each.scores.circular is None else f"{each.scores.circular:.3f}"
        agreement = "–" if each.scores.agreement is None else f"{each.scores.agreement:.3f}"
        rows.append([each.name, *figure, f"{each.scores.mixture:.3f}", back, agreement, ", ".join(marks)])
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    for sentence in adapted.sentences:
        say(sentence)
    related = adapted.related
    if related is not None:
        for sentence in related.notes:
            say(f"Links: {sentence}.")
        if related.accuracy is not None:
            say(f"With links {related.accuracy:.3f}, without {related.accuracy_without:.3f}.")
    sentence = adapted.difference.sentence()
    say(f"{sentence[:1].upper()}{sentence[1:]}.")
    say(f"classifier  {folder / MODEL}")
    say(f"report      {folder / REPORT}")
    say(f"target      {folder / PREDICTIONS}")
