"""What `fit_tasks` is asked for, checked before any work is done."""

from __future__ import annotations

from collections.abc import Sequence

from regraft.backbones.registry import Backbone
from regraft.backbones.stage_names import HEAD
from regraft.errors import UsageError
from regraft.finetuning.settings import Training
from regraft.multitask.tasks import Task
from regraft.multitask.weighting import WEIGHTINGS

STRATEGIES = ("probe", "finetune")

MEANINGLESS = ("schedule", "mix", "regularize", "lora")
"""Settings of a training that several tasks have not."""


def check_request(strategy: str, training: Training, weighting: str, test_size: float, seed: int) -> None:
    """Raise UsageError for what cannot be done, whatever the data are."""
    if strategy not in STRATEGIES:
        raise UsageError(
            f"--strategy must be {' or '.join(STRATEGIES)} where there are several tasks, not {strategy!r}; leave it "
            "out for heads on frozen features."
        )
    if weighting not in WEIGHTINGS:
        raise UsageError(f"--weighting must be one of {', '.join(WEIGHTINGS)}, not {weighting!r}.")
    if not 0 < test_size < 1:
        raise UsageError(f"--test-size must be a share between 0 and 1, not {test_size}.")
    if seed < 0:
        raise UsageError(f"--seed must be 0 or above, not {seed}.")
    given = training.given()
    if strategy == "probe" and given:
        raise UsageError(
            f"--{next(iter(given)).replace('_', '-')} is for training a network, but --strategy is probe; use "
            "--strategy finetune, or leave it out."
        )
    for name in MEANINGLESS:
        if name in given:
            raise UsageError(f"--{name} has no meaning where several tasks are fine-tuned together; leave it out.")
    if strategy == "finetune" and training.unfreeze == HEAD:
        raise UsageError(
            "--unfreeze must be a stage or all where several tasks are fine-tuned together, not head: they would share "
            "nothing that learns."
        )


def one_backbone(backbones: Sequence[Backbone]) -> Backbone:
    """Return the only backbone.

    Raises
    ------
    UsageError
        If there are several.
    """
    if len(backbones) > 1:
        raise UsageError(
            f"--backbone must name one network where several tasks are fine-tuned together, but names "
            f"{len(backbones)}; name one of them."
        )
    return backbones[0]


def check_single(tasks: Sequence[Task]) -> None:
    """Raise UsageError where the only task is one of classes, which a fit without --label-columns does better.

    Parameters
    ----------
    tasks : sequence of Task
    """
    if len(tasks) == 1 and tasks[0].kind == "classes":
        raise UsageError(
            f"--label-columns must name two columns or more, or one of numbers, ordered classes or several labels a "
            f"cell, but {tasks[0].name!r} is one of classes; give it to --label-column, or say what it is with "
            "--task-kinds."
        )
