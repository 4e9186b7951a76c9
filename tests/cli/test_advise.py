"""regraft advise: what is printed, and JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Cli = Callable[..., Any]

TINY = ("--backbone", "test_convnext", "--weights", "none")


def test_says_size_similarity_gain_and_what_to_run(cli: Cli, colours: Path) -> None:
    ran = cli("advise", colours, "--backbone", "tf_efficientnet_lite0")
    assert (ran.code, ran.err) == (0, "")
    for start in (
        "18 training images in 3 classes.",
        "size        Small: 18 training images, 6 in the median class of 3",
        "overlap     By name, none of the 3 classes is among the source's own 1,000.",
        "probe       Cross-validated accuracy ",
        "labels      ",
        "quadrant    small and ",
        "strategy    probe. ",
        f"command     regraft fit {colours} --strategy probe --backbone tf_efficientnet_lite0",
    ):
        assert f"\n{start}" in f"\n{ran.out}"
    assert "for twice the labels" in ran.out


def test_json_alone_on_stdout(cli: Cli, colours: Path) -> None:
    ran = cli("advise", colours, *TINY, "--json")
    found = json.loads(ran.out)
    assert found["strategy"] in ("probe", "finetune", "auto", "scratch")
    assert ran.err.startswith("18 training images in 3 classes.\n")
    assert cli("advise", colours, *TINY, "--json", "--quiet").err == ""


def test_quiet_leaves_the_notes_out(cli: Cli, colours: Path) -> None:
    loud, quiet = cli("advise", colours, *TINY).out, cli("advise", colours, *TINY, "--quiet").out
    assert "\nnote        Not known: " in loud
    assert "note " not in quiet
    assert quiet.startswith("size        Small")


def test_what_cannot_be_probed_is_said(cli: Cli, tmp_path: Path) -> None:
    from PIL import Image

    for name in ("a", "b"):
        (tmp_path / "data" / name).mkdir(parents=True)
        Image.fromarray(np.random.default_rng(ord(name)).integers(0, 255, (40, 40, 3), np.uint8)).save(
            tmp_path / "data" / name / "one.png"
        )
    ran = cli("advise", tmp_path / "data", *TINY)
    assert ran.code == 0
    assert "probe       Undefined: no probe could be fitted. No class has two examples" in ran.out
    assert f"command     regraft audit {tmp_path / 'data'}" in ran.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(("--seed", "-1"), "--seed must be 0 or above, not -1"), (("--backbone", "lite9"), "--backbone must be one of")],
)
def test_wrong_requests_are_answered(cli: Cli, colours: Path, arguments: tuple[str, ...], words: str) -> None:
    ran = cli("advise", colours, *arguments)
    assert ran.code == 2
    assert words in ran.err
