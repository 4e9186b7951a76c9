"""What the commands share: defaults from the Python signatures, progress bars, printing."""

from __future__ import annotations

import inspect
import json
import math
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from regraft.backbones.registry import POOLS
from regraft.errors import UsageError
from regraft.features.streaming import Progress


def option(function: Callable[..., Any], *names: str, **settings: Any) -> Callable[[Any], Any]:
    """Return a click option whose default is the one in a function's signature."""
    default = inspect.signature(function).parameters[_parameter(names)].default
    return click.option(*names, default=default, show_default=default not in (None, False), **settings)


def _parameter(names: tuple[str, ...]) -> str:
    return max(names, key=len).lstrip("-").split("/")[0].replace("-", "_")


def _offered(function: Callable[..., Any], *names: str, **settings: Any) -> list[Callable[[Any], Any]]:
    """Return the option in a list, which is empty where the function does not take it."""
    return [option(function, *names, **settings)] if _parameter(names) in inspect.signature(function).parameters else []


def duration(context: click.Context | None, parameter: click.Parameter, text: str | None) -> float | None:
    """Return the seconds of a time such as 90, 90s, 5m or 1.5h: a callback for click."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", text.strip().lower(), re.ASCII)
    seconds = float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2]] if found else 0.0
    if not 0 < seconds < math.inf:
        raise UsageError(
            f"{parameter.opts[0]} must be a time above 0, such as 90s, 5m or 1.5h, not {text!r}; "
            "a number alone is seconds."
        )
    return seconds


def print_json(values: Any) -> None:
    """Print values as JSON on stdout; names that are no UTF-8 come escaped."""
    click.echo(json.dumps(values, indent=1))


def say(sentence: str, *, to_stderr: bool = False) -> None:
    """Print a sentence, whatever characters are in it."""
    click.echo(sentence.encode("utf-8", "backslashreplace").decode(), err=to_stderr)


@contextmanager
def progress_bar(what: str, *, quiet: bool) -> Iterator[Progress | None]:
    """Show a bar with rate and time left on a terminal's stderr; yield what to call with (done, total)."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Any) -> Text:
            return Text(f"{task.speed or 0:,.0f}/s")

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def add(options: list[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    """Return a decorator that adds options to a command, in the order given."""

    def decorate(command: Any) -> Any:
        for each in reversed(options):
            command = each(command)
        return command

    return decorate


def backbone_options(function: Callable[..., Any], *, engine: bool = True) -> Callable[[Any], Any]:
    """Return the options that say which network computes the features, and how; `engine`: what runs it, too."""
    return add(
        [
            *_offered(
                function,
                "--backbone",
                help="A network's name, or several joined by +; of texts also a folder, or a file of word vectors.",
            ),
            *_offered(
                function,
                "--weights",
                metavar="FILE|none",
                help="A local weights file, or none for random weights.",
            ),
            *_offered(
                function,
                "--image-size",
                type=int,
                metavar="PIXELS",
                help="Input size [default: the backbone's].",
            ),
            *_offered(
                function,
                "--resize",
                type=click.Choice(["crop", "stretch"]),
                help="How an image becomes a square [default: as the weights expect].",
            ),
            *_offered(
                function,
                "--pool",
                type=click.Choice(["auto", *POOLS]),
                help="How the last feature map becomes a vector; time averages over its width alone, thirds over each "
                "third of it, first takes a text's first piece, none flattens it, scores takes the class scores.",
            ),
            *_offered(
                function,
                "--layer",
                metavar="STAGE|auto",
                help="The stage whose output is taken, such as blocks.3; auto chooses on the training part.",
            ),
            *_offered(
                function,
                "--pixels",
                type=click.Choice(["weights", "0..1", "-1..1"]),
                help="How pixels are scaled; weights: as they expect.",
            ),
            *([engine_option(function)] if engine else []),
        ]
    )


def engine_option(function: Callable[..., Any]) -> Callable[[Any], Any]:
    """Return the option that says what runs the networks."""
    choices = click.Choice(["auto", "openvino", "torch"])
    return option(function, "--engine", type=choices, help="What runs the networks.")


def _example_column(function: Callable[..., Any]) -> list[Callable[[Any], Any]]:
    """Return the option for a table's column of examples, by each of its names."""
    if "column" not in inspect.signature(function).parameters:
        return []
    names = ("--column", "--image-column", "--text-column", "--sound-column", "column")
    return [click.option(*names, default=None, metavar="NAME", help="A table's column of files, or of texts.")]


def source_options(function: Callable[..., Any]) -> Callable[[Any], Any]:
    """Return the options that say how labelled data are read, those that the function takes."""
    groups = "A table's column of groups that must not straddle the split."
    unreadable = "Go on if over 5% of the images are unreadable."
    return add(
        [
            *_example_column(function),
            *_offered(function, "--label-column", metavar="NAME", help="A table's column of classes."),
            *_offered(function, "--group-column", metavar="NAME", help=groups),
            *_offered(function, "--images", metavar="DIR", help="Where a table's images are."),
            *_offered(function, "--label-from-name", is_flag=True, help="The class is the start of the file name."),
            *_offered(function, "--skip-unreadable", is_flag=True, help=unreadable),
        ]
    )


QUIET = click.option("--quiet", "-q", is_flag=True, help="Print the result only.")
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, and nothing else, on stdout.")
