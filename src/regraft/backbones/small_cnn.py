"""The small convolutional networks that start from nothing: the control group of transfer."""

from __future__ import annotations

from typing import Any

import torch
from timm.models import generate_default_cfgs, register_model
from torch import nn

from regraft.errors import UsageError

SIZE = 150
"""Height and width in pixels of the images that these networks are drawn for."""


class SmallCNN(nn.Module):
    """Blocks of convolution and max-pooling, then dense layers; with timm's contract.

    Parameters
    ----------
    name : str
        What the user calls it.
    widths : tuple of int
        Channels of each block: a convolution of 3 x 3 without padding, ReLU, and max-pooling of 2 x 2.
    hidden : tuple of int
        Units of each dense layer with ReLU; the last ones are the features.
    dropout : float
        Share of each dense layer's outputs that is dropped while training.
    num_classes : int
        Of the classifier; 0 for none.
    img_size : int
        Height and width in pixels: the first dense layer has a weight for each place of the last map.

    Raises
    ------
    UsageError
        If the images are so small that nothing is left of them after the last block.
    """

    def __init__(
        self,
        name: str,
        widths: tuple[int, ...],
        hidden: tuple[int, ...],
        *,
        dropout: float = 0.0,
        num_classes: int = 0,
        img_size: int = SIZE,
        pretrained_cfg: Any = None,
    ) -> None:
        super().__init__()
        side = _side_after(img_size, len(widths))
        if side < 1:
            least = next(size for size in range(img_size, SIZE) if _side_after(size, len(widths)) == 1)
            raise UsageError(f"--image-size must be at least {least} pixels for {name}, not {img_size}.")
        self.pretrained_cfg = pretrained_cfg
        self.num_classes = num_classes
        self.num_features = widths[-1]
        self.head_hidden_size = hidden[-1]
        self.feature_info = [
            {"num_chs": width, "reduction": 2 ** (i + 1), "module": f"blocks.{i}"} for i, width in enumerate(widths)
        ]
        self.blocks = nn.Sequential(*(_block(*pair) for pair in zip((3, *widths), widths, strict=False)))
        units = (side * side * widths[-1], *hidden)
        self.dense = nn.Sequential(*(_dense(*pair, dropout) for pair in zip(units, hidden, strict=False)))
        self.head: nn.Module = nn.Linear(hidden[-1], num_classes) if num_classes else nn.Identity()
        self.apply(_he_normal)

    def get_classifier(self) -> nn.Module:
        """Return the last layer."""
        return self.head

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """Replace the last layer by a new one for another number of classes."""
        self.num_classes = num_classes
        self.head = nn.Linear(self.head_hidden_size, num_classes) if num_classes else nn.Identity()
        self.head.apply(_he_normal)

    def forward_features(self, x: torch.Tensor) -> torch.Tensor:
        """Map images (n, 3, size, size) to the last feature map (n, c, h, w)."""
        return self.blocks(x)

    def forward_head(self, x: torch.Tensor, pre_logits: bool = False) -> torch.Tensor:
        """Map the last feature map to the features (n, d), or on to the logits (n, k)."""
        x = self.dense(x.flatten(1))
        return x if pre_logits else self.head(x)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map images (n, 3, size, size) to logits (n, k)."""
        return self.forward_head(self.forward_features(x))


def _side_after(size: int, blocks: int) -> int:
    for _ in range(blocks):
        size = max(size - 2, 0) // 2
    return size


def _block(before: int, width: int) -> nn.Sequential:
    # The greatest of four is the same before and after ReLU, which is cheaper on a quarter of the values.
    return nn.Sequential(nn.Conv2d(before, width, 3), nn.MaxPool2d(2), nn.ReLU())


def _dense(before: int, units: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(nn.Linear(before, units), nn.ReLU(), nn.Dropout(dropout))


def _he_normal(layer: nn.Module) -> None:
    if isinstance(layer, nn.Conv2d | nn.Linear):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def _facts() -> dict[str, Any]:
    return {
        "url": "",
        "num_classes": 0,
        "input_size": (3, SIZE, SIZE),
        "fixed_input_size": True,
        "mean": (0.0, 0.0, 0.0),
        "std": (1.0, 1.0, 1.0),
        "crop_pct": 1.0,
        "interpolation": "bilinear",
        "first_conv": "blocks.0.0",
        "classifier": "head",
    }


default_cfgs = generate_default_cfgs({"cnn3": _facts(), "cnn4": _facts()})


def _made(name: str, settings: dict[str, Any], **shape: Any) -> SmallCNN:
    # What timm hands to every network about its pretrained weights; these have none.
    for fact in ("pretrained_cfg", "pretrained_cfg_overlay", "cache_dir"):
        settings.pop(fact, None)
    return SmallCNN(name, pretrained_cfg=default_cfgs[name].default.to_dict(), **shape, **settings)


@register_model
def cnn3(pretrained: bool = False, **settings: Any) -> SmallCNN:
    """Return three blocks and one dense layer of 512."""
    return _made("cnn3", settings, widths=(32, 64, 128), hidden=(512,))


@register_model
def cnn4(pretrained: bool = False, **settings: Any) -> SmallCNN:
    """Return four blocks, two dense layers of 512, and dropout."""
    return _made("cnn4", settings, widths=(32, 64, 128, 128), hidden=(512, 512), dropout=0.3)
