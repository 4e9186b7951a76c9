"""Which layer to cut at: every stage of a network in one pass, scored like a source of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from regraft.backbones.lookup import get_backbones
from regraft.data.sources import read_source
from regraft.transferability.judge import appoint
from regraft.transferability.layers import advice_on_layers, cut, rank_layers
from regraft.transferability.ranked import LayerRow
from regraft.transferability.scores import Scores

TINY = get_backbones("test_convnext", weights="none")[0]


@pytest.mark.parametrize("engine", ["openvino", "torch"])
def test_each_stage_is_scored(colours: Path, engine: Any) -> None:
    data = read_source(colours)
    rows = rank_layers(TINY, data.examples, data.names, data.y, appoint(data.y, None, 0), engine=engine)
    widths = TINY.stage_widths()
    assert {row.stage: row.width for row in rows} == widths
    assert [row.train_from for row in rows] == [*list(widths)[1:], None]
    for row in rows:
        assert row.backbone == "test_convnext"
        assert None not in (row.logme, row.h_score, row.transrate, row.probe)
        assert row.leep is None
    # A colour is there from the first layer on.
    assert rows[0].probe == 1


def test_a_network_without_stages(colours: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(TINY), "stage_widths", lambda self: {})
    data = read_source(colours)
    assert rank_layers(TINY, data.examples, data.names, data.y, "nobody") == ()


def layers(*probes: float | None) -> list[LayerRow]:
    stages = [f"blocks.{i}" for i in range(len(probes))]
    after = [*stages[1:], None]
    return [
        LayerRow(
            **vars(Scores(0.1, 1.0, None, None, 2.0, probe, None if probe is None else 0.02, {})),
            backbone="net",
            stage=stage,
            width=8,
            train_from=above,
        )
        for probe, stage, above in zip(probes, stages, after, strict=True)
    ]


def test_the_topmost_of_equals_is_taken() -> None:
    found = cut(layers(0.5, 0.9, 0.89, 0.7))
    assert found is not None
    assert found.stage == "blocks.2"
    assert cut(layers(None, None)) is None
    assert cut([]) is None


def test_the_advice() -> None:
    assert advice_on_layers(layers(0.5, 0.9, 0.7)) == (
        "net: the probe is best on the output of blocks.1 (0.900, against 0.700 at the top); transfer up to there and "
        "train from blocks.2 up: regraft fit DATA --strategy finetune --backbone net --unfreeze blocks.2"
    )
    assert advice_on_layers(layers(0.5, 0.9)) == (
        "net: what its last stage puts out is as good as any layer (0.900); transfer all of it, and train a head."
    )
    assert advice_on_layers(layers(None)) == ""
