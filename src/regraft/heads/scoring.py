"""Probabilities of a fitted head from its stored state, with numpy alone.

The estimators call these very functions, so a saved classifier and a live one cannot disagree, and
prediction needs neither scikit-learn nor torch. Arithmetic follows the dtype of the features.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

Tensors = Mapping[str, np.ndarray]
Settings = Mapping[str, Any]
Scorer = Callable[[np.ndarray, Tensors, Settings], npt.NDArray[np.float64]]

CHUNK = 1024
"""Rows scored at once: memory stays flat however many there are."""

NOTHING_LEFT = 1e-4
"""Residuals below are rounding: the directions are kept in half precision."""


def softmax(logits: np.ndarray) -> npt.NDArray[np.float64]:
    """Return probabilities (n, k) of logits (n, k)."""
    logits = logits.astype(np.float64)
    logits -= logits.max(axis=1, keepdims=True)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=1, keepdims=True)
    return logits


def signed_power(X: np.ndarray, power: float) -> np.ndarray:
    """Return sign(x) |x|^power, elementwise; X itself where the power is 1."""
    if power == 1.0:
        return X
    size = np.abs(X)
    size = np.sqrt(size, out=size) if power == 0.5 else np.power(size, power, out=size)
    return np.copysign(size, X, out=size)


def unit_rows(X: np.ndarray) -> np.ndarray:
    """Return the rows of X (n, d) divided by their Euclidean norms."""
    norms = np.linalg.norm(X, axis=1, keepdims=True)
    return X / np.maximum(norms, np.finfo(X.dtype).tiny)


def _by_chunks(scorer: Scorer) -> Scorer:
    @wraps(scorer)
    def score(X: np.ndarray, tensors: Tensors, settings: Settings) -> npt.NDArray[np.float64]:
        starts = range(0, max(len(X), 1), CHUNK)
        return np.concatenate([scorer(X[i : i + CHUNK], tensors, settings) for i in starts])

    return score


@_by_chunks
def logistic(X: np.ndarray, tensors: Tensors, settings: Settings) -> npt.NDArray[np.float64]:
    """Softmax of a linear map: `coef` (k, d) and `intercept` (k,) on features raised to `power`."""
    return softmax(signed_power(X, float(settings["power"])) @ tensors["coef"].T + tensors["intercept"])


@_by_chunks
def boosted(X: np.ndarray, tensors: Tensors, settings: Settings) -> npt.NDArray[np.float64]:
    """Mean of the softmax of several linear maps, `coef` (T, k, d) and `intercept` (T, k), weighted by `votes` (T,).

    Features are raised to `power` first.
    """
    X = signed_power(X, float(settings["power"]))
    shares = tensors["votes"].astype(np.float64) / tensors["votes"].sum(dtype=np.float64)
    rounds = zip(tensors["coef"], tensors["intercept"], shares, strict=True)
    return np.sum([share * softmax(X @ coef.T + intercept) for coef, intercept, share in rounds], axis=0)


@_by_chunks
def mlp(X: np.ndarray, tensors: Tensors, settings: Settings) -> npt.NDArray[np.float64]:
    """Softmax of `layers` linear maps `weight_i` (out, in), `bias_i` (out,) with ReLU between them."""
    for layer in range(settings["layers"]):
        if layer:
            X = np.maximum(X, 0)
        X = X @ tensors[f"weight_{layer}"].T + tensors[f"bias_{layer}"]
    return softmax(X)


def powered_mlp(X: np.ndarray, tensors: Tensors, settings: Settings) -> npt.NDArray[np.float64]:
    """As `mlp`, on features raised to `power`."""
    return mlp(signed_power(X, float(settings["power"])), tensors, settings)


@_by_chunks
def centroid(X: np.ndarray, tensors: Tensors, settings: Settings) -> npt.NDArray[np.float64]:
    """Softmax of -`scale` times the squared distance to `centroids` (k, d).

    Features have `mean` (d,) taken away and unit length before that.
    """
    X = unit_rows(X - tensors["mean"])
    centroids = tensors["centroids"]
    # |x|^2 is 1 for every centroid and cancels in the softmax.
    return softmax(float(settings["scale"]) * (2 * X @ centroids.T - np.sum(centroids**2, axis=1)))


@_by_chunks
def knn(X: np.ndarray, tensors: Tensors, settings: Settings) -> npt.NDArray[np.float64]:
    """Votes of the `n_neighbors` rows of `examples` (m, d) nearest by cosine; `labels` (m,) are theirs."""
    if not 0 < settings["n_classes"] <= len(tensors["labels"]):
        # Every class has an example; memory for the votes of a billion would be taken before anything else failed.
        raise ValueError(f"{settings['n_classes']} classes of {len(tensors['labels'])} examples")
    similarity = unit_rows(X - tensors["mean"]) @ tensors["examples"].T
    nearest, order = nearest_first(similarity, settings["n_neighbors"])
    votes = neighbor_votes(nearest, tensors["labels"][order], settings["n_classes"], float(settings["temperature"]))
    return smoothed(votes, float(settings["smoothing"]))


def nearest_first(similarity: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the `count` largest similarities of each row (n, m), largest first, and their columns."""
    count = min(count, similarity.shape[1])
    order = np.argpartition(-similarity, count - 1, axis=1)[:, :count]
    nearest = np.take_along_axis(similarity, order, axis=1)
    rank = np.argsort(-nearest, axis=1, kind="stable")
    return np.take_along_axis(nearest, rank, axis=1), np.take_along_axis(order, rank, axis=1)


