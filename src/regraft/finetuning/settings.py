"""How a network is trained: every choice a user has, checked before any work is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

from regraft.errors import UsageError

Schedule = Literal["together", "head-first", "gradual", "layer-by-layer"]

CHOICES: dict[str, tuple[str, ...]] = {
    "schedule": ("together", "head-first", "gradual", "layer-by-layer"),
    "optimizer": ("adamw", "adam", "sgd"),
    "rate": ("one-cycle", "cosine", "constant"),
    "mix": ("none", "mixup", "cutmix"),
    "augment": ("none", "light", "recipe", "strong"),
    "flips": ("auto", "on", "off"),
    "regularize": ("none", "l2-sp", "delta"),
    "precision": ("auto", "f32", "bf16"),
}
"""The settings that are one of a few words."""


@dataclass(frozen=True)
class Training:
    """How a network is trained.

    What is None is settled by the strategy: fine-tuning is gentle and short, training from scratch is neither.

    Parameters
    ----------
    unfreeze : str, optional
        The lowest stage that is trained, such as "blocks.5"; "all", or "head" for the new head alone.
    schedule : {"together", "head-first", "gradual", "layer-by-layer"}
        All stages at once; the head alone before the rest; one stage more at a time, from the top; or one stage
        at a time while all others are fixed.
    epochs : int, optional
        Passes over the training images.
    batch_size : int
        Images a step, of all processes together where several train.
    optimizer : {"adamw", "adam", "sgd"}
    learning_rate : float, optional
        The largest, for the topmost stage.
    rate : {"one-cycle", "cosine", "constant"}
        How the learning rate goes; cosine begins with a warm-up.
    layer_decay : float, optional
        Each stage learns at this share of the rate of the stage above it, above 0 and at most 1.
    head_rate : float
        The head learns so many times as fast as the topmost stage.
    weight_decay : float, optional
    label_smoothing : float
        Share of the truth that is spread over all classes, from 0 to below 1.
    mix : {"none", "mixup", "cutmix"}
        Pairs of training images blended, or cut into each other.
    augment : {"none", "light", "recipe", "strong"} or mapping, optional
        How training images are varied; or the fields of an `Augmentation`.
    flips : {"auto", "on", "off"}
        Whether images are mirrored; "auto" leaves it out where mirrored images are named worse.
    views : int
        Variants of each image that are computed, kept and taken in turn.
    regularize : {"none", "l2-sp", "delta"}
        What holds the network near its pretrained start.
    strength : float
        Of that.
    lora : int
        Rank of the low-rank adapters that are trained instead of the linear layers; 0 for none.
    patience : int, optional
        Epochs without a better validation loss after which training ends.
    average : bool
        Whether the weights are averaged over the last steps.
    clip : float
        Largest norm of the gradient; 0 for no limit.
    precision : {"auto", "f32", "bf16"}
        "auto" takes bf16 where it has shown to be faster on this machine.
    cut : bool
        Whether the frozen lower part of the network is computed once for all epochs.
    refit : bool
        Whether, once the best epoch is known, the validation images that were set aside of the training part are
        learnt from too, in a second training of so many epochs.
    """

    unfreeze: str | None = None
    schedule: Schedule = "together"
    epochs: int | None = None
    batch_size: int = 32
    optimizer: str = "adamw"
    learning_rate: float | None = None
    rate: str = "one-cycle"
    layer_decay: float | None = None
    head_rate: float = 1.0
    weight_decay: float | None = None
    label_smoothing: float = 0.1
    mix: str = "none"
    augment: str | Mapping[str, Any] | None = None
    flips: str = "auto"
    views: int = 4
    regularize: str = "none"
    strength: float = 0.01
    lora: int = 0
    patience: int | None = None
    average: bool = True
    clip: float = 1.0
    precision: str = "auto"
    cut: bool = True
    refit: bool = True

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            value = getattr(self, name)
            if isinstance(value, Mapping):
                continue
            if value is not None and value not in choices:
                raise UsageError(f"--{_flag(name)} must be one of {', '.join(choices)}, not {value!r}.")
        for name, low, high in _BOUNDS:
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise UsageError(f"--{_flag(name)} must be from {low:g} to {high:g}, not {value}.")

    def given(self) -> dict[str, Any]:
        """Return the settings that are not as they come."""
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != f.default}

    def settled(self, **defaults: Any) -> Training:
        """Return the same with what is None replaced."""
        return replace(self, **{name: value for name, value in defaults.items() if getattr(self, name) is None})

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


_BOUNDS = (
    ("epochs", 1, 10_000),
    ("batch_size", 2, 4096),
    ("learning_rate", 1e-8, 10),
    ("layer_decay", 0.01, 1),
    ("head_rate", 0.01, 1000),
    ("weight_decay", 0, 1),
    ("label_smoothing", 0, 0.9),
    ("views", 1, 64),
    ("strength", 0, 100),
    ("lora", 0, 512),
    ("patience", 1, 10_000),
    ("clip", 0, 1e6),
)


def _flag(name: str) -> str:
    return name.replace("_", "-")
