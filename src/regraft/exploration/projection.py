"""A map of images: two dimensions in which neighbours stay neighbours."""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from regraft._optional import import_or_raise
from regraft.errors import UsageError

Map = Literal["auto", "umap", "tsne"]
MAPS: tuple[Map, ...] = get_args(Map)

UMAP_FROM = 3_000
"""Images from which on UMAP draws the map where it is installed. One core, without and with UMAP's first run, which
compiles for 15 s: 1,000 images, t-SNE 3 s, UMAP 1.5 or 14 s; 2,600 images, 8 s and 9 or 20 s."""

MOST = 5_000
"""Images on the map; t-SNE takes half a minute for them."""

LEAST = 5
"""Fewer images are laid out by their principal components: they have no neighbourhoods to keep."""


def check_map(method: str) -> None:
    """Raise UsageError unless a method to draw the map is known and installed."""
    if method not in MAPS:
        raise UsageError(f"--map must be one of {', '.join(MAPS)}, not {method!r}.")
    if method == "umap" and find_spec("umap") is None:
        import_or_raise("umap", "explore")


def project(
    points: npt.NDArray[np.float32], method: Map = "auto", seed: int = 0
) -> tuple[npt.NDArray[np.float32], str]:
    """Return a place in the plane for each point, and how it was found.

    Parameters
    ----------
    points : float32 array of shape (n, d)
    method : {"auto", "umap", "tsne"}
        "auto" takes UMAP for 3,000 points and more where it is installed, t-SNE else.
    seed : int

    Returns
    -------
    places : float32 array of shape (n, 2)
        Both coordinates from 0 to 1, their proportion kept.
    method : str
        "umap", "tsne" or "pca".

    Raises
    ------
    UsageError
        If the method is unknown or not installed.

    References
    ----------
    L. van der Maaten and G. Hinton, "Visualizing data using t-SNE", 2008.
    L. McInnes et al., "UMAP: uniform manifold approximation and projection for dimension reduction", 2018.
    """
    check_map(method)
    if len(points) < LEAST:
        return _within_unit(_principal(points)), "pca"
    if method == "umap" or (method == "auto" and len(points) >= UMAP_FROM and find_spec("umap") is not None):
        return _within_unit(_umap(points, seed)), "umap"
    return _within_unit(_tsne(points, seed)), "tsne"


def _principal(points: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    centred = points - points.mean(axis=0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    places = np.zeros((len(points), 2), np.float32)
    places[:, : min(2, len(sizes))] = (left * sizes)[:, :2]
    return places


def _tsne(points: npt.NDArray[np.float32], seed: int) -> npt.NDArray[np.float32]:
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (len(points) - 1) / 3)
    # Images that are all alike have no principal components to start from.
    start = "pca" if np.ptp(points, axis=0).any() else "random"
    drawn = TSNE(2, perplexity=perplexity, init=start, random_state=seed).fit_transform(points)
    return np.asarray(drawn, np.float32)


def _umap(points: npt.NDArray[np.float32], seed: int) -> npt.NDArray[np.float32]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it tells users of TensorFlow, of threads and of spectral starts
        umap = import_or_raise("umap", "explore")
        neighbours = min(15, len(points) - 1)
        start = "spectral" if len(points) > 20 else "random"
        drawn = umap.UMAP(n_neighbors=neighbours, init=start, random_state=seed, n_jobs=1).fit_transform(points)
    return np.asarray(drawn, np.float32)


def _within_unit(places: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    places = np.nan_to_num(places)
    low, high = places.min(axis=0), places.max(axis=0)
    span = float((high - low).max()) or 1.0
    return ((places - (low + high) / 2) / span + 0.5).astype(np.float32)
