"""Batches of what enters the trained network.

Views that passed the cut, images and recordings read and varied as they come, or the pieces of texts.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from regraft.data.images import read_bytes
from regraft.features.engine_texts import filled
from regraft.finetuning.processes import Processes
from regraft.finetuning.views import vary

if TYPE_CHECKING:
    from regraft.backbones.registry import Backbone
    from regraft.finetuning.views import Variation, Views

Batch = tuple[torch.Tensor, torch.Tensor]

SORTED = 8
"""Texts are sorted by length within so many batches: alike enough to fill little up, and still drawn at random."""


class CutBatches(Dataset[Any]):
    """Views that passed the cut; each epoch takes the next view of each image.

    Parameters
    ----------
    views : Views
    index : int array of shape (n,)
        Rows of the views.
    y : int array of shape (n,)
    shape : tuple of int or None
        Of what passes the cut; None for vectors.
    """

    def __init__(self, views: Views, index: np.ndarray, y: np.ndarray, shape: tuple[int, ...] | None) -> None:
        self.views, self.index, self.y, self.shape = views, index, y, shape

    def __len__(self) -> int:
        return len(self.index)

    def __getitems__(self, asked: list[tuple[int, int]]) -> Batch:
        rows, epoch = np.array([row for row, _ in asked]), asked[0][1]
        rows_of_views = self.index[rows]
        # Not all images are at the same view, so that no view is an epoch's whole diet.
        chosen = (epoch + rows_of_views) % self.views.values.shape[1]
        inputs = torch.from_numpy(self.views.rows(rows_of_views, chosen))
        if self.shape is not None:
            inputs = inputs.view(len(rows), *self.shape)
        return inputs, torch.from_numpy(self.y[rows])


class ImageBatches(Dataset[Any]):
    """Images or recordings, decoded and varied anew in each epoch by some threads.

    Parameters
    ----------
    examples : sequence of Path, bytes, array or Row, length n
    y : int array of shape (n,)
    backbone : Backbone
        Which says how an example becomes pixels.
    augmentation : Augmentation or SoundAugmentation
    seed : int
        With the epoch and the image's position, what each view is drawn by.
    """

    def __init__(
        self,
        examples: Sequence[Any],
        y: np.ndarray,
        backbone: Backbone,
        augmentation: Variation,
        seed: int,
    ) -> None:
        self.examples, self.y, self.seed = examples, y, seed
        self.backbone, self.augmentation = backbone, augmentation
        self.pool = ThreadPoolExecutor(max(1, min(8, os.cpu_count() or 1)), thread_name_prefix="regraft-images")

    def __len__(self) -> int:
        return len(self.examples)

    def _view(self, asked: tuple[int, int]) -> np.ndarray:
        row, epoch = asked
        seed = (self.seed * 1_000_003 + epoch) * 1_000_003 + row
        return next(vary(read_bytes(self.examples[row]), self.backbone, self.augmentation, [seed % 2**31]))

    def __getitems__(self, asked: list[tuple[int, int]]) -> Batch:
        pixels = np.stack(list(self.pool.map(self._view, asked)))
        rows = np.array([row for row, _ in asked])
        return torch.from_numpy(pixels), torch.from_numpy(self.y[rows])


class TextBatches(Dataset[Any]):
    """Texts as pieces of words (b, L) int64, the shorter ones filled up behind.

    Parameters
    ----------
    pieces : sequence of n int64 arrays of shape (L,)
    y : int array of shape (n,)
    pad : int
        The piece that fills up.
    """

    def __init__(self, pieces: Sequence[np.ndarray], y: np.ndarray, pad: int) -> None:
        self.pieces, self.y, self.pad = pieces, y, pad
        self.lengths = np.array([len(found) for found in pieces])

    def __len__(self) -> int:
        return len(self.pieces)

    def __getitems__(self, asked: list[tuple[int, int]]) -> Batch:
        rows = np.array([row for row, _ in asked])
        return torch.from_numpy(filled([self.pieces[row] for row in rows], self.pad)), torch.from_numpy(self.y[rows])


class Share(Dataset[Any]):
    """What one of several processes takes of each batch: every so manieth example of it, from its own rank on.

    A batch then tells, behind inputs and targets, how many of its examples count and how many the processes have
    together. Who would be left without one is lent one that does not count.

    Parameters
    ----------
    whole : Dataset
        Of batches.
    processes : Processes
    """

    def __init__(self, whole: Dataset[Any], processes: Processes) -> None:
        self.whole, self.processes = whole, processes
        self.lengths = getattr(whole, "lengths", None)

    def __len__(self) -> int:
        return len(self.whole)  # type: ignore[arg-type]

    def __getitems__(self, asked: list[tuple[int, int]]) -> tuple[torch.Tensor, torch.Tensor, int, int]:
        own = asked[self.processes.rank :: self.processes.count]
        whole: Any = self.whole
        return *whole.__getitems__(own or asked[:1]), len(own), len(asked)


def shared(dataset: Dataset[Any], processes: Processes) -> Dataset[Any]:
    """Return what one of some processes takes of a dataset of batches; all of it where there are no others."""
    return Share(dataset, processes) if processes.several else dataset


def first_batch(batches: DataLoader[Any]) -> Batch:
    """Return the whole of a first batch, whatever this process takes of it."""
    if isinstance(batches.dataset, Share):
        whole: Any = batches.dataset.whole
        return whole.__getitems__(next(iter(batches.batch_sampler)))  # type: ignore[arg-type]
    inputs, targets = next(iter(batches))
    return inputs, targets


def as_floats(inputs: torch.Tensor) -> torch.Tensor:
    """Return pixels as floats; what a network looks up, as pieces of words are, stays what it is."""
    return inputs.float() if inputs.dtype == torch.uint8 else inputs


class Shuffled(Sampler[tuple[int, int]]):
    """Positions in an order of each epoch's own, with the epoch; drawn by the seed, so that a resumed run goes on.

    Parameters
    ----------
    n : int
    seed : int
    lengths : int array of shape (n,), optional
        Of the examples, where those of like length are to come in the same batch, so that little is filled up.
    batch_size : int
    """

    def __init__(self, n: int, seed: int, lengths: np.ndarray | None = None, batch_size: int = 1) -> None:
        self.n, self.seed, self.epoch = n, seed, 0
        self.lengths, self.batch_size = lengths, batch_size

    def __len__(self) -> int:
        return self.n

    def set_epoch(self, epoch: int) -> None:
        """Take the order of this epoch from now on; the trainer calls it."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[tuple[int, int]]:
        draw = np.random.default_rng((self.seed, self.epoch))
        order = draw.permutation(self.n)
        if self.lengths is not None:
            order = _alike(order, self.lengths, self.batch_size, draw)
        return iter([(int(i), self.epoch) for i in order])


