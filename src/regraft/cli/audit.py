"""regraft audit DATA: find what is wrong with labelled images, texts or recordings."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import click

from regraft.auditing.auditing import Audited, audit
from regraft.auditing.cleaning import check_clean_table, clean_table
from regraft.auditing.findings import Audit
from regraft.cli.options import JSON, QUIET, backbone_options, option, print_json, progress_bar, say, source_options
from regraft.cli.recording import CONFIG, LOG, recorded, tracked
from regraft.reports.audit import PAGE, write
from regraft.runs import new_run_folder


@click.command("audit")
@click.argument("data")
@backbone_options(audit)
@option(audit, "--seed", type=int, help="Of every random choice.")
@source_options(audit)
@click.option("--out", metavar="DIR", help="A new folder for the page [default: runs/NAME-audit-TIME].")
@click.option("--fix-out", metavar="FILE", help="A new table without copies and what is unreadable; labels are noted.")
@LOG
@CONFIG
@QUIET
@JSON
def command(
    data: str,
    out: str | None,
    fix_out: str | None,
    log: tuple[str, ...],
    quiet: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Find what is wrong with labelled images, texts or recordings before anything is learnt from them.

    Copies, leaks from training to test, likely label errors, unreadable files, what gives a class away beside the
    subject, related neighbours, uneven classes. DATA is as for `regraft fit`; no file is touched. Writes audit.html,
    a sheet of pictures, and audit.json.
    """
    place = new_run_folder(f"{Path(data).stem}-audit", out)  # refuse before the work, not after it
    if fix_out is not None:
        check_clean_table(fix_out)
    with tracked(log, place, quiet=quiet) as tracker:
        with progress_bar("examples", quiet=quiet or as_json) as progress:
            found = audit(
                data,
                progress=progress,
                announce=None if quiet else lambda sentence: say(sentence, to_stderr=as_json),
                **settings,
            )
        folder = new_run_folder(f"{found.dataset.name}-audit", out)
        with recorded(folder, found.dataset) as new:
            write(found, new, shlex.join(["regraft", *sys.argv[1:]]))
        tracker.log(found.audit, folder)
    rows = None if fix_out is None else clean_table(found, fix_out)
    if as_json:
        print_json({**found.audit.to_dict(), "out": str(folder), **({"fix_out": fix_out} if fix_out else {})})
        return
    _show(found, quiet)
    say(f"page        {folder / PAGE}")
    if rows is not None:
        say(f"clean table {fix_out}: {rows:,} of {found.dataset.count(len(found.dataset))}")


def _show(found: Audited, quiet: bool) -> None:
    checked = found.audit
    for name, figures in _table(checked):
        say(f"{name:13} {figures}")
    for sentence in checked.sentences() or ["Nothing was found that a person must hear."]:
        say(f"- {sentence}")
    if not quiet:
        for note in checked.notes:
            say(f"Note: {note}")


def _table(checked: Audit) -> list[tuple[str, str]]:
    """Return each kind of finding with its figures."""
    exact = sum(group.kind == "exact" for group in checked.duplicates)
    counts = checked.classes.counts.values()
    leaks = ", ".join(
        f"{sum(leak.part == part for leak in checked.leaks):,} of {n:,} {part} {checked.things}"
        for part, n in checked.classes.parts.items()
        if part != "train"
    )
    shortcuts = ", ".join(f"{cue.name} ({cue.accuracy:.0%})" for cue in checked.shortcuts if cue.found)
    order = checked.order
    measured = order.random is not None and order.blocks is not None
    return [
        (
            "copies",
            f"{checked.superfluous:,} {checked.things}, {len(checked.duplicates):,} groups, {exact:,} of them exact",
        ),
        ("leaks", leaks or "no test part"),
        ("label errors", f"{len(checked.likely_errors):,} likely of {checked.n:,}"),
        ("unreadable", f"{len(checked.unreadable):,}"),
        ("shortcuts", shortcuts or "none"),
        ("order", f"random folds {order.random:.3f}, blocks {order.blocks:.3f}" if measured else "not measured"),
        ("classes", f"{len(counts):,}, of {min(counts, default=0):,} to {max(counts, default=0):,} {checked.things}"),
    ]
