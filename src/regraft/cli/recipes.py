"""regraft recipes: list, show and run the published experiments."""

from __future__ import annotations

import shlex
import sys
import textwrap
from typing import Any

import click

from regraft.cli.options import JSON, QUIET, option, print_json, progress_bar, say
from regraft.cli.recording import CONFIG, LOG, recorded, tracked
from regraft.finetuning.launching import check_alone
from regraft.recipes.recipe import Recipe, Variant, load, names
from regraft.recipes.runner import RecipeRun, run
from regraft.runs import MODEL, REPORT, new_run_folder, write_run


@click.group("recipes", invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """Run a published experiment, and show its figures beside the published ones."""
    if context.invoked_subcommand is None:
        context.invoke(_list)


@command.command("list")
def _list() -> None:
    """List the published experiments."""
    for name in names():
        recipe = load(name)
        say(f"{name:<28}  {recipe.title}")
    say("`regraft recipes show NAME` tells more; `regraft recipes run NAME --data DIR` runs one.")


@command.command("show")
@click.argument("name")
@JSON
def _show(name: str, as_json: bool) -> None:
    """Show what was done in an experiment, on what data, and how well it went."""
    recipe = load(name)
    if as_json:
        print_json(recipe.to_dict())
        return
    for line in _described(recipe):
        say(line)


@command.command("run")
@click.argument("name")
@click.option("--data", required=True, metavar="DIR", help="Your copy of its data, or other labelled images.")
@option(run, "--variant", metavar="NAME", help="One of its models [default: those it names itself].")
@option(run, "--backbone", metavar="NAME", help="Another network instead of the published one.")
@option(run, "--weights", metavar="FILE|none", help="A local weights file, or none for random weights.")
@option(run, "--epochs", type=int, help="Passes over the training images [default: as published].")
@option(run, "--limit", type=int, metavar="N", help="At most N training images, and as many test images.")
@click.option("--out", metavar="DIR", help="A new folder for the runs [default: runs/NAME-TIME].")
@LOG
@CONFIG
@QUIET
@JSON
def _run(
    name: str, data: str, out: str | None, log: tuple[str, ...], quiet: bool, as_json: bool, **settings: Any
) -> None:
    """Run an experiment on your copy of its data.

    Prints its figures beside the published ones, and writes model.regraft, report.html and result.json of each variant.
    """
    check_alone("A published experiment")
    folder = new_run_folder(name, out)  # refuse before the work, not after it
    with tracked(log, folder, quiet=quiet) as tracker:
        with progress_bar("images", quiet=quiet or as_json) as progress:
            ran = run(
                name,
                data,
                progress=progress,
                announce=None if quiet else lambda sentence: say(sentence, to_stderr=as_json),
                command=shlex.join(["regraft", *sys.argv[1:]]),
                **settings,
            )
        with recorded(folder, next(iter(ran.results.values())).dataset) as new:
            for variant, result in ran.results.items():
                write_run(result, new / variant)
        tracker.log(ran, folder)
    written = {variant: folder / variant for variant in ran.results}
    if as_json:
        print_json({**ran.to_dict(), "out": {variant: str(path) for variant, path in written.items()}})
        return
    for line in _beside(ran):
        say(line)
    for path in written.values():
        say(f"report      {path / REPORT}")
        say(f"classifier  {path / MODEL}")


def _described(recipe: Recipe) -> list[str]:
    lines = [recipe.title, "", *_wrapped(recipe.summary), ""]
    lines += ["Data", *_wrapped(recipe.data, "  "), *_wrapped(f"On disk: {recipe.layout}.", "  "), ""]
    lines += ["What was done", *(line for fact in recipe.facts for line in _wrapped(fact, "  ")), "", "Variants"]
    for variant in recipe.variants.values():
        lines += _variant_lines(variant, variant.name in recipe.default)
    return [*lines, "", f"regraft recipes run {recipe.name} --data DIR"]


def _variant_lines(variant: Variant, default: bool) -> list[str]:
    shown = [f"  {variant.name}{' (default)' if default else ''}: {variant.title}"]
    for what, settings in (("fit", variant.fit), ("training", variant.training)):
        if settings:
            shown += _wrapped(f"{what}: " + ", ".join(f"{name} {value}" for name, value in settings.items()), "    ")
    return shown + [f"    published: {_figure(figure.metric, figure.part)} {figure}" for figure in variant.published]


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, 100, initial_indent=indent, subsequent_indent=indent + "  " * bool(indent))


def _beside(ran: RecipeRun) -> list[str]:
    """Return the table of figures, published and measured, and what must be said beside it."""
    cells = [("variant", "figure", "published", "measured", "95% interval")]
    for row in ran.rows:
        interval = "" if row.ci95 is None else f"{row.ci95[0]:.3f} to {row.ci95[1]:.3f}"
        measured = "-" if row.measured is None else f"{row.measured:{'.3g' if 'seconds' in row.metric else '.3f'}}"
        cells.append(
            (row.variant, _figure(row.metric, row.published_on, row.measured_on), row.says or "-", measured, interval)
        )
    widths = [max(len(cell) for cell in column) for column in zip(*cells, strict=True)]
    lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells]
    return [*lines, *(f"Note: {note.rstrip('.')}." for note in ran.notes), f"{ran.seconds:.1f} s in all."]


def _figure(metric: str, published_on: str, measured_on: str | None = None) -> str:
    if "seconds" in metric:
        return metric
    here = "" if measured_on in (None, published_on) else f", here {measured_on}"
    return f"{metric} ({published_on}{here})"
