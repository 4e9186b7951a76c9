"""What torchrun and srun say of the processes they start; one of them says what all run into."""

from __future__ import annotations

import pytest

from regraft.errors import UsageError
from regraft.finetuning import launching as module
from regraft.finetuning.launching import check_alone, launched, one_voice
from regraft.finetuning.processes import ALONE, Processes

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


def test_what_torchrun_says(by_torchrun: None) -> None:
    found = launched()
    assert found == Processes(3, 4, 1, 2)
    assert not found.first and found.several
    assert type(found.environment()).__name__ == "TorchElasticEnvironment"


def test_one_process_of_torchrun_is_alone(by_torchrun: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in zip(OF_TORCHRUN[:4], "0101", strict=True):
        monkeypatch.setenv(name, value)
    assert launched() == ALONE
    assert type(launched().environment()).__name__ == "LightningEnvironment"


def test_what_srun_says(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in zip(OF_SRUN, ("4", "4", "2", "3", "1"), strict=True):
        monkeypatch.setenv(name, value)
    assert launched() == Processes(3, 4, 1, 2)
    assert type(launched().environment()).__name__ == "SLURMEnvironment"


def test_a_job_of_slurm_without_srun_is_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_NTASKS", "4")
    monkeypatch.setenv("SLURM_PROCID", "0")
    assert launched() == ALONE


def test_srun_without_the_number_on_each_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "4")
    with pytest.raises(UsageError, match=r"srun must be told the number of processes .* add --ntasks-per-node"):
        launched()


def test_machines_with_different_numbers_of_processes(by_torchrun: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "5")
    with pytest.raises(
        UsageError, match=r"Every machine must run as many processes .* of 5 this one runs 2; start the"
    ):
        launched()


def test_what_one_does_alone(by_torchrun: None) -> None:
    with pytest.raises(
        UsageError, match=r"A dance must be run by one process, but 4 were started; leave torchrun .*fit"
    ):
        check_alone("A dance")


@pytest.mark.parametrize(
    ("rank", "waited", "interrupted"), [("0", [], KeyboardInterrupt), ("1", [module.GRACE], SystemExit)], ids=["0", "1"]
)
def test_the_first_speaks_before_the_others(
    rank: str, waited: list[float], interrupted: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setattr(module.time, "sleep", slept.append)
    with pytest.raises(UsageError, match="no"), one_voice():
        raise UsageError("no")
    with pytest.raises(interrupted), one_voice():
        raise KeyboardInterrupt
    with pytest.raises(SystemExit), one_voice():
        raise SystemExit(0)
    assert slept == waited
