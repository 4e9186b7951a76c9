"""Training a network from Python: what is kept, what it may depend on, and what stops it."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import regraft
from regraft.backbones.lookup import get_backbones
from regraft.errors import DataError, RegraftError, UsageError
from regraft.finetuning import training as finetuning
from regraft.finetuning.module import FineTuning
from regraft.finetuning.settings import Training
from regraft.persistence import packed
from regraft.request import Strategy
from regraft.result import Epoch, Result

Draw = Callable[..., Path]


def training(**settings: Any) -> Training:
    return Training(**{"epochs": 1, "unfreeze": "layer4", "precision": "f32", "batch_size": 8, **settings})


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return what makes `fit` take a tiny network with weights from a file."""
    built = get_backbones("test_resnet", weights="none")[0].build().state_dict()
    state = {name: tensor.numpy().copy() for name, tensor in built.items()}
    for name, values in state.items():
        if "bn" in name and name.endswith(".weight"):
            values[...] = 1.0  # a residual branch that ends in zero would learn nothing
    file = tmp_path_factory.mktemp("weights") / "own.safetensors"
    file.write_bytes(packed(state))
    return {"backbone": "test_resnet", "weights": file, "image_size": 32, "engine": "torch"}


@pytest.fixture
def tune(tiny: dict[str, Any]) -> Callable[..., Result]:
    """Return `fit` with that network, a strategy and one epoch."""

    def run(data: Path, **settings: Any) -> Result:
        return regraft.fit(data, **{**tiny, "strategy": "finetune", "training": training(), **settings})

    return run


SCRATCH: dict[str, Any] = {
    "strategy": "scratch",
    "backbone": "cnn3",
    "weights": None,
    "image_size": 40,
    "engine": "torch",
    "training": Training(epochs=2, precision="f32", batch_size=8),
}


@pytest.fixture
def split(tmp_path: Path, draw_classes: Draw) -> Path:
    """Return a folder of train/, val/ and test/: 8, 4 and 4 images a class."""
    for part, count, seed in (("train", 8, 0), ("val", 4, 50), ("test", 4, 90)):
        draw_classes(tmp_path / "data" / part, count, seed=seed)
    return tmp_path / "data"


def rotate_classes(folder: Path) -> None:
    """Call every image of the class folders by the next class."""
    for old, new in (("red", "tmp"), ("blue", "red"), ("green", "blue"), ("tmp", "green")):
        (folder / old).rename(folder / new)


def contents(result: Result) -> list[bytes]:
    """Return all that a classifier predicts by."""
    classifier = result.classifier
    return [
        *(backbone.weights.sha256().encode() for backbone in classifier.backbones),
        *(classifier.tensors[name].tobytes() for name in sorted(classifier.tensors)),
        repr((classifier.head, classifier.settings, classifier.precisions)).encode(),
    ]


# --- what is kept -------------------------------------------------------------------------------


def test_finetune(tune: Callable[..., Result], split: Path) -> None:
    told: list[Epoch] = []
    result = tune(split, training=training(epochs=2), report=told.append)
    assert (result.strategy, result.protocol, result.n_train, result.n_val, result.n_test) == (
        *("finetune", "given", 24, 12, 12),
    )
    assert [attempt.chosen for attempt in result.attempts] == [False, True]
    assert result.history == tuple(told)
    assert [epoch.epoch for epoch in told] == [1, 2]
    assert result.trainable == result.attempts[1].trainable > 100_000
    assert result.augmentation is not None and not result.augmentation.off
    assert result.evaluations.keys() == {"test", "val"}
    assert result.settings["training"]["epochs"] == 2
    assert result.classifier.backbones[0].weights.source == "file own.safetensors, fine-tuned here"
    assert result.candidates


