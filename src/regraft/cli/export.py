"""regraft export MODEL: write a classifier for use without Regraft."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from regraft.classifier import Classifier
from regraft.cli.options import JSON, QUIET, option, print_json, say
from regraft.errors import UsageError
from regraft.export import targets
from regraft.export.eight_bits import Eight
from regraft.export.exporting import Exported, export
from regraft.export.parity import Parity
from regraft.multitask.model import holds_tasks


@click.command("export")
@click.argument("model")
@option(export, "--to", type=click.Choice(list(targets.TARGETS)), help="The file's kind.")
@click.option("--out", metavar="FILE", help="Where to [default: beside MODEL, with the kind's ending].")
@option(export, "--int8", is_flag=True, help="Compute in 8 bits, calibrated on --images (onnx, openvino).")
@option(export, "--images", metavar="DATA", help="Images to compare on; for --int8, those it was fitted on.")
@option(export, "--force", is_flag=True, help="Replace an existing file.")
@QUIET
@JSON
def command(model: str, out: str | None, to: Any, quiet: bool, as_json: bool, **settings: Any) -> None:
    """Write a classifier of images as a file that other programs run: pixels of any size in, probabilities out.

    The file is compared with the classifier on 64 images first, and only written if it says the same.
    """
    if holds_tasks(model):
        raise UsageError(
            f"Only a classifier of one task can be exported, but {Path(model).name} holds several; use it with "
            "`regraft predict` or `regraft serve`."
        )
    classifier = Classifier.load(model)
    path = Path(model).with_suffix(targets.find(to).suffix) if out is None else Path(out)
    noisy = None if quiet else lambda sentence: say(sentence, to_stderr=as_json)
    done = export(classifier, path, to=to, announce=noisy, **settings)
    if as_json:
        print_json(done.to_dict())
    else:
        _print(done)


def _print(done: Exported) -> None:
    for parity in done.parity:
        say(_line(parity))
    if done.eight is not None:
        _print_eight(done.eight)
    for note in done.notes:
        say(note)
    if done.side is not None:
        say(f"It takes squares of {done.side} pixels; the program below cuts them.")
    say(f"Written: {', '.join(map(str, done.paths))} ({done.bytes / 1e6:.1f} MB). To use it without Regraft:\n")
    say(done.snippet)


def _line(parity: Parity) -> str:
    bound = parity.bound
    return (
        f"{parity.precision:5}the same class for {parity.same:.1%} of {parity.images} images; probabilities differ by "
        f"{parity.largest:.2g} at most, {parity.mean:.2g} on average (bounds: {bound.same:.0%}, {bound.largest:g}, "
        f"{bound.mean:g})"
    )


def _print_eight(eight: Eight) -> None:
    rates = ", ".join(f"{name} {rate:.0f}" for name, rate in eight.images_a_second.items())
    say(f"accuracy  {eight.accuracy[0]:.3f} before, {eight.accuracy[1]:.3f} in int8, on {eight.n} images")
    say(f"size      {eight.bytes[0] / 1e6:.1f} MB before, {eight.bytes[1] / 1e6:.1f} MB in int8")
    say(f"speed     images a second here, one after the other: {rates}")
    if not eight.held_out:
        say("The images are so few that ranges were learnt from the very ones that accuracy was measured on.")
