"""How many cores a pass may use."""

from __future__ import annotations

import os

import pytest

from regraft.errors import UsageError
from regraft.features.cores import CORES, core_limit, cores


def test_all_of_the_process_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CORES, raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 2, 5}, raising=False)
    assert (core_limit(), cores()) == (None, 3)
    monkeypatch.setenv(CORES, "2")
    assert (core_limit(), cores()) == (2, 2)
    monkeypatch.setenv(CORES, "64")
    assert cores() == 3


@pytest.mark.parametrize("given", ["0", "-1", "two", "1.5"])
def test_other_than_a_whole_number_above_0_is_refused(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CORES, given)
    with pytest.raises(UsageError, match=f"REGRAFT_CORES must be a whole number above 0, not '{given}'; unset it"):
        core_limit()


def test_the_network_runs_on_no_more(monkeypatch: pytest.MonkeyPatch, colours: object) -> None:
    from regraft.backbones.lookup import get_backbones
    from regraft.features.engine_openvino import OpenVINOEngine, forget_compiled

    [backbone] = get_backbones("test_efficientnet", weights="none")
    monkeypatch.setenv(CORES, "1")
    forget_compiled()
    compiled = OpenVINOEngine(backbone, "f32")._compiled
    assert compiled.get_property("INFERENCE_NUM_THREADS") == 1
    assert not compiled.get_property("ENABLE_CPU_PINNING")
    forget_compiled()
