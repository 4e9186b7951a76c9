"""Build an image network with timm, load its weights, and turn its last feature map into a vector."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import timm
import torch
from torch import nn

from regraft.backbones import small_cnn  # noqa: F401  timm knows cnn3 and cnn4 from here on
from regraft.backbones.stages import keep_below, keep_through, stages
from regraft.backbones.weights import RANDOM_SEED
from regraft.errors import UsageError, WeightsError

if TYPE_CHECKING:
    from regraft.backbones.registry import Backbone, Pool


def build(backbone: Backbone) -> nn.Module:
    """Return the network of a backbone in eval mode, weights loaded.

    Parameters
    ----------
    backbone : Backbone

    Returns
    -------
    torch.nn.Module
        With timm's `forward_features` and `forward_head`; takes (n, 3, size, size).

    Raises
    ------
    UsageError
        If the images are too small for the network, or it has no classifier whose scores could be taken.
    WeightsError
        If the weights are missing or do not fit.
    """
    if backbone.architecture.startswith("open_clip."):
        from regraft.backbones.clip import image_tower

        return image_tower(backbone)
    file = backbone.weights.fetch()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(RANDOM_SEED)
        network = timm.create_model(backbone.architecture, pretrained=False, **_size_argument(backbone))
    if backbone.pool == "scores" and not _has_classifier(network):
        raise UsageError(f"--pool scores must have a network with a classifier, but {backbone.name} has none; use avg.")
    if file is not None:
        load_weights(network, file, classifier=backbone.pool == "scores")
    return network.eval()


def stage_widths(backbone: Backbone) -> dict[str, int]:
    """Return the length of each stage's averaged output, from the pixels up; computed without weights or pixels.

    Stages that the network does not pass through, or that do not put out one map, are left out.
    """
    size = backbone.preprocessing.size
    with torch.device("meta"), torch.inference_mode():
        network = timm.create_model(backbone.architecture, pretrained=False, **_size_argument(backbone)).eval()
        features = FeatureNetwork(network, replace(backbone, pool="stages", until=None))
        network.forward_features(torch.zeros(1, 3, size, size))
    return {stage: output.shape[1] for stage, output in features.of_stages.items()}


def check_layer(backbone: Backbone) -> None:
    """Raise UsageError unless a network, whose weights are not needed, has the stage that is taken for its last."""
    with torch.device("meta"):
        network = timm.create_model(backbone.architecture, pretrained=False)
    names = stages(network)
    if backbone.layer not in names:
        near = difflib.get_close_matches(str(backbone.layer), names, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise UsageError(
            f"--layer must be auto or one of this network's stages ({', '.join(names)}), not {backbone.layer!r}.{hint}"
        )
    if backbone.pool == "scores":
        raise UsageError("--pool scores takes the class scores of the whole network; leave --layer out.")


def middle_stage(architecture: str) -> str | None:
    """Return the stage in the middle of a network; None where it is too short to have one."""
    with torch.device("meta"):
        names = stages(timm.create_model(architecture, pretrained=False))
    blocks = [name for name in names if "." in name]
    return blocks[int(0.45 * len(blocks))] if len(blocks) > 2 else None


def _size_argument(backbone: Backbone) -> dict[str, int]:
    """Networks with position embeddings must know their input size; convolutions need not."""
    config = timm.get_pretrained_cfg(backbone.architecture)
    if config is not None and config.fixed_input_size and config.input_size[-1] != backbone.preprocessing.size:
        return {"img_size": backbone.preprocessing.size}
    return {}


def read_state(file: Path) -> dict[str, torch.Tensor]:
    """Read the tensors of a .safetensors or .pth file; nothing in it is executed.

    Raises
    ------
    WeightsError
        If the file is neither, is damaged, or holds something else than tensors.
    """
    try:
        if file.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(str(file))
        content: Any = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises RuntimeError, UnpicklingError, EOFError, KeyError, ...
        raise WeightsError(
            f"The weights file {file.name} must be a .safetensors file, or a .pth file of plain tensors, "
            f"but it could not be read ({type(error).__name__}); save it again as .safetensors."
        ) from error
    for wrapper in ("state_dict", "model", "model_state_dict"):
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping) or not all(isinstance(v, torch.Tensor) for v in content.values()):
        raise WeightsError(f"The weights file {file.name} must hold named tensors; save the network's state_dict().")
    return dict(content)


def load_weights(network: nn.Module, file: Path, *, classifier: bool = False) -> None:
    """Load a file's tensors into a network: by name, or in order where all shapes agree.

    The source task's own classifier may differ or be missing, since it is not transferred, unless `classifier` is set.

    Raises
    ------
    WeightsError
        With the list of what is missing and what does not fit.
    """
    own = network.state_dict()
    given = {name if name in own else _plain(name): tensor for name, tensor in read_state(file).items()}
    missing, unfit = _compare(network, given, classifier)
    if missing and [t.shape for t in given.values()] == [t.shape for t in own.values()]:
        # The same tensors under other names, in the same order: another library's names for one network.
        network.load_state_dict(dict(zip(own, given.values(), strict=True)))
        return
    if missing or unfit:
        given = _adapted(network, given)
        missing, unfit = _compare(network, given, classifier)
    if missing or unfit:
        raise WeightsError(_misfit(file, missing, unfit, own, given))
    network.load_state_dict({n: t for n, t in given.items() if n in own and t.shape == own[n].shape}, strict=False)


def _compare(
    network: nn.Module, given: Mapping[str, torch.Tensor], classifier: bool = False
) -> tuple[list[str], list[str]]:
    """Return the names of the network's tensors that a file lacks, and of those it has in another shape."""
    own = network.state_dict()
    not_needed = () if classifier else tuple(f"{name}." for name in _classifier_names(network))
    body = [name for name in own if not name.startswith(not_needed)]
    missing = [name for name in body if name not in given and not name.endswith("num_batches_tracked")]
    unfit = [name for name in body if name in given and given[name].shape != own[name].shape]
    return missing, unfit


