"""The plain looks of images."""

from __future__ import annotations

import numpy as np

from regraft.data.looks import SIDE, Looks, thumbnail_of


def test_a_thumbnail_is_the_mean_of_each_cell() -> None:
    image = np.random.default_rng(0).integers(0, 256, (4 * SIDE, 2 * SIDE, 3), dtype=np.uint8)
    cells = image.reshape(SIDE, 4, SIDE, 2, 3).mean((1, 3))
    assert np.abs(thumbnail_of(image) - cells).max() <= 0.51


def test_small_images_are_enlarged() -> None:
    assert thumbnail_of(np.full((3, 5, 3), 9, np.uint8)).tolist() == np.full((SIDE, SIDE, 3), 9).tolist()


def test_take_keeps_all_in_step() -> None:
    looks = Looks(("a", "b", "c"), np.array([1, 2, 3]), np.arange(6).reshape(3, 2), np.arange(3)[:, None, None, None])
    taken = looks.take([2, 0])
    assert len(taken) == 2
    assert taken.digests == ("c", "a")
    assert taken.sizes.tolist() == [3, 1]
    assert taken.shapes.tolist() == [[4, 5], [0, 1]]
    assert taken.thumbnails.ravel().tolist() == [2, 0]
