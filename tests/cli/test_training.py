"""The options of a training: each setting has one, with its default, and nothing is stated twice."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import click
import pytest
from click.testing import CliRunner

from regraft.cli.training import take_training, training_options
from regraft.errors import UsageError
from regraft.finetuning.settings import CHOICES, Training

CHANGED: dict[str, Any] = {
    "unfreeze": "blocks.5",
    "schedule": "gradual",
    "epochs": 3,
    "batch_size": 16,
    "optimizer": "sgd",
    "learning_rate": 0.5,
    "rate": "cosine",
    "layer_decay": 0.5,
    "head_rate": 2.0,
    "weight_decay": 0.5,
    "label_smoothing": 0.0,
    "mix": "mixup",
    "augment": "strong",
    "flips": "off",
    "views": 2,
    "regularize": "delta",
    "strength": 1.0,
    "lora": 4,
    "patience": 2,
    "average": False,
    "clip": 0.0,
    "precision": "bf16",
    "cut": False,
    "refit": False,
}


def parse(*arguments: str) -> Training:
    found: list[Training] = []

    @click.command
    @training_options()
    @click.option("--seed", type=int, default=0)
    def command(**settings: Any) -> None:
        found.append(take_training(settings))
        assert set(settings) == {"seed"}

    CliRunner().invoke(command, arguments, catch_exceptions=False, standalone_mode=False)
    return found[0]


def test_without_options_a_training_is_as_it_comes() -> None:
    assert parse() == Training()


@pytest.mark.parametrize("name", [field.name for field in fields(Training)])
def test_each_setting_has_an_option(name: str) -> None:
    value = CHANGED[name]
    flag = name.replace("_", "-")
    given = (f"--no-{flag}",) if value is False else (f"--{flag}", str(value))
    assert parse(*given) == Training(**{name: value})
    assert parse(*given) != Training()


@pytest.mark.parametrize("name", CHOICES)
def test_words_are_those_of_the_settings(name: str) -> None:
    with pytest.raises(click.BadParameter, match="is not one of " + ", ".join(f"'{word}'" for word in CHOICES[name])):
        parse(f"--{name.replace('_', '-')}", "strange")


def test_what_is_out_of_range() -> None:
    with pytest.raises(UsageError, match="--batch-size must be from 2 to 4096, not 1"):
        parse("--batch-size", "1")
    with pytest.raises(click.BadParameter, match="'many' is not a valid integer"):
        parse("--epochs", "many")
