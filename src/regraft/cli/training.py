"""The options of a training, each with the default of `Training`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import click

from regraft.cli.options import add, option
from regraft.finetuning.settings import CHOICES, Training

_HELP = {
    "unfreeze": "The lowest stage that is trained, such as blocks.5; all, or head for the new head alone.",
    "schedule": "All stages at once, the head first, one stage more at a time, or one at a time.",
    "epochs": "Passes over the training images.",
    "batch_size": "Images a step, of all processes together.",
    "optimizer": "What moves the weights.",
    "learning_rate": "The largest, of the topmost stage.",
    "rate": "How the learning rate goes.",
    "layer_decay": "Each stage's share of the learning rate of the stage above it.",
    "head_rate": "The head's learning rate, in those of the topmost stage.",
    "weight_decay": "Of the optimizer.",
    "label_smoothing": "Share of the truth that is spread over all classes.",
    "mix": "Training images blended, or cut into each other.",
    "augment": "How training images are varied [default: light].",
    "flips": "Mirror images; auto leaves it out where mirrored images are named worse.",
    "views": "Variants of each image that are computed and kept.",
    "regularize": "What holds the network near its pretrained start.",
    "strength": "Of that.",
    "lora": "Rank of low-rank adapters trained instead of linear layers; 0 for none.",
    "patience": "Epochs without a better validation loss until training ends.",
    "average": "Average the weights over the last steps.",
    "clip": "Largest norm of the gradient; 0 for no limit.",
    "precision": "auto takes bf16 where it is faster on this machine.",
    "cut": "Compute the frozen lower part of the network once for all epochs.",
    "refit": "Train once more on all training images when the best epoch is known.",
}

_TYPES: dict[str, Any] = {
    "epochs": int,
    "batch_size": int,
    "views": int,
    "lora": int,
    "patience": int,
    "learning_rate": float,
    "layer_decay": float,
    "head_rate": float,
    "weight_decay": float,
    "label_smoothing": float,
    "strength": float,
    "clip": float,
}


def training_options() -> Callable[[Any], Any]:
    """Return an option for each setting of `Training`."""
    return add([_option(field.name) for field in fields(Training)])


def _option(name: str) -> Callable[[Any], Any]:
    flag = f"--{name.replace('_', '-')}"
    if name in ("average", "cut", "refit"):
        return option(Training, f"{flag}/--no-{name}", help=_HELP[name])
    kind = click.Choice(CHOICES[name]) if name in CHOICES else _TYPES.get(name, str)
    return option(Training, flag, type=kind, help=_HELP[name])


def take_training(settings: dict[str, Any]) -> Training:
    """Take the settings of a training out of a command's options.

    Raises
    ------
    UsageError
        If one is out of range.
    """
    return Training(**{field.name: settings.pop(field.name) for field in fields(Training)})
