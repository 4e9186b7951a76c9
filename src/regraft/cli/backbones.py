"""regraft backbones: the pretrained networks, and where their weights are."""

from __future__ import annotations

from typing import Any

import click

from regraft.backbones.registry import DEFAULT_BACKBONE, VOUCHED, Backbone, get_backbones
from regraft.cli.options import JSON, print_json


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
    from rich.console import Console
    from rich.table import Table

    table = Table()
    for title in ("name", "input", "features", "M params", "top-1 %", "licence", "weights", "here"):
        table.add_column(title, justify="right" if title in ("input", "features", "M params", "top-1 %") else "left")
    for row in rows:
        top1 = "-" if row["imagenet_top1"] is None else f"{row['imagenet_top1']:.1f}"
        name = row["name"] + (" (default)" if row["default"] else "")
        numbers = (str(row["input_size"]), str(row["feature_dim"]), f"{row['parameters_m']:.1f}", top1)
        table.add_row(name, *numbers, row["licence"], row["weights"], "yes" if row["here"] else "no")
    console = Console()
    console.print(table)
    console.print("Any other name of timm works too; joined by + (a+b), their features stand side by side.")
