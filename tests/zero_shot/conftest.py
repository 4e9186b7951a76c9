"""A sentence encoder that knows only which words two texts share: fast, and without the optional packages."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
import pytest


def words_shared(texts: Sequence[str]) -> np.ndarray:
    found = np.full((len(texts), 384), 1e-3, np.float32)
    for row, text in enumerate(texts):
        for word in set(text.lower().replace(",", " ").split()) - {"a", "of", "photo"}:
            found[row, zlib.crc32(word.encode()) % 384] += 1
    return found / np.linalg.norm(found, axis=1, keepdims=True)


@pytest.fixture
def encoder(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replace the encoder; return the texts that were asked of it, which grows."""
    asked: list[str] = []

    def embed(texts: Sequence[str]) -> np.ndarray:
        asked.extend(texts)
        return words_shared(texts)

    monkeypatch.setattr("regraft.zero_shot.embeddings.embed_texts", embed)
    monkeypatch.setattr(
        "regraft.zero_shot.embeddings.producer", lambda: {"backbone": "words", "weights": "0", "modality": "text"}
    )
    monkeypatch.setattr(
        "regraft.zero_shot.embeddings.pieces",
        lambda text: [list(word) if word.startswith("zz") else [word] for word in text.split()],
    )
    return asked
