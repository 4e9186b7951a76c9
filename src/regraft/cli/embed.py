"""regraft embed DATA --out FILE: write the features of images, texts or recordings to a file."""

from __future__ import annotations

from typing import Any

import click

from regraft.cli.options import JSON, QUIET, backbone_options, option, print_json, progress_bar, say
from regraft.features.tables import check_feature_file, write_features
from regraft.pipeline import embed


@click.command("embed")
@click.argument("data")
@click.option("--out", required=True, metavar="FILE", help="A new .parquet or .npz file.")
@backbone_options(embed)
@option(embed, "--skip-unreadable", is_flag=True, help="Go on if over 5% of the examples are unreadable.")
@QUIET
@JSON
def command(data: str, out: str, quiet: bool, as_json: bool, **settings: Any) -> None:
    """Write the features of images, texts or recordings, with their labels where DATA have them, to a file."""
    path = check_feature_file(out)
    with progress_bar("features", quiet=quiet or as_json) as progress:
        found = embed(data, progress=progress, **settings)
    write_features(path, found.names, found.features.values, found.labels)
    features = found.features
    if as_json:
        shape = list(features.values.shape)
        cache = {"hits": features.cache_hits, "misses": features.cache_misses}
        skipped = [{"name": s.name, "reason": s.reason} for s in found.skipped]
        seconds = round(features.seconds, 4)
        print_json({"out": out, "shape": shape, "seconds": seconds, "cache": cache, "skipped": skipped})
        return
    for skipped_one in found.skipped:
        say(f"skipped {skipped_one.name}: {skipped_one.reason}", to_stderr=True)
    if not quiet:
        rows, columns = features.values.shape
        say(f"{rows:,} {found.things} x {columns:,} features in {features.seconds:.1f} s: {out}")
