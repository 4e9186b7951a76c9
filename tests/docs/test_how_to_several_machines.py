"""Every command of the how-to on several machines is run by two processes here, and gives what one process gives."""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "several-machines.md"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SMALL = ["--backbone", "test_efficientnet", "--weights", "none", "--engine", "torch", "--precision", "f32"]
SMALL += ["--epochs", "2", "--batch-size", "8", "--no-refit", "--augment", "none", "--learning-rate", "0.0003"]


def blocks(kind: str) -> list[str]:
    return [content for named, content in BLOCK.findall(PAGE.read_text(encoding="utf-8")) if named == kind]


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def torchrun(line: str, *more: str) -> list[str]:
    """Return the words of a command of torchrun as it is run here."""
    program, *words = shlex.split(line.replace("machine-1:29400", f"127.0.0.1:{free_port()}"))
    assert program == "torchrun"
    return [sys.executable, "-m", "torch.distributed.run", *words, *more]


@pytest.fixture(scope="module")
def environment(cache: Path) -> dict[str, str]:
    known = (
        "RANK",
        "WORLD_SIZE",
        "LOCAL_RANK",
        "LOCAL_WORLD_SIZE",
        "TORCHELASTIC_RUN_ID",
        "MASTER_ADDR",
        "MASTER_PORT",
    )
    return {name: value for name, value in os.environ.items() if name not in known and not name.startswith("SLURM")}


@pytest.fixture
def started(environment: dict[str, str]) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Return a function that starts a process, which is ended at the latest with the test."""
    running: list[subprocess.Popen[str]] = []

    def start(words: list[str], **variables: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            words,
            env={**environment, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, draw_classes: Callable[..., Path]) -> Path:
    folder = tmp_path_factory.mktemp("machines") / "flowers"
    for part, count, seed in (("train", 9, 0), ("val", 5, 50), ("test", 4, 90)):
        draw_classes(folder / part, count, seed=seed)
    return folder


@pytest.fixture
def place(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder that the commands are run in, with the data."""
    (tmp_path / "flowers").symlink_to(data)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def alone(data: Path, place: Path, cli: Callable[..., Any]) -> Path:
    """Return the folder of the run of one process."""
    run = data.with_name("alone")
    if not run.exists():
        ran = cli("fit", "flowers", "--strategy", "finetune", "--out", run, *SMALL)
        assert ran.code == 0, ran.err
    return run


def check_same(alone: Path) -> None:
    """Check that the run in `tuned` has the figures of the run of one process."""
    found, expected = (json.loads((run / "result.json").read_text()) for run in (Path("tuned"), alone))
    assert [epoch["epoch"] for epoch in found["history"]] == [1, 2]
    for epoch, other in zip(found["history"], expected["history"], strict=True):
        for name in ("train_loss", "val_loss", "val_accuracy", "learning_rate"):
            assert epoch[name] == pytest.approx(other[name], rel=1e-4), name
    for name in ("accuracy", "log_loss"):
        assert found["metrics"]["test"][name] == pytest.approx(expected["metrics"]["test"][name], rel=1e-3)


def ended(process: subprocess.Popen[str]) -> str:
    said, _ = process.communicate(timeout=240)
    assert process.returncode == 0, said
    return said


def test_several_on_one_machine(place: Path, alone: Path, started: Callable[..., Any]) -> None:
    one, _ = "".join(blocks("shell")).splitlines()
    said = ended(started(torchrun(one, *SMALL)))
    assert said.count("Checkpoints: ") == said.count("epoch   2") == said.count("report      tuned") == 1
    check_same(alone)
    assert sorted(path.name for path in place.iterdir()) == ["flowers", "tuned"]
    from regraft.classifier import Classifier

    images = sorted(Path("flowers/test").glob("*/*.jpg"))
    ours, theirs = (Classifier.load(run / "model.regraft").predict_proba(images) for run in (place / "tuned", alone))
    np.testing.assert_allclose(ours, theirs, atol=1e-3)


def test_several_machines(alone: Path, started: Callable[..., Any]) -> None:
    _, two = "".join(blocks("shell")).splitlines()
    assert "--nnodes 2 --nproc-per-node 4" in two
    words = torchrun(two.replace("--nproc-per-node 4", "--nproc-per-node 1"), *SMALL)
    machines = [started(words) for _ in range(2)]
    said = [ended(machine) for machine in machines]
    assert sorted(text.count("epoch   2") for text in said) == [0, 1]
    check_same(alone)


def test_slurm(alone: Path, started: Callable[..., Any]) -> None:
    [script] = blocks("bash")
    nodes, each = (
        re.findall(rf"^#SBATCH --{name}=(\d+)$", script, re.MULTILINE) for name in ("nodes", "ntasks-per-node")
    )
    assert (nodes, each) == (["2"], ["4"])
    program, _, *words = shlex.split(script.splitlines()[-1])
    assert (program, words[0]) == ("srun", "regraft")
    # What srun sets, for two tasks on one machine.
    job = {"SLURM_JOB_ID": "7", "SLURM_JOB_NAME": "fit", "SLURM_NODELIST": "127.0.0.1", "SLURM_NNODES": "1"}
    job |= dict.fromkeys(("SLURM_NTASKS", "SLURM_STEP_NUM_TASKS", "SLURM_NTASKS_PER_NODE"), "2")
    job |= {"SLURM_NODEID": "0", "MASTER_PORT": str(free_port())}
    command = [sys.executable, "-m", *words, *SMALL]
    tasks = [started(command, **job, SLURM_PROCID=str(rank), SLURM_LOCALID=str(rank)) for rank in range(2)]
    said = [ended(task) for task in tasks]
    assert said[1] == ""
    assert said[0].count("epoch   2") == 1
    check_same(alone)


def test_the_program_is_the_one_of_always(place: Path) -> None:
    [program] = blocks("python")
    small = 'backbone="test_efficientnet", weights="none", engine="torch", training=regraft.Training(epochs=1)'
    whole = program.replace('strategy="finetune"', f'strategy="finetune", {small}')
    assert whole != program
    exec(compile(whole, "page", "exec"), {})
    assert (place / "flowers.regraft").is_file()
