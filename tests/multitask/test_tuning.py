from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regraft.backbones.lookup import get_backbones
from regraft.data.tasks import read_tasks
from regraft.features.extraction import extract
from regraft.finetuning.flips import Flips
from regraft.finetuning.settings import Training
from regraft.multitask import tuning
from regraft.multitask.recognition import make_tasks
from regraft.multitask.splitting import settle_parts, settle_test
from regraft.multitask.ways import Learner


@pytest.mark.parametrize("harm", [True, False])
def test_images_are_mirrored_unless_that_harms(table: Path, monkeypatch: pytest.MonkeyPatch, harm: bool) -> None:
    cells = read_tasks(table, ("colour", "amount"))
    tasks, _ = make_tasks(cells.columns)
    dataset, _ = settle_test(cells.dataset, tasks, 0.2, 0)
    (backbone,) = get_backbones("tf_efficientnet_lite0")
    features = extract(dataset.examples, dataset.names, (backbone,))
    learner = Learner(tasks, settle_parts(dataset, tasks, 0), features.values, 0, refit=True)
    learner.linear()
    seen: dict[str, Any] = {}

    def check(images: list[np.ndarray], y: np.ndarray, predict: Any) -> Flips:
        seen["right"] = (predict(images).argmax(axis=1) == y).mean()
        return Flips(len(y), 0.9, 0.5 if harm else 0.9, 0.001, harm)

    monkeypatch.setattr(tuning, "check_flips", check)
    monkeypatch.setattr(tuning, "TunedTrunk", lambda *given: type("Made", (), {"given": given, "note": "a note"}))
    said: list[str] = []
    made: Any = tuning.tuned_trunk(dataset, backbone, features, learner, Training(), "auto", 0, None, said.append)
    job, _, learnt, judged, training, flips = made.given
    assert flips is not harm and seen["right"] > 0.9
    assert job.y.tolist() == list(range(120))  # each example's own position
    assert np.array_equal(learnt, learner.everyone) and set(judged) >= set(learner.parts.test)
    assert training.unfreeze == "blocks.6" and "a note" in said
    assert any("Mirrored images are named worse" in sentence for sentence in said) == harm
    assert said[-1] == "Fine-tuning tf_efficientnet_lite0 from blocks.6."
