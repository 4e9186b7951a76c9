"""A recipe's run: what reaches `fit`, what is read, and figures side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import yaml

from regraft.backbones.lookup import get_backbones
from regraft.data.sources import read_source
from regraft.errors import DataError, UsageError
from regraft.evaluation import metrics
from regraft.finetuning.settings import Training
from regraft.recipes import runner
from regraft.recipes.recipe import Recipe, load, parse
from regraft.result import Epoch

RECIPE = yaml.safe_dump(
    {
        "title": "Colours",
        "summary": "Three of them.",
        "data": "Squares.",
        "layout": "class folders",
        "split": {"train": 0.5, "val": 0.25, "test": 0.25},
        "seed": 3,
        "facts": ["They differ."],
        "default": ["tuned", "scratch"],
        "variants": {
            "tuned": {
                "title": "fine-tuned",
                "fit": {"strategy": "finetune", "backbone": "resnet18", "image_size": 64, "pool": "max"},
                "training": {"epochs": 5, "unfreeze": "layer3"},
                "published": [
                    {"metric": "accuracy", "value": 0.9, "part": "val", "says": "over 0.9"},
                    {"metric": "F1", "value": 0.8},
                    {"metric": "loss", "value": 0.3},
                    {"metric": "seconds", "value": 100},
                    {"metric": "seconds an epoch", "value": 10},
                ],
            },
            "scratch": {
                "title": "from nothing",
                "fit": {"strategy": "scratch", "backbone": "cnn3", "image_size": 64},
                "training": {"epochs": 5},
            },
            "frozen": {"title": "a probe", "fit": {"strategy": "probe", "backbone": "resnet18"}},
        },
    },
    sort_keys=False,
)


@pytest.fixture
def recipe(monkeypatch: pytest.MonkeyPatch) -> Recipe:
    made = parse("colours", RECIPE)
    monkeypatch.setattr(runner, "load", lambda name: made)
    return made


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, fitted: Any) -> list[dict[str, Any]]:
    """Let `fit` answer at once, and return what it is asked for."""
    calls: list[dict[str, Any]] = []
    rng = np.random.default_rng(0)
    test, val = (metrics.evaluate(rng.integers(0, 3, 60), rng.dirichlet(np.ones(3), 60), ("a", "b", "c")) for _ in "ab")
    history = tuple(Epoch(a, "all", e, 1.0, 1.0, 0.5, 0.1, 4.0 * e) for a in ("x", "y") for e in (1, 2, 3))

    def answer(data: Any, **settings: Any) -> Any:
        calls.append({"data": data, **settings})
        return replace(fitted, evaluations={"test": test, "val": val}, history=history, notes=("Seen.", "Seen."))

    monkeypatch.setattr(runner, "fit", answer)
    return calls


# --- what is asked of fit -------------------------------------------------------------------------------


def test_settings_reach_fit(recipe: Recipe, asked: list[dict[str, Any]], colours: Path) -> None:
    said: list[str] = []
    progress: Callable[[int, int], None] = lambda done, total: None  # noqa: E731
    runner.run("colours", colours, announce=said.append, progress=progress, command="as typed")
    assert [call["strategy"] for call in asked] == ["finetune", "scratch"]
    first = asked[0]
    assert first["training"] == Training(epochs=5, unfreeze="layer3")
    assert (first["backbone"], first["image_size"], first["pool"], first["seed"]) == ("resnet18", 64, "max", 3)
    assert (first["progress"], first["command"]) == (progress, "as typed")
    assert said == ["colours, tuned: fine-tuned.", "colours, scratch: from nothing."]
    split = first["data"].split.tolist()
    assert [split.count(part) for part in ("train", "val", "test")] == [9, 5, 4]
    assert asked[1]["data"] is first["data"]


def test_one_variant(recipe: Recipe, asked: list[dict[str, Any]], colours: Path) -> None:
    ran = runner.run("colours", colours, variant="frozen")
    assert [call["strategy"] for call in asked] == ["probe"]
    assert "training" not in asked[0]
    assert list(ran.results) == ["frozen"]
    with pytest.raises(UsageError, match="--variant of colours must be one of tuned, scratch, frozen, not 'froze'"):
        runner.run("colours", colours, variant="froze")


def test_another_backbone_comes_as_itself(recipe: Recipe, asked: list[dict[str, Any]], colours: Path) -> None:
    said: list[str] = []
    ran = runner.run("colours", colours, backbone="tf_efficientnet_lite0", weights="none", announce=said.append)
    tuned, scratch = asked
    assert (tuned["backbone"], tuned["weights"], tuned["pool"]) == ("tf_efficientnet_lite0", "none", "max")
    assert "image_size" not in tuned
    assert tuned["training"] == Training(epochs=5)
    assert scratch["backbone"] == "cnn3"
    assert scratch["image_size"] == 64
    assert "weights" not in scratch
    changed = "layer3 is a stage of resnet18: tf_efficientnet_lite0 is trained from its own."
    for sentence in (
        "tuned is run with tf_efficientnet_lite0 instead of resnet18.",
        changed,
        "tuned is run with random weights.",
    ):
        assert sentence in said
        assert sentence in ran.notes


def test_the_published_backbone_named_again_changes_nothing(
    recipe: Recipe, asked: list[dict[str, Any]], colours: Path
) -> None:
    runner.run("colours", colours, variant="tuned", backbone="resnet18", weights="mine.pth")
    assert asked[0]["image_size"] == 64
    assert asked[0]["training"].unfreeze == "layer3"
    assert asked[0]["weights"] == "mine.pth"
    said: list[str] = []
    runner.run("colours", colours, variant="tuned", backbone="resnet18", epochs=5, announce=said.append)
    assert said == ["colours, tuned: fine-tuned."]


def test_epochs(recipe: Recipe, asked: list[dict[str, Any]], colours: Path) -> None:
    ran = runner.run("colours", colours, epochs=1)
    assert [call["training"].epochs for call in asked] == [1, 1]
    assert "scratch is trained for 1 epoch at most instead of 5." in ran.notes
    with pytest.raises(UsageError, match="--epochs must be for a variant that is trained in epochs, not frozen"):
        runner.run("colours", colours, variant="frozen", epochs=1)
    with pytest.raises(UsageError, match="--epochs must be from 1 to"):
        runner.run("colours", colours, epochs=0)


def test_a_limit(recipe: Recipe, asked: list[dict[str, Any]], colours: Path) -> None:
    runner.run("colours", colours, limit=3)
    data = asked[0]["data"]
    assert {part: len(data.part(part)) for part in ("train", "val", "test")} == {"train": 3, "val": 3, "test": 3}
    assert data.notes[-1] == "at most 3 images of each part are used, as --limit says: 9 of 18"
    with pytest.raises(UsageError, match="--limit must be at least the number of classes"):
        runner.run("colours", colours, limit=2)


# --- figures --------------------------------------------------------------------------------------------


def test_figures_stand_side_by_side(recipe: Recipe, asked: list[dict[str, Any]], colours: Path, fitted: Any) -> None:
    ran = runner.run("colours", colours)
    test, val = (ran.results["tuned"].evaluations[part] for part in ("test", "val"))
    rows = {(row.variant, row.metric): row for row in ran.rows}
    accuracy = rows["tuned", "accuracy"]
    assert (accuracy.published, accuracy.says, accuracy.measured) == (0.9, "over 0.9", val.accuracy)
    assert (accuracy.published_on, accuracy.measured_on) == ("val", "val")
    assert accuracy.ci95 == val.accuracy_ci95
    assert (rows["tuned", "F1"].measured, rows["tuned", "F1"].ci95) == (test.macro_f1, None)
    assert rows["tuned", "loss"].measured == test.log_loss
    assert rows["tuned", "seconds"].measured == fitted.timings["total"]
    assert rows["tuned", "seconds an epoch"].measured == 4.0
    unpublished = rows["scratch", "accuracy"]
    assert (unpublished.published, unpublished.says, unpublished.measured) == (None, "", test.accuracy)
    assert ran.notes == ("Seen.",)
    plain = ran.to_dict()
    assert plain["recipe"] == "colours"
    assert plain["rows"][0]["ci95"] == accuracy.ci95
    assert plain["notes"] == ["Seen."]
    assert plain["seconds"] >= 0


def test_without_validation_images_the_test_is_measured(
    recipe: Recipe, asked: list[dict[str, Any]], colours: Path, fitted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "fit", lambda data, **settings: fitted)
    rows = {row.metric: row for row in runner.run("colours", colours, variant="tuned").rows}
    accuracy = rows["accuracy"]
    assert (accuracy.published_on, accuracy.measured_on) == ("val", "test")
    assert accuracy.measured == fitted.evaluations["test"].accuracy
    assert rows["seconds an epoch"].measured is None


# --- the layouts that the experiments' data come in -------------------------------------------------------


def test_a_flat_folder_of_names(draw_classes: Callable[..., Path], tmp_path: Path) -> None:
    draw_classes(tmp_path / "classes", 4, ("blue", "red"))
    (tmp_path / "flat").mkdir()
    for file in (tmp_path / "classes").rglob("*.jpg"):
        colour, _, number = file.stem.split("-")
        file.rename(tmp_path / "flat" / f"{colour}.{number}.jpg")
    found = runner._read(load("cats-dogs-study"), tmp_path / "flat")
    assert (found.class_names, len(found)) == (("blue", "red"), 8)
    with pytest.raises(DataError, match="no class folders"):
        runner._read(load("flowers-resnet50"), tmp_path / "flat")
    with pytest.raises(DataError, match="does not exist"):
        runner._read(load("cats-dogs-study"), tmp_path / "nowhere")


def test_hdf5_of_signs(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for part, count in (("train", 12), ("test", 6)):
        with h5py.File(tmp_path / f"{part}_signs.h5", "w") as file:
            file[f"{part}_set_x"] = rng.integers(0, 255, (count, 64, 64, 3), dtype=np.uint8)
            file[f"{part}_set_y"] = np.arange(count) % 6
            file["list_classes"] = np.arange(6)
    found = runner._read(load("signs-vgg19"), tmp_path)
    assert found.class_names == tuple("012345")
    assert (len(found.part("train")), len(found.part("test"))) == (12, 6)


def test_a_table_of_breeds(draw_classes: Callable[..., Path], tmp_path: Path) -> None:
    draw_classes(tmp_path / "classes", 3, ("blue", "red"))
    (tmp_path / "own" / "train").mkdir(parents=True)
    lines = ["id,breed"]
    for file in sorted((tmp_path / "classes").rglob("*.jpg")):
        lines.append(f"{file.stem},{file.stem.split('-')[0]}")
        file.rename(tmp_path / "own" / "train" / file.name)
    (tmp_path / "own" / "labels.csv").write_text("\n".join(lines))
    for data in (tmp_path / "own", tmp_path / "own" / "labels.csv"):
        assert len(runner._read(load("dog-breeds-inception"), data)) == 6


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("flowers-resnet50", "flowers"),
        ("flowers-inception-bottleneck", "flowers"),
        ("signs-vgg19", "signs"),
        ("cats-dogs-study", "cats_dogs"),
        ("dog-breeds-inception", "dog_breeds"),
        ("hotdog-resnet50", "hotdog"),
    ],
)
def test_real_data_can_be_read_and_split(real_data: Path, name: str, folder: str) -> None:
    recipe = load(name)
    found = runner.as_published(runner._read(recipe, real_data / folder), recipe.split, recipe.seed)
    train = found.part("train")
    assert len(np.unique(found.y[train])) == len(found.class_names)
    assert len(found.part("test")) >= 50
    assert set(found.names) <= set(read_source(real_data / folder).names)


# --- the article's own run --------------------------------------------------------------------------------


@pytest.mark.parametrize("backbone", [None, "tf_efficientnet_lite0"])
def test_both_faults_of_the_hotdog_run_are_named_before_the_work(backbone: str | None) -> None:
    from regraft.backbones.checks import warnings

    settings, _ = runner._plan(load("hotdog-resnet50").variants["as-written"], backbone, None, None)
    used = {key: settings[key] for key in ("image_size", "pool", "pixels") if key in settings}
    found = warnings(get_backbones(settings["backbone"], **used))
    assert [sentence.split(":")[0] for sentence in found] == [
        "Class scores used as features",
        "Preprocessing that the weights do not expect",
    ]


def test_both_faults_are_in_the_notes_of_a_run(real_data: Path) -> None:
    ran = runner.run(
        "hotdog-resnet50", real_data / "hotdog", variant="as-written", backbone="tf_efficientnet_lite0", limit=40
    )
    text = " ".join(ran.notes)
    assert "Class scores used as features" in text
    assert "Preprocessing that the weights do not expect" in text
    assert ran.rows[0].says == "0.48 to 0.49, chance"
    assert 0 <= ran.rows[0].measured <= 1
