"""regraft forget MODEL CLASS: take a class away from a saved classifier."""

from __future__ import annotations

import click

from regraft.cli.options import JSON, QUIET, print_json, say
from regraft.growing.forgetting import forget


@click.command("forget")
@click.argument("model")
@click.argument("forgotten", metavar="CLASS")
@click.option("--out", metavar="FILE", help="Where to write the classifier [default: MODEL itself].")
@QUIET
@JSON
def command(model: str, forgotten: str, out: str | None, quiet: bool, as_json: bool) -> None:
    """Take a class away from a saved classifier: its weights, its remembered images, its calibration.

    MODEL is written anew, whole or not at all. Features of its images may still be in this machine's cache: `regraft
    cache clear` deletes them.
    """
    found = forget(model, forgotten)
    found.classifier.save(out or model)
    if as_json:
        print_json({**found.to_dict(), "out": out or model})
    elif not quiet:
        for sentence in found.sentences():
            say(sentence)
        say(f"classifier  {out or model}")
