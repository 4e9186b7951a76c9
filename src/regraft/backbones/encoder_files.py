"""What an encoder's folder says of it: its files, its pooling, how much of a text it reads, its licence."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regraft.backbones.registry import Pool
from regraft.backbones.text import PACKAGE, encoder_folder
from regraft.backbones.weights import _OnDisk
from regraft.errors import UsageError, WeightsError

LONGEST = 512
"""Pieces of words that any encoder reads at most: what it costs grows faster than the text."""

FILES = ("config.json", "tokenizer.json")
"""What an encoder needs beside its weights; a saved classifier carries them in the file of the weights."""

WEIGHTS = ("model.safetensors", "pytorch_model.bin")
"""The names that weights have there; the first is preferred."""

SENTENCES = "sentence_bert_config.json"
"""Where sentence-transformers says how much of a text it reads."""

# These count the positions of pieces from the padding piece on, whose own position is one of them.
_POSITIONS_AFTER_PAD = ("roberta", "xlm-roberta", "camembert", "mpnet", "xmod", "longformer")


@dataclass(frozen=True)
class PackagedEncoder(_OnDisk):
    """The encoder that an installed package carries."""

    package: str = PACKAGE
    licence: str = "Apache-2.0"
    kind = "package"
    portable = True

    @property
    def source(self) -> str:
        return f"package {self.package.replace('_', '-')}"

    def here(self) -> bool:
        try:
            return encoder_folder().is_dir()
        except (UsageError, WeightsError):
            return False

    def fetch(self) -> Path:
        return encoder_folder() / WEIGHTS[0]


def read_files(folder: Path) -> tuple[bytes, bytes]:
    """Return the contents of `FILES` in a folder.

    Raises
    ------
    WeightsError
        If one is missing.
    """
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise WeightsError(
            f"A text encoder must have {' and '.join(FILES)}, but {folder} lacks {' and '.join(missing)}; "
            "`AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)` of transformers writes tokenizer.json."
        )
    return (folder / FILES[0]).read_bytes(), (folder / FILES[1]).read_bytes()


def held_files(weights: Path) -> tuple[bytes, bytes]:
    """Return the contents of `FILES` that are carried among the tensors of a .safetensors file.

    Raises
    ------
    WeightsError
        If they are not.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(weights, framework="numpy") as file:
            return file.get_tensor(FILES[0]).tobytes(), file.get_tensor(FILES[1]).tobytes()
    except (SafetensorError, OSError) as error:
        raise WeightsError(
            f"A saved text encoder must carry {' and '.join(FILES)}, but its weights do not ({error}); save it anew."
        ) from error


def modules(folder: Path) -> list[dict[str, Any]]:
    """Return what sentence-transformers puts one behind the other; nothing where another library has saved."""
    return [module for module in read_json(folder / "modules.json", []) if isinstance(module, dict)]


def transformer_folder(folder: Path) -> Path:
    """Return the folder of the transformer itself: sentence-transformers may keep it below its own."""
    for module in modules(folder):
        if str(module.get("type", "")).endswith("Transformer") and re.fullmatch(r"[\w-]+", str(module.get("path"))):
            return folder / str(module["path"])
    return folder


def read_json(file: Path, missing: Any) -> Any:
    """Return what a JSON file holds, an object or a list as `missing` is, which is returned where there is no file.

    Raises
    ------
    WeightsError
        If it holds anything else.
    """
    try:
        found = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return missing
    except (OSError, ValueError) as error:
        raise WeightsError(f"{file} must be JSON, but cannot be read ({error}); fetch it again.") from error
    if not isinstance(found, type(missing)):
        kind = "an object" if isinstance(missing, dict) else "a list"
        raise WeightsError(f"{file} must hold {kind}, not {type(found).__name__}; fetch it again.")
    return found


def layer_count(config: dict[str, Any]) -> int:
    """Return how many layers a network has, by its config.json."""
    return int(config.get("num_hidden_layers") or config.get("n_layers") or 0)


def longest(config: dict[str, Any], sentences: dict[str, Any], tokenizer: dict[str, Any], pad: int) -> int:
    """Return how many pieces of a text are read: as many as all of the files allow."""
    positions = int(config.get("max_position_embeddings") or LONGEST)
    if config.get("model_type") in _POSITIONS_AFTER_PAD:
        positions -= pad + 1
    stated = (sentences.get("max_seq_length"), tokenizer.get("model_max_length"))
    return int(min(LONGEST, positions, *(length for length in stated if length)))


def trained_pool(folder: Path) -> Pool:
    """Return how the encoder was trained to make one vector of a text."""
    found = read_json(folder / "1_Pooling" / "config.json", {})
    if found.get("pooling_mode_cls_token") or found.get("pooling_mode") == "cls":
        return "first"
    return "max" if found.get("pooling_mode_max_tokens") or found.get("pooling_mode") == "max" else "avg"


def stated_licence(folder: Path) -> str:
    """Return the licence that a model card states at its head."""
    try:
        head = (folder / "README.md").read_text("utf-8", "replace")[:4000]
    except OSError:
        return "not stated"
    stated = re.match(r"---\n.*?^license:\s*([\w.-]+)\s*$.*?^---", head, re.DOTALL | re.MULTILINE)
    return stated[1] if stated else "not stated"


def millions(config: dict[str, Any], width: int, layers: int) -> float:
    """Return the millions of weights in the embeddings and in the matrices of the layers."""
    inner = int(config.get("intermediate_size") or config.get("hidden_dim") or 4 * width)
    pieces = int(config.get("vocab_size") or 0) + int(config.get("max_position_embeddings") or 0)
    return round((pieces * width + layers * (4 * width + 2 * inner) * width) / 1e6, 2)
