"""Batches of what enters the trained network: views that passed the cut, or images read and varied as they come."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from regraft.data.images import decode, read_bytes

if TYPE_CHECKING:
    from regraft.backbones.preprocessing import Preprocessing
    from regraft.finetuning.augmentation import Augmentation
    from regraft.finetuning.views import Views

Batch = tuple[torch.Tensor, torch.Tensor]


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
    """Images, decoded and varied anew in each epoch by some threads.

    Parameters
    ----------
    examples : sequence of Path, bytes, array or Row, length n
    y : int array of shape (n,)
    preprocessing : Preprocessing
    augmentation : Augmentation
    seed : int
        With the epoch and the image's position, what each view is drawn by.
    """

    def __init__(
        self,
        examples: Sequence[Any],
        y: np.ndarray,
        preprocessing: Preprocessing,
        augmentation: Augmentation,
        seed: int,
    ) -> None:
        self.examples, self.y, self.seed = examples, y, seed
        self.preprocessing, self.augmentation = preprocessing, augmentation
        self.pool = ThreadPoolExecutor(max(1, min(8, os.cpu_count() or 1)), thread_name_prefix="regraft-images")

    def __len__(self) -> int:
        return len(self.examples)

    def _view(self, asked: tuple[int, int]) -> np.ndarray:
        row, epoch = asked
        image = decode(read_bytes(self.examples[row]), self.augmentation.short_side(self.preprocessing))
        seed = (self.seed * 1_000_003 + epoch) * 1_000_003 + row
        return self.augmentation.view(image, self.preprocessing, seed % 2**31)

    def __getitems__(self, asked: list[tuple[int, int]]) -> Batch:
        pixels = np.stack(list(self.pool.map(self._view, asked)))
        rows = np.array([row for row, _ in asked])
        return torch.from_numpy(pixels), torch.from_numpy(self.y[rows])


class Shuffled(Sampler[tuple[int, int]]):
    """Positions in an order of each epoch's own, with the epoch; drawn by the seed, so that a resumed run goes on.

    Parameters
    ----------
    n : int
    seed : int
    """

    def __init__(self, n: int, seed: int) -> None:
        self.n, self.seed, self.epoch = n, seed, 0

    def __len__(self) -> int:
        return self.n

    def set_epoch(self, epoch: int) -> None:
        """Take the order of this epoch from now on; the trainer calls it."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[tuple[int, int]]:
        order = np.random.default_rng((self.seed, self.epoch)).permutation(self.n)
        return iter([(int(i), self.epoch) for i in order])


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
    return DataLoader(
        dataset, size, sampler=Shuffled(n, seed), collate_fn=_as_it_is, drop_last=n % size == 1 and n > size
    )


def validation_loader(dataset: Dataset[Any], batch_size: int) -> DataLoader[Any]:
    """Return the batches of validation, in order."""
    n = len(dataset)  # type: ignore[arg-type]
    return DataLoader(dataset, 2 * batch_size, sampler=InOrder(n), collate_fn=_as_it_is)


def _as_it_is(batch: Any) -> Any:
    return batch
