"""regraft rank DATA: which pretrained network transfers best, and up to which layer, without training."""

from __future__ import annotations

import shlex
from typing import Any

import click

from regraft.cli.options import JSON, QUIET, engine_option, option, print_json, progress_bar, say, source_options
from regraft.transferability.ranked import LayerRow, Ranking, RankRow
from regraft.transferability.ranking import DEFAULT, rank
from regraft.transferability.scores import SCORES


@click.command("rank")
@click.argument("data")
@option(
    rank,
    "--backbones",
    metavar="NAME,NAME",
    help=f"Networks; NAME:random has random weights [default: {','.join(DEFAULT['image'])}].",
)
@option(rank, "--layers/--no-layers", help="Rank the layers of the best network, too (one more pass).")
@option(rank, "--combinations/--no-combinations", help="Rank pairs of networks, too.")
@option(rank, "--seed", type=int, help="Draws the images that the probe is judged on.")
@source_options(rank)
@engine_option(rank)
@QUIET
@JSON
def command(data: str, quiet: bool, as_json: bool, **settings: Any) -> None:
    """Rank pretrained networks by how well they would transfer to DATA, without training them.

    DATA is as for `regraft fit`; where it has a split of its own, the training part alone is looked at.
    LogME, H-score, LEEP, NCE and TransRate need no training; the probe, a cross-validated linear classifier, judges
    them. Of all, more is better.
    """
    with progress_bar("images", quiet=quiet or as_json) as progress:
        announce = None if quiet else lambda sentence: say(sentence, to_stderr=as_json)
        found = rank(data, progress=progress, announce=announce, **settings)
    if as_json:
        print_json(found.to_dict())
    else:
        _show(found, data, quiet)


def _show(found: Ranking, data: str, quiet: bool) -> None:
    _table("network", [(row.backbone, _cells(row), ", ".join(row.flags)) for row in found.rows], _HEADS)
    say("tau with the probe  " + ", ".join(f"{_TITLES[name]} {_number(found.tau[name], 2)}" for name in SCORES))
    say(f"{found.raw} {_number(found.raw_pixels, 3)}, most frequent class {_number(found.chance, 3)}")
    if found.combinations:
        rows = [(row.backbone, _cells(row), ", ".join(row.flags)) for row in found.combinations]
        _table("side by side", rows, _HEADS)
    if found.layers:
        _table(
            f"layers of {found.layers[0].backbone}",
            [(row.stage, _layer_cells(row), "") for row in found.layers],
            ("width", "probe", "LogME", "H-score", "TransRate"),
        )
    if not quiet:
        for note in found.notes:
            say(note)
    say(found.advice)
    say(f"  {found.command.replace('DATA', shlex.quote(data))}")


_TITLES = {"logme": "LogME", "h_score": "H-score", "leep": "LEEP", "nce": "NCE", "transrate": "TransRate"}
_HEADS = ("probe", *_TITLES.values())


def _table(title: str, rows: list[tuple[str, list[str], str]], heads: tuple[str, ...]) -> None:
    """Print an aligned table: plain text, so that a narrow terminal or a pipe cuts no name."""
    lines = [(title, *heads, ""), *((name, *cells, flags) for name, cells, flags in rows)]
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    for name, *cells, flags in lines:
        aligned = (cell.rjust(width) for cell, width in zip(cells, widths[1:-1], strict=True))
        say("  ".join((name.ljust(widths[0]), *aligned, flags)).rstrip())
    say("")


def _cells(row: RankRow) -> list[str]:
    return [
        _probe(row.probe, row.probe_se),
        _number(row.logme, 3),
        _number(row.h_score, 2),
        _number(row.leep, 2),
        _number(row.nce, 2),
        _number(row.transrate, 0),
    ]


def _layer_cells(row: LayerRow) -> list[str]:
    scores = [_number(row.logme, 3), _number(row.h_score, 2), _number(row.transrate, 0)]
    return [str(row.width), _probe(row.probe, row.probe_se), *scores]


def _probe(accuracy: float | None, error: float | None) -> str:
    return _number(accuracy, 3) + ("" if error is None else f"±{error:.3f}")


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
