"""`--config`, `--log`, and what a run's folder keeps of its options: the same for every command that writes a run."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from regraft.cli.options import say
from regraft.errors import UsageError
from regraft.runs import whole
from regraft.tracking import TRACKERS, Tracker
from regraft.tracking.configuration import RECORD, read, record

COMMAND = "command"
"""Name of the entry of a config that says which command it is for."""

UNSAVED = ("config", "out", "quiet", "as_json", "as_csv", "resume", "fix_out")
"""Parameters that say where a run is written or shown, or go on with another: not what it is."""


def _take(context: click.Context, parameter: click.Parameter, path: str | None) -> None:
    """Let the options in a file stand where the command line says nothing: a callback for click."""
    if path is not None:
        context.default_map = {**(context.default_map or {}), **defaults(context, read(path), path)}


CONFIG = click.option(
    "--config",
    metavar="FILE",
    is_eager=True,
    expose_value=False,
    callback=_take,
    help="A YAML file of this command's options, such as a run's config.yaml; what is said here wins.",
)

LOG = click.option(
    "--log",
    type=click.Choice(list(TRACKERS)),
    multiple=True,
    help="Also log the run to this tracker; may be given several times.",
)


def defaults(context: click.Context, values: Mapping[str, Any], path: str | Path) -> dict[str, Any]:
    """Return the values in a config by the names of a command's parameters, as click takes them.

    Raises
    ------
    UsageError
        If it is for another command, or has a name that is no option of this one.
    """
    here = name_of(context)
    meant = values.get(COMMAND, here)
    if meant != here:
        raise UsageError(f"The config must be for `regraft {here}`, but {path} is for `regraft {meant}`; use that.")
    named = _parameters(context.command)
    found: dict[str, Any] = {}
    for name, value in values.items():
        if name in (COMMAND, RECORD) or value is None:
            continue
        parameter = named.get(name.lstrip("-").replace("-", "_"))
        if parameter is None:
            near = difflib.get_close_matches(name.replace("-", "_"), named, n=1)
            guess = f" Did you mean {_told(near[0])!r}?" if near else ""
            raise UsageError(f"A config's names must be options of `regraft {here}`, but {path} has {name!r}.{guess}")
        found[str(parameter.name)] = _value(parameter, value, name, path)
    return found


def _parameters(command: click.Command) -> dict[str, click.Parameter]:
    """Return a command's parameters by every name that the command line has for them."""
    named: dict[str, click.Parameter] = {}
    for parameter in command.params:
        if parameter.name != "config":
            spellings = [str(parameter.name), *(name.lstrip("-") for name in parameter.opts if name.startswith("--"))]
            named |= {name.replace("-", "_"): parameter for name in spellings}
    return named


def _value(parameter: click.Parameter, value: Any, name: str, path: str | Path) -> Any:
    several = parameter.nargs != 1 or getattr(parameter, "multiple", False)
    entries = value if isinstance(value, list) else [value]
    if not all(isinstance(entry, str) for entry in entries):
        raise UsageError(f"{name} must be a value or a list of values, but in {path} it is nested; write it flat.")
    # What the command line takes as A,B may be a list here.
    return entries if several else ",".join(entries)


def name_of(context: click.Context) -> str:
    """Return a running command's name, such as "fit" or "recipes run"."""
    return context.command_path.partition(" ")[2]


def _told(name: str) -> str:
    return name.replace("_", "-")


def is_given(name: str) -> bool:
    """Return whether the user gave an option of the running command; a config's default value does not count."""
    context = click.get_current_context()
    source = context.get_parameter_source(name)
    if source is ParameterSource.DEFAULT_MAP:
        parameter = next(each for each in context.command.params if each.name == name)
        # A context of its own, for a config's values count as defaults in this one.
        return bool(context.params[name] != parameter.get_default(click.Context(context.command)))
    return source is ParameterSource.COMMANDLINE


def options() -> dict[str, Any]:
    """Return the options of the running command as they came to be, defaults included, as `--config` takes them."""
    context = click.get_current_context()
    names = [str(parameter.name) for parameter in context.command.params if parameter.name not in UNSAVED]
    return {COMMAND: name_of(context), **{_told(name): _plain(context.params[name]) for name in names}}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def resolved(*data: Any) -> dict[str, Any]:
    """Return what `config.yaml` says: the options of the running command, and what it was made with, on these data."""
    return {**options(), RECORD: record(*data)}


@contextmanager
def recorded(folder: Path, *data: Any) -> Iterator[Path]:
    """Yield a new folder that becomes `folder`, with the resolved options, if all goes well."""
    with whole(folder, resolved(*data)) as new:
        yield new


@contextmanager
def tracked(log: tuple[str, ...], folder: Path, *, quiet: bool) -> Iterator[Tracker]:
    """Yield what tells the trackers of the running command, opened before the work; with none it tells nobody."""
    asked = {name: value for name, value in options().items() if value is not None and name != "log"} if log else {}

    def aside(sentence: str) -> None:
        say(sentence, to_stderr=True)

    with Tracker(*log, run=folder.name, folder=folder.parent, settings=asked, say=aside) as tracker:
        if not quiet:
            for name, place in tracker.places.items():
                aside(f"Logged to {name}: {place}")
        yield tracker
