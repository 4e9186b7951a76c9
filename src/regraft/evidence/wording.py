"""The evidence in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from regraft.evidence.trust import COVERAGE

if TYPE_CHECKING:
    from regraft.evidence.evidence import Evidence, Familiarity


def sentences(evidence: Evidence) -> Iterator[str]:
    """Yield what the test images say of a classifier, the verdict on transfer first."""
    if evidence.control is not None:
        yield evidence.control.verdict.text
    before, after = evidence.before, evidence.after
    low, high = after.ece_ci95
    yield (
        f"Probabilities are off by {100 * after.ece:.1f} points on average (95% interval {100 * low:.1f} to "
        f"{100 * high:.1f}); {100 * before.ece:.1f} before calibration by {evidence.method}, and exactly right ones "
        f"would show {100 * after.ece_by_chance:.1f} by chance on {after.n:,} {evidence.things}."
    )
    sets = evidence.coverage
    if sets is not None:
        low, high = sets.coverage_ci95
        yield (
            f"Sets of plausible classes at {COVERAGE:.0%} hold the true class of {sets.coverage:.1%} of test "
            f"{evidence.things} ({low:.1%} to {high:.1%}); a set has {sets.mean_size:.2f} classes on "
            f"average, {sets.empty:.0%} are "
            "empty."
        )
    yield from (target.sentence for target in evidence.selective.targets)
    yield from _familiarity_sentences(evidence.familiarity, evidence.things)
    yield from evidence.notes


def _familiarity_sentences(found: Familiarity | None, things: str) -> Iterator[str]:
    if found is None:
        return
    if found.false_alarms is not None and found.false_alarms_ci95 is not None:
        low, high = found.false_alarms_ci95
        yield (
            f"{found.false_alarms:.1%} ({low:.1%} to {high:.1%}) of the test {things} are marked as unlike all that "
            f"was learnt from, where {found.allowed:.0%} false alarms are allowed."
        )
    for kind, (n, marked, area) in found.strangers.items():
        told = "" if area is None else f", AUROC {area:.3f}"
        other = "pictures" if things == "images" else things
        yield f"Of {n} other {other} ({kind}), {marked:.0%} are marked as unfamiliar{told}."
