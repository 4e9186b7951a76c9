"""The report's sheets: a sample of the test examples, the most confident mistakes, and training examples varied."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.errors import Unreadable
from regraft.reports.exhibits import LOST, Exhibit, Exhibits, jpeg_uri

SAMPLE = (24, 64)
"""Images on the sample sheet: one a class between these bounds."""

SAMPLE_SIDE = 128
MISTAKES = 12
MISTAKE_SIDE = 224

VARIED, VARIANTS, VARIANT_SIDE = 6, 5, 96
"""Training images on the sheet of variants, and how many of each."""


@dataclass(frozen=True)
class Picture:
    """A test example with what it is and what it was taken for.

    Parameters
    ----------
    name : str
        What the user calls it.
    truth, predicted : str
        Class names.
    confidence : float
        Probability given to `predicted`, 0 to 1.
    right : bool
        Whether the two agree.
    shown : Exhibit
    why : str or None
        An image as a data URI with the places coloured that speak for `predicted`; None where that is not known.
    """

    name: str
    truth: str
    predicted: str
    confidence: float
    right: bool
    shown: Exhibit = LOST
    why: str | None = None


@dataclass(frozen=True)
class Variants:
    """A training image as the network sees it, and varied as in training.

    Parameters
    ----------
    name : str
        What the user calls it.
    truth : str
        Class name.
    plain : str
        Without variation, as a data URI.
    varied : tuple of str
        Data URIs.
    """

    name: str
    truth: str
    plain: str
    varied: tuple[str, ...]


def sample(result: Any, exhibits: Exhibits | None = None) -> list[Picture]:
    """Return test examples drawn at random, as evenly from all classes as they come, in the classes' order.

    Parameters
    ----------
    result : the pipeline's result
        Its seed decides the draw.
    exhibits : Exhibits, optional
        What shows them on the page that they are for.

    Returns
    -------
    list of Picture
        24 to 64 of them, where there are so many.
    """
    truth = result.dataset.y[result.test_index]
    count = int(np.clip(len(result.dataset.class_names), *SAMPLE))
    drawn = _by_turn(truth, result.seed)[:count]
    return _pictures(result, drawn[np.argsort(truth[drawn], kind="stable")], SAMPLE_SIDE, exhibits)


def mistakes(result: Any, exhibits: Exhibits | None = None) -> list[Picture]:
    """Return the test examples that were named wrongly with the most confidence, and what spoke for it.

    Parameters
    ----------
    result : the pipeline's result
        Its test probabilities (m, k) are read.
    exhibits : Exhibits, optional
        What shows them on the page that they are for.

    Returns
    -------
    list of Picture
        Twelve at most.
    """
    truth = result.dataset.y[result.test_index]
    wrong = np.flatnonzero(result.test_probabilities.argmax(axis=1) != truth)
    confidence = result.test_probabilities[wrong].max(axis=1)
    order = wrong[np.argsort(-confidence, kind="stable")[:MISTAKES]]
    pictures = _pictures(result, order, MISTAKE_SIDE, exhibits)
    dataset, index = result.dataset, result.test_index[order]
    if dataset.modality != "image":
        return pictures
    from regraft.reports.explanations import explained

    reasons, _ = explained(
        result.classifier,
        [dataset.examples[int(i)] for i in index],
        [dataset.names[int(i)] for i in index],
        result.test_probabilities[order].argmax(axis=1).tolist(),
        longest=MISTAKE_SIDE,
    )
    return [
        replace(picture, why=None if jpeg is None else jpeg_uri(jpeg))
        for picture, jpeg in zip(pictures, reasons, strict=True)
    ]


def variants(result: Any) -> list[Variants]:
    """Return training images and what augmentation makes of them.

    Parameters
    ----------
    result : the pipeline's result
        Its augmentation and the first backbone's preprocessing are applied; its seed decides the draw.

    Returns
    -------
    list of Variants
        Six at most, of as many classes as can be; none where nothing was varied, or what was is no image.
    """
    from regraft.data.images import decode, read_bytes

    augmentation, dataset = result.augmentation, result.dataset
    if augmentation is None or augmentation.off or dataset.modality != "image":
        return []
    preprocessing = result.backbones[0].preprocessing
    at_least = max(augmentation.short_side(preprocessing), preprocessing.short_side)
    training = dataset.part("train")
    seeds = np.random.default_rng(result.seed).integers(2**31, size=(VARIED, VARIANTS)).tolist()
    found = []
    for index, own in zip(training[_by_turn(dataset.y[training], result.seed)], seeds, strict=False):
        try:
            image = decode(read_bytes(dataset.examples[index]), at_least)
        except Unreadable:
            continue
        plain, *varied = (
            _uri_of(pixels, VARIANT_SIDE)
            for pixels in (preprocessing.apply(image), *(augmentation.view(image, preprocessing, s) for s in own))
        )
        truth = dataset.class_names[int(dataset.y[index])]
        found.append(Variants(dataset.names[index], truth, plain, tuple(varied)))
    return found


def _by_turn(labels: npt.NDArray[np.int64], seed: int) -> npt.NDArray[np.int64]:
    """Shuffle positions so that every class's first comes before any class's second."""
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    turn = np.zeros(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        mine = shuffled[labels[shuffled] == label]
        turn[mine] = np.arange(len(mine))
    return shuffled[np.argsort(turn[shuffled], kind="stable")]


def _pictures(result: Any, positions: npt.NDArray[np.int64], side: int, exhibits: Exhibits | None) -> list[Picture]:
    dataset = result.dataset
    exhibits = exhibits or Exhibits(dataset.modality)
    pictures = []
    for position in positions:
        index, probabilities = result.test_index[position], result.test_probabilities[position]
        truth, predicted = int(dataset.y[index]), int(probabilities.argmax())
        pictures.append(
            Picture(
                dataset.names[index],
                dataset.class_names[truth],
                dataset.class_names[predicted],
                float(probabilities[predicted]),
                truth == predicted,
                exhibits.show(dataset.examples[index], side),
            )
        )
    return pictures


def _uri_of(pixels: npt.NDArray[np.uint8], side: int) -> str:
    from regraft.data.images import thumbnail

    return jpeg_uri(thumbnail(pixels, side))
