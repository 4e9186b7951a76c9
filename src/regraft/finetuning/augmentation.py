"""How training images are varied, one by one and in pairs; the same seed gives the same view in any thread."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from regraft.backbones.preprocessing import Preprocessing
from regraft.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

RATIO = (3 / 4, 4 / 3)
"""Width to height of a random crop, before it becomes a square."""

MIXUP_ALPHA, CUTMIX_ALPHA = 0.2, 1.0
"""Of the beta distribution of the shares; as in the papers."""


@dataclass(frozen=True)
class Augmentation:
    """Random changes of an image that leave its class as it is; as it comes, none at all.

    Parameters
    ----------
    rotation : float
        Degrees at most, either way.
    shift : float
        Share of the side at most, along each axis, either way.
    shear : float
        Degrees at most, either way.
    zoom : float
        Each axis is scaled by 1 - zoom to 1 + zoom.
    flip : bool
        Half of the views are mirrored left to right.
    crop : tuple of two floats, optional
        Smallest and largest share of the image's area that a random resized crop keeps, of width to height
        3/4 to 4/3; None takes the preprocessing's own centre.
    colour : float
        Brightness, contrast and saturation are each scaled by 1 - colour to 1 + colour.
    randaugment : int
        Operations of RandAugment, 0 for none.

    Raises
    ------
    UsageError
        If a strength is out of range.

    References
    ----------
    C. Szegedy et al., "Going deeper with convolutions", 2015 (random resized crops).
    E. D. Cubuk et al., "RandAugment: practical automated data augmentation with a reduced search space", 2020.
    """

    rotation: float = 0.0
    shift: float = 0.0
    shear: float = 0.0
    zoom: float = 0.0
    flip: bool = False
    crop: tuple[float, float] | None = None
    colour: float = 0.0
    randaugment: int = 0

    def __post_init__(self) -> None:
        for name, most in _MOST.items():
            if not 0 <= getattr(self, name) <= most:
                raise UsageError(f"{name} must be from 0 to {most:g}, not {getattr(self, name)}.")
        if self.crop is not None and not 0 < self.crop[0] <= self.crop[1] <= 1:
            raise UsageError(
                f"crop must be the smallest and largest share of the area, above 0 and at most 1, not {self.crop}."
            )

    @property
    def off(self) -> bool:
        """Whether nothing is changed."""
        return self == Augmentation()

    @property
    def description(self) -> str:
        """What is changed and how much, in words; "" where nothing is."""
        words = []
        if self.crop is not None:
            words.append(f"cropped to {100 * self.crop[0]:g} to {100 * self.crop[1]:g}% of the area")
        if self.rotation:
            words.append(f"rotated by up to {self.rotation:g}°")
        if self.shift:
            words.append(f"shifted by up to {100 * self.shift:g}% of the side")
        if self.shear:
            words.append(f"sheared by up to {self.shear:g}°")
        if self.zoom:
            words.append(f"zoomed by up to {100 * self.zoom:g}%")
        if self.flip:
            words.append("mirrored half of the time")
        if self.colour:
            words.append(f"changed in brightness, contrast and saturation by up to {100 * self.colour:g}%")
        if self.randaugment:
            words.append(f"put through {self.randaugment} of RandAugment's operations")
        return ", ".join(words)

    def short_side(self, preprocessing: Preprocessing) -> int:
        """Return the pixels of the short side that a decoder must deliver: a crop shall not be enlarged.

        At most twice the size: the smallest crops of large pictures are not worth the decoding.
        """
        if self.crop is None:
            return preprocessing.short_side
        needed = min(math.ceil(preprocessing.size / math.sqrt(self.crop[0])), 2 * preprocessing.size)
        return max(needed, preprocessing.short_side)

    def view(self, image: np.ndarray, preprocessing: Preprocessing, seed: int) -> np.ndarray:
        """Return one random variant of an image, as the network is to see it.

        The global random states of torch and NumPy are neither read nor changed.

        Parameters
        ----------
        image : uint8 array of shape (h, w, 3)
            Decoded, with `short_side` pixels or more where the file has them.
        preprocessing : Preprocessing
        seed : int
            From 0 on; the same seed gives the same view.

        Returns
        -------
        uint8 array of shape (size, size, 3)
        """
        if self.off:
            return preprocessing.apply(image)
        import cv2
        import torch

        with _drawing()(torch.Generator().manual_seed(seed)):
            if self.crop is not None:
                # Stretching is what Preprocessing does to a crop: by area where it shrinks.
                image, preprocessing = _random_crop(image, self.crop), replace(preprocessing, resize="stretch")
            view = preprocessing.apply(image)
            if self.rotation or self.shift or self.shear or self.zoom:
                view = self._warp(view)
            if self.flip and torch.rand(()) < 0.5:
                view = view[:, ::-1]
            if self.colour or self.randaugment:
                fill = tuple(round(255 * mean) for mean in preprocessing.mean)
                # Plane by plane is nearly twice as fast for torchvision's colours.
                planes = torch.from_numpy(np.stack(cv2.split(view)))
                view = cv2.merge(list(_recolour(self.colour, self.randaugment, fill)(planes).numpy()))
        return np.ascontiguousarray(view)

    def _warp(self, image: np.ndarray) -> np.ndarray:
        """Rotate, shift, shear and zoom in one step; what comes in at the edges repeats the edge."""
        import cv2
        import torch

        draws = torch.empty(6).uniform_(-1, 1).numpy()
        angle, shear = np.radians(draws[:2] * (self.rotation, self.shear))
        zoom = np.diag(1 + draws[2:4] * self.zoom)
        cos, sin = np.cos(angle), np.sin(angle)
        matrix = np.array([[cos, -sin], [sin, cos]]) @ np.array([[1, -np.sin(shear)], [0, np.cos(shear)]]) @ zoom
        size = np.array(image.shape[1::-1])
        centre = (size - 1) / 2
        offset = centre - matrix @ centre + draws[4:] * self.shift * size
        return cv2.warpAffine(
            image,
            np.column_stack([matrix, offset]),
            image.shape[1::-1],
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {**asdict(self), "crop": None if self.crop is None else list(self.crop)}


_MOST = {"rotation": 180, "shift": 1, "shear": 60, "zoom": 0.9, "colour": 1, "randaugment": 10}

PRESETS = {
    "none": Augmentation(),
    "light": Augmentation(crop=(0.5, 1.0), flip=True, colour=0.1),
    # Published as a shear of 0.2: as degrees nothing to be seen, so it is taken as radians, 11.5 degrees.
    "recipe": Augmentation(rotation=40, shift=0.2, shear=11.5, zoom=0.3, flip=True),
    "strong": Augmentation(crop=(0.25, 1.0), flip=True, colour=0.3, randaugment=2),
}
"""The strengths that have a name; "recipe" is what the published experiments use."""


def preset(name: str, *, flips: bool = True) -> Augmentation:
    """Return an augmentation by name.

    Parameters
    ----------
    name : {"none", "light", "recipe", "strong"}
    flips : bool
        False leaves out the mirroring.

    Raises
    ------
    UsageError
        If there is none of that name.
    """
    if name not in PRESETS:
        raise UsageError(f"--augment must be one of {', '.join(PRESETS)}, not {name!r}.")
    return PRESETS[name] if flips else replace(PRESETS[name], flip=False)


def mix_batch(kind: str, inputs: Tensor, targets: Tensor, n_classes: int) -> tuple[Tensor, Tensor]:
    """Blend each example of a batch with its neighbour, or cut a piece of the neighbour into it.

    Draws from torch's global generator, as a training step does.

    Parameters
    ----------
    kind : {"mixup", "cutmix"}
    inputs : float Tensor of shape (b, ...)
        Images or feature maps (b, c, h, w); for mixup of any shape.
    targets : int Tensor of shape (b,)
    n_classes : int

    Returns
    -------
    inputs : float Tensor of shape (b, ...)
    targets : float Tensor of shape (b, n_classes)
        Each row sums to 1.

    Raises
    ------
    UsageError
        If the kind is unknown, or cutmix is asked for where there is no plane to cut from.

    References
    ----------
    H. Zhang et al., "mixup: beyond empirical risk minimization", 2018.
    S. Yun et al., "CutMix: regularization strategy to train strong classifiers with localizable features", 2019.
    """
    from torchvision.transforms import v2  # type: ignore[import-untyped]

    if kind == "mixup":
        # torchvision blends images only; for a blend, any numbers are a picture of one pixel.
        flat = inputs.reshape(len(inputs), -1, 1, 1)
        mixed, shares = v2.MixUp(alpha=MIXUP_ALPHA, num_classes=n_classes)(flat, targets)
        return mixed.reshape(inputs.shape), shares
    if kind != "cutmix":
        raise UsageError(f"--mix must be mixup or cutmix here, not {kind!r}.")
    if inputs.ndim != 4:
        raise UsageError(
            f"cutmix must have images or feature maps (b, c, h, w), but came with {tuple(inputs.shape)}; "
            "use --mix mixup."
        )
    return v2.CutMix(alpha=CUTMIX_ALPHA, num_classes=n_classes)(inputs, targets)


def _random_crop(image: np.ndarray, scale: tuple[float, float]) -> np.ndarray:
    import torch
    from torchvision.transforms import v2

    only_its_shape = torch.empty(()).expand(1, *image.shape[:2])
    top, left, height, width = v2.RandomResizedCrop.get_params(only_its_shape, list(scale), list(RATIO))
    return image[top : top + height, left : left + width]


@cache
def _recolour(colour: float, operations: int, fill: tuple[int, ...]) -> Any:
    from torchvision.transforms import v2

    steps: list[Any] = []
    if colour:
        steps.append(v2.ColorJitter(brightness=colour, contrast=colour, saturation=colour))
    if operations:
        steps.append(v2.RandAugment(operations, fill=list(fill)))
    return v2.Compose(steps)


@cache
def _drawing() -> Any:
    """Return the context in which torchvision's draws come from a generator of one's own.

    It has no parameter for that. Seeding torch's global generator would disturb the user's, and whatever else
    draws meanwhile would disturb ours; a function mode holds for its own thread only.
    """
    import torch
    from torch.overrides import TorchFunctionMode

    draws = {torch.rand, torch.randint, torch.randperm, torch.Tensor.uniform_}

    class Drawing(TorchFunctionMode):
        def __init__(self, generator: Any):
            super().__init__()
            self.generator = generator

        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            kwargs = dict(kwargs or {})
            if func in draws:
                kwargs["generator"] = self.generator
            return func(*args, **kwargs)

    return Drawing
