"""Takes a corpus through predict, fit and serve, and says what came of each file."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hostile.corpus import IMAGES, SOUNDS, SOURCES, Hostile
from hostile.processes import Gone, Home, Server, Worker
from hostile.seeds import class_files, seeds

SECONDS = 10.0
"""What takes longer on one file hangs."""

MEGABYTES = 2000.0
"""What holds more memory has no bound."""

MIXED = 400
"""Hostile images in one folder that is fitted on, beside as many sound ones as a fit needs."""

FAULTS = ("crash", "hang", "memory", "traceback", "wordless", "status", "outside")


@dataclass(frozen=True)
class Outcome:
    """What came of a file at an entrance.

    Parameters
    ----------
    file, kind : str
        Its name and kind.
    entrance : {"predict", "fit", "serve"}
    outcome : str
        "answered", "unreadable" or "refused"; or one of `FAULTS`.
    said : str
        The sentence, or what was wrong.
    seconds : float
    peak_mb : float
        Most memory that the process held meanwhile.
    """

    file: str
    kind: str
    entrance: str
    outcome: str
    said: str
    seconds: float
    peak_mb: float

    @property
    def fault(self) -> bool:
        return self.outcome in FAULTS


def run(
    files: Iterable[Hostile],
    home: Home,
    entrances: Sequence[str] = ("predict", "fit", "serve"),
    *,
    seconds: float = SECONDS,
    keep: Path | None = None,
) -> Iterator[Outcome]:
    """Take files through entrances, and yield what came of each.

    Parameters
    ----------
    files : iterable of Hostile
        Gone through once; images and recordings are fitted on in folders of `MIXED`.
    home : Home
    entrances : sequence of {"predict", "fit", "serve"}
    seconds : float
        What takes longer hangs; it has a second chance, for the machine may be busy.
    keep : Path, optional
        The folder that files with which something is wrong are copied to.
    """
    made: dict[str, Any] = {"predict": lambda: Worker("predict", home), "fit": lambda: Worker("fit", home)}
    made["serve"] = lambda: Server(home)
    opened = {name: made[name]() for name in entrances}
    if "predict" in opened:
        opened["open"] = made["predict"]()  # a classifier may load libraries, whose memory is not the other files'
    waiting: dict[str, list[Hostile]] = {"image": [], "audio": []}
    try:
        for file in files:
            for outcome in _through(file, home, opened, waiting, seconds):
                yield _noted(outcome, file, home, keep)
        if "fit" in opened:
            for modality, mixed in waiting.items():
                for outcome in _mixed(mixed, modality, home, opened["fit"], seconds):
                    yield _noted(outcome, mixed[0], home, keep)
    finally:
        for entrance in opened.values():
            entrance.close()


def _noted(outcome: Outcome, file: Hostile, home: Home, keep: Path | None) -> Outcome:
    if outcome.fault and keep is not None and outcome.file == file.name:
        keep.mkdir(parents=True, exist_ok=True)
        (keep / file.name).write_bytes(file.content)
    return outcome


def _through(
    file: Hostile, home: Home, opened: dict[str, Any], waiting: dict[str, list[Hostile]], seconds: float
) -> Iterator[Outcome]:
    with _on_disk(file, home) as path:
        if "predict" in opened:
            entrance = opened["open" if file.kind == "bundle" else "predict"]
            yield _asked(entrance, path, file.name, file.kind, home, seconds)
        if "fit" in opened and file.kind in SOURCES:
            yield _asked(opened["fit"], path, file.name, file.kind, home, seconds)
    if "fit" in opened and file.kind in (*IMAGES, *SOUNDS):
        modality = "image" if file.kind in IMAGES else "audio"
        waiting[modality].append(file)
        if len(waiting[modality]) >= MIXED:
            mixed, waiting[modality] = waiting[modality], []
            yield from _mixed(mixed, modality, home, opened["fit"], seconds)
    if "serve" in opened:
        yield _asked(opened["serve"], file, file.name, file.kind, home, seconds)


@contextmanager
def _on_disk(file: Hostile, home: Home) -> Iterator[Path]:
    """Put a file where the user's data are, and take it away after; that nothing else changed there is looked at."""
    path = home.data / file.name
    path.write_bytes(file.content)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _asked(entrance: Any, asked: Any, name: str, kind: str, home: Home, seconds: float) -> Outcome:
    """Ask once, or twice where it took too long, and look at what was left behind."""
    before = _digest(asked) if isinstance(asked, Path) else ""
    try:
        outcome, said, took, peak = _patient(entrance, asked, seconds)
    except Gone as gone:
        outcome, said, took, peak = gone.outcome, gone.said, seconds, 0.0
    if peak > MEGABYTES:
        outcome, said = "memory", f"held {peak:,.0f} MB; {outcome}: {said}"
    if strays := home.strays():
        outcome, said = "outside", f"wrote {', '.join(strays[:3])}"
    elif isinstance(asked, Path) and _digest(asked) != before:
        outcome, said = "outside", "changed or removed the user's file"
    return Outcome(name, kind, entrance.name, outcome, said, took, peak)


def _patient(entrance: Any, asked: Any, seconds: float) -> tuple[str, str, float, float]:
    try:
        found = entrance.ask(asked, 2 * seconds)
        if found[2] <= seconds:
            return found
    except Gone as gone:
        if gone.outcome != "hang":
            raise
    found = entrance.ask(asked, 2 * seconds)
    if found[2] > seconds:
        raise Gone("hang", f"took {found[2]:.1f} s")
    return found


def _digest(path: Path) -> str:
    """Return what could change: the names and bytes of a file or of all below a folder."""
    found = hashlib.sha256()
    for each in sorted(path.rglob("*")) if path.is_dir() else [path]:
        found.update(os.fsencode(each))
        if each.is_file():
            found.update(each.read_bytes())
    return found.hexdigest()


def _mixed(files: list[Hostile], modality: str, home: Home, fit: Any, seconds: float) -> Iterator[Outcome]:
    """Fit on a folder of sound and hostile files; where something is wrong, on halves of it, down to the one file."""
    if not files:
        return
    folder = home.data / "mixed"
    _fill(folder, files, modality)
    try:
        name = files[0].name if len(files) == 1 else f"{len(files)} files from {files[0].name}"
        outcome = _asked(fit, folder, name, files[0].kind, home, seconds if len(files) == 1 else 6 * seconds)
    finally:
        shutil.rmtree(folder)
    if outcome.fault and len(files) > 1:
        half = len(files) // 2
        yield from _mixed(files[:half], modality, home, fit, seconds)
        yield from _mixed(files[half:], modality, home, fit, seconds)
    else:
        share = outcome.seconds / len(files)
        for file in files:
            yield Outcome(file.name, file.kind, "fit", outcome.outcome, outcome.said, share, outcome.peak_mb)


def _fill(folder: Path, files: list[Hostile], modality: str) -> None:
    for name in ("red", "blue"):
        (folder / name).mkdir(parents=True)
    if modality == "image":
        for name, content in class_files().items():
            (folder / name).write_bytes(content)
    else:
        for number, content in enumerate(seeds("sound") * 2):
            (folder / ("red", "blue")[number % 2] / f"{number}.wav").write_bytes(content + bytes(2 * number))
    for file in files:
        (folder / ("red", "blue")[file.number % 2] / file.name).write_bytes(file.content)
