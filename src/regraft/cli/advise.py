"""regraft advise DATA: how much data, how similar to the source, and what follows from it."""

from __future__ import annotations

from typing import Any

import click

from regraft.cli.options import (
    JSON,
    QUIET,
    backbone_options,
    option,
    print_json,
    progress_bar,
    say,
    source_options,
)
from regraft.transferability.advice import Advice, Probes, advise


@click.command("advise")
@click.argument("data")
@backbone_options(advise)
@option(advise, "--seed", type=int, help="Of every random choice.")
@source_options(advise)
@QUIET
@JSON
def command(data: str, quiet: bool, as_json: bool, **settings: Any) -> None:
    """Tell how much and what kind of transfer suits DATA, with numbers, and the command to run.

    DATA is as for `regraft fit`. Only the training part is looked at: the data's own, or the one that `fit` would make.
    """
    with progress_bar("images", quiet=quiet or as_json) as progress:
        announce = None if quiet else lambda sentence: say(sentence, to_stderr=as_json)
        found = advise(data, progress=progress, announce=announce, **settings)
    if as_json:
        print_json(found.to_dict())
    else:
        _show(found, quiet)


def _show(found: Advice, quiet: bool) -> None:
    overlap = found.similarity.overlap
    rows = [("size", found.size.text), ("similarity", found.similarity.text)]
    if overlap is not None:
        rows.append(("overlap", overlap.text))
    rows += [("probe", _probes(found.probes)), ("labels", found.curve.text)]
    for name, text in rows:
        say(f"{name:12}{text}")
    if not quiet:
        for note in found.notes:
            say(f"{'note':12}{note}")
    say(f"{'quadrant':12}{found.quadrant}")
    say(f"{'strategy':12}{found.strategy}. {found.reason}")
    say(f"{'command':12}{found.command}")


def _probes(probes: Probes) -> str:
    if probes.features is None:
        return f"Undefined: {probes.reason}"
    said = [f"{probes.features:.3f} on the features"]
    said += [f"{value:.3f} {on}" for value, on in ((probes.raw_pixels, f"on {probes.raw}"),) if value is not None]
    if probes.low is not None and probes.high is not None:
        said.append(f"{probes.low:.3f} on a low layer and {probes.high:.3f} on the last of the first network")
    return f"Cross-validated accuracy {', '.join(said)}; chance {probes.chance or 0:.3f}."
