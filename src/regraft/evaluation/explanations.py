"""Where in an image the reasons for a class are, for any head: without gradients, on the network's own grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import isqrt
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from regraft.backbones.preprocessing import Preprocessing
from regraft.backbones.registry import Backbone
from regraft.data.images import decode, read_bytes
from regraft.errors import DataError, UsageError
from regraft.features.engines import EngineName, engine_name, mean_cosine, open_engine
from regraft.features.extraction import Features, extract

Score = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float64]]

CHUNK = 16
"""Images whose feature maps are held at once."""

SAME = 0.999
"""Mean cosine from which on the average of the map's cells is what the head sees."""

UNSEEN = 0.5
"""What is left of the brightness where the network does not look."""


@dataclass(frozen=True, eq=False)
class Heat:
    """How much each place of an image speaks for a class.

    Parameters
    ----------
    maps : tuple of float32 arrays of shape (h, w)
        One for each network that has a grid, on its own grid: how much more than the average place a cell speaks
        for the class, in log-odds; below 0 less, or against it. They add up.
    preprocessings : tuple of Preprocessing
        Which part of the image each grid lies on.
    """

    maps: tuple[npt.NDArray[np.float32], ...]
    preprocessings: tuple[Preprocessing, ...]

    def on(self, height: int, width: int) -> npt.NDArray[np.float32]:
        """Return the sum of the maps on an image (height, width); 0 where the networks do not look."""
        whole = np.zeros((height, width), np.float32)
        for values, preprocessing in zip(self.maps, self.preprocessings, strict=True):
            rows, columns = _seen(height, width, preprocessing)
            size = (columns.stop - columns.start, rows.stop - rows.start)
            whole[rows, columns] += cv2.resize(values, size, interpolation=cv2.INTER_CUBIC)
        return whole


@dataclass(frozen=True, eq=False)
class Explained:
    """The heat maps of images.

    Parameters
    ----------
    heats : list of Heat or None, length n
        None where an image cannot be read, or no network has a grid.
    notes : tuple of str
        Which networks could not be asked, and why.
    """

    heats: list[Heat | None]
    notes: tuple[str, ...]


def heat_maps(
    examples: Sequence[Any],
    names: Sequence[str],
    backbones: Sequence[Backbone],
    score: Score,
    classes: npt.ArrayLike,
    *,
    engine: EngineName = "auto",
    precisions: Sequence[str] | None = None,
) -> Explained:
    """Return where the reasons for a class are in each image.

    A network's features are the average over the cells of its last feature map. Each cell in turn is left out of
    that average, and the fall of the class's log-odds is what the cell speaks for it. With a linear head and two
    classes that is the class activation map, less its mean; it holds for any head. Networks whose features are no
    such average (most transformers) keep their features, and have no map.

    Parameters
    ----------
    examples : sequence of Path, bytes, array or Row, length n
    names : sequence of str, length n
    backbones : sequence of Backbone
        Whose features stand side by side.
    score : callable
        From features (m, d) to probabilities (m, k); a head's own, since a calibration in steps hides small changes.
    classes : int array of shape (n,)
        For which class of each image the reasons are sought.
    engine : {"auto", "openvino", "torch"}
    precisions : sequence of str, optional
        Of each backbone.

    Returns
    -------
    Explained

    Raises
    ------
    DataError
        If there is not one class for each image.

    References
    ----------
    Zhou et al., Learning Deep Features for Discriminative Localization, 2016 (class activation maps); Zeiler &
    Fergus, Visualizing and Understanding Convolutional Networks, 2014 (leaving parts out).
    """
    wanted = np.asarray(classes)
    if wanted.shape != (len(examples),):
        raise DataError(f"There must be one class for each of {len(examples)} images, but {wanted.shape} came.")
    features = extract(examples, names, backbones, engine=engine, precisions=precisions, skip_unreadable=True)
    heats: list[Heat | None] = [None] * len(examples)
    maps: list[list[npt.NDArray[np.float32]]] = [[] for _ in features.index]
    askable, notes = [], []
    edges = np.cumsum((0, *features.widths))
    for number, backbone in enumerate(backbones if len(features.index) else ()):
        columns = slice(int(edges[number]), int(edges[number + 1]))
        found = _maps_of(examples, features, backbone, number, columns, score, wanted, engine)
        if found is None:
            notes.append(f"{backbone.name} has no map: its features are not the average over places of the image.")
            continue
        askable.append(backbone.preprocessing)
        for row, values in enumerate(found):
            maps[row].append(values)
    if askable:
        for row, position in enumerate(features.index.tolist()):
            heats[position] = Heat(tuple(maps[row]), tuple(askable))
    return Explained(heats, tuple(notes))


