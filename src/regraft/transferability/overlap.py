"""Which of the target's classes the source task had already, and what its classifier says of them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from regraft.backbones.registry import Backbone
from regraft.backbones.source import source_classes, source_classifier

WORTH = 0.25
"""Least share of classes with a name in the source at which its scores can help.

Half of the images held out, 8 seeds, Lite0 + Lite1: with 1 class of 2 (hot dogs) accuracy and log loss were
0.910, 0.202 with the source's scores and 0.905, 0.207 without; with 1 class of 5 (flowers: daisy) they were
0.915, 0.268 and 0.913, 0.272, which is nothing.
"""

MEMORY = 0.5
"""Share of classes with a name in the source from which the result as a whole is called memory."""

_SHOWN = 5

_WORDNET_ID = re.compile(r"^n\d{8}\W")


@dataclass(frozen=True)
class Overlap:
    """Which source classes each target class is, by name.

    Parameters
    ----------
    class_names : tuple of str, length k
        The target's classes.
    matches : tuple of tuple of int, length k
        Of each, the indices of the source classes of that name; empty where there is none.
    source_size : int
        How many classes the source has.
    """

    class_names: tuple[str, ...]
    matches: tuple[tuple[int, ...], ...]
    source_size: int

    @property
    def found(self) -> tuple[str, ...]:
        """The target's classes that the source had too."""
        return tuple(name for name, match in zip(self.class_names, self.matches, strict=True) if match)

    @property
    def share(self) -> float:
        """Share of the target's classes that the source had too, from 0 to 1."""
        return len(self.found) / len(self.class_names) if self.class_names else 0.0

    @property
    def text(self) -> str:
        """A sentence for the user."""
        found, k = len(self.found), len(self.class_names)
        own = f"among the source's own {self.source_size:,}"
        if not found:
            return f"By name, none of the {k} classes is {own}."
        names = ", ".join(self.found[:_SHOWN]) + (", ..." if found > _SHOWN else "")
        part = "what it says of it" if found == 1 else "what it says of them"
        what = "the result" if self.share >= MEMORY else part
        return f"{found} of {k} classes {'is' if found == 1 else 'are'} {own} ({names}): {what} is partly memory."

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "classes": len(self.class_names),
            "found": list(self.found),
            "share": self.share,
            "source_classes": self.source_size,
            "text": self.text,
        }


def match(class_names: Sequence[str], source_names: Sequence[str]) -> Overlap:
    """Return which source classes the target's classes are, by their names alone.

    A name counts as the same whatever its case, separators or plural: "german_short-haired_pointers" is "German
    short-haired pointer", "hot_dog" is "hotdog"; but "not_hotdog" is another class, and "cat" is not "Persian cat".
    Where several source classes have a name, it is the one that is called so first of all; and of two cranes the one
    that stands nearer to the other classes' matches, since source classes stand in the order of their kinds.

    Parameters
    ----------
    class_names : sequence of str, length k
    source_names : sequence of str
        Several names of one class are joined by ", ".

    Returns
    -------
    Overlap
    """
    known: dict[str, dict[int, bool]] = {}
    for index, names in enumerate(source_names):
        for place, name in enumerate(names.split(",")):
            for form in _forms(name):
                owners = known.setdefault(form, {})
                owners[index] = owners.get(index, False) or place == 0
    matches = [_owners(name, known) for name in class_names]
    sure = {index for found in matches if len(found) == 1 for index in found}
    return Overlap(tuple(class_names), tuple(_nearest(found, sure) for found in matches), len(source_names))


def overlap_with(
    class_names: Sequence[str], backbones: Sequence[Backbone], folder: Path | None = None
) -> Overlap | None:
    """Return the largest overlap of the target's classes with those that a backbone was trained on.

    Parameters
    ----------
    class_names : sequence of str, length k
    backbones : sequence of Backbone
    folder : path, optional
        As in `source_classes`.

    Returns
    -------
    Overlap or None
        None where it is not known what any of them was trained on: random weights, or a file's.
    """
    sources = {names for backbone in backbones if (names := source_classes(backbone, folder)) is not None}
    return max((match(class_names, names) for names in sorted(sources)), key=lambda o: o.share, default=None)


def source_prior(
    class_names: Sequence[str], backbones: Sequence[Backbone], folder: Path | None = None
) -> dict[str, Any] | None:
    """Return the settings of the head "source": the rows of the backbones' own classifiers for the target's classes.

    From each classifier its mean row is taken away, so that an image which is like nothing in particular has logits
    of 0; several backbones' logits are averaged.

    Parameters
    ----------
    class_names : sequence of str, length k
    backbones : sequence of Backbone
        In the order in which their features stand side by side.
    folder : path, optional
        As in `source_classes`.

    Returns
    -------
    dict or None
        "coef" (k, d) and "intercept" (k,); None where too few classes have a name in any source (`WORTH`), or the
        sources are not known.

    Raises
    ------
    WeightsError
        If weights are not here and cannot be fetched.
    """
    k = len(class_names)
    blocks, intercepts = [], []
    for backbone in backbones:
        names = source_classes(backbone, folder)
        overlap = None if names is None else match(class_names, names)
        # The classifier is only asked for where it can help: the first time that means building the network.
        worth = overlap is not None and overlap.share >= WORTH
        classifier = source_classifier(backbone, folder) if worth else None
        block, intercept = np.zeros((k, backbone.feature_dim), np.float32), np.zeros(k, np.float32)
        if overlap is not None and classifier is not None:
            weight, bias = (array - array.mean(axis=0) for array in classifier)
            for row, found in enumerate(overlap.matches):
                if found:
                    block[row], intercept[row] = weight[list(found)].mean(axis=0), bias[list(found)].mean()
            intercepts.append(intercept)
        blocks.append(block)
    if not intercepts:
        return None
    coef = np.concatenate(blocks, axis=1) / np.float32(len(intercepts))
    return {"coef": coef, "intercept": np.mean(intercepts, axis=0)}


def _forms(name: str) -> list[str]:
    """Return a name without case, accents and separators, as it is first, and as if it were a plural after that."""
    plain = unicodedata.normalize("NFKD", _WORDNET_ID.sub("", name.strip().lower()))
    letters = "".join(letter for letter in plain if letter.isalnum())
    forms = [letters] if letters else []
    for ending, singular in (("ies", "y"), ("es", ""), ("s", "")):
        if letters.endswith(ending) and not letters.endswith("ss") and len(letters) - len(ending) >= 3:
            forms.append(letters.removesuffix(ending) + singular)
    return forms


def _owners(name: str, known: dict[str, dict[int, bool]]) -> tuple[int, ...]:
    """Return the source classes of a name: those that it is the first name of, else all."""
    for form in _forms(name):
        owners = known.get(form, {})
        if owners:
            return tuple(index for index, first in owners.items() if first) or tuple(owners)
    return ()


def _nearest(found: tuple[int, ...], sure: set[int]) -> tuple[int, ...]:
    if len(found) < 2 or not sure:
        return found
    return (min(found, key=lambda index: min(abs(index - other) for other in sure)),)
