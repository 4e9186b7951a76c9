"""What is said of rows: flags, negative transfer, and which source to take."""

from __future__ import annotations

from typing import Any

import pytest

from regraft.transferability.ranked import RankRow, best_first
from regraft.transferability.recommendation import flagged, negative_transfer, recommendation


def row(name: str, probe: float | None, logme: float | None = 0.1, **more: Any) -> RankRow:
    scores = {"h_score": 1.0, "leep": None, "nce": None, "transrate": 2.0, "reasons": {"probe": "why not"}, **more}
    return RankRow(logme=logme, probe=probe, probe_se=None if probe is None else 0.01, backbone=name, **scores)


def test_the_judge_sets_the_order() -> None:
    rows = [row("a", None, 0.1), row("b", 0.5), row("c", None, None), row("d", None, 0.2), row("e", 0.7)]
    rows.append(row("f:random", 0.7, 0.9))
    assert [each.backbone for each in best_first(rows)] == ["e", "f:random", "b", "d", "a", "c"]


def test_flags_and_negative_transfer() -> None:
    flags = [flagged(row("a", probe), 0.3, 0.6).flags for probe in (0.7, 0.6, 0.5, 0.3, None)]
    assert flags == [(), (), ("under raw pixels",), ("under chance", "under raw pixels"), ()]
    assert flagged(row("a", 0.5), 0.3, None).flags == ()
    said = negative_transfer(
        [
            row("a", 0.7),
            row("b", 0.3, flags=("under chance", "under raw pixels")),
            row("c:random", 0.5, flags=("under chance",)),
        ],
        0.3,
        0.6,
    )
    assert said == [
        "Negative transfer: b (0.300) is no better than naming the most frequent class (0.300) and the same probe on "
        "16 x 16 pixels (0.600); do not transfer from it.",
        "Negative transfer: c:random (0.500) is no better than naming the most frequent class (0.300); its weights are "
        "random, so that is no surprise.",
    ]


@pytest.mark.parametrize(
    ("rows", "beside", "sentence", "command"),
    [
        ([row("a", 0.9)], [], "Transfer from a: its probe names 90.0% of the held-out", "--backbone a"),
        ([row("a", 0.9)], [row("a+b", 0.905)], "Transfer from a: ", "--backbone a"),
        ([row("a", 0.9)], [row("a+b", 0.92)], "Transfer from a+b: its probe names 92.0%", "--backbone a+b"),
        ([row("x:random", 0.95), row("a", 0.9)], [], "x:random, which has learnt nothing, is better", "scratch"),
        ([row("x:random", 0.9)], [], "No source that has learnt anything was ranked", "scratch"),
        ([row("a", 0.9, flags=("under raw pixels",))], [], "the best, a, is under raw pixels.", "scratch"),
        ([row("a", None)], [], "By LogME alone, transfer from a; no probe could judge it: why not", "--backbone a"),
        ([row("a", None, None)], [], "Nothing can be said of any source: why not", "regraft audit DATA"),
    ],
)
def test_the_advice(rows: list[RankRow], beside: list[RankRow], sentence: str, command: str) -> None:
    learnt = [each for each in rows if not each.random]
    said, run = recommendation(rows, learnt, beside)
    assert sentence in said
    assert run.endswith(command)
