"""From a text to the pieces that an encoder was trained on; it travels with the weights."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class TextPreprocessing:
    """How a text becomes the pieces that an encoder's weights expect.

    Parameters
    ----------
    max_length : int
        Pieces that are read, with those that mark the beginning and the end; the rest of a text is left out.
    pad : int
        The piece that fills up a shorter text.
    normalize : bool
        Whether features are scaled to length one.
    lowercase : bool
        Whether a text is lowercased before it is cut into pieces.
    files : str
        Hex digest of the encoder's config.json and tokenizer.json.
    """

    max_length: int
    pad: int
    normalize: bool
    lowercase: bool
    files: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TextPreprocessing:
        """Rebuild from `to_dict`."""
        return cls(**values)

    @property
    def digest(self) -> str:
        """Hex digest of everything that changes the pieces."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()[:16]
