"""Text encoders: BERT and its kind, from an installed package, a folder, the hub, or a saved classifier."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from regraft._optional import import_or_raise
from regraft.backbones.encoder_files import (
    FILES,
    SENTENCES,
    WEIGHTS,
    PackagedEncoder,
    held_files,
    layer_count,
    longest,
    millions,
    modules,
    read_files,
    read_json,
    stated_licence,
    trained_pool,
    transformer_folder,
)
from regraft.backbones.registry import Backbone, Pool
from regraft.backbones.text import EXTRA, NAME, encoder_folder
from regraft.backbones.text_preprocessing import TextPreprocessing
from regraft.backbones.weights import FileWeights, HubWeights, RandomWeights, Weights, unreachable
from regraft.data.texts import beginning
from regraft.errors import UsageError, WeightsError

if TYPE_CHECKING:
    from regraft.backbones.text_network import TextNetwork

TEXT_POOLS: tuple[Pool, ...] = ("avg", "max", "first")

_FETCHED = ["*.json", "README.md", "1_Pooling/*", "0_Transformer/*.json"]
_LAYER = re.compile(r"layer\.(\d{1,3})")


@dataclass(frozen=True)
class TextBackbone(Backbone):
    """A pretrained text encoder, the pieces of words it expects and where its weights are.

    Parameters
    ----------
    name, feature_dim, parameters, top1, until
        As of `Backbone`; no published accuracy compares text encoders as ImageNet's compares networks.
    architecture : str
        What the library transformers calls the kind of network, such as "bert".
    preprocessing : TextPreprocessing
    weights : Weights
    pool : {"avg", "max", "first"}
        How the features of a text's pieces become one vector.
    layer : str or None
        The last stage that is computed, such as "layer.3"; None: all of them.
    folder : Path or None
        Where config.json and tokenizer.json are, if not beside the weights.
    """

    preprocessing: TextPreprocessing  # type: ignore[assignment]
    modality: str = "text"
    folder: Path | None = None

    def build(self) -> TextNetwork:
        """Return the network in eval mode with its weights loaded, for pieces (n, L) int64.

        Raises
        ------
        UsageError
            If the package transformers is missing, or does not know the network.
        WeightsError
            If the weights are not here and cannot be fetched, or do not fit.
        """
        from regraft.backbones.text_network import build

        return build(self)

    @property
    def pad(self) -> int:
        """The piece that fills up a shorter text."""
        return self.preprocessing.pad

    def tokenize(self, texts: Sequence[str], max_length: int | None = None) -> list[npt.NDArray[np.int64]]:
        """Return the pieces of each text (L,), L <= max_length; torch is not loaded.

        Parameters
        ----------
        texts : sequence of str
        max_length : int, optional
            Default, and at most: as the weights expect.

        Raises
        ------
        UsageError
            If the package tokenizers is missing.
        WeightsError
            If the encoder's files are missing or damaged.
        """
        tokenizer = _tokenizer(self)
        most = self.preprocessing.max_length
        tokenizer.enable_truncation(most if max_length is None else min(max_length, most))
        shown = [beginning(text) for text in texts]
        if self.preprocessing.lowercase:
            shown = [text.lower() for text in shown]
        return [np.asarray(found.ids, np.int64) for found in tokenizer.encode_batch_fast(shown)]

    def files(self) -> tuple[bytes, bytes]:
        """Return the contents of config.json and tokenizer.json.

        Raises
        ------
        WeightsError
            If they are not here.
        """
        if self.folder is not None:
            return read_files(self.folder)
        weights = self.weights.fetch()
        if self.weights.to_dict()["kind"] == "held" and weights is not None:
            return held_files(weights)
        if weights is None:
            raise WeightsError(f"The encoder {self.name} must have a folder with {' and '.join(FILES)}; name one.")
        return read_files(weights.parent)

    def carried(self) -> dict[str, npt.NDArray[np.uint8]]:
        """Return config.json and tokenizer.json as tensors, to be held in one file with the weights."""
        return {name: np.frombuffer(content, np.uint8) for name, content in zip(FILES, self.files(), strict=True)}


@lru_cache(maxsize=4)
def _tokenizer(backbone: TextBackbone) -> Any:
    library: Any = import_or_raise("tokenizers", EXTRA)
    try:
        tokenizer = library.Tokenizer.from_buffer(backbone.files()[1])
    except ValueError as error:
        raise WeightsError(
            f"The encoder {backbone.name} must have a tokenizer.json that the package tokenizers reads, "
            f"but it does not ({error}); fetch it again."
        ) from error
    tokenizer.no_padding()
    return tokenizer


def find_encoder(
    name: str | Path = NAME,
    weights: str | Path | None = None,
    pool: Pool | None = None,
    layer: str | None = None,
) -> TextBackbone:
    """Return a text encoder.

    A dense layer that sentence-transformers puts behind the pooling is left out: a new head takes its place.

    Parameters
    ----------
    name : str or Path
        "all-MiniLM-L6-v2", which a package carries; a folder that transformers or sentence-transformers has
        saved; or a repository of the Hugging Face hub, "organisation/model", fetched once.
    weights : path or "none", optional
        A local file, or "none" for random weights; default: the encoder's own.
    pool : {"avg", "max", "first"}, optional
        Default: as the encoder was trained, else "avg".
    layer : str, optional
        The last stage that is computed, "layer.0" and up; default: all of them.

    Raises
    ------
    UsageError
        If there is no such encoder, pool or layer, or a package is missing.
    WeightsError
        If the encoder's files are missing, damaged, or cannot be fetched.

    References
    ----------
    Devlin et al., BERT, 2019; Reimers & Gurevych, Sentence-BERT, 2019.
    """
    if pool is not None and pool not in TEXT_POOLS:
        raise UsageError(f"--pool must be {', '.join(TEXT_POOLS[:-1])} or {TEXT_POOLS[-1]} for texts, not {pool!r}.")
    backbone = _found(str(name))
    if weights == "none":
        backbone = replace(backbone, weights=RandomWeights(), folder=_beside(backbone))
    elif weights is not None:
        backbone = replace(backbone, weights=FileWeights(Path(weights)), folder=_beside(backbone))
    return replace(_until(backbone, layer), pool=backbone.pool if pool is None else pool)


def _beside(backbone: TextBackbone) -> Path | None:
    fetched = backbone.weights.fetch()
    return None if fetched is None else fetched.parent


def depth(backbone: Backbone) -> int:
    """Return how many layers a text encoder has, above its embeddings."""
    assert isinstance(backbone, TextBackbone)
    return layer_count(json.loads(backbone.files()[0]))


def _until(backbone: TextBackbone, layer: str | None) -> TextBackbone:
    if layer is None:
        return backbone
    count = depth(backbone)
    found = _LAYER.fullmatch(layer)
    if found is None or int(found[1]) >= count:
        raise UsageError(f"--layer of {backbone.name} must be layer.0 to layer.{count - 1}, not {layer!r}.")
    return replace(backbone, layer=layer)


def _found(name: str) -> TextBackbone:
    if name in (NAME, f"sentence-transformers/{NAME}"):
        return _described(NAME, encoder_folder(), PackagedEncoder())
    folder = Path(name).expanduser()
    if folder.is_dir():
        part = transformer_folder(folder)
        file = next((part / file for file in WEIGHTS if (part / file).is_file()), part / WEIGHTS[0])
        if not file.is_file():
            raise WeightsError(
                f"A folder of a text encoder must hold {' or '.join(WEIGHTS)}, but {part} has neither; "
                "save the model there with save_pretrained()."
            )
        return _described(folder.resolve().name, folder, FileWeights(file, stated_licence(folder)))
    if re.fullmatch(r"[\w.-]+/[\w.-]+", name) and not name.startswith("."):
        return _from_hub(name)
    near = difflib.get_close_matches(name, [NAME], n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise UsageError(
        f"--backbone for texts must be {NAME}, the folder of an encoder, or a repository of the Hugging Face hub "
        f"(organisation/model), not {name!r}.{hint}"
    )


def _from_hub(repository: str) -> TextBackbone:
    hub: Any = import_or_raise("huggingface_hub", EXTRA)
    try:
        folder = Path(hub.snapshot_download(repository, allow_patterns=_FETCHED, etag_timeout=5))
    except Exception as error:  # the hub's client raises a dozen unrelated kinds
        raise unreachable(f"{repository} on the Hugging Face hub") from error
    part = transformer_folder(folder).relative_to(folder)
    licence, problem = stated_licence(folder), None
    for file in WEIGHTS:
        weights = HubWeights(repository, licence, (part / file).as_posix())
        try:
            weights.fetch()
        except WeightsError as error:
            problem = problem or error
        else:
            return _described(repository, folder, weights)
    assert problem is not None
    raise problem


def _described(name: str, folder: Path, weights: Weights) -> TextBackbone:
    """Return an encoder as its folder's own files describe it."""
    part = transformer_folder(folder)
    contents = read_files(part)
    config = read_json(part / FILES[0], {})
    sentences = read_json(part / SENTENCES, {}) or read_json(folder / SENTENCES, {})
    kinds = [str(module.get("type", "")) for module in modules(folder)]
    width, layers = int(config.get("hidden_size") or config.get("dim") or 0), layer_count(config)
    if config.get("is_encoder_decoder") or not width or not layers:
        raise UsageError(
            f"A text encoder must be a network like BERT, but {name} is {config.get('model_type')!r}; name another."
        )
    pad = int(config.get("pad_token_id") or 0)
    preprocessing = TextPreprocessing(
        max_length=longest(config, sentences, read_json(part / "tokenizer_config.json", {}), pad),
        pad=pad,
        normalize=any(kind.endswith("Normalize") for kind in kinds),
        lowercase=bool(sentences.get("do_lower_case")),
        files=hashlib.sha256(b"".join(hashlib.sha256(content).digest() for content in contents)).hexdigest(),
    )
    return TextBackbone(
        name=name,
        architecture=re.sub(r"\W", "_", str(config.get("model_type"))),
        feature_dim=width,
        preprocessing=preprocessing,
        weights=weights,
        parameters=millions(config, width, layers),
        pool=trained_pool(folder),
    )
