"""What `fit` is asked for, checked before any work is done; and what it stands for where the user says nothing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args

from regraft.auditing.order import blocks
from regraft.backbones.registry import DEFAULTS, Backbone
from regraft.data.dataset import Dataset
from regraft.errors import RegraftError, UsageError
from regraft.features.cache import source_folder
from regraft.finetuning.settings import Training
from regraft.heads import head_class
from regraft.transferability.overlap import Overlap, overlap_with, source_prior

Strategy = Literal["probe", "finetune", "scratch", "auto"]

Split = Literal["random", "blocks"]
SPLITS: tuple[Split, ...] = get_args(Split)
GENEROUS = 6.0
"""A budget so many times what is kept of it has time for everything."""

BLOCKS = 10
"""So many blocks of neighbouring examples are kept together."""

STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)

OF_STRATEGY = {
    # Fine-tuned, Lite2 is the best of the three, and differs from Lite0 the most.
    ("finetune", "image"): "tf_efficientnet_lite0+tf_efficientnet_lite2",
    ("scratch", "image"): "cnn4",
    ("scratch", "audio"): "cnn4",
}
"""The backbones of a strategy and a modality, where they are not the modality's own."""

AUTO: dict[str, dict[str, Any]] = {"logistic": {}, "centroid": {}, "knn": {}}
"""The heads that are compared where none is named."""

FEW_EACH, FEW_IN_ALL = 20, 200
"""Images to learn from up to which heads for few are compared: a class on average, and of all classes.

Mean accuracy of 8 draws on all other images, by images a class, of the usual heads and of those for few with views:

                    2             5             10            20            40
  flowers           0.640, 0.663  0.762, 0.771  0.807, 0.812  0.851, 0.856  0.890, 0.897
  hand signs        0.657, 0.689  0.778, 0.807  0.869, 0.886  0.919, 0.935  0.955, 0.965
  cats and dogs     0.961, 0.967  0.982, 0.983  0.983, 0.986  0.989, 0.988  0.993, 0.992

With more, the views' two passes more would be felt.
"""

FEW: dict[str, dict[str, Any]] = {
    "prototype": {},
    "logistic": {"C": 10.0, "powers": (0.5,)},  # with so few, a penalty that is chosen is chosen by chance
    "centroid": {},
}
"""The same, where a few examples a class are learnt from."""


def check_request(
    strategy: str,
    training: Training,
    budget: float | None,
    test_size: float,
    seed: int,
    head: str,
    checkpoints: str | Path | None,
    resume: str | Path | None,
    shots: int | None = None,
    unlabelled: Any = None,
) -> None:
    """Raise UsageError for what cannot be done, whatever the data are."""
    if shots is not None and shots < 1:
        raise UsageError(f"--shots must be a number of examples a class from 1 up, not {shots}.")
    if unlabelled is not None and strategy != "probe":
        raise UsageError(
            f"--unlabelled is for a head on frozen features, but --strategy is {strategy}; leave one of the two out."
        )
    if unlabelled is not None and shots == 1:
        raise UsageError(
            "--unlabelled must have 2 labelled examples a class or more, some of which judge whether it helps, but "
            "--shots is 1; raise it."
        )
    if shots is not None and strategy != "probe":
        raise UsageError(
            f"--shots is for a head on frozen features, but --strategy is {strategy}; a few examples a class cannot "
            "train a network: leave one of the two out."
        )
    if strategy not in STRATEGIES:
        raise UsageError(f"--strategy must be one of {', '.join(STRATEGIES)}, not {strategy!r}.")
    if not 0 < test_size < 1:
        raise UsageError(f"--test-size must be a share between 0 and 1, not {test_size}.")
    if seed < 0:
        raise UsageError(f"--seed must be 0 or above, not {seed}.")
    if budget is not None and not budget > 0:
        raise UsageError(f"--budget must be a time above 0, such as 90s, 5m or 1h, not {budget:g}.")
    if strategy != "probe":
        if training.epochs == 1 and training.schedule != "together":
            raise UsageError(f"--schedule {training.schedule} must have 2 epochs or more, not 1; raise --epochs.")
        if training.mix == "cutmix" and training.unfreeze == "head":
            raise UsageError("--mix must be mixup or none where the head alone is trained: there is no plane to cut.")
        if head not in ("auto", "logistic", "mlp"):
            raise UsageError(f"--head must be logistic or mlp where a network is trained, not {head}.")
        if strategy == "scratch" and training.regularize != "none":
            raise UsageError(
                f"--regularize must be none from scratch, not {training.regularize}: there is no pretrained start to "
                "stay near."
            )
        if strategy == "scratch" and training.unfreeze not in (None, "all"):
            raise UsageError(f"--unfreeze must be all from scratch, not {training.unfreeze}: nothing has been learnt.")
        return
    given = [*training.given()]
    given += [n for n, v in (("budget", budget), ("resume", resume), ("checkpoints", checkpoints)) if v is not None]
    if given:
        raise UsageError(
            f"--{given[0].replace('_', '-')} is for training a network, but --strategy is probe; "
            "use --strategy finetune, scratch or auto, or leave it out."
        )


