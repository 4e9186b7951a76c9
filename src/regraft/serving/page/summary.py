"""What the page says of a training: plain values from its result."""

from __future__ import annotations

from typing import Any

from regraft.reports.verdict import percent, verdict
from regraft.result import Result


def summary(result: Result) -> dict[str, Any]:
    """Return what a training found, for JSON.

    Parameters
    ----------
    result : Result

    Returns
    -------
    dict
        `accuracy` and `ci95` as shares and as `shown` and `interval` in words; `headline`, `comparison`, `standing`
        and `baseline` against the commonest class; `transfer`, whether the pretrained network was worth it, in words
        or None; `classes` with the share of each that is found; `n` photos it was tested on, `photos` it was made
        from, `skipped` that could not be used; `seconds`.
    """
    test, said = result.evaluations["test"], verdict(result)
    low, high = test.accuracy_ci95
    control = result.evidence.control
    return {
        "accuracy": test.accuracy,
        "ci95": [low, high],
        "shown": percent(test.accuracy, 1 if test.n >= 200 else 0),
        "interval": f"{percent(low).rstrip('%')} to {percent(high)}",
        "headline": said.headline,
        "comparison": said.comparison,
        "standing": said.standing,
        "baseline": said.baseline,
        "transfer": None if control is None else control.verdict.text,
        "classes": [
            {"name": name, "recall": figures.recall, "n": figures.support} for name, figures in test.per_class.items()
        ],
        "n": test.n,
        "photos": len(result.dataset),
        "skipped": len(result.skipped),
        "seconds": round(result.timings["total"], 1),
    }
