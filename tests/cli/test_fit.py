"""regraft fit: every kind of source end to end, and what it writes, prints and leaves alone."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow
import pyarrow.parquet as pq
import pytest
from PIL import Image

from regraft.backbones.lookup import get_backbones
from regraft.persistence import packed

Cli = Callable[..., Any]
FILES = {"model.regraft", "report.html", "result.json", "config.yaml"}
ONE = ("--backbone", "tf_efficientnet_lite0")
QUICK = (*ONE, "--head", "centroid")
SMALL = ("--backbone", "lcnet_035", "--image-size", "64", "--head", "centroid")

# --- sources ------------------------------------------------------------------------------------

Make = Callable[[Path, Path], tuple[Path, tuple[object, ...]]]


def class_folders(colours: Path, place: Path) -> tuple[Path, tuple[object, ...]]:
    return colours, ()


def split_folders(colours: Path, place: Path) -> tuple[Path, tuple[object, ...]]:
    for file in colours.rglob("*.jpg"):
        part = "test_set" if file.stem.endswith(("4", "5")) else "training_set"
        target = place / "data" / part / file.parent.name / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    return place / "data", ()


def csv_table(colours: Path, place: Path) -> tuple[Path, tuple[object, ...]]:
    shutil.copytree(colours, place / "data")
    rows = [f"{f.relative_to(colours)},{f.parent.name}" for f in colours.rglob("*.jpg")]
    (place / "data" / "labels.csv").write_text("\n".join(["filename,label", *rows]))
    return place / "data" / "labels.csv", ()


def tsv_table(colours: Path, place: Path) -> tuple[Path, tuple[object, ...]]:
    rows = [f"{f}\t{f.parent.name}\tx" for f in colours.rglob("*.jpg")]
    (place / "t.tsv").write_text("\n".join(["where\twhat\tother", *rows]))
    return place / "t.tsv", ("--column", "where", "--label-column", "what")


def parquet_table(colours: Path, place: Path) -> tuple[Path, tuple[object, ...]]:
    files = sorted(colours.rglob("*.jpg"))
    columns = {"image": [str(f.relative_to(colours)) for f in files], "label": [f.parent.name for f in files]}
    pq.write_table(pyarrow.table(columns), place / "t.parquet")
    return place / "t.parquet", ("--images", colours)


def ids_without_extension(colours: Path, place: Path) -> tuple[Path, tuple[object, ...]]:
    (place / "train").mkdir()
    rows = ["id,breed"]
    for file in sorted(colours.rglob("*.jpg")):
        shutil.copy(file, place / "train")
        rows.append(f"{file.stem},{file.parent.name}")
    (place / "labels.csv").write_text("\n".join(rows))
    return place / "labels.csv", ("--images", place / "train")


def label_in_the_name(colours: Path, place: Path) -> tuple[Path, tuple[object, ...]]:
    (place / "flat").mkdir()
    for file in colours.rglob("*.jpg"):
        label, _, number = file.stem.split("-")
        shutil.copy(file, place / "flat" / f"{label}.{number}.jpg")
    return place / "flat", ("--label-from-name",)


def _pixels(colours: Path) -> tuple[np.ndarray, np.ndarray]:
    files = sorted(colours.rglob("*.jpg"))
    names = sorted({f.parent.name for f in files})
    return np.stack([np.asarray(Image.open(f)) for f in files]), np.array([names.index(f.parent.name) for f in files])


def hdf5_of_the_course(colours: Path, place: Path) -> tuple[Path, tuple[object, ...]]:
    x, y = _pixels(colours)
    test = np.arange(len(y)) % 3 == 0
    for part, chosen in (("train", ~test), ("test", test)):
        with h5py.File(place / f"{part}_colours.h5", "w") as file:
            file[f"{part}_set_x"], file[f"{part}_set_y"] = x[chosen], y[chosen]
            file["list_classes"] = np.array([b"blue", b"green", b"red"])
    return place, ()


def hdf5_with_named_datasets(colours: Path, place: Path) -> tuple[Path, tuple[object, ...]]:
    x, y = _pixels(colours)
    with h5py.File(place / "c.h5", "w") as file:
        file["images"], file["labels"] = x, np.array([b"blue", b"green", b"red"])[y]
    return place / "c.h5", ()


def zip_archive(colours: Path, place: Path) -> tuple[Path, tuple[object, ...]]:
    with zipfile.ZipFile(place / "c.zip", "w") as archive:
        for file in colours.rglob("*.jpg"):
            archive.write(file, Path("colours") / file.relative_to(colours))
    return place / "c.zip", ()


def tar_archive(colours: Path, place: Path) -> tuple[Path, tuple[object, ...]]:
    with tarfile.open(place / "c.tar.gz", "w:gz") as archive:
        archive.add(colours, "colours")
    return place / "c.tar.gz", ()


SOURCES: tuple[Make, ...] = (
    *(class_folders, split_folders, csv_table, tsv_table, parquet_table, ids_without_extension, label_in_the_name),
    *(hdf5_of_the_course, hdf5_with_named_datasets, zip_archive, tar_archive),
)


@pytest.mark.parametrize("make", SOURCES, ids=lambda make: make.__name__)
def test_every_kind_of_source(cli: Cli, colours: Path, tmp_path: Path, make: Make) -> None:
    (tmp_path / "source").mkdir()
    data, options = make(colours, tmp_path / "source")
    ran = cli("fit", data, *options, *QUICK, "--out", tmp_path / "run", "--json")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    assert found["classes"] == ["blue", "green", "red"]
    assert found["metrics"]["test"]["accuracy"] == 1.0
    given = make in (split_folders, hdf5_of_the_course)
    assert found["protocol"] == ("given" if given else "cross-validation")
    assert (found["n_train"], found["n_test"]) == ((12, 6) if given else (18, 18))
    assert "18 images in 3 classes: blue 6, green 6, red 6." in ran.err
    assert cli("predict", tmp_path / "run" / "model.regraft", colours / "red").out.count(" red ") == 6


def test_what_was_guessed_of_a_table_is_said(cli: Cli, colours: Path, tmp_path: Path) -> None:
    data, _ = ids_without_extension(colours, tmp_path)
    said = cli("fit", data, *QUICK, "--out", tmp_path / "run").out
    assert "images are in column 'id', labels in 'breed'" in said
    assert "images are those in train/" in said


# --- what it writes and prints ------------------------------------------------------------------


def test_the_run_and_what_is_printed(cli: Cli, colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ran = cli("fit", colours, *ONE)
    assert (ran.code, ran.err) == (0, "")
    [run] = (tmp_path / "runs").iterdir()
    assert run.name.startswith("colours-")
    assert {path.name for path in run.iterdir()} == FILES
    lines = ran.out.splitlines()
    assert lines[0] == "18 images in 3 classes: blue 6, green 6, red 6."
    assert lines[1].startswith("Too few for a test part of 30: evaluated by cross-validation")
    assert lines[-2].split() == ["report", str(Path("runs") / run.name / "report.html")]
    assert lines[-1].split() == ["classifier", str(Path("runs") / run.name / "model.regraft")]
    assert "accuracy 1.000 (0.824 to 1.000)" in ran.out
    result = json.loads((run / "result.json").read_text())
    assert result["command"] == f"regraft fit {colours} {' '.join(ONE)}"
    assert [candidate["name"] for candidate in result["head"]["candidates"]] == ["prototype", "logistic", "centroid"]
    report = (run / "report.html").read_text()
    for part in ("18 of 18 images", "Cross-validated", result["command"], "data:image/jpeg;base64,"):
        assert part in report


def test_json_is_the_result_file_and_quiet_says_no_more(cli: Cli, colours: Path, tmp_path: Path) -> None:
    ran = cli("fit", colours, *QUICK, "--out", tmp_path / "run", "--json", "--quiet")
    assert (ran.code, ran.err) == (0, "")
    printed = json.loads(ran.out)
    assert printed.pop("out") == str(tmp_path / "run")
    assert printed == json.loads((tmp_path / "run" / "result.json").read_text())
    quiet = cli("fit", colours, *QUICK, "--out", tmp_path / "quiet", "--quiet")
    assert quiet.out.startswith("Test: 18 images")


def test_a_run_is_never_written_over(cli: Cli, colours: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    ran = cli("fit", colours, *QUICK, "--out", tmp_path / "run")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("Error: --out must be a new or empty folder, but ")
    ran = cli("fit", colours, *QUICK, "--out", tmp_path / "run" / "notes.txt" / "deeper")
    assert (ran.code, ran.out) == (1, "")
    assert "must be written where folders can be made" in ran.err
    assert [path.name for path in tmp_path.rglob("*")] == ["run", "notes.txt"]


def test_classes_with_odd_names(cli: Cli, colours: Path, tmp_path: Path) -> None:
    for old, new in (("red", "[red]"), ("blue", "[/x] <b>&"), ("green", "größe")):
        shutil.copytree(colours / old, tmp_path / "data" / new.replace("/", "\u2215"))
    ran = cli("fit", tmp_path / "data", *QUICK, "--out", tmp_path / "run")
    assert ran.code == 0, ran.err
    assert "│ [red]" in ran.out
    assert "größe" in ran.out
    assert "<b>&" not in (tmp_path / "run" / "report.html").read_text()
    found = cli("predict", tmp_path / "run" / "model.regraft", colours / "red" / "red-0-0.jpg").out
    assert "[red]" in found


def test_the_mlp_takes_its_settings(cli: Cli, colours: Path, tmp_path: Path) -> None:
    data, _ = split_folders(colours, tmp_path)
    for file in list((data / "test_set").rglob("*5.jpg")):
        target = data / "val" / file.parent.name / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        file.rename(target)
    options = (*ONE, "--head", "mlp", "--units", "16,8", "--dropout", "0.1", "--no-batch-norm")
    ran = cli("fit", data, *options, "--out", tmp_path / "run", "--json")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    assert (found["n_train"], found["n_val"], found["n_test"]) == (12, 3, 3)
    assert (found["head"]["name"], found["head"]["settings"]["layers"]) == ("mlp", 3)
    assert found["metrics"].keys() == {"test", "val"}


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (
            ("--units", "8,x", "--head", "mlp"),
            2,
            "--units must be whole numbers above 0 joined by commas, such as 256,",
        ),
        (("--units", "0", "--head", "mlp"), 2, "not '0'"),
        (("--units", "8"), 2, "--units belongs to the mlp head; add --head mlp"),
        (("--dropout", "1", "--head", "mlp"), 2, "1.0 is not in the range 0<=x<1"),
        (("--head", "forest"), 2, "'forest' is not one of 'auto'"),
        (("--test-size", "1"), 2, "--test-size must be a share between 0 and 1, not 1.0"),
        (("--seed", "-1"), 2, "--seed must be 0 or above"),
        (("--weights", "absent.pth", *SMALL), 1, "there is no file absent.pth; check the path"),
        (("--weights", "none.pth"), 2, "--weights FILE belongs to one backbone"),
        (("--image-size", "8"), 2, "--image-size must be from 32 to 2048 pixels, not 8"),
        (("--backbone", "resnet50"), 1, "are not on this machine and could not be downloaded; connect to the network"),
        (("--images", "."), 2, "--images means nothing for"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_uses_are_told(
    cli: Cli, colours: Path, tmp_path: Path, options: tuple[str, ...], code: int, words: str
) -> None:
    ran = cli("fit", colours, *options, "--out", tmp_path / "run")
    assert ran.code == code
    assert words in ran.err
    assert not (tmp_path / "run").exists()


# --- weights ------------------------------------------------------------------------------------


def test_random_weights_are_said_aloud_and_in_the_report(cli: Cli, colours: Path, tmp_path: Path) -> None:
    ran = cli("fit", colours, *SMALL, "--weights", "none", "--out", tmp_path / "run")
    assert ran.code == 0
    assert "Random weights: lcnet_035 knows nothing yet, so nothing is transferred." in ran.out
    [weights] = json.loads((tmp_path / "run" / "result.json").read_text())["weights"]
    assert weights["source"] == "none (random weights)"
    assert "andom weights" in (tmp_path / "run" / "report.html").read_text()
    found = cli("predict", tmp_path / "run" / "model.regraft", colours / "red")
    assert [line.split()[1] for line in found.out.splitlines()] == ["red"] * 6


def test_weights_of_the_user_s_are_used_and_need_not_stay(
    cli: Cli, colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [network] = get_backbones("lcnet_035", weights="none")
    state = {name: tensor.numpy() * 1 for name, tensor in network.build().state_dict().items()}
    state["conv_stem.weight"] = -state["conv_stem.weight"]
    (tmp_path / "own.safetensors").write_bytes(packed(state))
    options = ("--weights", tmp_path / "own.safetensors", "--out", tmp_path / "run", "--json")
    ran = cli("fit", colours, *SMALL, *options)
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["weights"][0]["source"] == "file own.safetensors"
    (tmp_path / "own.safetensors").unlink()
    monkeypatch.setenv("REGRAFT_CACHE", str(tmp_path / "cache"))  # nothing is left of them but in the bundle
    found = cli("predict", tmp_path / "run" / "model.regraft", colours / "red")
    assert found.code == 0, found.err
    assert [line.split()[1] for line in found.out.splitlines()] == ["red"] * 6
    (tmp_path / "bad.pth").write_bytes(b"import os")
    bad = cli("fit", colours, *SMALL, "--weights", tmp_path / "bad.pth", "--out", tmp_path / "other")
    assert (bad.code, "The weights file bad.pth must be a .safetensors file, or a .pth" in bad.err) == (1, True)


# --- interruption -------------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="Windows has another Ctrl-C")
def test_ctrl_c_leaves_nothing_half_done(cli: Cli, draw_classes: Callable[..., Path], tmp_path: Path) -> None:
    data = draw_classes(tmp_path / "data", 40, seed=7)
    before = {path: path.read_bytes() for path in data.rglob("*.jpg")}
    (tmp_path / "place").mkdir()
    arguments = ["fit", str(data), *QUICK, "--out", str(tmp_path / "place" / "run")]
    running = subprocess.Popen(
        [sys.executable, "-m", "regraft", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A test run in the background would pass on that it is deaf to Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler) and None,
    )
    assert running.stdout is not None
    assert "120 images" in running.stdout.readline()
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 1
    assert "Traceback" not in said
    assert said.strip() == "Error: Interrupted; only a training's checkpoints are left behind."
    assert list((tmp_path / "place").iterdir()) == []
    assert {path: path.read_bytes() for path in data.rglob("*") if path.is_file()} == before
    assert cli(*arguments).code == 0


# --- training -----------------------------------------------------------------------------------

SCRATCH = (
    *("--strategy", "scratch", "--backbone", "cnn3", "--image-size", "40", "--batch-size", "8"),
    *("--precision", "f32", "--patience", "1000"),
)


@pytest.fixture
def parts(tmp_path: Path, draw_classes: Callable[..., Path]) -> Path:
    """Return a folder of train/, val/ and test/: 8, 4 and 4 images a class."""
    for part, count, seed in (("train", 8, 0), ("val", 4, 50), ("test", 4, 90)):
        draw_classes(tmp_path / "data" / part, count, seed=seed)
    return tmp_path / "data"


def test_a_training_is_told_as_it_goes_and_leaves_no_checkpoints(cli: Cli, parts: Path, tmp_path: Path) -> None:
    ran = cli("fit", parts, *SCRATCH, "--epochs", "2", "--out", tmp_path / "run")
    assert ran.code == 0, ran.err
    assert f"Checkpoints: {tmp_path / 'run.training'} (to go on after an interruption: --resume " in ran.out
    assert "  epoch   1  all: training loss " in ran.out
    assert "  epoch   2  all: training loss " in ran.out
    assert "chosen  from scratch · cnn3: validation " in ran.out
    assert not (tmp_path / "run.training").exists()
    assert {path.name for path in (tmp_path / "run").iterdir()} == FILES
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert (result["strategy"], [epoch["epoch"] for epoch in result["history"]]) == ("scratch", [1, 2])
    assert cli("predict", tmp_path / "run" / "model.regraft", parts / "test" / "red").code == 0


def test_a_killed_training_goes_on(cli: Cli, parts: Path, tmp_path: Path) -> None:
    options = ("fit", str(parts), *SCRATCH, "--epochs", "30", "--out", str(tmp_path / "run"))
    running = subprocess.Popen(
        [sys.executable, "-m", "regraft", *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    place = tmp_path / "run.training"
    try:
        while not list(place.glob("*/last.ckpt")):
            assert running.poll() is None
            time.sleep(0.01)
    finally:
        running.kill()
        running.wait()
    assert not (tmp_path / "run").exists()
    (place / "mine.txt").write_text("not a checkpoint")
    ran = cli(*options, "--resume", place)
    assert ran.code == 0, ran.err
    epochs = [int(line.split()[1]) for line in ran.out.splitlines() if line.startswith("  epoch ")]
    assert epochs == list(range(epochs[0], 31))
    assert epochs[0] > 1
    history = json.loads((tmp_path / "run" / "result.json").read_text())["history"]
    assert [epoch["epoch"] for epoch in history] == list(range(1, 31))
    assert [path.name for path in place.iterdir()] == ["mine.txt"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has another Ctrl-C")
def test_ctrl_c_while_training(parts: Path, tmp_path: Path) -> None:
    running = subprocess.Popen(
        [sys.executable, "-u", "-m", "regraft", "fit", parts, *SCRATCH, "--epochs", "9999", "--out", tmp_path / "run"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler) and None,
    )
    assert running.stdout is not None
    assert any("  epoch   2" in line for line in running.stdout)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 1
    assert said.strip().startswith("Error: Interrupted")
    assert "Traceback" not in said
    assert not (tmp_path / "run").exists()
    assert list((tmp_path / "run.training").glob("*/last.ckpt"))


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--strategy", "finetune", "--budget", "0"), 2, "--budget must be a time above 0, such as 90s, 5m or 1.5h"),
        (("--strategy", "finetune", "--budget", "soon"), 2, "not 'soon'; a number alone is seconds"),
        (("--budget", "5m"), 2, "--budget is for training a network, but --strategy is probe"),
        (("--epochs", "3"), 2, "--epochs is for training a network, but --strategy is probe; use --strategy finetune"),
        (("--no-average",), 2, "--average is for training a network, but --strategy is probe"),
        (("--strategy", "scratch", "--resume", "."), 2, "--resume must name the folder of a training"),
        (("--strategy", "magic"), 2, "'magic' is not one of 'probe', 'finetune', 'scratch', 'auto'"),
        (("--strategy", "finetune", "--batch-size", "1"), 2, "--batch-size must be from 2 to 4096, not 1"),
        (("--strategy", "scratch", "--head", "knn"), 2, "--head must be logistic or mlp where a network is trained"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_trainings_are_told(
    cli: Cli, colours: Path, tmp_path: Path, options: tuple[str, ...], code: int, words: str
) -> None:
    ran = cli("fit", colours, *options, "--out", tmp_path / "run")
    assert ran.code == code
    assert words in ran.err
    assert not (tmp_path / "run").exists()


def test_a_wrong_stage_is_told_before_any_image_is_read(cli: Cli, tmp_path: Path) -> None:
    for name in ("a/1.png", "b/1.png"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"no image")
    ran = cli("fit", tmp_path, *ONE, "--strategy", "finetune", "--unfreeze", "blocks.9", "--out", tmp_path / "run")
    assert ran.code == 2
    assert "--unfreeze must be head, all or one of this network's stages (conv_stem, bn1, blocks.0" in ran.err
    assert "not 'blocks.9'. Did you mean 'blocks." in ran.err


def test_checkpoints_that_cannot_be_written(cli: Cli, parts: Path, tmp_path: Path) -> None:
    (tmp_path / "run.training").write_text("a file in the way")
    ran = cli("fit", parts, *SCRATCH, "--epochs", "1", "--out", tmp_path / "run")
    assert ran.code == 1
    assert "The checkpoints must be written where folders can be made, but " in ran.err
    assert (tmp_path / "run.training").read_text() == "a file in the way"


@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--strategy", "finetune", "--budget", "1m"), "--budget must be left out where several processes train"),
        ((), "--strategy probe must be run by one process, since it trains no network, but 2 were started"),
        (("--label-columns", "a,b"), "A fit of several tasks must be run by one process, but 2 were started"),
    ],
    ids=["budget", "probe", "tasks"],
)
def test_what_several_processes_cannot_do_is_told(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rank: int, options: tuple[str, ...], words: str
) -> None:
    from regraft.finetuning import launching

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(launching, "GRACE", 0.0)
    for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE", "TORCHELASTIC_RUN_ID"):
        monkeypatch.setenv(name, "2")
    for name in ("RANK", "LOCAL_RANK"):
        monkeypatch.setenv(name, str(rank))
    ran = cli("fit", "absent", "--out", tmp_path / "run", *options)
    assert ran.code == 2
    assert words in ran.err
    assert ran.out.startswith("Checkpoints: ") == (rank == 0 and "finetune" in options)
    assert list(tmp_path.iterdir()) == []