def _adapted(network: nn.Module, given: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Let timm convert an original checkpoint, or position embeddings of another input size."""
    module = sys.modules[type(network).__module__]
    try:
        if hasattr(module, "checkpoint_filter_fn"):
            return dict(module.checkpoint_filter_fn(given, network))
        return dict(module._filter_fn(given)) if hasattr(module, "_filter_fn") else given  # VGG and RegNet
    except Exception:  # of a file for another network it may find nothing that it looks for
        return given


def _classifier_names(network: Any) -> list[str]:
    names = network.pretrained_cfg.get("classifier") or []
    return [names] if isinstance(names, str) else list(names)


def _has_classifier(network: Any) -> bool:
    """Return whether a network ends in scores of its source task's classes."""
    return bool(_classifier_names(network)) and network.num_classes > 0


def _plain(name: str) -> str:
    for prefix in ("module.", "model.", "backbone."):
        name = name.removeprefix(prefix)
    return name


def _misfit(
    file: Path,
    missing: list[str],
    unfit: list[str],
    own: Mapping[str, torch.Tensor],
    given: Mapping[str, torch.Tensor],
) -> str:
    parts = []
    if missing:
        parts.append(f"{len(missing)} tensors are missing ({_first(missing)})")
    if unfit:
        shapes = [f"{name} is {tuple(given[name].shape)}, must be {tuple(own[name].shape)}" for name in unfit]
        parts.append(f"{len(unfit)} have another shape ({_first(shapes)})")
    extra = [name for name in given if name not in own]
    if extra:
        parts.append(f"{len(extra)} are of another network ({_first(extra)})")
    return (
        f"The weights file {file.name} must fit the backbone tensor by tensor, but {'; '.join(parts)}; "
        "choose the backbone they belong to with --backbone."
    )


def _first(names: list[str], count: int = 5) -> str:
    return ", ".join(names[:count]) + (", ..." if len(names) > count else "")


def has_own_head(network: Any) -> bool:
    """Return whether timm's head gives what everybody means by the network's features.

    VGG's own head is two dense layers of the source task; its features are its last feature map.
    """
    return not hasattr(network, "pre_logits")


def feature_dim(network: Any) -> int:
    """Return the length of the feature vector where the last feature map is averaged."""
    width = getattr(network, "head_hidden_size", None) if has_own_head(network) else None
    return int(width or network.num_features)


class FeatureNetwork(nn.Module):
    """A backbone up to its features: images of raw pixels in, vectors out.

    Parameters
    ----------
    network : torch.nn.Module
        With timm's contract.
    backbone : Backbone
        Whose preprocessing and pooling apply.

    Raises
    ------
    UsageError
        When it runs, if the pooling is not for this network.
    """

    def __init__(self, network: nn.Module, backbone: Backbone) -> None:
        super().__init__()
        self.network: Any = network if backbone.layer is None else keep_through(network, backbone.layer)
        if backbone.until is not None:
            self.network = keep_below(network, backbone.until)
        self.until = backbone.until
        self.pool: Pool = backbone.pool
        # A head is made for the last feature map, and no other has its shape.
        self.own_head = has_own_head(network) and backbone.layer is None
        self.of_stages: dict[str, torch.Tensor] = {}
        if self.pool == "stages":
            for stage in stages(self.network):
                self.network.get_submodule(stage).register_forward_hook(self._keep(stage))
        self.scale: torch.Tensor
        self.offset: torch.Tensor
        scale = torch.tensor(backbone.preprocessing.std) * 255
        self.register_buffer("scale", (1 / scale).view(1, 3, 1, 1))
        self.register_buffer("offset", (-torch.tensor(backbone.preprocessing.mean) * 255 / scale).view(1, 3, 1, 1))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Map pixels (n, size, size, 3) in 0..255 to features (n, d)."""
        self.of_stages.clear()
        last = self.network.forward_features(pixels.permute(0, 3, 1, 2) * self.scale + self.offset)
        if self.pool == "stages":
            return torch.cat(list(self.of_stages.values()), dim=1)
        return last.flatten(1) if self.until is not None else self.vector(last)

    def vector(self, features: Any) -> torch.Tensor:
        """Map the last feature map (n, c, h, w), or what the network has in its place, to features (n, d)."""
        if self.pool == "scores":
            return self.network.forward_head(features).softmax(1)
        if self.pool != "avg" and not isinstance(features, torch.Tensor):
            raise UsageError(f"--pool must be avg for this network, not {self.pool}: its last layer is several maps.")
        if self.pool == "avg" and self.own_head:
            return self.network.forward_head(features, pre_logits=True).flatten(1)
        features = self._channels_first(features)
        if self.pool == "avg":
            return features.flatten(2).mean(2)
        if self.pool == "max":
            return features.flatten(2).amax(2)
        if self.pool in ("time", "thirds"):
            if features.ndim != 4:
                raise UsageError(f"--pool {self.pool} must have a feature map of rows and columns: this has pieces.")
            parts = 1 if self.pool == "time" else 3
            return nn.functional.adaptive_avg_pool2d(features, (features.shape[2], parts)).flatten(1)
        return features.flatten(1)

    def _keep(self, stage: str) -> Any:
        """Return the hook that keeps the average over positions of what a stage puts out."""

        def hook(part: nn.Module, arguments: Any, output: Any) -> None:
            # What is no single map of positions has no average over them.
            if isinstance(output, torch.Tensor) and output.ndim > 2:
                self.of_stages[stage] = self._channels_first(output).flatten(2).mean(2)

        return hook

    def _channels_first(self, features: torch.Tensor) -> torch.Tensor:
        if features.ndim == 3 or getattr(self.network, "output_fmt", "NCHW") == "NHWC" or self._channels_last(features):
            return features.movedim(-1, 1)
        return features

    def _channels_last(self, features: torch.Tensor) -> bool:
        width = self.network.num_features
        return features.ndim == 4 and features.shape[-1] == width and features.shape[1] != width
