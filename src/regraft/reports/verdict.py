"""The report's sentences: how good the classifier is, against what, and how that was found out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

UNEVEN = 0.05
"""Accuracy above balanced accuracy by this much means that rare classes do worse: worth a sentence."""


@dataclass(frozen=True)
class Verdict:
    """How good the classifier is, in plain English.

    Parameters
    ----------
    headline : str
        How many of the evaluated images are classified correctly, with the 95% interval.
    comparison : str
        What always answering the commonest class would reach, and whether the classifier beats it.
    standing : str
        "better", "unclear" or "worse" than always answering the commonest class.
    baseline : float
        Share of the commonest class among the evaluated images, 0 to 1.
    """

    headline: str
    comparison: str
    standing: str
    baseline: float


def percent(share: float, decimals: int = 0) -> str:
    """Return a share of 0 to 1 as a percentage that is never rounded to 0 or 100.

    Parameters
    ----------
    share : float
        0 to 1.
    decimals : int
        Digits after the point, 0 or 1.

    Returns
    -------
    str
        Such as "92%", "99.6%" or ">99.9%".
    """
    number = f"{100 * share:.{decimals}f}"
    if 0 < share < 1 and float(number) in (0.0, 100.0):
        if decimals:
            return "<0.1%" if share < 0.5 else ">99.9%"
        return percent(share, 1)
    return number + "%"


def number(value: float | None, digits: int = 3) -> str:
    """Return a number with its thousands apart, or a dash where there is none."""
    return "–" if value is None or not math.isfinite(value) else f"{value:,.{digits}f}"


def how_long(seconds: float) -> str:
    """Return seconds as people say them."""
    if seconds >= 120:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes} min {rest} s"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.2g} s" if seconds >= 0.01 else "< 0.01 s"


def verdict(result: Any) -> Verdict:
    """Return what the evaluation says about the classifier.

    Parameters
    ----------
    result : the pipeline's result
        Its "test" evaluation and protocol are read.

    Returns
    -------
    Verdict
        The sentences, and where the classifier stands against the commonest class.
    """
    evaluation = result.evaluations["test"]
    n, decimals = evaluation.n, int(evaluation.n >= 1000)
    right = int(evaluation.confusion.trace())
    low, high = evaluation.accuracy_ci95
    things = result.dataset.things
    whose = things if result.protocol == "cross-validation" else f"unseen {things}"
    how = ", each by a classifier that had not seen it" if result.protocol == "cross-validation" else ""
    verb = "is" if right == 1 else "are"
    headline = (
        f"{right:,} of {n:,} {whose} {verb} classified correctly{how} "
        f"(95% interval {percent(low, decimals).rstrip('%')} to {percent(high, decimals)})."
    )
    support = evaluation.confusion.sum(axis=1)
    baseline = float(support.max() / n)
    standing = "better" if low > baseline else "worse" if high < baseline else "unclear"
    commonest = f"always answering the commonest class, “{evaluation.classes[int(support.argmax())]}”"
    reach = percent(baseline, decimals)
    comparison = {
        "better": f"That is better than {commonest}, which would be right for {reach}.",
        "unclear": f"As far as these {n:,} {things} can tell, that is not better than {commonest}: "
        f"this would be right for {reach}, which the interval includes.",
        "worse": f"That is worse than {commonest}, which would be right for {reach}.",
    }[standing]
    if evaluation.accuracy - evaluation.balanced_accuracy > UNEVEN:
        balanced = percent(evaluation.balanced_accuracy, decimals)
        comparison += f" The rarer classes do worse: with every class counted alike, {balanced} are right."
    return Verdict(headline, comparison, standing, baseline)


def how_evaluated(result: Any) -> str:
    """Return how the evaluation was done, in words.

    Parameters
    ----------
    result : the pipeline's result
        Its protocol and the sizes of its splits are read.

    Returns
    -------
    str
        One or two sentences.
    """
    things = result.dataset.things
    if result.protocol == "cross-validation":
        return (
            f"Cross-validated: a test set held out would have had fewer than 30 {things}, too few to judge by, "
            f"so each of the {result.evaluations['test'].n:,} {things} was named by a classifier trained "
            "without it."
        )
    learned = f"{result.n_train:,} {things} to learn from"
    if result.n_val:
        learned += f", {result.n_val:,} to choose by"
    parts = f"{learned} and {result.n_test:,} to be tested on"
    if result.protocol == "given":
        start = f"The data came with its own split: {parts}."
    else:
        start = f"Held out: the {things} were split before anything was learned, {parts}."
    return f"{start} The test {things} took no part in training or in choosing anything."
