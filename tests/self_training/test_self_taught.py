"""What is said of examples without labels."""

from __future__ import annotations

import json
from dataclasses import replace

from regraft.self_training.self_taught import SelfTaught

KEPT = SelfTaught(
    unlabelled=400,
    copies=30,
    test_copies=12,
    unfamiliar=20,
    used=350,
    pseudo_labels={"cat": 150, "dog": 100},
    source="graph",
    portion=0.7,
    threshold=0.61,
    n_held_out=40,
    before=0.8,
    after=0.9,
    gain_ci95=(0.01, 0.2),
    kept=True,
    why="",
)


def test_kept() -> None:
    assert KEPT.sentence() == (
        "Of 400 examples without labels 350 were looked at; left out: 30 as copies of one another or of examples of "
        "the data (12 of the test part), 20 as unlike all labelled ones. 250 got a pseudo-label; accuracy on 40 "
        "held-out labelled examples went from 0.800 to 0.900 (95% interval of the difference +1.0 to +20.0 "
        "points): kept."
    )


def test_not_kept() -> None:
    said = replace(KEPT, kept=False, why="since that is no more than chance", copies=0, test_copies=0, unfamiliar=0)
    assert said.sentence().startswith(
        "Of 400 examples without labels 350 were looked at; left out: 50 since 350 are enough."
    )
    assert said.sentence().endswith("+20.0 points): not kept, since that is no more than chance.")


def test_nothing_learnt() -> None:
    said = replace(
        KEPT, used=4, unlabelled=4, copies=0, unfamiliar=0, before=None, after=None, gain_ci95=None, why="no"
    )
    assert said.sentence() == "Of 4 examples without labels 4 were looked at. Nothing was learnt from them: no."


def test_json() -> None:
    values = json.loads(json.dumps(KEPT.to_dict()))
    assert values["gain_ci95"] == [0.01, 0.2]
    assert values["sentence"] == KEPT.sentence()
    assert values["pseudo_labels"] == {"cat": 150, "dog": 100}
    assert replace(KEPT, gain_ci95=None).to_dict()["gain_ci95"] is None
