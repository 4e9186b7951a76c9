"""regraft cluster DATA: divide images that need no labels into clusters."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import click

from regraft.cli.options import JSON, QUIET, backbone_options, option, print_json, progress_bar, say, source_options
from regraft.cli.recording import CONFIG, LOG, recorded, tracked
from regraft.exploration.clustering import cluster
from regraft.exploration.clusters import Clusters
from regraft.exploration.projection import MAPS
from regraft.reports.clusters import PAGE, write
from regraft.runs import new_run_folder


@click.command("cluster")
@click.argument("data")
@option(cluster, "--clusters", metavar="K|auto", help="How many; auto chooses the number and says why.")
@option(cluster, "--map", type=click.Choice(MAPS), help="How images are laid out in the plane.")
@option(cluster, "--seed", type=int, help="Of every random choice.")
@backbone_options(cluster)
@source_options(cluster)
@click.option("--out", metavar="DIR", help="A new folder for the page [default: runs/NAME-clusters-TIME].")
@LOG
@CONFIG
@QUIET
@JSON
def command(data: str, out: str | None, log: tuple[str, ...], quiet: bool, as_json: bool, **settings: Any) -> None:
    """Divide the images of DATA into clusters of images that look alike to a pretrained network.

    DATA is a folder of images, a table, an archive, or anything that `regraft fit` takes; labels are not needed, and
    are only compared with where there are any. Writes clusters.html (the evidence for the number, pictures of each
    cluster, a map that shows an image where it is pointed at), clusters.csv and clusters.json.
    """
    place = new_run_folder(f"{Path(data).stem}-clusters", out)  # refuse before the work, not after it
    with tracked(log, place, quiet=quiet) as tracker:
        with progress_bar("examples", quiet=quiet or as_json) as progress:
            announce = None if quiet else lambda sentence: say(sentence, to_stderr=as_json)
            found = cluster(data, progress=progress, announce=announce, **settings)
        folder = new_run_folder(f"{found.images.name}-clusters", out)
        with recorded(folder, found.images) as new:
            write(found, new, shlex.join(["regraft", *sys.argv[1:]]))
        tracker.log(found, folder)
    if as_json:
        print_json({**found.to_dict(), "out": str(folder)})
        return
    _show(found, quiet)
    say(f"page  {folder / PAGE}")


def _show(found: Clusters, quiet: bool) -> None:
    if found.tried and not quiet:
        say("clusters  silhouette  stability  product")
        for each in found.tried:
            mark = "  <-" if each.clusters == found.k else "  nearly as good" if each.clusters in found.as_good else ""
            say(f"{each.clusters:8}  {each.silhouette:10.3f}  {each.stability:9.3f}  {each.score:7.3f}{mark}")
        say("")
    for group in found.to_dict()["groups"]:
        inside = ", ".join(f"{label} ({n:,})" for label, n in list(group["classes"].items())[:3])
        shown = inside or f"such as {group['central'][0]}"
        say(f"cluster {group['cluster']:3}  {group['size']:7,} {found.images.things}  {shown}")
    for sentence in found.sentences():
        say(f"- {sentence}")
