"""What int8 costs and gains: accuracy, size and speed before and after."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from regraft.classifier import Classifier
from regraft.data.dataset import Dataset
from regraft.data.images import decode, read_bytes
from regraft.data.sources import read_source
from regraft.errors import DataError, RegraftError, Unreadable
from regraft.export.parity import answers
from regraft.export.target import Run, Target
from regraft.protocol import settle_protocol

CALIBRATED_ON = 200
"""Images that ranges are learnt from."""

MEASURED_ON = 400
"""Images, at most, that accuracy is measured on."""

TEST_SIZE, SEED = 0.2, 0
"""How `fit` holds images out unless told otherwise."""

LOSS = 0.03
"""Accuracy that int8 may cost."""


@dataclass(frozen=True)
class Eight:
    """A classifier's file in float32 beside the same in int8.

    Parameters
    ----------
    calibrated_on : int
        Images of the training part.
    n : int
        Images of the test part that accuracy was measured on.
    accuracy : (float, float)
        Before and after.
    bytes : (int, int)
        Before and after.
    images_a_second : dict of str to float
        By precision: what the engine computed in before, each, and "int8"; one image after the other.
    held_out : bool
        Whether those were other images than the ranges were learnt from.
    """

    calibrated_on: int
    n: int
    accuracy: tuple[float, float]
    bytes: tuple[int, int]
    images_a_second: dict[str, float]
    held_out: bool

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


def labelled(source: Any, classifier: Classifier) -> tuple[Dataset, bool]:
    """Return the labelled images that int8 is calibrated and measured on, and whether a part of them is held out.

    Parameters
    ----------
    source : labelled images
        What the classifier learnt from.
    classifier : Classifier

    Raises
    ------
    DataError
        If they have no labels, or a class that the classifier does not know.
    """
    dataset, protocol = settle_protocol(read_source(source), TEST_SIZE, SEED)
    unknown = [name for name in dataset.class_names if name not in classifier.classes]
    if unknown:
        raise DataError(
            f"The images must be of the classifier's classes, but some are of {', '.join(unknown[:5])}; leave them out."
        )
    return dataset, protocol != "cross-validation"


def eight_bits(target: Target, path: Path, dataset: Dataset, held_out: bool, classifier: Classifier) -> Eight:
    """Replace an exported file by the same in int8, and return what that costs and gains.

    Parameters
    ----------
    target : Target
        That has int8.
    path : Path
        The file in float32.
    dataset, held_out : Dataset, bool
        As `labelled` gives them: ranges are learnt on the training part, accuracy is measured on the test part.
    classifier : Classifier

    Raises
    ------
    DataError
        If no image can be read.
    RegraftError
        If it costs more accuracy than it may.
    """
    assert target.quantize is not None
    enough = max(backbone.preprocessing.short_side for backbone in classifier.backbones)
    seen, _ = _decoded(dataset, dataset.part("train"), CALIBRATED_ON, enough)
    shown, truth = _decoded(dataset, dataset.part("test" if held_out else "train"), MEASURED_ON, enough)
    if not seen or not shown:
        raise DataError("int8 must be calibrated and measured on images, but none could be read; name others.")
    labels = [classifier.classes.index(dataset.class_names[position]) for position in truth]
    new = path.with_name(f"int8-{path.name}")
    target.quantize(path, seen, new)
    runs = {precision: target.open(path, precision) for precision in target.precisions()} | {
        "int8": target.open(new, "int8")
    }
    before, after = (_accuracy(runs[precision], shown, labels) for precision in ("f32", "int8"))
    rates = _rates(runs, shown)
    before_bytes, after_bytes = (sum(file.stat().st_size for file in target.files(each)) for each in (path, new))
    if before - after > LOSS:
        raise RegraftError(
            f"int8 may cost {LOSS:.0%} of accuracy at most, but costs {before - after:.1%} ({before:.1%} before, "
            f"{after:.1%} after, on {len(shown)} images); no file was written: leave --int8 out."
        )
    for small, whole in zip(target.files(new), target.files(path), strict=True):
        small.replace(whole)
    return Eight(len(seen), len(shown), (before, after), (before_bytes, after_bytes), rates, held_out)


def _decoded(dataset: Dataset, part: np.ndarray, most: int, enough: int) -> tuple[list[np.ndarray], list[int]]:
    """Return some images of a part, and their classes."""
    images, labels = [], []
    for position in np.random.default_rng(SEED).permutation(part)[:most]:
        try:
            images.append(decode(read_bytes(dataset.examples[position]), enough))
        except Unreadable:
            continue
        labels.append(int(dataset.y[position]))
    return images, labels


def _accuracy(run: Run, images: Sequence[np.ndarray], labels: Sequence[int]) -> float:
    return float((answers(run, images)[0].argmax(axis=1) == np.array(labels)).mean())


def _rates(runs: dict[str, Run], images: Sequence[np.ndarray], rounds: int = 5, count: int = 24) -> dict[str, float]:
    """Return images a second of each, taken in turns: the best of some rounds, since others may use the machine too."""
    shown = [images[number % len(images)] for number in range(count)]
    best = dict.fromkeys(runs, 0.0)
    for _ in range(rounds):
        for name, run in runs.items():
            started = time.perf_counter()
            answers(run, shown)
            best[name] = max(best[name], count / (time.perf_counter() - started))
    return best
