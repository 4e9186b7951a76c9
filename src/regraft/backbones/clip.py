"""Models of images and texts (CLIP and its like) through open_clip: the image tower as a backbone, the text tower once.

Only imported where such a model is asked for: it needs torch, and the extra `clip`.
"""

from __future__ import annotations

import difflib
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from regraft._optional import import_or_raise
from regraft.backbones.preprocessing import Preprocessing
from regraft.backbones.registry import Backbone
from regraft.backbones.vision import read_state
from regraft.backbones.weights import RANDOM_SEED, FileWeights, HubWeights, UrlWeights, Weights
from regraft.errors import UsageError, WeightsError

PREFIX = "open_clip."
"""Begins the architecture of such a backbone; dots stand for the hyphens of open_clip's name."""

EXTRA = "clip"
FILE = "open_clip_model.safetensors"
"""What open_clip calls its weights on the hub."""

TEMPLATE = "a photo of a {}."


class ImageTower(nn.Module):
    """The image half of a model, with timm's contract.

    Parameters
    ----------
    visual : torch.nn.Module
        open_clip's.
    width : int
        Length of an image's vector.
    """

    def __init__(self, visual: nn.Module, width: int) -> None:
        super().__init__()
        self.visual = visual
        self.num_features = self.head_hidden_size = width
        self.num_classes = 0
        self.pretrained_cfg: dict[str, Any] = {}

    def forward_features(self, x: torch.Tensor) -> torch.Tensor:
        """Map images (n, 3, size, size) to their vectors (n, d)."""
        found = self.visual(x)
        return found[0] if isinstance(found, tuple) else found

    def forward_head(self, x: torch.Tensor, pre_logits: bool = False) -> torch.Tensor:
        """Return the vectors as they are: there is no head."""
        return x


