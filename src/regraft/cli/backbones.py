"""regraft backbones: the pretrained networks, and where their weights are."""

from __future__ import annotations

from typing import Any

import click

from regraft.backbones.lookup import get_backbones
from regraft.backbones.registry import DEFAULT_BACKBONE, VOUCHED, Backbone
from regraft.cli.options import JSON, print_json, say


def _row(backbone: Backbone) -> dict[str, Any]:
    return {
        "name": backbone.name,
        "input_size": backbone.preprocessing.size,
        "feature_dim": backbone.feature_dim,
        "parameters_m": backbone.parameters,
        "imagenet_top1": backbone.top1,
        "licence": backbone.weights.licence,
        "weights": backbone.weights.source,
        "here": backbone.weights.here(),
        "default": backbone.name in DEFAULT_BACKBONE.split("+"),
    }


@click.command("backbones")
@click.argument("names", nargs=-1)
@JSON
def command(names: tuple[str, ...], as_json: bool) -> None:
    """Show the pretrained networks that we vouch for, or NAMES, which may be any of timm's."""
    found = [b for name in names for b in get_backbones(name)] if names else VOUCHED
    rows = [_row(backbone) for backbone in found]
    if as_json:
        print_json(rows)
        return
    for line in _lines(rows):
        say(line)
    say("Any other name of timm works too; joined by + (a+b), their features stand side by side.")


def _lines(rows: list[dict[str, Any]]) -> list[str]:
    """Return an aligned table: plain text, so that a narrow terminal or a pipe cuts no name."""
    cells = [("name", "input", "features", "M params", "top-1 %", "here", "licence", "weights")]
    for row in rows:
        top1 = "-" if row["imagenet_top1"] is None else f"{row['imagenet_top1']:.1f}"
        name = row["name"] + (" (default)" if row["default"] else "")
        numbers = (str(row["input_size"]), str(row["feature_dim"]), f"{row['parameters_m']:.1f}", top1)
        cells.append((name, *numbers, "yes" if row["here"] else "no", row["licence"], row["weights"]))
    widths = [max(len(cell) for cell in column) for column in zip(*cells, strict=True)]
    justify = [str.ljust, str.rjust, str.rjust, str.rjust, str.rjust, str.ljust, str.ljust, str.ljust]
    aligned = [[j(cell, w) for j, cell, w in zip(justify, row, widths, strict=True)] for row in cells]
    return ["  ".join(row).rstrip() for row in aligned]