def test_the_classifier_of_a_tuned_network_predicts_the_same_elsewhere(
    tiny: dict[str, Any], split: Path, tmp_path: Path
) -> None:
    result = regraft.fit(split, **{**tiny, "engine": "auto"}, strategy="finetune", training=training())
    result.classifier.save(tmp_path / "model.regraft")
    images = sorted((split / "test").rglob("*.jpg"))
    code = (
        "import sys, json, regraft\n"
        "found = regraft.Classifier.load(sys.argv[1]).predict(sys.argv[2:])\n"
        "print(json.dumps([(p.label, p.confidence) for p in found]))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "model.regraft", *images], capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    own = result.classifier.predict(images)
    assert json.loads(ran.stdout) == [[p.label, pytest.approx(p.confidence, abs=1e-4)] for p in own]
    tested = [result.dataset.names[i] for i in result.test_index]
    given = dict(zip(tested, result.test_probabilities.max(axis=1), strict=True))
    for image, prediction in zip(images, own, strict=True):
        assert prediction.confidence == pytest.approx(given[image.relative_to(split).as_posix()], abs=1e-4)


@pytest.mark.parametrize(
    "settings",
    [
        {"training": training(unfreeze="head")},
        {"training": training(unfreeze="head"), "head": "mlp", "units": (8,), "dropout": 0.1, "batch_norm": True},
        {"training": training(), "head": "mlp", "units": (8,)},
        {"training": training(unfreeze="all")},
        {"training": training(augment={"flip": True, "rotation": 10})},
        {"strategy": "auto"},
        SCRATCH,
        {**SCRATCH, "head": "mlp", "units": (8,)},
    ],
    ids=["head", "mlp", "mlp on a tuned network", "all", "own augmentation", "auto", "scratch", "mlp from scratch"],
)
def test_every_way_comes_to_a_classifier(tune: Callable[..., Result], split: Path, settings: dict[str, Any]) -> None:
    result = tune(split, **settings)
    assert sum(attempt.chosen for attempt in result.attempts) == 1
    assert result.history
    if "units" in settings:
        assert result.chosen == "mlp"
        assert [t.shape[0] for n, t in sorted(result.classifier.tensors.items()) if n.startswith("weight")] == [8, 3]
    if settings.get("strategy") == "scratch":
        assert result.candidates == ()
        assert not any("nothing is transferred" in note for note in result.notes)
        assert result.timings["features"] >= 0
    found = result.classifier.predict(split / "test" / "red")
    assert len(found) == 4


def test_a_tiny_set_is_cross_validated(tune: Callable[..., Result], colours: Path) -> None:
    result = tune(colours, training=training(unfreeze="head"))
    assert (result.protocol, result.n_test) == ("cross-validation", 18)
    assert result.test_index.tolist() == list(range(18))
    assert result.attempts[-1].chosen


def test_a_holdout_is_refitted_on_all_but_the_test(
    tune: Callable[..., Result], tmp_path: Path, draw_classes: Draw
) -> None:
    data = draw_classes(tmp_path / "data", 20)
    alone, refitted = (
        tune(data, test_size=0.5, training=training(unfreeze="head", refit=refit)) for refit in (False, True)
    )
    assert (refitted.protocol, refitted.n_train, refitted.n_val, refitted.n_test) == ("holdout", 30, 0, 30)
    assert contents(alone) != contents(refitted)
    assert alone.attempts[1].accuracy == refitted.attempts[1].accuracy


def test_the_same_seed_gives_the_same(tune: Callable[..., Result], split: Path) -> None:
    first, again, other = (contents(tune(split, seed=seed)) for seed in (0, 0, 1))
    assert first == again != other


# --- what it may depend on ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings", [{}, {"strategy": "auto"}, SCRATCH, {"training": training(unfreeze="head", epochs=2)}], ids=str
)
def test_nothing_depends_on_the_test_images(
    tune: Callable[..., Result], split: Path, draw_classes: Draw, settings: dict[str, Any]
) -> None:
    expected = tune(split, **settings)
    rotate_classes(split / "test")
    permuted = tune(split, **settings)
    shutil.rmtree(split / "test")
    draw_classes(split / "test", 5, seed=700)
    for file in (split / "test").rglob("*.jpg"):
        Image.open(file).convert("L").save(file)
    replaced = tune(split, **settings)
    assert permuted.evaluations["test"].accuracy != expected.evaluations["test"].accuracy
    for found in (permuted, replaced):
        assert contents(found) == contents(expected)
        chosen = [[attempt.chosen for attempt in result.attempts] for result in (found, expected)]
        assert chosen[0] == chosen[1]
        losses = [[(e.train_loss, e.val_loss) for e in result.history] for result in (found, expected)]
        assert losses[0] == losses[1]


def test_the_user_s_own_validation_part_is_chosen_by_and_never_learnt_from(
    tune: Callable[..., Result], split: Path
) -> None:
    expected = tune(split)
    rotate_classes(split / "val")
    permuted = tune(split)
    backbones = [result.classifier.backbones[0].weights.sha256() for result in (expected, permuted)]
    assert backbones[0] == backbones[1]
    assert [e.train_loss for e in permuted.history] == [e.train_loss for e in expected.history]
    assert permuted.history[0].val_loss != expected.history[0].val_loss
    # The head is the same but for its temperature, which is set by the validation part.
    coefficients = [
        result.classifier.tensors["coef"] / result.classifier.settings["inverse_temperature"]
        for result in (expected, permuted)
    ]
    np.testing.assert_allclose(coefficients[0], coefficients[1], rtol=1e-4)


