"""Linear discriminants in closed form, against the formulas written out."""

from __future__ import annotations

import numpy as np
import pytest

from regraft.heads.discriminant import NEVER, RIDGE, discriminant, scale_of


def made_up(n: int, d: int, k: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.arange(n) % k
    return (rng.normal(size=(n, d)) + rng.normal(size=(k, d))[y]).astype(np.float32), y


def by_hand(X: np.ndarray, y: np.ndarray, k: int, ridge: float, freedom: int) -> tuple[np.ndarray, np.ndarray]:
    means = np.stack([X[y == c].mean(axis=0) for c in range(k)])
    within = X - means[y]
    coef = freedom * np.linalg.solve(within.T @ within + ridge * np.eye(X.shape[1]), means.T).T
    return coef, -0.5 * (coef * means).sum(axis=1)


@pytest.mark.parametrize("shape", [(30, 8, 3), (12, 40, 4)], ids=["long", "wide"])
def test_the_discriminants_and_each_example_left_out(shape: tuple[int, int, int]) -> None:
    n, d, k = shape
    X, y = made_up(n, d, k)
    found = discriminant(X, y, k)
    means = np.stack([X[y == c].mean(axis=0) for c in range(k)])
    ridge = RIDGE * float(((X - means[y]) ** 2).sum())
    coef, intercept = by_hand(X.astype(float), y, k, ridge, n - k)
    np.testing.assert_allclose(found.coef, coef, rtol=1e-2, atol=1e-2 * np.abs(coef).max())
    np.testing.assert_allclose(found.intercept, intercept, rtol=1e-3)
    for i in range(n):
        kept = np.arange(n) != i
        coef, intercept = by_hand(X[kept].astype(float), y[kept], k, ridge, n - k)
        np.testing.assert_allclose(found.left_out[i], X[i] @ coef.T + intercept, rtol=1e-3, atol=1e-3 * n)


def test_a_class_of_one_or_of_none() -> None:
    X, y = made_up(20, 6, 2)
    X, y = np.concatenate([X, X[:1] + 5]), np.append(y, 3)
    found = discriminant(X, y, 4)
    assert found.intercept[2] == NEVER and (found.left_out[:, 2] == NEVER).all()
    assert found.left_out[-1, 3] == NEVER
    assert (X[-1] @ found.coef.T + found.intercept).argmax() == 3
    assert np.isfinite(found.coef).all()


def test_one_example_a_class_gives_the_nearest() -> None:
    X = np.eye(3, 5, dtype=np.float32)
    found = discriminant(X, np.arange(3), 3)
    scores = (X + 0.1) @ found.coef.T + found.intercept
    assert scores.argmax(axis=1).tolist() == [0, 1, 2]
    assert scale_of(found.left_out, np.arange(3)) == 1.0


def test_the_scale_makes_scores_as_sure_as_they_should_be() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(scale=2, size=(4000, 3))
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    y = np.array([rng.choice(3, p=row) for row in p])
    assert scale_of(10 * logits, y) == pytest.approx(0.1, rel=0.15)
