"""regraft table DATA OUT: write the image,label table of a folder."""

from __future__ import annotations

import click

from regraft.cli.options import QUIET, say
from regraft.data.sources import read_source
from regraft.data.tables import write_table


@click.command("table")
@click.argument("data")
@click.argument("out")
@click.option("--label-from-name", is_flag=True, help="The class is the start of the file name.")
@QUIET
def command(data: str, out: str, label_from_name: bool, quiet: bool) -> None:
    """Write the image,label table of DATA to OUT, a new .csv, .tsv or .parquet file."""
    dataset = read_source(data, label_from_name=label_from_name)
    write_table(dataset, out)
    if not quiet:
        for note in dataset.notes:
            say(note)
        say(f"{dataset.count(len(dataset))} in {len(dataset.class_names)} classes: {out}")
