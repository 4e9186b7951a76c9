"""Which strategy is the best, which differ from it, and whether transfer was worth it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from regraft.comparison.comparison import Comparison, Row
from regraft.data.dataset import Dataset
from regraft.evaluation.significance import mcnemar
from regraft.evaluation.transfer import Verdict, judge


def compared(rows: Sequence[Row], dataset: Dataset, protocol: str, **record: Any) -> Comparison:
    """Return the comparison of fitted strategies, one at least, in the order in which they ran."""
    done = [row for row in rows if not row.error]
    best = best_of(done)
    tested = [row if row is best else replace(row, p_value=mcnemar(*paired(best, row))) for row in done]
    return Comparison(
        rows=(*sorted(tested, key=lambda row: -(row.accuracy or 0)), *(row for row in rows if row.error)),
        verdict=verdict(done, dataset.things),
        best=best.strategy,
        dataset=dataset,
        protocol=protocol,
        notes=tuple(_notes(done, best, dataset.things)),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        **record,
    )


def best_of(rows: Sequence[Row]) -> Row:
    """Return the most accurate on validation, of equals the one that ran first; the test images choose nothing."""
    return max(rows, key=lambda row: -1.0 if row.val_accuracy is None else row.val_accuracy)


def paired(one: Row, other: Row) -> tuple[np.ndarray, np.ndarray]:
    """Return which of the test images that both answered each is right on."""
    answers = []
    for row in (one, other):
        assert row.result is not None
        dataset, index = row.result.dataset, row.result.test_index
        right = row.result.test_probabilities.argmax(axis=1) == dataset.y[index]
        answers.append({dataset.names[i]: bool(r) for i, r in zip(index.tolist(), right.tolist(), strict=True)})
    common = [name for name in answers[0] if name in answers[1]]
    return np.array([answers[0][name] for name in common]), np.array([answers[1][name] for name in common])


def verdict(rows: Sequence[Row], things: str = "images") -> Verdict:
    """Return whether the best transfer beats the best training from scratch, in the order in which they ran."""
    transfers, scratches = ([row for row in rows if row.transfers is which] for which in (True, False))
    if transfers and not scratches and (against := _own_control(best_of(transfers))) is not None:
        return against
    if not transfers or not scratches:
        missing = "transfer" if scratches else "training from scratch"
        return Verdict(f"Whether transfer pays cannot be said without {missing}: compare at least one of either kind.")
    transfer, scratch = best_of(transfers), best_of(scratches)
    return judge(*paired(transfer, scratch), transfer=transfer.strategy, scratch=scratch.strategy, things=things)


def _own_control(row: Row) -> Verdict | None:
    """Return how a strategy does against TF-IDF, which stands for training from scratch where there are texts."""
    result = row.result
    if result is None or result.dataset.modality != "text" or result.evidence.control is None:
        return None
    control = result.evidence.control
    told = f"{control.verdict.text} {control.control} names {control.accuracy:.1%} of the test texts rightly."
    return replace(control.verdict, text=told, transfer=row.strategy, scratch=control.control)


def _notes(rows: Sequence[Row], best: Row, things: str) -> list[str]:
    notes = [
        "The rows are in the order of their test accuracy, for the eye alone: nothing was chosen or kept by it.",
        f"p is of McNemar's exact test against {best.strategy}, the most accurate on validation: how often a "
        "difference as large would come by chance if the two were equally good. Several tests make several chances.",
        f"Validation is on {things} that the network or head was not fitted to and that are not the test's: the "
        f"validation part where there is one, else a part of the training {things}, or cross-validation on them.",
        "Times are in the order in which the strategies ran, the probe first: features that one has computed "
        "are there for the next.",
    ]
    without = [row.strategy for row in rows if row.val_accuracy is None]
    if without:
        notes.append(f"Without a validation accuracy, and so never the best: {', '.join(without)}.")
    return notes