# --- what stops it ------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [2, 8])
def test_a_budget_too_small_for_an_epoch_keeps_the_probe(
    tune: Callable[..., Result], split: Path, batch_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = finetuning.train

    def hurried(*arguments: Any, **settings: Any) -> finetuning.Trained:
        return whole(*arguments, **{**settings, "deadline": time.monotonic() + 0.001})

    monkeypatch.setattr(finetuning, "train", hurried)
    result = tune(split, budget=600.0, training=training(batch_size=batch_size, epochs=500))
    assert [attempt.chosen for attempt in result.attempts] == [True, False]
    assert "one epoch takes about" in result.attempts[1].note
    assert result.notes[-1] == "Nothing came of the training, so the probe is kept."
    assert result.history == ()
    assert result.evaluations["test"].n == 12
    assert len(result.classifier.predict(split / "test" / "red")) == 4


@pytest.mark.parametrize("strategy", ["finetune", "auto"])
def test_a_budget_that_is_over_after_the_features(split: Path, strategy: Strategy) -> None:
    said: list[str] = []
    two = "tf_efficientnet_lite0+tf_efficientnet_lite1"
    result = regraft.fit(split, strategy=strategy, backbone=two, budget=0.001, announce=said.append)
    assert [attempt.name for attempt in result.attempts] == ["probe"]
    assert [backbone.name for backbone in result.classifier.backbones] == ["tf_efficientnet_lite0"]
    expected = [
        "The budget leaves no time for tf_efficientnet_lite1, so it was left out.",
        "The features alone took longer than the budget of 0.001 s.",
        "The budget leaves no time to train tf_efficientnet_lite0.",
    ]
    assert [sentence for sentence in result.notes if "udget" in sentence] == expected
    assert [sentence.removeprefix("Note: ") for sentence in said if "udget" in sentence] == expected


def test_a_budget_too_small_for_scratch(tune: Callable[..., Result], split: Path) -> None:
    with pytest.raises(RegraftError, match=r"Training from scratch must come to the end of an epoch.*raise --budget"):
        tune(split, **SCRATCH, budget=0.01)


def test_a_loss_that_is_no_number_in_the_first_epoch_keeps_the_probe(
    tune: Callable[..., Result], split: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = FineTuning.training_step
    monkeypatch.setattr(
        FineTuning, "training_step", lambda self, batch, n: whole(self, (batch[0] * math.nan, batch[1]), n)
    )
    said: list[str] = []
    result = tune(split, announce=said.append)
    assert [attempt.chosen for attempt in result.attempts] == [True, False]
    name = result.attempts[1].name
    assert result.notes[-2:] == (
        f"{name}: the loss is no longer a number at step 1 (epoch 1).",
        "Nothing came of the training, so the probe is kept.",
    )
    assert f"Note: {result.notes[-1]}" in said


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"strategy": "magic"}, UsageError, "--strategy must be one of probe, finetune, scratch, auto, not 'magic'"),
        ({"budget": 0.0}, UsageError, "--budget must be a time above 0"),
        ({"strategy": "probe"}, UsageError, "--unfreeze is for training a network, but --strategy is probe"),
        (
            {"strategy": "probe", "training": Training(), "budget": 9.0},
            UsageError,
            "--budget is for training a network",
        ),
        ({"training": training(unfreeze="layer9")}, UsageError, "--unfreeze must be head, all or one of this network"),
        ({"units": (8,)}, UsageError, "--units belongs to the mlp head; add --head mlp"),
        ({"head": "centroid"}, UsageError, "--head must be logistic or mlp where a network is trained, not centroid"),
        (
            {"resume": "absent"},
            UsageError,
            "--resume must name the folder of a training that was interrupted, but absent",
        ),
        ({"training": training(lora=2)}, UsageError, "--lora must have linear layers to adapt"),
        (
            {"training": training(schedule="gradual")},
            UsageError,
            "--schedule gradual must have 2 epochs or more, not 1",
        ),
        ({"training": training(unfreeze="head", mix="cutmix")}, UsageError, "--mix must be mixup or none where"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_a_wrong_request_is_told(
    tune: Callable[..., Result], split: Path, settings: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        tune(split, **settings)


def test_a_wrong_stage_is_told_before_any_image_is_read(tune: Callable[..., Result], tmp_path: Path) -> None:
    for name in ("a/1.png", "b/1.png"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"no image")
    with pytest.raises(UsageError, match="--unfreeze must be head, all or one of"):
        tune(tmp_path, training=training(unfreeze="layer9"))


def test_classes_that_only_the_test_has(tune: Callable[..., Result], split: Path) -> None:
    shutil.copytree(split / "test" / "red", split / "test" / "purple")
    with pytest.raises(
        DataError, match="test has the class 'purple', of which train has no image: add images of it to train"
    ):
        tune(split)


def test_unreadable_images_are_found_from_scratch_too(tune: Callable[..., Result], split: Path) -> None:
    (split / "train" / "red" / "empty.jpg").touch()
    result = tune(split, **SCRATCH)
    assert [(skipped.name, skipped.reason) for skipped in result.skipped] == [
        ("train/red/empty.jpg", "empty (0 bytes)")
    ]
    assert result.n_train == 24
    for number in range(5):
        (split / "train" / "red" / f"empty{number}.jpg").touch()
    with pytest.raises(DataError, match=r"At most 5% of the images may be unreadable, but 3 of 54"):
        tune(split, **SCRATCH)


# --- going on -----------------------------------------------------------------------------------


class Stop(Exception):
    pass


def interrupt(tune: Callable[..., Result], data: Path, place: Path, **settings: Any) -> None:
    def hear(epoch: Epoch) -> None:
        if epoch.epoch == 3:
            raise Stop

    with pytest.raises(Stop):
        tune(data, checkpoints=place, report=hear, **settings)


@pytest.mark.parametrize("strategy", ["finetune", "scratch"])
def test_an_interrupted_training_goes_on(
    tune: Callable[..., Result], split: Path, tmp_path: Path, strategy: str
) -> None:
    settings = {**(SCRATCH if strategy == "scratch" else {})}
    settings["training"] = training(epochs=4, patience=100, unfreeze=None if strategy == "scratch" else "layer4")
    interrupt(tune, split, tmp_path / "checkpoints", **settings)
    told: list[int] = []
    result = tune(split, resume=tmp_path / "checkpoints", report=lambda epoch: told.append(epoch.epoch), **settings)
    assert told == [3, 4]
    assert [epoch.epoch for epoch in result.history] == [1, 2, 3, 4]
    whole = tune(split, **settings)
    assert [e.val_loss for e in result.history] == pytest.approx([e.val_loss for e in whole.history], rel=1e-3)


def test_a_checkpoint_of_something_else_is_refused(
    tune: Callable[..., Result], tiny: dict[str, Any], split: Path, tmp_path: Path
) -> None:
    place = tmp_path / "checkpoints"
    settings: dict[str, Any] = {"training": training(epochs=4)}
    interrupt(tune, split, place, **settings)
    with pytest.raises(UsageError, match="it has another way of training; give the data and options it was begun with"):
        tune(split, resume=place, training=training(epochs=5))
    with pytest.raises(UsageError, match="it has another way of training"):
        tune(split, resume=place, **settings, seed=1)
    with pytest.raises(UsageError, match="it has another backbone"):
        tune(split, resume=place, **settings, image_size=40)
    (split / "train" / "red" / "red-0-0.jpg").unlink()
    with pytest.raises(UsageError, match="it has another data set"):
        tune(split, resume=place, **settings)


def test_a_damaged_checkpoint_is_refused(tune: Callable[..., Result], split: Path, tmp_path: Path) -> None:
    interrupt(tune, split, tmp_path / "checkpoints", training=training(epochs=4))
    [last] = (tmp_path / "checkpoints").glob("*/last.ckpt")
    last.write_bytes(last.read_bytes()[:1000])
    with pytest.raises(UsageError, match=r"must be one of regraft's, but it cannot be read .*; leave --resume out"):
        tune(split, resume=tmp_path / "checkpoints", training=training(epochs=4))


def test_checkpoints_that_cannot_be_written(tune: Callable[..., Result], split: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RegraftError, match="The checkpoints must be written where folders can be made, but "):
        tune(split, checkpoints=tmp_path / "file" / "deeper")


def test_blocks_of_neighbours_stay_together(tmp_path: Path, draw_classes: Callable[..., Path]) -> None:
    folder = draw_classes(tmp_path / "many", count=60)
    result = regraft.fit(folder, backbone="tf_efficientnet_lite0", head="centroid", split="blocks")
    groups, parts = result.dataset.groups, result.dataset.split
    assert groups is not None and parts is not None
    assert not set(groups[parts == "train"].tolist()) & set(groups[parts == "test"].tolist())
    assert result.settings["split"] == "blocks"