def clip_backbone(name: str, weights: str | Path | None) -> Backbone:
    """Return the image tower of a model as a backbone.

    Parameters
    ----------
    name : str
        open_clip's, such as "ViT-B-32".
    weights : path or str
        A local file, or open_clip's tag of published ones, such as "laion2b_s34b_b79k".

    Raises
    ------
    UsageError
        If open_clip is not installed, has no such model or tag, or the model's images are prepared in another way.
    """
    library = import_or_raise("open_clip", EXTRA)
    if name not in library.list_models():
        near = difflib.get_close_matches(name, library.list_models(), n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise UsageError(f"--clip must be a model of open_clip, such as ViT-B-32, not {name!r}.{hint}")
    found, settings = _weights(library, name, weights)
    if settings.get("quick_gelu") and f"{name}-quickgelu" in library.list_models():
        name = f"{name}-quickgelu"  # these weights were trained with another activation than the name's own
    model = _whole(library, name)
    pixels = {**model.visual.preprocess_cfg, **{key: value for key, value in settings.items() if key != "quick_gelu"}}
    return Backbone(
        name,
        PREFIX + name.replace("-", "."),
        feature_dim=_width(library, name),
        preprocessing=_preprocessing(name, pixels),
        weights=found,
        parameters=round(sum(p.numel() for p in model.visual.parameters()) / 1e6, 2),
    )


def image_tower(backbone: Backbone) -> nn.Module:
    """Return the image tower of a backbone that `clip_backbone` gave, in eval mode with its weights loaded.

    Raises
    ------
    UsageError
        If open_clip is not installed.
    WeightsError
        If the weights are missing or do not fit.
    """
    library = import_or_raise("open_clip", EXTRA)
    name = backbone.architecture.removeprefix(PREFIX).replace(".", "-")
    if name not in library.list_models():
        raise UsageError(f"The installed open_clip must have the model {name}, but has not; install a newer one.")
    tower = ImageTower(_whole(library, name).visual, _width(library, name))
    file = backbone.weights.fetch()
    if file is not None:
        state = read_state(file)
        # A whole model's file, or the tower alone, as a saved classifier carries it.
        _load(tower, {key: tensor for key, tensor in state.items() if key.startswith("visual.")}, file)
    return tower.eval()


def embed_prompts(
    backbone: Backbone, names: Sequence[str], texts: Sequence[str]
) -> tuple[npt.NDArray[np.float32], float]:
    """Return the vector of each class (k, d), of length one, and the model's scale of cosines.

    Parameters
    ----------
    backbone : Backbone
        From `clip_backbone`.
    names : sequence of str, length k
        Put into "a photo of a {}." and into open_clip's seven other templates; the vectors are averaged.
    texts : sequence of str, length k
        A free text counts as much as all templates; "" where there is none.

    Raises
    ------
    WeightsError
        If the weights are missing or do not fit.

    References
    ----------
    Radford et al., Learning Transferable Visual Models From Natural Language Supervision, 2021.
    """
    library = import_or_raise("open_clip", EXTRA)
    name = backbone.architecture.removeprefix(PREFIX).replace(".", "-")
    model = _whole(library, name)
    file = backbone.weights.fetch()
    if file is not None:
        _load(model, read_state(file), file)
    tokenizer = library.get_tokenizer(name)
    templates = [TEMPLATE.format, *library.SIMPLE_IMAGENET_TEMPLATES]
    found = []
    with torch.inference_mode():
        for called, text in zip(names, texts, strict=True):
            vectors = model.encode_text(tokenizer([put(called) for put in templates]), normalize=True)
            mean = nn.functional.normalize(vectors.mean(dim=0), dim=-1)
            if text:
                mean = nn.functional.normalize(mean + model.encode_text(tokenizer([text]), normalize=True)[0], dim=-1)
            found.append(mean.numpy())
        scale = float(model.logit_scale.exp())
    return np.stack(found).astype(np.float32), scale


def _weights(library: Any, name: str, weights: str | Path | None) -> tuple[Weights, dict[str, Any]]:
    """Return where the weights are, and what open_clip says of the pixels they expect."""
    tags = list(library.list_pretrained_tags_by_model(name))
    if weights is not None and Path(weights).is_file():
        return FileWeights(Path(weights)), {}
    if weights is None or str(weights) not in tags:
        what = "is needed" if weights is None else f"is neither a file nor one of these: {str(weights)!r}"
        raise UsageError(
            f"--weights FILE|TAG {what}; {name} must have a local file (.safetensors, .pt) or one of "
            f"{', '.join(tags[:8]) or 'no published ones'}{' and others' if len(tags) > 8 else ''}."
        )
    facts = library.get_pretrained_cfg(name, str(weights))
    kept = {key: facts[key] for key in ("mean", "std", "interpolation", "resize_mode", "quick_gelu") if key in facts}
    if facts.get("hf_hub"):
        repository, _, file = facts["hf_hub"].rpartition("/")
        return HubWeights(repository, "not stated", file or FILE), kept
    return UrlWeights(facts["url"], "not stated"), kept


def _whole(library: Any, name: str) -> Any:
    """Return a model as it is drawn, always with the same seed; nothing is fetched."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)  # that no weights were asked for
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(RANDOM_SEED)
            return library.create_model(name, pretrained_text=False).eval()
    finally:
        logging.disable(before)


def _width(library: Any, name: str) -> int:
    return int(library.get_model_config(name)["embed_dim"])


def _preprocessing(name: str, pixels: dict[str, Any]) -> Preprocessing:
    size = pixels["size"]
    sides = {size} if isinstance(size, int) else set(size)
    resize = {"shortest": "crop", "squash": "stretch"}.get(pixels["resize_mode"])
    if len(sides) != 1 or resize is None:
        raise UsageError(
            f"--clip must be a model of square images, cropped or stretched, but {name} takes {size} pixels by "
            f"{pixels['resize_mode']!r}; choose another."
        )
    means = tuple(map(float, pixels["mean"])), tuple(map(float, pixels["std"]))
    return Preprocessing(sides.pop(), *means, 1.0, pixels["interpolation"], resize)  # type: ignore[arg-type]


def _load(network: nn.Module, state: dict[str, torch.Tensor], file: Path) -> None:
    own = network.state_dict()
    given = {key: tensor.to(own[key].dtype) for key, tensor in state.items() if key in own}
    unfit = [key for key in own if key not in given or given[key].shape != own[key].shape]
    # Not learnt: the mask of a text is drawn, and position numbers are counted.
    unfit = [key for key in unfit if not key.endswith(("attn_mask", "position_ids"))]
    if unfit:
        raise WeightsError(
            f"The weights file {file.name} must fit the model tensor by tensor, but {len(unfit)} of {len(own)} are "
            f"missing or have another shape ({', '.join(unfit[:3])}); choose the model they belong to with --clip."
        )
    network.load_state_dict(given, strict=False)
