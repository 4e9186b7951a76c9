"""Whether an exported file says what the classifier says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from regraft.errors import RegraftError
from regraft.export.target import Run

if TYPE_CHECKING:
    from regraft.classifier import Classifier

IMAGES = 64
"""That are compared: what is lacking is cut out of photos that come with scikit-learn."""


@dataclass(frozen=True)
class Bound:
    """How far an exported file may be from the classifier.

    Parameters
    ----------
    same : float
        Share of the images whose most probable class must be the same.
    largest : float
        By which any probability may differ.
    mean : float
        By which probabilities may differ on average.
    marks : float
        Share of the images that both must call unlike anything seen, or neither, where it is told.
    """

    same: float
    largest: float
    mean: float
    marks: float = 0.0


BOUNDS = {"f32": Bound(1.0, 1e-3, 1e-3, 0.95), "bf16": Bound(0.98, 0.25, 0.005), "int8": Bound(0.95, 1.0, 0.02)}
"""By the precision that the networks compute in. What int8 does to a single image that is in doubt is not bounded."""


@dataclass(frozen=True)
class Parity:
    """What was compared, and how much it differs.

    Parameters
    ----------
    precision : str
        That the exported file computed in; the classifier computed in float32.
    images : int
    same : float
        Share of the images whose most probable class is the same.
    largest, mean : float
        Differences of the probabilities.
    bound : Bound
    marks : float or None
        Share of the images that both call unlike anything seen, or neither; None where it is not told.
    """

    precision: str
    images: int
    same: float
    largest: float
    mean: float
    bound: Bound
    marks: float | None = None

    @property
    def holds(self) -> bool:
        """Whether it is within the bound."""
        near = self.largest <= self.bound.largest and self.mean <= self.bound.mean
        marked = self.marks is None or self.marks >= self.bound.marks
        return near and marked and self.same >= self.bound.same

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


def answers(run: Run, images: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the probabilities (n, k) of images of any sizes, and their strangeness (n,) where it is told."""
    found = [run(image[None]) for image in images]
    told = len(found[0]) > 1
    return np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found]) if told else None


def compare(run: Run, precision: str, images: Sequence[np.ndarray], classifier: Classifier) -> Parity:
    """Return how far an exported file is from a classifier that computes in float32.

    Parameters
    ----------
    run : callable
        Of the exported file.
    precision : str
        That it computes in.
    images : sequence of uint8 arrays of shape (h, w, 3)
    classifier : Classifier
    """
    features = classifier.features(list(images)).values
    expected = classifier.score(features)
    found, strangeness = answers(run, images)
    marks = classifier.unfamiliar(features, expected)
    agree = None if marks is None or strangeness is None else float((marks == (strangeness > 0)).mean())
    difference = np.nan_to_num(np.abs(found - expected), nan=1.0)
    return Parity(
        precision,
        len(images),
        float((found.argmax(axis=1) == expected.argmax(axis=1)).mean()),
        float(difference.max()),
        float(difference.mean()),
        BOUNDS[precision],
        agree,
    )


def check(parity: Parity, kind: str) -> None:
    """Raise RegraftError unless an exported file is within its bound."""
    if parity.holds:
        return
    bound = parity.bound
    raise RegraftError(
        f"What the {kind} file says in {parity.precision} must be what the classifier says (the same class for "
        f"{bound.same:.0%} of {parity.images} images, probabilities within {bound.largest:g}, {bound.mean:g} on "
        f"average), but {parity.same:.1%} have the same class and probabilities differ by up to {parity.largest:.2g}, "
        f"{parity.mean:.2g} on average{_marked(parity)}; no file was written: choose another target"
        f"{', or leave --int8 out' if parity.precision == 'int8' else ''}."
    )


def _marked(parity: Parity) -> str:
    if parity.marks is None or parity.marks >= parity.bound.marks:
        return ""
    return f", and {parity.marks:.1%} are marked as unlike anything seen by both or neither ({parity.bound.marks:.0%})"


def rounding_alone(parity: Parity, run: Run, images: Sequence[np.ndarray], classifier: Classifier) -> bool:
    """Return whether a file that is beyond its bound differs from the classifier in the rounding of grey levels alone.

    OpenCV enlarges images with other rounding on some processors. Then every square is the same but for a grey level,
    every class is the same, and what is said of the very same squares is within the bound.

    Parameters
    ----------
    parity : Parity
        In float32.
    run, images, classifier
        As of `compare`.
    """
    import torch

    from regraft.export.network import ClassifierNetwork

    if parity.precision != "f32" or parity.same < 1:
        return False
    network = ClassifierNetwork(classifier).eval()
    for image in images:
        with torch.no_grad():
            pixels = torch.tensor(image[None])
            squares = [square(pixels)[0].numpy() for square in network.squares]
            said = network(pixels)[0].numpy()
        for square, backbone in zip(squares, classifier.backbones, strict=True):
            if np.abs(square - backbone.preprocessing.apply(image)).max() > 1:
                return False
        if not np.abs(run(image[None])[0] - said).max() <= parity.bound.largest:
            return False
    return True


def bundled(count: int, seed: int = 0) -> list[np.ndarray]:
    """Return parts (h, w, 3) of the two photos that come with scikit-learn: of many sizes and shapes."""
    from sklearn.datasets import load_sample_images

    photos = load_sample_images().images
    random = np.random.default_rng(seed)
    found = []
    for number in range(count):
        photo = photos[number % len(photos)]
        height, width = random.integers(32, 400, 2).tolist()
        top = int(random.integers(0, photo.shape[0] - height + 1))
        left = int(random.integers(0, photo.shape[1] - width + 1))
        found.append(np.ascontiguousarray(photo[top : top + height, left : left + width]))
    return found


def squared(image: np.ndarray, side: int, *, stretch: bool) -> np.ndarray:
    """Return an image, or the square in its middle, as (side, side, 3): as a program without Regraft would make it."""
    height, width = image.shape[:2]
    if not stretch:
        part = min(height, width)
        top, left = (height - part) // 2, (width - part) // 2
        image = image[top : top + part, left : left + part]
    way = cv2.INTER_AREA if min(image.shape[:2]) > side else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, (side, side), interpolation=way), np.uint8)