def _maps_of(
    examples: Sequence[Any],
    features: Features,
    backbone: Backbone,
    number: int,
    columns: slice,
    score: Score,
    classes: npt.NDArray[Any],
    engine: EngineName,
) -> list[npt.NDArray[np.float32]] | None:
    """Return one network's map for each readable image, or None if it has no grid."""
    if backbone.modality != "image" or backbone.pool != "avg" or backbone.until or backbone.layer:
        return None
    width = columns.stop - columns.start
    # Not by way of the cache: a map has 49 times the numbers of its average, and is wanted once.
    try:
        runner = open_engine(replace(backbone, pool="none"), engine_name(engine), features.precisions[number], None)
    except UsageError:  # it ends in several maps
        return None
    cells = runner.width // width
    side = isqrt(cells)
    if cells < 2 or runner.width != width * cells or side * side != cells:
        return None
    found = []
    for start in range(0, len(features.index), CHUNK):
        rows = np.arange(start, min(start + CHUNK, len(features.index)))
        pixels = [_pixels(examples[position], backbone.preprocessing) for position in features.index[rows].tolist()]
        grid = _run(runner, pixels).reshape(len(rows), width, cells)
        values = features.values[rows]
        if mean_cosine(grid.mean(axis=2), values[:, columns]) < SAME:
            return None
        found += [
            _left_out(values[i], columns, grid[i], score, int(classes[features.index[row]])).reshape(side, side)
            for i, row in enumerate(rows)
        ]
    return found


def _pixels(example: Any, preprocessing: Preprocessing) -> npt.NDArray[np.uint8]:
    return preprocessing.apply(decode(read_bytes(example), preprocessing.short_side))


def _run(runner: Any, pixels: list[npt.NDArray[np.uint8]]) -> npt.NDArray[np.float32]:
    """Return what a network puts out (n, d) for pixels (n, size, size, 3)."""
    found: list[np.ndarray] = []
    runner.start(lambda tags, values: found.append(values))
    for start in range(0, len(pixels), runner.batch):
        batch = pixels[start : start + runner.batch]
        runner.submit(list(range(start, start + len(batch))), np.stack(batch))
    runner.finish()
    return np.concatenate(found)


def _left_out(
    values: npt.NDArray[np.float32],
    columns: slice,
    grid: npt.NDArray[np.float32],
    score: Score,
    wanted: int,
) -> npt.NDArray[np.float32]:
    """Return how much each cell of one image's map (c, cells) speaks for a class (cells,).

    `values` (d,) are all networks' features; this one's are `columns`.
    """
    cells = grid.shape[1]
    tried = np.repeat(values[None], cells + 1, axis=0)
    total = grid.sum(axis=1)
    tried[0, columns] = total / cells
    tried[1:, columns] = (total[:, None] - grid).T / (cells - 1)
    odds = _log_odds(score(tried), wanted)
    # A cell of a fine grid is a smaller part of the average: times their number, all grids count alike.
    return ((odds[0] - odds[1:]) * (cells - 1)).astype(np.float32)


def _log_odds(probabilities: npt.NDArray[np.float64], wanted: int) -> npt.NDArray[np.float64]:
    # The others are summed for themselves: 1 - p would lose what little they have.
    others = np.delete(probabilities, wanted, axis=1).sum(axis=1)
    least = np.finfo(np.float64).tiny
    return np.log(np.maximum(probabilities[:, wanted], least)) - np.log(np.maximum(others, least))


def overlay(image: npt.NDArray[np.uint8], heat: Heat) -> npt.NDArray[np.uint8]:
    """Return an image with the places coloured that speak for the class more than others; unseen borders are dark.

    Parameters
    ----------
    image : uint8 array of shape (h, w, 3)
        Red, green, blue.
    heat : Heat
        Its strongest place has the strongest colour, however much that says.

    Returns
    -------
    uint8 array of shape (h, w, 3)
    """
    height, width = image.shape[:2]
    strength = np.maximum(heat.on(height, width), 0)
    strength /= max(float(strength.max()), np.finfo(np.float32).tiny)
    colours = cv2.cvtColor(cv2.applyColorMap((strength * 255).astype(np.uint8), cv2.COLORMAP_TURBO), cv2.COLOR_BGR2RGB)
    seen = np.full((height, width, 1), UNSEEN, np.float32)
    for preprocessing in heat.preprocessings:
        seen[_seen(height, width, preprocessing)] = 1
    share = 0.6 * strength[:, :, None]
    return np.rint((image * (1 - share) + colours * share) * seen).astype(np.uint8)


def _seen(height: int, width: int, preprocessing: Preprocessing) -> tuple[slice, slice]:
    """Return the rows and columns of an image that a network gets to see."""
    if preprocessing.resize == "stretch":
        return slice(0, height), slice(0, width)
    side = max(1, round(min(height, width) * preprocessing.size / preprocessing.short_side))
    top, left = (height - side) // 2, (width - side) // 2
    return slice(top, top + side), slice(left, left + side)
