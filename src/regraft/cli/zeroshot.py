"""regraft zeroshot --classes "cat, dog" IMAGE...: tell classes apart that are only named or described."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from regraft.cli.options import JSON, QUIET, engine_option, option, print_json, progress_bar, say, source_options
from regraft.errors import UsageError
from regraft.zero_shot.result import ZeroShot
from regraft.zero_shot.zeroshot import zeroshot


@click.command("zeroshot")
@click.argument("data", nargs=-1)
@option(zeroshot, "--classes", metavar="NAME,NAME", help="Class names; other, or not_x beside x, is all else.")
@option(zeroshot, "--descriptions", metavar="FILE", help="A table of classes and texts, or lines NAME: TEXT.")
@option(zeroshot, "--model", metavar="MODEL", help="A saved classifier whose classes come first.")
@option(zeroshot, "--clip", metavar="NAME", help="A model of open_clip, such as ViT-B-32.")
@option(zeroshot, "--backbone", help="A network's name, or several joined by +.")
@option(
    zeroshot, "--weights", metavar="FILE|TAG", help="A local weights file; for --clip also the name of published ones."
)
@source_options(zeroshot)
@engine_option(zeroshot)
@click.option("--top", type=click.IntRange(min=1), default=1, help="How many classes to show for each image.")
@click.option("--out", metavar="FILE", help="A new file for the classifier: MODEL for `regraft predict`.")
@QUIET
@JSON
def command(data: tuple[str, ...], top: int, out: str | None, quiet: bool, as_json: bool, **settings: Any) -> None:
    """Tell classes apart that are only named or described; no image is learnt from.

    DATA are images or folders of them, which are predicted, or labelled data as for `regraft fit`, on which it is
    measured: folders of the classes' names, or a table. Without --classes and --descriptions the classes are those of
    the labels.
    """
    if not data and out is None:
        raise UsageError("Give images to predict, labelled images to be measured on, or --out FILE to save; or all.")
    if data.count("-") > 1:
        raise UsageError("- stands for the one image on stdin, but it is given more than once.")
    _check_new(out)
    with progress_bar("images", quiet=quiet or as_json) as progress:
        found = zeroshot(
            _source(data),
            progress=progress,
            announce=None if quiet else lambda sentence: say(sentence, to_stderr=True),
            **settings,
        )
    if out is not None:
        found.classifier.save(out)
    if as_json:
        print_json({**found.to_dict(top), **({} if out is None else {"out": out})})
    else:
        _show(found, top, quiet)
        if out is not None:
            say(f"classifier  {out}")
    if any(prediction.error for prediction in found.predictions or ()):
        raise click.exceptions.Exit(1)


def _source(data: tuple[str, ...]) -> Any:
    """Return what the function takes: one path may hold labels, several are images."""
    if not data:
        return None
    if len(data) == 1 and data[0] != "-":
        return data[0]
    return [sys.stdin.buffer.read() if each == "-" else Path(each) for each in data]


def _check_new(out: str | None) -> None:
    """Refuse a place that holds something before the work, not after it."""
    if out is not None and Path(out).exists():
        raise UsageError(f"--out must be a new file, but {out} is there already; choose another name.")


def _show(found: ZeroShot, top: int, quiet: bool) -> None:
    if not quiet:
        width = max(len(each.name) for each in found.grounds)
        for each in found.grounds:
            say(f"{each.name:{width}}  {each.text}")
        for note in found.notes:
            say(note if note.endswith(".") else f"{note}.")
        say("")
    if found.evaluation is not None:
        _figures(found)
    names = max((len(prediction.name) for prediction in found.predictions or ()), default=0)
    for prediction in found.predictions or ():
        if prediction.error:
            say(f"{prediction.name:{names}}  not read: {prediction.error}", to_stderr=True)
            continue
        ranked = list(prediction.probabilities.items())[:top]
        say(f"{prediction.name:{names}}  " + "  ".join(f"{name} {share:.3f}" for name, share in ranked))


def _figures(found: ZeroShot) -> None:
    result = found.evaluation
    assert result is not None
    low, high = result.accuracy_ci95
    say(f"images    {result.n:,}" + (f" ({len(found.skipped)} skipped)" if found.skipped else ""))
    say(f"accuracy  {result.accuracy:.4f} (95% interval {low:.4f} to {high:.4f}; chance {1 / len(result.classes):.4f})")
    if found.generalized is not None:
        listed = (f"{name.replace('_', ' ')} {_number(value)}" for name, value in found.generalized.items())
        say(f"mean accuracy of a class: {', '.join(listed)}")
    width = max(len(name) for name in result.classes)
    for name, of in found.per_class.items():
        interval = of["accuracy_ci95"]
        shown = "no images" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}, {of['n']:,} images"
        say(f"  {name:{width}}  {_number(of['accuracy'])} ({shown})")


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
