"""What is asked for is checked before any work, and the answer is a sentence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regraft.backbones.lookup import get_backbones
from regraft.data.dataset import Dataset
from regraft.errors import RegraftError, UsageError
from regraft.finetuning.settings import Training
from regraft.request import (
    AUTO,
    DEFAULTS,
    FEW,
    OF_STRATEGY,
    check_request,
    check_stage,
    checkpoint_folder,
    default_backbone,
    has_few,
    heads_of,
    held_together,
    network_head,
    reserve,
)

FINE: dict[str, Any] = {
    "strategy": "finetune",
    "training": Training(),
    "budget": None,
    "test_size": 0.2,
    "seed": 0,
    "head": "auto",
    "checkpoints": None,
    "resume": None,
}


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"strategy": "magic"}, "--strategy must be one of probe, finetune, scratch, auto, not 'magic'"),
        ({"test_size": 1.0}, "--test-size must be a share between 0 and 1, not 1.0"),
        ({"test_size": float("nan")}, "--test-size must be a share between 0 and 1, not nan"),
        ({"seed": -1}, "--seed must be 0 or above, not -1"),
        ({"budget": 0.0}, "--budget must be a time above 0, such as 90s, 5m or 1h, not 0"),
        ({"budget": -5.0}, "--budget must be a time above 0, .* not -5"),
        ({"budget": float("nan")}, "--budget must be a time above 0, .* not nan"),
        ({"head": "knn"}, "--head must be logistic or mlp where a network is trained, not knn"),
        (
            {"strategy": "scratch", "training": Training(regularize="l2-sp")},
            "--regularize must be none from scratch, not l2-sp: there is no pretrained start",
        ),
        (
            {"strategy": "scratch", "training": Training(unfreeze="blocks.1")},
            "--unfreeze must be all from scratch, not blocks.1: nothing has been learnt",
        ),
        (
            {"strategy": "probe", "training": Training(batch_size=8)},
            "--batch-size is for training a network, but --strategy is probe; use --strategy finetune, scratch or auto",
        ),
        ({"strategy": "probe", "budget": 60.0}, "--budget is for training a network, but --strategy is probe"),
        ({"strategy": "probe", "resume": "x"}, "--resume is for training a network, but --strategy is probe"),
        ({"strategy": "probe", "checkpoints": "x"}, "--checkpoints is for training a network, but --strategy is probe"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_done(request_: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        check_request(**{**FINE, **request_})


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"budget": 60.0, "resume": "x", "checkpoints": "y", "head": "mlp"},
        {"strategy": "scratch", "training": Training(unfreeze="all", epochs=3)},
        {"strategy": "auto", "training": Training(unfreeze="head")},
        {"strategy": "probe", "head": "knn"},
    ],
    ids=str,
)
def test_what_can_be_done(request_: dict[str, Any]) -> None:
    check_request(**{**FINE, **request_})


def test_every_strategy_has_a_backbone_that_exists() -> None:
    for (strategy, modality), name in OF_STRATEGY.items():
        assert get_backbones(name, modality=modality, weights="none")
        assert default_backbone(strategy, modality) == name
    for modality, name in DEFAULTS.items():
        assert get_backbones(name, modality=modality)
        assert default_backbone("probe", modality) == name


def test_stages_are_checked_without_weights() -> None:
    [resnet] = get_backbones("test_resnet", weights="none")
    for unfreeze in (None, "head", "all", "layer3", "conv1"):
        check_stage((resnet,), Training(unfreeze=unfreeze))
    # Weights that are not on this machine are not asked for.
    check_stage(get_backbones("resnet50"), Training(unfreeze="layer4"))
    with pytest.raises(UsageError, match=r"stages \(conv1\.0, .*, layer4\), not 'layer5'\. Did you mean 'layer4'\?"):
        check_stage((resnet,), Training(unfreeze="layer5"))


def test_each_network_must_have_the_stage() -> None:
    both = get_backbones("test_resnet+test_vit", weights="none")
    with pytest.raises(UsageError, match=r"--unfreeze must be head, all or one of this network's stages \(patch_embed"):
        check_stage(both, Training(unfreeze="layer4"))


def test_heads() -> None:
    nothing = {"units": None, "dropout": None, "batch_norm": None}
    assert heads_of("auto", nothing) == AUTO
    assert heads_of("knn", nothing) == {"knn": {}}
    assert heads_of("mlp", {**nothing, "units": (8,)}) == {"mlp": {"units": (8,)}}
    with pytest.raises(UsageError, match="--batch-norm belongs to the mlp head; add --head mlp"):
        heads_of("auto", {**nothing, "batch_norm": False})
    with pytest.raises(UsageError, match="--units belongs to the mlp head, but --head is knn; use --head mlp or leave"):
        heads_of("knn", {**nothing, "units": (8,)})
    with pytest.raises(UsageError, match="there is no head 'logistik'"):
        heads_of("logistik", nothing)


def test_settings_of_a_trained_mlp_head() -> None:
    assert network_head({"mlp": {}}) == {"units": (256,), "dropout": 0.3, "batch_norm": True}
    assert network_head({"mlp": {"units": (4,), "batch_norm": False}}) == {
        "units": (4,),
        "dropout": 0.3,
        "batch_norm": False,
    }


def test_time_is_kept_for_the_end() -> None:
    assert reserve(10, 100) == pytest.approx(3.5)
    assert reserve(60, 400) == 10
    assert reserve(600, 400) == pytest.approx(10 + 3 + 400 / 60)
    assert all(0 < reserve(budget, 10**6) < budget for budget in (0.1, 60, 3600))


def test_checkpoints_have_a_folder(tmp_path: Path) -> None:
    assert checkpoint_folder(None, None) is None
    assert checkpoint_folder(str(tmp_path / "new" / "deeper"), None) == tmp_path / "new" / "deeper"
    assert (tmp_path / "new" / "deeper").is_dir()
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "deeper"):
        with pytest.raises(
            RegraftError, match=r"must be written where folders can be made, but .*file.* cannot \(.+\)"
        ):
            checkpoint_folder(place, None)


def test_checkpoints_where_nothing_may_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(RegraftError, match=r"cannot \(no permission\); choose another place"):
        checkpoint_folder(tmp_path, None)


def test_the_folder_of_an_interrupted_training(tmp_path: Path) -> None:
    (tmp_path / "tuned").mkdir()
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(
            UsageError, match=r"--resume must name the folder of a training .* has no checkpoint; leave it"
        ):
            checkpoint_folder(None, folder)
    (tmp_path / "tuned" / "last.ckpt").touch()
    assert checkpoint_folder(None, str(tmp_path)) == tmp_path


# --- what is held together ------------------------------------------------------------------------


def numbered(n: int = 40, **changes: object) -> Dataset:
    """Return a data set of n images of two classes, mixed."""
    y = np.arange(n) % 2
    dataset = Dataset([b""] * n, tuple(f"{i:03}.jpg" for i in range(n)), {"label": y}, {"label": ("a", "b")})
    return replace(dataset, **changes)  # type: ignore[arg-type]


def test_blocks_of_neighbours_become_groups() -> None:
    found = held_together(numbered(), "blocks")
    assert found.groups is not None
    assert len(set(found.groups.tolist())) == 10
    assert [len(set(found.groups[i : i + 4].tolist())) for i in range(0, 40, 4)] == [1] * 10
    assert "10 blocks of neighbouring images are kept together" in found.notes
    plain = numbered()
    assert held_together(plain, "random") is plain


@pytest.mark.parametrize(
    ("dataset", "split", "words"),
    [
        (numbered(), "sideways", "--split must be random or blocks, not 'sideways'"),
        (numbered(split=np.array(["train", "test"] * 20)), "blocks", "is for data without a split of their own"),
        (numbered(groups=np.array(["g", "h"] * 20)), "blocks", "--split blocks and --group-column exclude each other"),
    ],
)
def test_blocks_that_cannot_be(dataset: Dataset, split: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        held_together(dataset, split)


@pytest.mark.parametrize(
    ("each", "classes", "few"), [(1, 2, True), (20, 5, True), (21, 5, False), (20, 10, True), (20, 11, False)]
)
def test_few_are_twenty_a_class_and_two_hundred_in_all(each: int, classes: int, few: bool) -> None:
    y = np.repeat(np.arange(classes), each)
    names = tuple(map(str, range(len(y))))
    data = Dataset(names, names, {"label": y}, {"label": tuple(map(str, range(classes)))})
    assert has_few(data) is few
    assert not has_few(data.with_split(["val"] + ["train"] * (len(y) - 1)))  # those are there to choose by


def test_heads_for_a_few_images() -> None:
    assert heads_of("auto", {}, few=True) == FEW
    assert heads_of("logistic", {}, few=True) == {"logistic": FEW["logistic"]}
    assert heads_of("knn", {}, few=True) == {"knn": {}}
    with pytest.raises(
        UsageError, match="--head must be one of prototype, logistic, centroid or knn for a few examples"
    ):
        heads_of("mlp", {}, few=True)
    for changes, message in (
        ({"shots": 0}, "--shots must be a number of examples a class from 1 up, not 0"),
        ({"shots": 2}, "--shots is for a head on frozen features, but --strategy is finetune; a few examples"),
        ({"unlabelled": "pile"}, "--unlabelled is for a head on frozen features, but --strategy is finetune"),
        ({"unlabelled": "pile", "shots": 1, "strategy": "probe"}, "--unlabelled must have 2 labelled examples a class"),
    ):
        with pytest.raises(UsageError, match=message):
            check_request(**{**FINE, **changes})
