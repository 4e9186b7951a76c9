"""The network of a text encoder: pieces of words in, one vector a text out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from regraft._optional import import_or_raise
from regraft.backbones.weights import RANDOM_SEED
from regraft.errors import UsageError, WeightsError

if TYPE_CHECKING:
    from regraft.backbones.encoders import TextBackbone

# What a file may say about how its network is run, and we decide: code and kernels from elsewhere, number formats.
_OURS = ("auto_map", "quantization_config", "dtype", "torch_dtype", "attn_implementation", "_attn_implementation")

_OLD_NAMES = {".gamma": ".weight", ".beta": ".bias"}
"""What the first BERTs called the two tensors of a layer normalisation."""


class TextNetwork(nn.Module):
    """A transformer encoder with what makes one vector of a text's pieces.

    Parameters
    ----------
    network : torch.nn.Module
        Of the library transformers: `last_hidden_state` (n, L, d) from `input_ids` and `attention_mask` (n, L).
    pool : {"avg", "max", "first"}
        Over the pieces of a text, or its first piece, which is there to stand for the whole.
    pad : int
        The piece that fills a shorter text up; it is not seen.
    normalize : bool
        Whether vectors are scaled to length one.
    """

    def __init__(self, network: nn.Module, pool: str, pad: int, normalize: bool) -> None:
        super().__init__()
        self.network = network
        self.pool, self.pad, self.normalize = pool, pad, normalize

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Return features (n, d) of pieces (n, L) int64, padded with the padding piece behind."""
        seen = ids != self.pad
        hidden = self.network(input_ids=ids, attention_mask=seen.to(torch.int64)).last_hidden_state
        vectors = self._pooled(hidden, seen.unsqueeze(-1))
        return nn.functional.normalize(vectors, dim=1) if self.normalize else vectors

    def _pooled(self, hidden: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        if self.pool == "first":
            return hidden[:, 0]
        if self.pool == "max":
            greatest = hidden.masked_fill(~seen, torch.finfo(hidden.dtype).min).amax(1)
            return greatest * seen.any(1)  # nothing, where nothing is seen
        weights = seen.to(hidden.dtype)
        return (hidden * weights).sum(1) / weights.sum(1).clamp(min=1)

    def stages(self) -> dict[str, nn.Module]:
        """Return the network's stages by name, from the pieces up: "embeddings", "layer.0", "layer.1", ..."""
        layers = _layers(self.network)
        embeddings = getattr(self.network, "embeddings", None)
        stages = {} if embeddings is None else {"embeddings": embeddings}
        return stages | {f"layer.{number}": layer for number, layer in enumerate(layers)}


def _layers(network: nn.Module) -> list[nn.Module]:
    """Return the blocks of a transformer: the list that is as long as its configuration says."""
    config: Any = network.config
    for module in network.modules():
        if isinstance(module, nn.ModuleList) and len(module) == config.num_hidden_layers:
            return list(module)
    return []


def build(backbone: TextBackbone) -> TextNetwork:
    """Return a text encoder in eval mode with its weights loaded.

    Raises
    ------
    UsageError
        If the package transformers is missing, or does not know the network.
    WeightsError
        If the weights are missing or do not fit.
    """
    library: Any = import_or_raise("transformers", "text")
    config = _config(library, backbone)
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(RANDOM_SEED)
        # Plain attention: fused kernels are no faster on a CPU, and are traced less well.
        network = library.AutoModel.from_config(config, attn_implementation="eager", dtype=torch.float32)
    if getattr(network, "pooler", None) is not None:
        network.pooler = None  # for the task it was trained on; it is not on the way to the features
    file = backbone.weights.fetch()
    if file is not None:
        _load(network, read_tensors(file), backbone)
    return TextNetwork(network, backbone.pool, backbone.pad, backbone.preprocessing.normalize).eval()


def _config(library: Any, backbone: TextBackbone) -> Any:
    values = {name: value for name, value in json.loads(backbone.files()[0]).items() if name not in _OURS}
    kind = values.pop("model_type", None)
    try:
        config = library.AutoConfig.for_model(kind, **values)
    except ValueError:
        raise UsageError(
            f"A text encoder must be of a kind that the package transformers knows, but {backbone.name} is "
            f"{kind!r}; name another, or install a newer transformers."
        ) from None
    if backbone.layer is not None:
        config.num_hidden_layers = int(backbone.layer.removeprefix("layer.")) + 1
    return config


def read_tensors(file: Path) -> dict[str, torch.Tensor]:
    """Return the tensors of a .safetensors or a torch file; nothing in either can run code.

    Raises
    ------
    WeightsError
        If it is neither.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        tensors = torch.load(file, map_location="cpu", weights_only=True)
    except (SafetensorError, OSError, RuntimeError, ValueError, EOFError, KeyError) as error:
        raise _unreadable(file, error) from error
    except Exception as error:  # what torch.load refuses to unpickle is of a kind of its own
        raise _unreadable(file, error) from error
    return {name: tensor for name, tensor in tensors.items() if isinstance(tensor, torch.Tensor)}


def _unreadable(file: Path, error: Exception) -> WeightsError:
    said = next(iter(str(error).strip().splitlines()), type(error).__name__)
    return WeightsError(
        f"A text encoder's weights must be a sound .safetensors or .bin file of tensors, but {file.name} cannot be "
        f"read ({said}); fetch it again."
    )


def _load(network: nn.Module, tensors: dict[str, torch.Tensor], backbone: TextBackbone) -> None:
    """Load weights whatever model they were saved from: the bare network, or one with a head on top of it."""
    wanted = network.state_dict()
    prefixes = ("", "network.", f"{network.base_model_prefix}.")
    renamed = {}
    for name, tensor in tensors.items():
        for old, new in _OLD_NAMES.items():
            name = name.removesuffix(old) + new if name.endswith(old) else name
        for prefix in prefixes:
            if name.startswith(prefix) and name.removeprefix(prefix) in wanted:
                renamed[name.removeprefix(prefix)] = tensor
    missing = sorted(set(wanted) - set(renamed))
    misfit = sorted(name for name, tensor in renamed.items() if tensor.shape != wanted[name].shape)
    if missing or misfit:
        wrong = f"lacks {missing[0]}" if missing else f"has {misfit[0]} of another shape"
        raise WeightsError(
            f"The weights of {backbone.name} must fit its config.json, but {backbone.weights.source} {wrong}"
            f"{f' and {len(missing) + len(misfit) - 1} more' if len(missing) + len(misfit) > 1 else ''}; "
            "give the file that belongs to it."
        )
    network.load_state_dict(renamed)
