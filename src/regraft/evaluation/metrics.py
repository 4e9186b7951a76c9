"""How good predictions are: plain numbers from true classes and predicted probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.errors import DataError
from regraft.evaluation.intervals import wilson

_CURVE_POINTS = 200


@dataclass(frozen=True)
class ClassMetrics:
    """One class against the rest; what its examples leave undefined is None.

    Parameters
    ----------
    precision : float or None
        Share of the predictions of this class that are right; None if it was never predicted.
    recall : float or None
        Share of this class's examples that were found; None if it has no examples.
    f1 : float or None
        Harmonic mean of the two; None if the class has neither examples nor predictions.
    support : int
        Examples of this class.
    roc_auc, average_precision : float or None
        Area under the ROC curve, and average precision; None if all examples, or none, are of this class.
    """

    precision: float | None
    recall: float | None
    f1: float | None
    support: int
    roc_auc: float | None
    average_precision: float | None


@dataclass(frozen=True, eq=False)
class Curves:
    """ROC and precision-recall curves of one class against the rest, at most 200 points each.

    Parameters
    ----------
    fpr, tpr : float array of shape (p,)
        False and true positive rate, from (0, 0) to (1, 1).
    precision, recall : float array of shape (q,)
        From recall 0, where precision is 1 by convention, to recall 1.
    """

    fpr: npt.NDArray[np.float64]
    tpr: npt.NDArray[np.float64]
    precision: npt.NDArray[np.float64]
    recall: npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The numbers of one evaluation; what the examples leave undefined is None, never NaN.

    Parameters
    ----------
    classes : tuple of str, length k
        Class names in the order of the indices.
    n : int
        Examples.
    accuracy : float
        Share of examples whose most probable class is the true one.
    accuracy_ci95 : (float, float)
        Wilson's 95 % interval of the accuracy.
    balanced_accuracy : float
        Mean recall of the classes that have examples.
    macro_f1 : float
        Mean F1 of the classes that have examples or predictions.
    log_loss : float
        Mean negative logarithm (nats) of the true class's probability.
    roc_auc, average_precision : float or None
        Of the second class where there are two, else the mean over the classes for which it is defined.
    per_class : dict of str to ClassMetrics
        One entry a class.
    confusion : int array of shape (k, k)
        Examples by true class (rows) and predicted class (columns).
    curves : dict of str to Curves
        One entry for each class for which they are defined.
    """

    classes: tuple[str, ...]
    n: int
    accuracy: float
    accuracy_ci95: tuple[float, float]
    balanced_accuracy: float
    macro_f1: float
    log_loss: float
    roc_auc: float | None
    average_precision: float | None
    per_class: dict[str, ClassMetrics]
    confusion: npt.NDArray[np.int64]
    curves: dict[str, Curves]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, without the curves."""
        return {
            "n": self.n,
            "accuracy": self.accuracy,
            "accuracy_ci95": list(self.accuracy_ci95),
            "balanced_accuracy": self.balanced_accuracy,
            "macro_f1": self.macro_f1,
            "log_loss": self.log_loss,
            "roc_auc": self.roc_auc,
            "average_precision": self.average_precision,
            "classes": list(self.classes),
            "per_class": {name: asdict(metrics) for name, metrics in self.per_class.items()},
            "confusion": self.confusion.tolist(),
        }


def evaluate(y_true: npt.ArrayLike, probabilities: npt.ArrayLike, classes: Sequence[str]) -> Evaluation:
    """Compare predicted probabilities with the true classes.

    The predicted class is the most probable one. The numbers are scikit-learn's: macro F1 is the mean
    over the classes that occur among the true or the predicted ones, balanced accuracy over those that
    occur among the true ones. A class without examples has no recall, and does not count there.

    Parameters
    ----------
    y_true : int array of shape (n,)
        Class indices, 0..k-1.
    probabilities : float array of shape (n, k)
        Of each class; rows sum to 1.
    classes : sequence of str, length k
        Class names in the order of the indices; two or more, all different.

    Returns
    -------
    Evaluation

    Raises
    ------
    DataError
        If shapes, indices, probabilities or names do not fit.
    """
    y, p = _checked(y_true, probabilities, classes)
    n, k = p.shape
    confusion = np.bincount(y * k + p.argmax(axis=1), minlength=k * k).reshape(k, k)
    hits, support, predicted = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    per_class, curves = {}, {}
    for c, name in enumerate(classes):
        roc_auc = average_precision = None
        if 0 < support[c] < n:
            curves[name], roc_auc, average_precision = _rank(y == c, p[:, c])
        per_class[name] = ClassMetrics(
            precision=_ratio(hits[c], predicted[c]),
            recall=_ratio(hits[c], support[c]),
            f1=_ratio(2 * hits[c], support[c] + predicted[c]),
            support=int(support[c]),
            roc_auc=roc_auc,
            average_precision=average_precision,
        )
    counted = list(per_class.values())[1:] if k == 2 else list(per_class.values())
    correct = int(hits.sum())
    return Evaluation(
        classes=tuple(classes),
        n=n,
        accuracy=correct / n,
        accuracy_ci95=wilson(correct, n),
        balanced_accuracy=float(np.mean([each.recall for each in per_class.values() if each.support])),
        macro_f1=float(np.mean([each.f1 for each in per_class.values() if each.f1 is not None])),
        log_loss=_log_loss(p[np.arange(n), y]),
        roc_auc=_mean([each.roc_auc for each in counted]),
        average_precision=_mean([each.average_precision for each in counted]),
        per_class=per_class,
        confusion=confusion,
        curves=curves,
    )


def _checked(
    y_true: npt.ArrayLike, probabilities: npt.ArrayLike, classes: Sequence[str]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    y, p = np.asarray(y_true), np.asarray(probabilities, dtype=np.float64)
    k = len(classes)
    if k < 2 or len(set(classes)) < k:
        raise DataError(f"classes must be two or more different names, got {list(classes)}; check the labels")
    if y.ndim != 1 or len(y) == 0 or y.dtype.kind not in "iu":
        raise DataError(
            f"y_true must be class indices of shape (n,) with n >= 1, got {y.dtype} of shape {y.shape}; "
            "encode class names as their positions in classes"
        )
    if p.shape != (len(y), k):
        raise DataError(
            f"probabilities must have shape {(len(y), k)}, a row an example and a column a class, "
            f"got {p.shape}; check that both come from the same examples and classes"
        )
    if y.min() < 0 or y.max() >= k:
        raise DataError(
            f"y_true must lie between 0 and {k - 1} for {k} classes, got {y.min()} to {y.max()}; "
            "check the order of the classes"
        )
    # Written so that NaN fails too. The tolerance lets single and bfloat16 precision pass.
    if not (p.min() >= 0 and np.abs(p.sum(axis=1) - 1).max() < 1e-2):
        raise DataError(
            "probabilities must be finite, not negative and sum to 1 in each row, got rows that are not; "
            "apply a softmax to scores first"
        )
    return y.astype(np.int64), p


def _rank(positive: npt.NDArray[np.bool_], score: npt.NDArray[np.float64]) -> tuple[Curves, float, float]:
    """Return the curves, the area under the ROC curve and the average precision of one class."""
    order = np.argsort(-score)
    # Equal scores cannot be told apart: a threshold only falls where the score changes.
    last = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    found = np.cumsum(positive[order])[last]
    recall = np.append(0.0, found / found[-1])
    fpr = np.append(0.0, (last + 1 - found) / (len(score) - found[-1]))
    precision = np.append(1.0, found / (last + 1))
    roc_auc = float(np.sum(np.diff(fpr) * (recall[1:] + recall[:-1]) / 2))
    average_precision = float(np.sum(np.diff(recall) * precision[1:]))
    # Points at full recall only say how many negatives are left.
    whole = int(np.argmax(recall == 1)) + 1
    curves = Curves(*_thin(fpr, recall), *_thin(precision[:whole], recall[:whole]))
    return curves, roc_auc, average_precision


def _thin(
    x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Keep at most 200 points, even along the curve so that steep parts keep their shape."""
    length = np.append(0.0, np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y))))
    keep = np.unique(np.searchsorted(length, np.linspace(0, length[-1], _CURVE_POINTS)))
    return x[keep], y[keep]


def _log_loss(of_truth: npt.NDArray[np.float64]) -> float:
    # Kept off 0, where one confident mistake would make the loss infinite.
    return float(-np.log(np.clip(of_truth, np.finfo(np.float64).eps, 1)).mean())


def _ratio(part: int, whole: int) -> float | None:
    return float(part / whole) if whole else None


def _mean(values: list[float | None]) -> float | None:
    defined = [value for value in values if value is not None]
    return float(np.mean(defined)) if defined else None