def _alike(order: np.ndarray, lengths: np.ndarray, size: int, draw: np.random.Generator) -> np.ndarray:
    """Return an order whose batches are of like length each: sorted within every few batches, which are shuffled."""
    some = [order[start : start + SORTED * size] for start in range(0, len(order), SORTED * size)]
    order = np.concatenate([rows[np.argsort(lengths[rows], kind="stable")] for rows in some])
    whole = len(order) - len(order) % size
    return np.concatenate([draw.permutation(order[:whole].reshape(-1, size)).ravel(), order[whole:]])


class InOrder(Sampler[tuple[int, int]]):
    """Positions in order, always at the first view."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __len__(self) -> int:
        return self.n

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter([(i, 0) for i in range(self.n)])


def train_loader(dataset: Dataset[Any], batch_size: int, seed: int) -> DataLoader[Any]:
    """Return the shuffled batches of training; a last batch of one image is left out: it has no statistics."""
    n = len(dataset)  # type: ignore[arg-type]
    size = min(batch_size, n)
    order = Shuffled(n, seed, getattr(dataset, "lengths", None), size)
    return DataLoader(dataset, size, sampler=order, collate_fn=_as_it_is, drop_last=n % size == 1 and n > size)


def validation_loader(dataset: Dataset[Any], batch_size: int) -> DataLoader[Any]:
    """Return the batches of validation, in order."""
    n = len(dataset)  # type: ignore[arg-type]
    return DataLoader(dataset, 2 * batch_size, sampler=InOrder(n), collate_fn=_as_it_is)


def _as_it_is(batch: Any) -> Any:
    return batch
