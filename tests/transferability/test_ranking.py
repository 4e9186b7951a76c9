"""Sources side by side: whole runs on drawn images, and what is said of rows that are made up."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regraft.errors import DataError, UsageError
from regraft.transferability import ranking
from regraft.transferability.judge import appoint
from regraft.transferability.ranked import Ranking
from regraft.transferability.ranking import named_sources, rank

LITE0 = "tf_efficientnet_lite0"
TINY = "test_resnet:random"


@pytest.fixture(scope="module")
def found(colours: Path) -> Ranking:
    """A pretrained network and one that has learnt nothing, on 18 images of three colours."""
    return rank(colours, backbones=[TINY, LITE0], layers=True)


def test_the_rows(found: Ranking) -> None:
    assert {row.backbone for row in found.rows} == {LITE0, TINY}
    by_name = {row.backbone: row for row in found.rows}
    assert by_name[LITE0].probe == 1
    assert by_name[LITE0].reasons == {}
    assert by_name[TINY].reasons["leep"] == "test_resnet has random weights, so there is no source task."
    assert (by_name[TINY].leep, by_name[TINY].random, by_name[LITE0].random) == (None, True, False)
    assert (found.n, found.chance) == (18, pytest.approx(1 / 3))
    assert found.raw_pixels is not None
    assert found.tau["leep"] is None
    assert any(note.startswith("leep, nce: tau needs 2 sources") for note in found.notes)


def test_layers_are_of_the_best_network_that_has_learnt_something(found: Ranking) -> None:
    assert {row.backbone for row in found.layers} == {LITE0}
    assert [row.stage for row in found.layers][:3] == ["conv_stem", "bn1", "blocks.0"]
    assert any(note.startswith(f"{LITE0}: ") for note in found.notes)


def test_plain_values(found: Ranking) -> None:
    plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert plain.keys() >= {"rows", "tau", "layers", "combinations", "baseline", "notes"}
    assert plain["rows"][0].keys() >= {"backbone", "logme", "h_score", "leep", "nce", "transrate", "probe"}
    assert plain["tau"].keys() == {"logme", "h_score", "leep", "nce", "transrate"}
    assert plain["baseline"].keys() == {"chance", "raw_pixels", "raw"}
    assert "leep" not in plain["layers"][0] | plain["layers"][0]["reasons"]


def test_pairs_stand_side_by_side(clouds: Callable[..., tuple[np.ndarray, np.ndarray]]) -> None:
    # Each of the first two has one half of what tells four classes apart.
    random = np.random.default_rng(0)
    y = np.arange(80) % 4
    halves = [(y[:, None] // 2, y[:, None] % 2)[i] + 0.1 * random.normal(size=(80, 3)) for i in range(2)]
    own = {"a": halves[0], "b": halves[1], "c": random.normal(size=(80, 3))}
    own |= {"d": own["c"], "e": own["c"]}
    judge = appoint(y, None, 0)
    found = ranking._combinations(
        list(own), {n: v.astype(np.float32) for n, v in own.items()}, _data(80, 4), judge, 0.25, 0.3
    )
    assert len(found) == 6  # of the four best
    assert found[0].backbone == "a+b"
    assert found[0].probe == 1
    assert found[1].probe is not None
    assert found[1].probe < 0.8
    assert found[0].leep is None
    assert "no source classes in common" in found[0].reasons["leep"]
    assert "under raw pixels" in next(row for row in found if row.backbone == "c+d").flags


def test_only_the_training_part_is_looked_at(tmp_path: Path, draw_classes: Callable[..., Path]) -> None:
    draw_classes(tmp_path / "data" / "train", 4)
    draw_classes(tmp_path / "data" / "test", 3, seed=50)
    for path in (tmp_path / "data" / "test").rglob("*.jpg"):
        path.write_bytes(b"not an image")  # nothing could go through a network unnoticed
    found = rank(tmp_path / "data", backbones=[TINY])
    assert found.n == 12
    assert "9 images of the data's own val and test parts are not looked at." in found.notes
    assert any("3 of 3 classes have fewer than 5 images (blue 4, green 4, red 4)" in note for note in found.notes)


def test_many_images_and_classes_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.random.default_rng(0).integers(0, 255, (60, 32, 32, 3), dtype=np.uint8)
    monkeypatch.setattr(ranking, "RANKED_ON", 40)
    said: list[str] = []
    found = rank(images, [str(i % 4) for i in range(60)], backbones=[TINY], announce=said.append)
    assert found.n == 40
    assert said == ["40 training images in 4 classes."]
    assert "Ranked on 40 of the 60 training images, every class in its share." in found.notes
    monkeypatch.setattr(ranking, "CLASSES", 3)
    assert any(n.startswith("The judge looks at 3 of the 4 classes") for n in ranking._notes_on_classes(_data(40, 4)))
    monkeypatch.setattr(ranking, "IMAGES", 30)
    assert any(n.startswith("The judge looks at 30 of the 40 images") for n in ranking._notes_on_classes(_data(40, 2)))


def _data(n: int, k: int) -> Any:
    from regraft.data.dataset import Dataset

    names = tuple(map(str, range(n)))
    return Dataset(names, names, {"label": np.arange(n) % k}, {"label": tuple(map(str, range(k)))})


def test_one_repeated_image_has_no_scores_and_no_crash() -> None:
    found = rank(np.full((12, 40, 40, 3), 90, np.uint8), ["a", "b"] * 6, backbones=[TINY])
    [row] = found.rows
    assert (row.logme, row.h_score, row.transrate, row.probe, found.raw_pixels) == (None,) * 5
    assert "copies of one" in row.reasons["probe"]
    assert json.dumps(found.to_dict(), allow_nan=False)


def test_classes_of_one_image_have_scores_and_no_judge() -> None:
    images = np.random.default_rng(0).integers(0, 255, (4, 40, 40, 3), dtype=np.uint8)
    found = rank(images, list("abcd"), backbones=[LITE0])
    assert found.rows[0].probe is None
    assert "no class has two examples" in found.rows[0].reasons["probe"]
    assert found.rows[0].logme is not None
    assert (found.chance, found.raw_pixels) == (None, None)
    assert found.advice.startswith(f"By LogME alone, transfer from {LITE0}; no probe could judge it: ")
    assert found.command == f"regraft fit DATA --backbone {LITE0}"


def test_names() -> None:
    found = named_sources(f"{LITE0}, {LITE0}:random,cnn4")
    assert list(found) == [LITE0, f"{LITE0}:random", "cnn4:random"]
    assert [backbone.weights.random for backbone in found.values()] == [False, True, True]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["tf_efficientnet_lite9"], "not 'tf_efficientnet_lite9'. Did you mean 'tf_efficientnet_lite"),
        ([LITE0, LITE0], f"must name each network once, but {LITE0} is there twice"),
        (["cnn4", "cnn4:random"], "cnn4:random is there twice"),
        (["xception", "legacy_xception"], "xception is there twice"),
        ([f"{LITE0}+cnn4"], "one by one, separated by commas, not"),
        (" ,", "must name one network or more, but names none"),
    ],
)
def test_networks_that_cannot_be_ranked(names: Any, words: str, colours: Path) -> None:
    with pytest.raises(UsageError, match=words):
        rank(colours, backbones=names)


def test_requests_and_data_that_cannot_be_ranked(colours: Path) -> None:
    with pytest.raises(UsageError, match="--seed must be 0 or above, not -1"):
        rank(colours, seed=-1)
    with pytest.raises(UsageError, match="--engine must be auto, openvino or torch, not 'gpu'"):
        rank(colours, engine="gpu")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="only one class"):
        rank(np.zeros((5, 8, 8, 3), np.uint8), ["a"] * 5)


# --- real images --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["flowers", "signs", "cats_dogs", "hotdog"])
def test_random_weights_come_last_on_real_images(real_data: Path, name: str, tmp_path: Path) -> None:
    folder = tmp_path / "some"
    source = real_data / name / "train" if (real_data / name / "train").is_dir() else real_data / name
    for of_class in sorted(path for path in source.iterdir() if path.is_dir()):
        (folder / of_class.name).mkdir(parents=True)
        for path in sorted(of_class.iterdir())[:20]:
            (folder / of_class.name / path.name).symlink_to(path)
    found = rank(folder, backbones=[LITE0, f"{LITE0}:random"])
    learnt, random = found.rows
    assert (learnt.backbone, random.backbone) == (LITE0, f"{LITE0}:random")
    assert learnt.logme is not None
    assert random.logme is not None
    assert learnt.logme > random.logme
    assert not learnt.flags
