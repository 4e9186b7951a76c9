"""regraft rerun RUN: repeat a run from its config, and compare its figures with the old ones."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from regraft.cli.options import JSON, QUIET, option, print_json, say
from regraft.cli.recording import COMMAND, defaults
from regraft.errors import UsageError
from regraft.runs import new_run_folder
from regraft.tracking.configuration import RECORD, read
from regraft.tracking.reproduction import Reproduction, compare, config_of, read_figures

SHOWN = 20
"""Differences that are listed; JSON has all."""


@click.command("rerun")
@click.argument("run")
@click.option("--data", multiple=True, metavar="DIR", help="Where the data are now; several for several sources.")
@option(
    compare, "--tolerance", type=click.FloatRange(0), help="By how much figures may differ where not all is as it was."
)
@click.option("--out", metavar="DIR", help="A new folder for the new run [default: runs/NAME-rerun-TIME].")
@QUIET
@JSON
def command(run: str, data: tuple[str, ...], tolerance: float, out: str | None, quiet: bool, as_json: bool) -> None:
    """Run again what a folder's config.yaml says, and tell whether the figures are the same.

    RUN is the folder that a command has written; it is only read. Where neither versions nor machine have changed, and
    there was no --budget, every value must be equal, times apart; else the main figures, up to --tolerance. The exit
    code is 0 where they are, and 1 where not. Trackers are not told.
    """
    old = Path(run)
    config = read(config_of(old))
    old_record = _record(config)
    figures = read_figures(old)
    found = _command(config, old)
    folder = new_run_folder(f"{old.resolve().name}-rerun", out)
    values = defaults(found, config, old)
    values |= {"out": str(folder.absolute()), "quiet": "true" if quiet or as_json else "false"}
    values.pop("log", None)
    _replace_data(values, found, data)
    with _place(old_record, values, found, data), contextlib.redirect_stdout(io.StringIO() if quiet else sys.stderr):
        # What it prints is not what was asked for here: on stdout stands the comparison.
        found.command.main([], prog_name=found.command_path, standalone_mode=False, default_map=values)
    new_record = _record(read(config_of(folder)))
    compared = compare(
        figures,
        read_figures(folder),
        old_record,
        new_record,
        tolerance=tolerance,
        budget=config.get("budget") is not None,
    )
    if as_json:
        print_json({**compared.to_dict(), "out": str(folder)})
    else:
        _show(compared, folder)
    if not compared.same:
        raise click.exceptions.Exit(1)


def _record(config: dict[str, Any]) -> dict[str, Any]:
    record = config.get(RECORD)
    return record if isinstance(record, dict) else {}


def _command(config: dict[str, Any], run: Path) -> click.Context:
    """Return a context of the command that a config is for.

    Raises
    ------
    UsageError
        If there is none of that name.
    """
    from regraft.cli import regraft

    context = click.Context(regraft, info_name="regraft")
    for name in str(config.get(COMMAND)).split():
        group = context.command
        found = group.get_command(context, name) if isinstance(group, click.Group) else None
        if found is None:
            raise UsageError(f"A config's command must be one of regraft's, but that of {run} is {config[COMMAND]!r}.")
        context = click.Context(found, parent=context, info_name=name)
    return context


def _sources(context: click.Context) -> click.Parameter:
    """Return the parameter of a command that says where the data are."""
    named = {parameter.name: parameter for parameter in context.command.params}
    return named.get("data") or named["unlabelled"]


def _replace_data(values: dict[str, Any], context: click.Context, data: tuple[str, ...]) -> None:
    if not data:
        return
    parameter = _sources(context)
    places = [str(Path(each).absolute()) for each in data]
    if parameter.nargs == 1 and len(places) > 1:
        raise UsageError(f"--data must be given once for a run of one source, not {len(places)} times.")
    values[str(parameter.name)] = places[0] if parameter.nargs == 1 else places


@contextlib.contextmanager
def _place(
    record: dict[str, Any], values: dict[str, Any], context: click.Context, data: tuple[str, ...]
) -> Iterator[None]:
    """Stand where the old run stood, so that its relative paths mean the same; check that its data are there.

    Raises
    ------
    UsageError
        If they are not.
    """
    before = Path(str(record.get("directory") or "."))
    with contextlib.chdir(before if before.is_dir() else "."):
        places = values.get(str(_sources(context).name), [])
        for place in [places] if isinstance(places, str) else places:
            if not Path(place).exists():
                moved = before / place
                raise UsageError(
                    f"The data must be where they were, but {moved} is not there; say where they are with --data DIR."
                )
        yield


def _show(compared: Reproduction, folder: Path) -> None:
    say(compared.headline)
    shown = compared.beyond or compared.differences
    for each in shown[:SHOWN]:
        say(f"  {each}")
    if len(shown) > SHOWN:
        say(f"  and {len(shown) - SHOWN:,} more; --json lists all")
    for sentence in compared.sentences():
        say(sentence)
    say(f"new run  {folder}")
