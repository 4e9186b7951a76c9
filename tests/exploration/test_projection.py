"""The map."""

from __future__ import annotations

import numpy as np
import pytest

from regraft.errors import UsageError
from regraft.exploration import projection
from regraft.exploration.projection import project
from regraft.exploration.smoothing import reduced


def test_groups_stay_apart_on_the_map(grouped) -> None:
    values, group = grouped()
    places, method = project(reduced(values), seed=1)
    assert method == "tsne"
    assert places.shape == (90, 2)
    assert 0 <= places.min() < places.max() <= 1
    centres = np.stack([places[group == g].mean(axis=0) for g in range(3)])
    nearest = np.linalg.norm(places[:, None] - centres, axis=2).argmin(axis=1)
    assert (nearest == group).mean() > 0.95


def test_the_same_seed_draws_the_same_map(grouped) -> None:
    points = reduced(grouped()[0])
    assert np.array_equal(project(points, seed=1)[0], project(points, seed=1)[0])


@pytest.mark.parametrize("n", [1, 2, 4, 5, 6])
def test_few_images_have_a_map_too(n: int) -> None:
    points = reduced(np.random.default_rng(0).uniform(size=(n, 10)).astype(np.float32))
    places, method = project(points)
    assert method == ("tsne" if n >= 5 else "pca")
    assert np.isfinite(places).all()
    assert len(places) == n


def test_images_that_are_all_alike_have_a_map_too() -> None:
    assert np.isfinite(project(np.tile(np.eye(1, 5, dtype=np.float32), (12, 1)))[0]).all()


def test_unknown_methods_are_refused() -> None:
    with pytest.raises(UsageError, match="--map must be one of auto, umap, tsne, not 'pca'"):
        project(np.eye(6, dtype=np.float32), "pca")  # type: ignore[arg-type]


def test_umap_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "find_spec", lambda name: None)
    monkeypatch.setattr("regraft._optional.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"needs the package umap.*regraft\[explore\]"):
        project(np.eye(6, dtype=np.float32), "umap")
    monkeypatch.setattr(projection, "UMAP_FROM", 6)
    assert project(np.eye(6, dtype=np.float32))[1] == "tsne"


def test_many_images_are_left_to_umap_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "find_spec", lambda name: object())
    monkeypatch.setattr(projection, "_umap", lambda points, seed: points[:, :2])
    monkeypatch.setattr(projection, "UMAP_FROM", 6)
    assert project(np.eye(6, dtype=np.float32))[1] == "umap"
    assert project(np.eye(5, dtype=np.float32))[1] == "tsne"
    assert project(np.eye(6, dtype=np.float32), "tsne")[1] == "tsne"
