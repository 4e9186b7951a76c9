"""Features as clusters are sought in them."""

from __future__ import annotations

import numpy as np
import pytest

from regraft.exploration.smoothing import reduced, smoothed


def test_points_have_unit_length_and_few_dimensions(grouped) -> None:
    values, _ = grouped((60, 60), d=100)
    points = reduced(values, 8)
    assert points.shape == (120, 8)
    assert points.dtype == np.float32
    assert np.linalg.norm(points, axis=1) == pytest.approx(np.ones(120), abs=1e-5)


def test_scale_does_not_matter(grouped) -> None:
    values, _ = grouped()
    assert reduced(values) @ reduced(values).T == pytest.approx(reduced(9 * values) @ reduced(9 * values).T, abs=1e-4)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_images_do_too(n: int) -> None:
    points = smoothed(reduced(np.random.default_rng(0).uniform(size=(n, 30)).astype(np.float32)))
    assert points.shape[0] == n
    assert np.isfinite(points).all()


def test_smoothing_draws_neighbours_together(grouped) -> None:
    values, group = grouped(spread=0.5)
    points = reduced(values)
    even = smoothed(points)

    def within(rows: np.ndarray) -> float:
        return float(np.mean([(rows[group == g] @ rows[group == g].T).mean() for g in range(3)]))

    assert within(even) > within(points) + 0.1


def test_one_step_is_the_mean_of_those_joined() -> None:
    angles = np.array([0.0, 0.1, 2.0])
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    # 0 and 1 name each other (weight 1); 2 names 1, which does not name it (weight 1/2).
    expected = np.stack([points[0] + points[1], points[0] + points[1] + points[2] / 2, points[1] / 2 + points[2]])
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert smoothed(points, neighbours=1, steps=1) == pytest.approx(expected, abs=1e-6)
