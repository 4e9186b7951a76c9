"""regraft embed DATA --out PLACE: write the features of images, texts or recordings to a file, or to a folder."""

from __future__ import annotations

from typing import Any

import click

from regraft.bulk.running import embed_shards
from regraft.cli.options import JSON, QUIET, backbone_options, option, print_json, progress_bar, say
from regraft.cli.shards import is_folder, refuse_shards, shard_options, show_written
from regraft.errors import UsageError
from regraft.features.tables import check_feature_file, write_features
from regraft.pipeline import embed


@click.command("embed")
@click.argument("data")
@click.option(
    "--out",
    required=True,
    metavar="PLACE",
    help="A new .parquet or .npz file; or a folder of Parquet files, which holds any number of rows.",
)
@backbone_options(embed, engine=False)
@shard_options()
@option(embed_shards, "--column", metavar="NAME", help="A Parquet file's column of bytes or texts.")
@option(embed, "--skip-unreadable", is_flag=True, help="Go on if over 5% of the examples are unreadable.")
@QUIET
@JSON
def command(data: str, out: str, quiet: bool, as_json: bool, **settings: Any) -> None:
    """Write the features of images, texts or recordings, with their labels where DATA have them, to a file or folder.

    A folder is written piece by piece: memory stays the same for any number of rows, and the same command goes on with
    a job that was stopped. Then DATA may also be a URL, such as s3://bucket/photos, or Parquet with a column of bytes.
    """
    if is_folder(out):
        with progress_bar("features", quiet=quiet or as_json) as progress:
            written = embed_shards(data, out, progress=progress, **settings)
        show_written(written, "rows", quiet=quiet, as_json=as_json)
        return
    refuse_shards(settings, f"--out {out} is a file; name a folder")
    if settings.pop("column") is not None:
        raise UsageError(f"--column is for a folder of Parquet files, but --out {out} is a file; name a folder.")
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
