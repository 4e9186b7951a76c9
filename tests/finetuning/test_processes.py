"""Three processes train together what one trains alone; and what cannot be is refused."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from regraft.errors import RegraftError, UsageError
from regraft.finetuning.launching import launched
from regraft.finetuning.processes import ALONE, Processes, is_lost, lost

SCRIPT = Path(__file__).with_name("trained_together.py")
COUNT = 3
OF_TORCHRUN = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "TORCHELASTIC_RUN_ID")
OF_SRUN = ("SLURM_STEP_NUM_TASKS", "SLURM_NTASKS", "SLURM_NTASKS_PER_NODE", "SLURM_PROCID", "SLURM_LOCALID")
NAMES = (*OF_TORCHRUN, *OF_SRUN, "MASTER_ADDR", "MASTER_PORT")


@pytest.fixture(autouse=True)
def no_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def by_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make this process the second on the second of two machines, with two each."""
    for name, value in zip(OF_TORCHRUN, ("3", "4", "1", "2", "job"), strict=True):
        monkeypatch.setenv(name, value)


# --- one and several --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return the folder of what three processes gave, and what they printed."""
    folder = tmp_path_factory.mktemp("together")
    known = {name: value for name, value in os.environ.items() if name not in NAMES}
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(COUNT)]
    ran = subprocess.run(
        [*words, str(SCRIPT), str(folder)], env=known, capture_output=True, text=True, timeout=240, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr
    assert "Warning" not in ran.stderr
    return folder, ran.stdout


@pytest.fixture(scope="module")
def said(together: tuple[Path, str]) -> list[dict[str, Any]]:
    return [json.loads((together[0] / f"{rank}.json").read_text()) for rank in range(COUNT)]


def test_several_processes_train_what_one_trains(
    together: tuple[Path, str], said: list[dict[str, Any]], tmp_path: Path
) -> None:
    spec = importlib.util.spec_from_file_location("trained_together", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    start = {name: script._state(script._network(script.CASES[name][0])[0]) for name in script.CASES}
    for number, (name, weights, history) in enumerate(script.give(ALONE, tmp_path)):
        found = said[0]["trained"][number]
        assert found["name"] == name
        assert len(history) == (4 if name == "resumed" else 3)
        for epoch, other in zip(history, found["history"], strict=True):
            for key in ("epoch", "phase", "val_accuracy", "learning_rate"):
                assert epoch[key] == other[key]
            for key in ("train_loss", "val_loss"):
                assert epoch[key] == pytest.approx(other[key], rel=1e-4), (name, key)
        with np.load(together[0] / f"{number}.npz") as saved:
            assert set(saved) == set(weights)
            for key, values in weights.items():
                np.testing.assert_allclose(saved[key], values, atol=1e-4, rtol=1e-4, err_msg=f"{name}: {key}")
            if name in start:
                moved = max(np.abs(saved[key] - start[name][key]).max() for key in weights)
                assert moved > 1e-2, name


def test_all_processes_are_left_with_the_same_weights(said: list[dict[str, Any]]) -> None:
    assert all(trained["same"] for each in said for trained in each["trained"])


def test_a_loss_that_is_no_number_in_one_process_ends_the_training_in_all(said: list[dict[str, Any]]) -> None:
    notes = [each["diverged"] for each in said]
    assert notes == ["the loss is no longer a number at step 1 (epoch 1)"] * COUNT


def test_what_processes_tell_each_other(said: list[dict[str, Any]]) -> None:
    for each in said:
        assert each["talk"] == {
            "agree": 0.1,
            "total": [3.0, 3.0],
            "gather": [[1.0, 1.0], [2.0, 2.0], [2.0, 2.0]],
            "weights": [5.0],
            "unlike": "All processes must train alike, but process 2 has another backbone than the first; give each "
            "machine the same data, weights and options.",
            "missing": "--resume must name a folder that every process sees, but 1 of 3 find last.ckpt; put it where "
            "all machines reach it.",
        }


def test_one_process_of_a_machine_goes_first(together: tuple[Path, str]) -> None:
    assert (together[0] / "turn-0").read_text() == ""
    for rank in range(1, COUNT):
        assert "turn-0" in (together[0] / f"turn-{rank}").read_text()


def test_the_first_goes_on_alone(together: tuple[Path, str]) -> None:
    folder, printed = together
    assert printed.splitlines() == ["process 0 goes on alone"]
    assert json.loads((folder / "after.json").read_text()) == [1]


def test_one_process_has_no_one_to_talk_to() -> None:
    values = torch.arange(3.0)
    assert ALONE.first and not ALONE.several
    assert ALONE.agree(2.5) == 2.5
    assert ALONE.total(values) is values
    assert ALONE.gather(values) is values
    with ALONE.in_turn():
        ALONE.join()
        ALONE.share_weights(torch.nn.Linear(2, 2))
        ALONE.check_alike({"data set": "any"})
        ALONE.check_found(Path("last.ckpt"), False)
        ALONE.check("probe", 1, 5.0)
        ALONE.part()
    assert launched() == ALONE


# --- what is refused --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("strategy", "batch_size", "budget", "words"),
    [
        ("probe", 32, None, "--strategy probe must be run by one process, since .* but 4 were started; leave torchrun"),
        ("auto", 32, 60.0, "--budget must be left out where several processes train .* 4 were started; use --epochs"),
        ("scratch", 3, None, "--batch-size must be at least the number of processes, .* 4, not 3; raise it, or start"),
    ],
)
def test_what_several_cannot_do(strategy: str, batch_size: int, budget: float | None, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Processes(0, 4, 0, 4).check(strategy, batch_size, budget)
    Processes(0, 4, 0, 4).check("finetune", 4, None)


def test_more_processes_than_gpus(by_torchrun: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(UsageError, match="The processes on a machine must be as many as its GPUs at most, 1, not 2"):
        launched().join()


def test_processes_that_cannot_reach_each_other(by_torchrun: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any, **settings: Any) -> None:
        raise torch.distributed.DistNetworkError("The client socket has timed out. And so on.")

    monkeypatch.setenv("MASTER_ADDR", "machine-1")
    monkeypatch.setenv("MASTER_PORT", "29400")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.distributed, "init_process_group", refuse)
    words = (
        r"The 4 processes must reach each other at machine-1:29400, but process 3 cannot \(The client socket has timed "
        r"out\); open that port"
    )
    with pytest.raises(RegraftError, match=words):
        launched().join()


def test_a_process_that_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: Any) -> None:
        raise RuntimeError("[/src/gloo/tcp/pair.cc:561] Connection closed by peer [10.0.0.2]:80. This is typically")

    monkeypatch.setattr(torch.distributed, "broadcast", broken)
    words = (
        r"but one has gone \(Connection closed by peer \[10.0.0.2\]:80\); see what it said, and start them all again"
    )
    with pytest.raises(RegraftError, match=words):
        Processes(0, 2, 0, 2).agree(1.0)
    assert is_lost(torch.distributed.DistNetworkError("x"))
    assert not is_lost(RuntimeError("shapes differ"))
    assert str(lost(RuntimeError())).startswith("All processes must stay until the training is over")
