"""regraft serve MODEL...: answer requests over HTTP."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import click

from regraft.classifier import Classifier
from regraft.cli.options import add, option, say
from regraft.errors import UsageError
from regraft.multitask.model import Tasks, holds_tasks
from regraft.serving.packages import check_packages
from regraft.serving.run import LOOPBACK, bind, run
from regraft.serving.settings import Settings

TOKEN = "REGRAFT_TOKEN"

_HELP = {
    "--max-megabytes": (float, "Largest body of a request."),
    "--max-megapixels": (float, "Largest image, told from its header."),
    "--max-images": (int, "Most examples in a request."),
    "--max-requests": (int, "Most predictions asked for at once; others are told to come again."),
    "--max-waiting-megabytes": (float, "Largest sum of all their bodies."),
    "--timeout": (float, "Seconds to answer in, from a body's last byte."),
    "--read-timeout": (float, "Seconds for a whole body to arrive in."),
    "--workers": (int, "Threads that decode and compute [default: one a processor, and two more]."),
}


@click.command("serve")
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@option(run, "--host", help="Where to listen; 0.0.0.0 is reached from all networks.")
@option(run, "--port", type=click.IntRange(0, 65_535), help="0 takes any that is free.")
@click.option("--token-file", metavar="FILE", help=f"What requests must bring as bearer token [default: ${TOKEN}].")
@add([option(Settings, name, type=kind, help=text) for name, (kind, text) in _HELP.items()])
@click.option("--quiet", "-q", is_flag=True, help="Write no line for each request.")
def command(models: tuple[str, ...], host: str, port: int, token_file: str | None, quiet: bool, **limits: Any) -> None:
    """Answer requests over HTTP with saved classifiers; http://HOST:PORT/docs tells how to ask.

    MODEL is a file, named in requests as the file is without its ending, or NAME=FILE. Where a request names none, the
    first is meant.
    """
    check_packages()
    from regraft.serving.api import create_app
    from regraft.serving.log import decoders_silenced, log_to_stderr

    settings = Settings(token=_token(token_file), quiet=quiet, **limits)
    bind(host, port).close()  # a port that is taken is told before the models are loaded
    named = _named(models)
    app = create_app({}, settings)
    for name, path in named.items():
        model = Tasks.load(path) if holds_tasks(path) else Classifier.load(path)
        app.state.models.add(name, model, hashlib.sha256(Path(path).read_bytes()).hexdigest())
    if host not in LOOPBACK and settings.token is None:
        say(
            f"Warning: whoever reaches {host} may ask, as there is no token; give one with --token-file or ${TOKEN}.",
            to_stderr=True,
        )

    def announce(address: str) -> None:
        say(f"Serving {', '.join(named)} at {address} (how to ask: {address}/docs); Ctrl-C stops it.")

    with decoders_silenced():
        log_to_stderr(quiet=quiet)
        run(app, host, port, announce=announce)


def _token(file: str | None) -> str | None:
    """Return the token from a file, or else from the environment; never from the command line, which others can see."""
    if file is None:
        return os.environ.get(TOKEN) or None
    try:
        token = Path(file).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        said = getattr(error, "strerror", None) or "not UTF-8"
        raise UsageError(
            f"--token-file must be a file with a token in it, but {file} cannot be read ({said})."
        ) from None
    if not token:
        raise UsageError(f"--token-file must be a file with a token in it, but {file} is empty; write one there.")
    return token


def _named(given: tuple[str, ...]) -> dict[str, str]:
    """Return the models' files by name."""
    named: dict[str, str] = {}
    for each in given:
        name, _, path = each.rpartition("=")
        if not name or Path(each).exists():
            name, path = Path(each).stem, each
        if name in named:
            raise UsageError(
                f"Each model must have a name of its own, but two are called {name}; name one yourself: NAME={path}"
            )
        named[name] = path
    return named
