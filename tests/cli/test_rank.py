"""regraft rank: what is printed, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Cli = Callable[..., Any]
TINY = "test_resnet:random,test_vit:random"


def test_the_table(cli: Cli, colours: Path) -> None:
    ran = cli("rank", colours, "--backbones", f"tf_efficientnet_lite0,{TINY}", "--layers")
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert lines[0] == "18 training images in 3 classes."
    assert lines[1].split() == ["network", "probe", "LogME", "H-score", "LEEP", "NCE", "TransRate"]
    rows = {line.split()[0]: line.split() for line in lines[2:5]}
    assert rows.keys() == {"tf_efficientnet_lite0", "test_resnet:random", "test_vit:random"}
    assert rows["tf_efficientnet_lite0"][1].startswith("1.000±")
    assert rows["test_vit:random"][4:6] == ["–", "–"]
    assert any(line.startswith("tau with the probe  LogME ") and "LEEP –" in line for line in lines)
    assert any(line.startswith("raw pixels ") and "most frequent class 0.333" in line for line in lines)
    start = next(i for i, line in enumerate(lines) if line.startswith("layers of tf_efficientnet_lite0"))
    assert lines[start + 1].startswith("conv_stem")
    assert lines[-2].startswith("Transfer from tf_efficientnet_lite0: ")
    assert lines[-1] == f"  regraft fit {colours} --backbone tf_efficientnet_lite0"


def test_json_is_all_that_is_on_stdout(cli: Cli, colours: Path) -> None:
    ran = cli("rank", colours, "--backbones", TINY, "--json", "--no-combinations")
    assert (ran.code, ran.err) == (0, "18 training images in 3 classes.\n")
    found = json.loads(ran.out)
    assert {row["backbone"] for row in found["rows"]} == set(TINY.split(","))
    assert found["tau"]["leep"] is None
    assert (found["layers"], found["combinations"]) == ([], [])


def test_quiet_leaves_out_the_notes(cli: Cli, colours: Path) -> None:
    ran = cli("rank", colours, "--backbones", TINY, "--quiet")
    assert ran.out.startswith("network")
    assert "tau needs" not in ran.out


def test_what_is_refused(cli: Cli, colours: Path) -> None:
    ran = cli("rank", colours, "--backbones", "cnn4,cnn4")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "Error: --backbones must name each network once, but cnn4:random is there twice; leave one out.\n"
