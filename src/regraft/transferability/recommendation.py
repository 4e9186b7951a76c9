"""What to do with a ranking: which sources are worse than none, and which one to take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from regraft.control import RAW
from regraft.transferability.ranked import RankRow

SHOWN = {RAW["image"]: "16 x 16 pixels"}
"""Controls with more to say of them than their name."""


def flagged(row: RankRow, chance: float | None, raw: float | None, control: str = RAW["image"]) -> RankRow:
    """Return the row with what is wrong with it; `control` is what `raw` was measured on."""
    flags = []
    if row.probe is not None and chance is not None and row.probe <= chance:
        flags.append("under chance")
    if row.probe is not None and raw is not None and row.probe < raw:
        flags.append(f"under {control}")
    return replace(row, flags=tuple(flags))


def negative_transfer(
    rows: Sequence[RankRow], chance: float | None, raw: float | None, control: str = RAW["image"]
) -> list[str]:
    """Return what is worse than no transfer at all, a sentence each."""
    sentences = []
    for row in rows:
        worse = {"under chance": f"naming the most frequent class ({chance or 0:.3f})"}
        worse[f"under {control}"] = f"the same probe on {SHOWN.get(control, control)} ({raw or 0:.3f})"
        if row.flags:
            against = " and ".join(worse[flag] for flag in row.flags)
            remedy = "; its weights are random, so that is no surprise" if row.random else "; do not transfer from it"
            sentences.append(
                f"Negative transfer: {row.backbone} ({row.probe:.3f}) is no better than {against}{remedy}."
            )
    return sentences


def recommendation(rows: Sequence[RankRow], learnt: Sequence[RankRow], beside: Sequence[RankRow]) -> tuple[str, str]:
    """Return which source to take, in a sentence, and the command to run."""
    scratch = "regraft fit DATA --strategy scratch"
    if not learnt:
        return "No source that has learnt anything was ranked, so there is nothing to transfer.", scratch
    best, top = learnt[0], rows[0]
    if best.probe is None or best.probe_se is None:
        if best.logme is None:
            return f"Nothing can be said of any source: {best.reasons['probe']}", "regraft audit DATA"
        command = f"regraft fit DATA --backbone {best.backbone}"
        return (
            f"By LogME alone, transfer from {best.backbone}; no probe could judge it: {best.reasons['probe']}",
            command,
        )
    if best.flags:
        return f"No source is worth it: the best, {best.backbone}, is {' and '.join(best.flags)}.", scratch
    if top is not best:
        return f"No source is worth it: {top.backbone}, which has learnt nothing, is better than all.", scratch
    pair = beside[0] if beside else None
    # A second network doubles the time of every prediction, so it must be more than noise that it adds.
    chosen = pair if pair is not None and pair.probe is not None and pair.probe > best.probe + best.probe_se else best
    sentence = f"Transfer from {chosen.backbone}: its probe names {chosen.probe:.1%} of the held-out images correctly"
    return (
        f"{sentence} (standard error {100 * (chosen.probe_se or 0):.1f}).",
        f"regraft fit DATA --backbone {chosen.backbone}",
    )
