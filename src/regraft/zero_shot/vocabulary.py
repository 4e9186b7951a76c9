"""What the source task's classes are called and defined as, and its own classifier, for backbones side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from regraft.backbones.registry import Backbone
from regraft.backbones.source import source_classes, source_classifier, source_definitions
from regraft.errors import UsageError
from regraft.features.cache import source_folder
from regraft.heads.scoring import unit_rows
from regraft.heads.zero_shot import centred
from regraft.zero_shot.embeddings import embedded

PROMPTS = ("{}", "a photo of a {}")
"""What a class's name is put into before it is embedded; the vectors are averaged."""


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The source's classes in words.

    Parameters
    ----------
    names : tuple of str, length z
        Several names of one class are joined by ", ".
    mean : float32 array of shape (e,)
        Of their embeddings.
    embeddings : float32 array of shape (z, e)
        Centred, of length one.
    """

    names: tuple[str, ...]
    mean: npt.NDArray[np.float32]
    embeddings: npt.NDArray[np.float32]

    def called(self, index: int) -> str:
        """Return the first name of a class."""
        return self.names[index].split(",")[0].strip()

    def place(
        self, names: Sequence[str], texts: Sequence[str], announce: Callable[[str], None] | None = None
    ) -> npt.NDArray[np.float32]:
        """Return the centred embeddings (k, e) of classes by their names and, where there is one, their text.

        Name and text count alike, as do a source class's name and definition.
        """
        k = len(names)
        prompted = embedded([prompt.format(name) for prompt in PROMPTS for name in names], announce)
        found = unit_rows(prompted.reshape(len(PROMPTS), k, -1).sum(axis=0))
        described = [c for c in range(k) if texts[c]]
        found[described] = unit_rows(found[described] + embedded([texts[c] for c in described], announce))
        return centred(found, self.mean)

    def read(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return the centred embeddings (n, e) of texts as they are."""
        return centred(embedded(texts), self.mean)


def read_vocabulary(backbones: Sequence[Backbone], announce: Callable[[str], None] | None = None) -> Vocabulary:
    """Return the source's classes in words.

    Raises
    ------
    UsageError
        If it is not known what any of the backbones was trained on.
    """
    known = [backbone for backbone in backbones if source_classes(backbone, source_folder()) is not None]
    names = source_classes(known[0], source_folder()) if known else None
    definitions = source_definitions(known[0], source_folder()) if known else None
    if names is None or definitions is None:
        listed = " and ".join(f"{b.name} ({b.weights.source})" for b in backbones)
        raise UsageError(
            "Zero-shot must have a network that was trained on classes known by name (ImageNet-1k), but of "
            f"{listed} it is not known: ConSE has nothing to go on; take the default backbone, or --clip."
        )
    firsts = [name.split(",")[0].strip() for name in names]
    both = embedded([*firsts, *definitions], announce)
    joined = unit_rows(both[: len(firsts)] + both[len(firsts) :])
    mean = joined.mean(axis=0)
    return Vocabulary(names, mean, centred(joined, mean))


def joint_classifier(
    backbones: Sequence[Backbone], widths: Sequence[int]
) -> tuple[npt.NDArray[np.float16], npt.NDArray[np.float32]]:
    """Return the source's own classifier of features side by side: the mean of the backbones' logits.

    Parameters
    ----------
    backbones : sequence of Backbone
        Those whose source is not known count for nothing.
    widths : sequence of int
        Columns of each.

    Returns
    -------
    coef : float16 array of shape (z, d)
        In half precision, which changes no probability by more than a hundredth and halves the file.
    intercept : float32 array of shape (z,)

    Raises
    ------
    UsageError
        If no backbone has a linear classifier of its features.
    """
    known = [backbone if source_classes(backbone, source_folder()) is not None else None for backbone in backbones]
    classifiers = [None if backbone is None else source_classifier(backbone, source_folder()) for backbone in known]
    found = [classifier for classifier in classifiers if classifier is not None]
    if not found:
        listed = " and ".join(backbone.name for backbone in backbones)
        raise UsageError(
            f"Zero-shot must have a network whose own classifier is one linear layer of its features, but {listed} "
            "has none; take the default backbone, or --clip."
        )
    blocks = [
        np.zeros((len(found[0][1]), width), np.float32) if classifier is None else classifier[0]
        for classifier, width in zip(classifiers, widths, strict=True)
    ]
    coef = np.concatenate(blocks, axis=1) / len(found)
    return coef.astype(np.float16), np.mean([intercept for _, intercept in found], axis=0, dtype=np.float32)
