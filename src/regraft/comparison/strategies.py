"""What can be compared: each strategy by name, and what `fit` is called with for it."""

from __future__ import annotations

from dataclasses import dataclass, field

from regraft.finetuning.settings import Training

RANDOM_BACKBONE = "tf_efficientnet_lite0"
"""The network that "random-backbone" trains where none is named."""


@dataclass(frozen=True)
class Strategy:
    """What `fit` is called with.

    Parameters
    ----------
    strategy : {"probe", "finetune", "scratch"}
    training : Training
    transfers : bool
        Whether the network was trained on other images before.
    small : bool
        Whether it is scratch's own small network, and not the backbone that the user named.
    """

    strategy: str
    training: Training = field(default_factory=Training)
    transfers: bool = True
    small: bool = False


STRATEGIES: dict[str, Strategy] = {
    "scratch": Strategy("scratch", Training(augment="none", epochs=20, patience=5), transfers=False, small=True),
    "scratch-augmented": Strategy("scratch", Training(augment="recipe", epochs=25), transfers=False, small=True),
    "random-backbone": Strategy("scratch", transfers=False),
    "probe": Strategy("probe"),
    "frozen-augmented": Strategy("finetune", Training(unfreeze="head", augment="light")),
    "finetune": Strategy("finetune"),
    "finetune-all": Strategy("finetune", Training(unfreeze="all")),
}

DEFAULTS = {
    "image": ("scratch", "scratch-augmented", "probe", "frozen-augmented", "finetune"),
    "audio": ("scratch", "scratch-augmented", "probe", "finetune"),
    "text": ("probe", "finetune"),
}
"""What is compared of each modality; of texts, TF-IDF is the control that every row has beside it."""

AUGMENTED = {"audio": "strong"}
"""How "scratch-augmented" varies what has no recipe."""
