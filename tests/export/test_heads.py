"""Each head inside a graph says what its scorer says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from regraft.export import heads
from regraft.export.heads import HEADS
from regraft.heads import build_head
from regraft.heads.scoring import SCORERS, residual_of, rooted

N, D, K = 90, 24, 3
SETTINGS: dict[str, dict[str, Any]] = {"mlp": {"units": (8,), "epochs": 20}, "knn": {"n_neighbors": (5,)}}


def features(seed: int, n: int = N) -> tuple[np.ndarray, np.ndarray]:
    """Return features (n, d) of both signs, and classes."""
    y = np.arange(n) % K
    centres = np.random.default_rng(99).normal(size=(K, D))
    return (centres[y] + np.random.default_rng(seed).normal(size=(n, D))).astype(np.float32), y


def drawn(*shape: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype(np.float32)


def described(classes: int) -> dict[str, np.ndarray]:
    """Return a source task of seven classes, and how they speak for new ones; one says nothing at all."""
    evidence = np.abs(drawn(7, classes))
    evidence[3] = 0
    return {"coef": drawn(7, D), "intercept": drawn(7), "evidence": evidence}


def fitted(name: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    return build_head(name, **SETTINGS.get(name, {})).fit(*features(0)).state()


def generalized(trained: str, strange: bool) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    own, settings = fitted(trained)
    tensors = described(K + 2) | {f"trained.{name}": array for name, array in own.items()}
    values = {"trained": trained, "trained_settings": settings, "inverse_temperature": 0.8, "bonus": 0.3}
    if strange:
        directions = np.linalg.qr(drawn(D, 4))[0].T.astype(np.float16)
        tensors |= {"mean": 0.1 * drawn(D), "directions": directions}
        values |= {"widths": [10, D - 10], "weight": 0.7, "residual": [-0.2, 0.3]}
    return tensors, values


def by_hand(name: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    if name == "boosted":
        votes = np.array([0.5, 2, 1], np.float32)
        return {"coef": drawn(3, K, D), "intercept": drawn(3, K), "votes": votes}, {"power": 0.5}
    if name == "powered_mlp":
        layers = {"weight_0": drawn(8, D), "bias_0": drawn(8), "weight_1": drawn(K, 8), "bias_1": drawn(K)}
        return layers, {"layers": 2, "power": 0.75}
    if name == "zero_shot":
        return described(K), {}
    return generalized("logistic", strange=True)


def state(name: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    return by_hand(name) if name in ("boosted", "powered_mlp", "zero_shot", "generalized") else fitted(name)


def same(name: str, tensors: dict[str, np.ndarray], settings: dict[str, Any]) -> None:
    X, _ = features(1)
    X[0] = 0  # as of a black image through ReLUs
    expected = SCORERS[name](X, tensors, settings)
    with torch.no_grad():
        found = HEADS[name](tensors, settings).eval()(torch.from_numpy(X)).numpy()
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_every_head_has_a_graph() -> None:
    assert set(HEADS) == set(SCORERS)


@pytest.mark.parametrize("name", sorted(SCORERS))
def test_it_is_what_the_scorer_says(name: str) -> None:
    same(name, *state(name))


@pytest.mark.parametrize("strange", [False, True], ids=["without-strangeness", "with-strangeness"])
@pytest.mark.parametrize("trained", ["knn", "mlp", "centroid"])
def test_generalized_holds_any_trained_head(trained: str, strange: bool) -> None:
    same("generalized", *generalized(trained, strange))


def test_more_neighbours_than_examples_are_all_of_them() -> None:
    tensors, settings = fitted("knn")
    few = tensors | {"examples": tensors["examples"][:4], "labels": tensors["labels"][:4]}
    same("knn", few, settings | {"n_neighbors": 9})


@pytest.mark.parametrize("power", [1.0, 0.5, 0.3])
def test_powers_keep_the_sign_and_leave_0_alone(power: float) -> None:
    x = np.array([[-4.0, 0.0, 9.0]], np.float32)
    found = heads.signed_power(torch.from_numpy(x), power).numpy()
    np.testing.assert_allclose(found, np.sign(x) * np.abs(x) ** power, rtol=1e-6)


def test_what_directions_leave_is_the_same_even_where_nothing_is_left() -> None:
    directions = np.linalg.qr(drawn(D, 4))[0].T.astype(np.float32)
    X = np.concatenate([features(2, 20)[0], np.zeros((1, D), np.float32)])
    mean = np.zeros(D, np.float32)
    ours = heads.rooted(torch.from_numpy(X), (10, D - 10))
    np.testing.assert_allclose(ours.numpy(), rooted(X, (10, D - 10)), atol=1e-6)
    found = heads.residual_of(ours, torch.from_numpy(mean), torch.from_numpy(directions)).numpy()
    np.testing.assert_allclose(found, residual_of(rooted(X, (10, D - 10)), mean, directions), atol=1e-5)
