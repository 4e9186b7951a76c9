"""The report's sheets of test images: a sample of all of them, and the most confident mistakes."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.errors import UnreadableImage

SAMPLE = (24, 64)
"""Images on the sample sheet: one a class between these bounds."""

SAMPLE_SIDE = 128
MISTAKES = 12
MISTAKE_SIDE = 224


@dataclass(frozen=True)
class Picture:
    """A test image with what it is and what it was taken for.

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
    uri : str or None
        The thumbnail as a data URI; None where the image can no longer be read.
    """

    name: str
    truth: str
    predicted: str
    confidence: float
    right: bool
    uri: str | None


def sample(result: Any) -> list[Picture]:
    """Return test images drawn at random, as evenly from all classes as they come, in the classes' order.

    Parameters
    ----------
    result : the pipeline's result
        Its seed decides the draw.

    Returns
    -------
    list of Picture
        24 to 64 of them, where there are so many.
    """
    truth = result.dataset.y[result.test_index]
    shuffled = np.random.default_rng(result.seed).permutation(len(truth))
    # The turn of each image within its class: everybody's first comes before anybody's second.
    turn = np.zeros(len(truth), dtype=np.int64)
    for label in np.unique(truth):
        mine = shuffled[truth[shuffled] == label]
        turn[mine] = np.arange(len(mine))
    by_turn = shuffled[np.argsort(turn[shuffled], kind="stable")]
    count = int(np.clip(len(result.dataset.class_names), *SAMPLE))
    drawn = by_turn[:count]
    return _pictures(result, drawn[np.argsort(truth[drawn], kind="stable")], SAMPLE_SIDE)


def mistakes(result: Any) -> list[Picture]:
    """Return the test images that were named wrongly with the most confidence, most confident first.

    Parameters
    ----------
    result : the pipeline's result
        Its test probabilities (m, k) are read.

    Returns
    -------
    list of Picture
        Twelve at most.
    """
    truth = result.dataset.y[result.test_index]
    wrong = np.flatnonzero(result.test_probabilities.argmax(axis=1) != truth)
    confidence = result.test_probabilities[wrong].max(axis=1)
    order = np.argsort(-confidence, kind="stable")[:MISTAKES]
    return _pictures(result, wrong[order], MISTAKE_SIDE)


def _pictures(result: Any, positions: npt.NDArray[np.int64], side: int) -> list[Picture]:
    dataset = result.dataset
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
                _data_uri(dataset.examples[index], side),
            )
        )
    return pictures


def _data_uri(example: Any, side: int) -> str | None:
    from regraft.data.images import read_bytes, thumbnail

    try:
        jpeg = thumbnail(read_bytes(example), side)
    except UnreadableImage:
        # The file was there a minute ago; a report without one picture is better than none.
        return None
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")