def default_backbone(strategy: str, modality: str) -> str:
    """Return the backbones of a strategy where none is named.

    Raises
    ------
    UsageError
        If nothing suits.
    """
    if strategy == "scratch" and modality == "text":
        raise UsageError(
            "--strategy scratch is for images and recordings: with texts, the control that learnt nothing before is "
            "TF-IDF with logistic regression, which every fit shows; leave it out, or use --weights none."
        )
    return OF_STRATEGY.get((strategy, modality), DEFAULTS[modality])


def held_together(dataset: Dataset, split: str) -> Dataset:
    """Return the data with what must not straddle a split: blocks of neighbours, where they are asked for.

    Raises
    ------
    UsageError
        If examples cannot be held out as asked for.
    """
    if split not in SPLITS:
        raise UsageError(f"--split must be random or blocks, not {split!r}.")
    if split == "blocks" and dataset.split is not None:
        raise UsageError(
            "--split blocks is for data without a split of their own, but these have one; leave it out, or give the "
            "data as one folder."
        )
    if split == "blocks" and dataset.groups is not None:
        raise UsageError("--split blocks and --group-column exclude each other; the groups are kept together anyway.")
    if split == "random":
        return dataset
    note = f"{BLOCKS} blocks of neighbouring {dataset.things} are kept together"
    return replace(dataset, groups=blocks(dataset, BLOCKS), notes=(*dataset.notes, note))


def check_stage(backbones: tuple[Backbone, ...], training: Training) -> None:
    """Raise UsageError unless each network can be trained as asked for."""
    from regraft.finetuning.checks import check_trainable

    for backbone in backbones:
        check_trainable(backbone, training)


def heads_of(head: str, settings: dict[str, Any], *, few: bool = False) -> dict[str, dict[str, Any]]:
    """Return the heads to compare, with their settings; `few`: where a few examples a class are learnt from."""
    given = {name: value for name, value in settings.items() if value is not None}
    if head == "auto":
        if given:
            raise UsageError(f"--{next(iter(given)).replace('_', '-')} belongs to the mlp head; add --head mlp.")
        return FEW if few else AUTO
    if given and head != "mlp":
        raise UsageError(
            f"--{next(iter(given)).replace('_', '-')} belongs to the mlp head, but --head is {head}; "
            "use --head mlp or leave it out."
        )
    head_class(head)  # an unknown one is refused before the work, not after it
    if few and head == "mlp":
        raise UsageError(f"--head must be one of {', '.join(FEW)} or knn for a few examples a class, not mlp.")
    return {head: {**FEW.get(head, {}), **given} if few else given}


def with_source(
    heads: dict[str, dict[str, Any]], head: str, class_names: Sequence[str], backbones: Sequence[Backbone]
) -> tuple[dict[str, dict[str, Any]], Overlap | None]:
    """Return the heads to compare, the source's own among them where it had the classes; and which it had, by name.

    Parameters
    ----------
    heads : dict of str to dict
    head : str
        What was asked for: only "auto" is offered another.
    class_names : sequence of str
    backbones : sequence of Backbone
    """
    overlap = overlap_with(class_names, backbones, source_folder())
    if overlap is None or not overlap.found or head != "auto":
        return heads, overlap
    prior = source_prior(class_names, backbones, source_folder())
    return (heads if prior is None else {**heads, "source": prior}), overlap


def has_few(dataset: Dataset) -> bool:
    """Return whether there are so few images to learn from, and none to choose by, that heads for few suit them."""
    learnt = len(dataset.part("train"))
    return not len(dataset.part("val")) and learnt <= min(FEW_EACH * len(dataset.class_names), FEW_IN_ALL)


def network_head(heads: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the settings of an mlp head that is trained with its network."""
    return {"units": (256,), "dropout": 0.3, "batch_norm": True, **heads["mlp"]}


def reserve(budget: float, images: int) -> float:
    """Return the seconds of a budget that are kept for predicting the test images and writing it all down.

    A generous budget also has time for what the images that were learnt from look like to the trained network.
    """
    least = min(0.35 * budget, 8 + images / 200)
    whole = 8 + images / 200 + another_pass(images)
    return whole if budget > GENEROUS * whole else least


def another_pass(images: int) -> float:
    """Return about how many seconds a pass of images through a trained network takes."""
    return 3 + images / 60


def checkpoint_folder(checkpoints: str | Path | None, resume: str | Path | None) -> Path | None:
    """Return the folder of the checkpoints, which can be written to.

    Raises
    ------
    UsageError
        If there is no interrupted training to go on with.
    RegraftError
        If the place cannot be written.
    """
    if resume is not None:
        if not any(Path(resume).glob("*/last.ckpt")):
            raise UsageError(
                f"--resume must name the folder of a training that was interrupted, but {resume} has no checkpoint; "
                "leave it out to begin anew."
            )
        return Path(resume)
    if checkpoints is None:
        return None
    folder = Path(checkpoints)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error.strerror) from error
    if not os.access(folder, os.W_OK):
        raise _unwritable(folder, "no permission")
    return folder


def _unwritable(folder: Path, why: str | None) -> RegraftError:
    return RegraftError(
        f"The checkpoints must be written where folders can be made, but {folder} cannot ({why}); choose another place."
    )
