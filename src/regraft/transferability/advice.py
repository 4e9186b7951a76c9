"""What to do with labelled images: how many there are, how like the source's they are, and what follows from it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from regraft.backbones.lookup import get_backbones
from regraft.backbones.preprocessing import Pixels, Resize
from regraft.backbones.registry import DEFAULTS, Backbone
from regraft.control import RAW
from regraft.data.dataset import Dataset
from regraft.data.sources import read_source
from regraft.errors import UsageError
from regraft.features.cache import source_folder
from regraft.features.engines import EngineName, engine_name
from regraft.features.extraction import Features, extract
from regraft.features.streaming import Progress
from regraft.protocol import check_classes, check_skipped, settle_protocol
from regraft.transferability.learning_curve import LearningCurve, learning_curve
from regraft.transferability.overlap import source_prior
from regraft.transferability.probes import Probes, measure
from regraft.transferability.quadrant import Choice, Size, choose, shown, size_of, upper_half
from regraft.transferability.similarity import Similarity, similarity

ADVISED_ON = 10_000
"""Most training images that are looked at."""

TEST_SIZE = 0.2
"""Share that `fit` would set aside, which is not looked at here either."""


@dataclass(frozen=True)
class Advice:
    """What to do with labelled images, and why.

    Parameters
    ----------
    quadrant : str
        Such as "small and similar".
    size : Size
    similarity : Similarity
    probes : Probes
    curve : LearningCurve
    strategy : {"probe", "finetune", "auto", "scratch"}
    command : str
        To run next.
    reason : str
    notes : tuple of str
    """

    quadrant: str
    size: Size
    similarity: Similarity
    probes: Probes
    curve: LearningCurve
    strategy: str
    command: str
    reason: str
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        overlap = self.similarity.overlap
        return {
            "quadrant": self.quadrant,
            "size": {**vars(self.size), "text": self.size.text},
            "similarity": {**self.similarity.to_dict(), "probe": self.probes.to_dict()},
            "overlap": None if overlap is None else overlap.to_dict(),
            "learning_curve": self.curve.to_dict(),
            "strategy": self.strategy,
            "command": self.command,
            "reason": self.reason,
            "notes": list(self.notes),
        }


def advise(
    data: Any,
    labels: Any = None,
    *,
    backbone: str | None = None,
    weights: str | Path | None = None,
    image_size: int | None = None,
    resize: Resize | None = None,
    pixels: Pixels = "weights",
    column: str | None = None,
    label_column: str | None = None,
    group_column: str | None = None,
    images: str | Path | None = None,
    label_from_name: bool = False,
    skip_unreadable: bool = False,
    engine: EngineName = "auto",
    seed: int = 0,
    progress: Progress | None = None,
    announce: Callable[[str], None] | None = None,
) -> Advice:
    """Tell how much data there is, how similar it is to what a network learnt from, and which strategy that suggests.

    Only the training part is looked at: the data's own, or the one that `fit` would make with this seed.

    Parameters
    ----------
    data, labels, column, label_column, group_column, images, label_from_name, skip_unreadable, engine, progress
        As in `fit`.
    backbone, weights, image_size, resize, pixels
        As in `fit`.
    seed : int
        Of every random choice.
    announce : callable, optional
        Called with each sentence about what is looked at, before the work.

    Returns
    -------
    Advice

    Raises
    ------
    RegraftError
        If the network is unknown, its weights are missing, or the data cannot be used.
    """
    engine_name(engine)
    if seed < 0:
        raise UsageError(f"--seed must be 0 or above, not {seed}.")
    source: dict[str, Any] = {
        "column": column,
        "label_column": label_column,
        "group_column": group_column,
        "images": images,
        "label_from_name": label_from_name,
    }
    dataset = read_source(data, labels=labels, **source)
    backbones = get_backbones(
        backbone,
        modality=dataset.modality,
        weights=weights,
        image_size=image_size,
        resize=resize,
        pixels=pixels,
    )
    check_classes(dataset)
    named = len(dataset) + len(dataset.skipped)
    dataset, total, notes = _training_part(dataset, seed)
    say = announce or (lambda sentence: None)
    say(f"{total:,} training {dataset.things} in {len(dataset.class_names):,} classes.")
    found = extract(
        dataset.examples,
        dataset.names,
        backbones,
        engine=engine,
        skip_unreadable=skip_unreadable,
        looks=True,
        progress=progress,
    )
    skipped = dataset.skipped + found.skipped
    check_skipped(named, skipped, skip_unreadable)
    if skipped:
        notes.append(f"{len(skipped)} unreadable {dataset.things} were left out.")
    dataset = dataset.take(found.index)
    check_classes(dataset)
    say(f"Comparing layers, sub-samples and {RAW[dataset.modality]}.")
    size = size_of(dataset.y, total)
    alike = similarity(
        backbones, found.values, found.widths, dataset.y, dataset.class_names, dataset.examples, source_folder()
    )
    probes = measure(dataset, found, backbones[0], engine, seed)
    curve = _curve(dataset, found, backbones, total, seed)
    accuracy = curve.accuracy[-1] if curve.accuracy else probes.features
    choice = choose(size, alike, probes, accuracy, lambda: upper_half(backbones))
    given = {**source, "weights": weights, "image_size": image_size, "resize": resize}
    given |= {"pixels": None if pixels == "weights" else pixels, "skip_unreadable": skip_unreadable}
    given["backbone"] = None if backbone == DEFAULTS[dataset.modality] else backbone
    return Advice(
        quadrant=f"{size.verdict} and {alike.verdict or 'of unknown similarity'}",
        size=size,
        similarity=alike,
        probes=probes,
        curve=curve,
        strategy=choice.strategy,
        command=_command(data, choice, probes.features is not None, given),
        reason=choice.reason,
        notes=(*notes, *found.notes, *_notes(size, probes, alike)),
    )


def _training_part(dataset: Dataset, seed: int) -> tuple[Dataset, int, list[str]]:
    """Return the training images, no more than are needed, how many there are, and what was left out, in sentences."""
    from regraft.heads.folds import stratified_rows

    notes = []
    everything = len(dataset)
    dataset, protocol = settle_protocol(dataset, TEST_SIZE, seed)
    dataset = replace(dataset.take(dataset.part("train")), split=None)
    total = len(dataset)
    if protocol == "given":
        notes.append(f"{everything - total:,} images of the data's own val and test parts are not looked at.")
    elif protocol == "holdout":
        notes.append(f"{everything - total:,} images are kept for a test, as `regraft fit` does, and not looked at.")
    rows = stratified_rows(dataset.y, ADVISED_ON, seed)
    if len(rows) < total:
        notes.append(f"Measured on {len(rows):,} of the {total:,} training images, every class in its share.")
        dataset = dataset.take(rows)
    return dataset, total, notes


def _curve(dataset: Dataset, found: Features, backbones: Sequence[Backbone], total: int, seed: int) -> LearningCurve:
    """Return the learning curve of the head that `fit` would take: with the source's scores where they count."""
    prior = source_prior(dataset.class_names, backbones, source_folder())
    return learning_curve(
        found.values,
        dataset.y,
        dataset.groups,
        images=total,
        head="logistic" if prior is None else "source",
        settings={"powers": (1.0,)} if prior is None else prior,
        seed=seed,
    )