def neighbor_votes(
    nearest: np.ndarray, labels: np.ndarray, n_classes: int, temperature: float
) -> npt.NDArray[np.float64]:
    """Return each class's votes (n, k), a neighbour counting exp((s - s of the nearest) / temperature)."""
    n = len(nearest)
    weights = np.exp((nearest - nearest[:, :1]).astype(np.float64) / temperature)
    cells = np.arange(n)[:, None] * n_classes + labels
    votes = np.bincount(cells.ravel(), weights.ravel(), minlength=n * n_classes)
    return votes.astype(np.float64, copy=False).reshape(n, n_classes)


def smoothed(votes: np.ndarray, smoothing: float) -> npt.NDArray[np.float64]:
    """Return the probabilities of votes (n, k) after `smoothing` votes shared by all classes."""
    votes = votes + smoothing / votes.shape[1]
    return votes / votes.sum(axis=1, keepdims=True)


@_by_chunks
def zero_shot(X: np.ndarray, tensors: Tensors, settings: Settings) -> npt.NDArray[np.float64]:
    """Shares of the classes in what the source task's own classifier speaks for: see `source_evidence`."""
    evidence = source_evidence(X, tensors)
    return evidence / evidence.sum(axis=1, keepdims=True)


def source_evidence(X: np.ndarray, tensors: Tensors) -> npt.NDArray[np.float64]:
    """Return what speaks for each class (n, k) in the source's own classes: 1 is what an image of any kind has.

    The source's probabilities are the softmax of `coef` (z, d) and `intercept` (z,), and `evidence` (z, k) is how much
    each of its classes speaks for each of the new ones.
    """
    source = softmax(X @ tensors["coef"].T + tensors["intercept"])
    return source @ tensors["evidence"] + NO_EVIDENCE


NO_EVIDENCE = 1e-6
"""Added to every class's evidence: where there is none at all, no class is likelier than another."""


@_by_chunks
def generalized(X: np.ndarray, tensors: Tensors, settings: Settings) -> npt.NDArray[np.float64]:
    """Probabilities of `trained` classes, as another head of that name gives them, and of described ones after them.

    How likely an image is of a trained class at all is told by the source's evidence for its classes, and by how far
    the features are from what was trained on, where `mean` (d,) and `directions` (q, d) are known: log odds of
    log(sum of the trained classes' evidence / sum of the described ones') + `bonus` - `weight` times the strangeness.
    The trained head's arrays are named "trained.NAME"; its probabilities are raised to `inverse_temperature`.
    """
    own = {name.removeprefix("trained."): array for name, array in tensors.items() if name.startswith("trained.")}
    trained = SCORERS[settings["trained"]](X, own, settings["trained_settings"])
    trained = softmax(float(settings["inverse_temperature"]) * np.log(np.maximum(trained, np.finfo(np.float64).tiny)))
    evidence = source_evidence(X, tensors)
    k = trained.shape[1]
    odds = np.log(evidence[:, :k].sum(axis=1)) - np.log(evidence[:, k:].sum(axis=1)) + float(settings["bonus"])
    if "directions" in tensors:
        odds -= float(settings["weight"]) * strangeness(X, tensors, settings)
    known = 1 / (1 + np.exp(-np.clip(odds, -50, 50)))[:, None]
    described = evidence[:, k:] / evidence[:, k:].sum(axis=1, keepdims=True)
    return np.concatenate([known * trained, (1 - known) * described], axis=1)


def strangeness(X: np.ndarray, tensors: Tensors, settings: Settings) -> np.ndarray:
    """Return how far features (n, d) are from `directions` (q, d) around `mean` (d,), in standard deviations (n,).

    `residual` is the mean and deviation, on known images, of what the directions leave; `widths` are the backbones'.
    """
    left = residual_of(rooted(X, settings["widths"]), tensors["mean"], tensors["directions"])
    mean, deviation = settings["residual"]
    return (left - mean) / deviation


def rooted(X: np.ndarray, widths: Sequence[int]) -> np.ndarray:
    """Return the signed roots of features (n, d), each backbone's, `widths` columns long, at length one."""
    edges = np.cumsum([0, *widths])
    return np.concatenate([unit_rows(signed_power(X[:, a:b], 0.5)) for a, b in pairwise(edges)], axis=1)


def residual_of(rooted: np.ndarray, mean: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Return the logarithm of what `directions` (q, d) around `mean` (d,) leave of each row's squared length (n,)."""
    centred = rooted - mean
    within = centred @ directions.astype(rooted.dtype).T
    left = np.einsum("nd,nd->n", centred, centred) - np.einsum("nq,nq->n", within, within)
    return np.log(np.maximum(left, NOTHING_LEFT))


SCORERS: dict[str, Scorer] = {
    "prototype": logistic,
    "logistic": logistic,
    "centroid": centroid,
    "knn": knn,
    "mlp": mlp,
    "powered_mlp": powered_mlp,
    "source": logistic,
    "zero_shot": zero_shot,
    "generalized": generalized,
    "boosted": boosted,
}
"""Name of a head -> the function that scores its state."""
