from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from regraft.backbones.lookup import get_backbones
from regraft.classifier import Classifier
from regraft.errors import BundleError
from regraft.multitask.model import TaskHead, Tasks, holds_tasks


@pytest.fixture
def model() -> Tasks:
    rng = np.random.default_rng(0)
    head = TaskHead(
        "pet", "classes", ("cat", "dog"), (0,), "together", rng.normal(size=(2, 5)), np.zeros(2), "together"
    )
    number = TaskHead("weight", "numbers", (), (0,), None, rng.normal(size=(1, 1280)), np.array([100.0]), "linear")
    layer = (rng.normal(size=(5, 1280)).astype(np.float32), np.zeros(5, np.float32))
    backbones = get_backbones("tf_efficientnet_lite0")
    return Tasks((head, number), backbones, ("f32",), (1280,), {"together": layer}, {"data": "pets"}, "# card")


def test_features_go_through_the_shared_layer_where_a_head_has_one(model: Tasks) -> None:
    X = np.random.default_rng(1).normal(size=(3, 1280)).astype(np.float32)
    said = model.score(X)
    hidden = np.maximum(X @ model.hidden["together"][0].T, 0)
    logits = hidden @ model.heads[0].coef.T
    assert said["pet"][:, 1] == pytest.approx(1 / (1 + np.exp(logits[:, 0] - logits[:, 1])))
    assert said["weight"] == pytest.approx((X @ model.heads[1].coef.T)[:, 0] + 100)


def test_a_saved_model_comes_back(model: Tasks, tmp_path: Path) -> None:
    model.save(tmp_path / "m.regraft")
    loaded = Tasks.load(tmp_path / "m.regraft")
    X = np.random.default_rng(1).normal(size=(3, 1280)).astype(np.float32)
    for name, said in model.score(X).items():
        assert loaded.score(X)[name] == pytest.approx(said, rel=1e-4)
    assert (loaded.info, loaded.card, loaded.modality) == ({"data": "pets"}, "# card", "image")
    with zipfile.ZipFile(tmp_path / "m.regraft") as archive:
        assert set(archive.namelist()) == {"model.json", "README.md", "tasks.safetensors"}
        assert json.loads(archive.read("model.json"))["version"] == 5


def test_a_file_that_cannot_be_read_has_no_answers(model: Tasks, tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"no image")
    (said,) = model.predict(tmp_path / "bad.jpg")
    assert said.answers == {} and said.error


def test_models_of_several_tasks_and_classifiers_are_told_apart(model: Tasks, saved: Path, tmp_path: Path) -> None:
    model.save(tmp_path / "m.regraft")
    assert holds_tasks(tmp_path / "m.regraft") and not holds_tasks(saved)
    with pytest.raises(BundleError, match="must hold a model of several tasks, but holds a classifier of one"):
        Tasks.load(saved)
    with pytest.raises(BundleError, match="must hold a classifier of one task, but holds a model of several"):
        Classifier.load(tmp_path / "m.regraft")


def damaged(model: Tasks, how: str) -> Tasks:
    first, second = model.heads
    if how == "kind":
        return replace(model, heads=(replace(first, kind="colours"), second))  # type: ignore[arg-type]
    if how == "classes":
        return replace(model, heads=(replace(first, classes=("cat", "dog", "fox")), second))
    if how == "backbone":
        return replace(model, heads=(replace(first, backbones=(3,)), second))
    if how == "twice":
        return replace(model, heads=(second, second))
    return replace(model, heads=(first, replace(second, intercept=np.array([np.nan]))))


@pytest.mark.parametrize("how", ["kind", "classes", "backbone", "twice", "not finite"])
def test_malformed_models_are_refused(model: Tasks, tmp_path: Path, how: str) -> None:
    damaged(model, how).save(tmp_path / "m.regraft")
    with pytest.raises(BundleError, match=r"m.regraft must have all the parts that FORMAT.md names"):
        Tasks.load(tmp_path / "m.regraft")


def test_features_of_another_length_are_refused(model: Tasks, colours: Path) -> None:
    longer = replace(model, widths=(1281,))
    with pytest.raises(
        BundleError, match=r"must have features of the lengths \(1281,\), but the backbones give \(1280,\)"
    ):
        longer.predict(colours / "red")