def _command(data: Any, choice: Choice, measured: bool, given: dict[str, Any]) -> str:
    """Return the command to run, or to find out what is wrong with the images; DATA stands for what is no path."""
    where = os.fspath(data) if isinstance(data, str | os.PathLike) else "DATA"
    if not measured:
        return shlex.join(["regraft", "audit", where])
    parts = ["regraft", "fit", where]
    parts += ["--strategy", choice.strategy, *(["--unfreeze", choice.stage] if choice.stage else [])]
    scratch = ("backbone", "weights", "image_size", "resize", "pixels") if choice.strategy == "scratch" else ()
    for name, value in given.items():
        if value in (None, False) or name in scratch:
            continue
        parts += [f"--{name.replace('_', '-')}", *([] if value is True else [str(value)])]
    return shlex.join(parts)


def _notes(size: Size, probes: Probes, alike: Similarity) -> list[str]:
    notes = [probes.reason] if probes.reason and probes.features is not None else []
    if size.smallest < 5:
        examples = "example" if size.smallest == 1 else "examples"
        notes.append(f"The smallest class has {size.smallest} training {examples}: all figures are rough; add some.")
    if probes.transfers is False:
        notes.append(
            f"The probe on features ({shown(probes.features)}) is not clearly better than on {probes.raw} "
            f"({shown(probes.raw_pixels)}); `regraft rank` tries other networks."
        )
    for why in dict.fromkeys(alike.reasons.values()):
        names = ", ".join(name.replace("_", " ") for name, reason in alike.reasons.items() if reason == why)
        notes.append(f"Not known: {names}; {why}")
    return notes
