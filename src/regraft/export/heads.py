"""The scorers of `heads/scoring.py` as arithmetic inside a graph, in float32."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import nn

from regraft.heads.scoring import NO_EVIDENCE, NOTHING_LEFT

Tensors = Mapping[str, np.ndarray]
Settings = Mapping[str, Any]

TINY = torch.finfo(torch.float32).tiny


class Arrays(nn.Module):
    """A part of the graph that holds learnt arrays under their names.

    Parameters
    ----------
    tensors : dict of str to array
        Real numbers become float32; whole ones int64.
    settings : dict
        Plain values.
    """

    def __init__(self, tensors: Tensors, settings: Settings) -> None:
        super().__init__()
        self.settings = dict(settings)
        for name, array in tensors.items():
            kind = np.int64 if np.issubdtype(array.dtype, np.integer) else np.float32
            self.register_buffer(name.replace(".", "_"), torch.from_numpy(np.array(array, kind)))

    def array(self, name: str) -> torch.Tensor:
        """Return an array by its name in the bundle."""
        found: torch.Tensor = self.get_buffer(name.replace(".", "_"))
        return found


def signed_power(x: torch.Tensor, power: float) -> torch.Tensor:
    """Return sign(x) |x|^power, elementwise."""
    if power == 1.0:
        return x
    size = x.abs()
    return torch.sign(x) * (size.sqrt() if power == 0.5 else size**power)


def unit_rows(x: torch.Tensor) -> torch.Tensor:
    """Return the rows of x (n, d) divided by their Euclidean norms."""
    return x / x.square().sum(1, keepdim=True).sqrt().clamp(min=TINY)


def rooted(x: torch.Tensor, widths: Sequence[int]) -> torch.Tensor:
    """Return the signed roots of features (n, d), each backbone's, `widths` columns long, at length one."""
    edges = np.cumsum([0, *widths]).tolist()
    return torch.cat([unit_rows(signed_power(x[:, a:b], 0.5)) for a, b in pairwise(edges)], dim=1)


def residual_of(roots: torch.Tensor, mean: torch.Tensor, directions: torch.Tensor) -> torch.Tensor:
    """Return the logarithm of what `directions` (q, d) around `mean` (d,) leave of each row's squared length (n,)."""
    centred = roots - mean
    within = centred @ directions.T
    return (centred.square().sum(1) - within.square().sum(1)).clamp(min=NOTHING_LEFT).log()


class Linear(Arrays):
    """Softmax of a linear map on features raised to a power."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = signed_power(x, self.settings["power"])
        return torch.softmax(x @ self.array("coef").T + self.array("intercept"), 1)


class Boosted(Arrays):
    """Mean of the softmax of several linear maps, weighted by their votes."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = signed_power(x, self.settings["power"])
        votes = self.array("votes") / self.array("votes").sum()
        logits = torch.einsum("nd,tkd->tnk", x, self.array("coef")) + self.array("intercept")[:, None]
        return torch.einsum("t,tnk->nk", votes, torch.softmax(logits, 2))


class Layers(Arrays):
    """Softmax of linear maps with ReLU between them; on features raised to a power where it has one."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = signed_power(x, self.settings.get("power", 1.0))
        for layer in range(self.settings["layers"]):
            x = x.clamp(min=0) if layer else x
            x = x @ self.array(f"weight_{layer}").T + self.array(f"bias_{layer}")
        return torch.softmax(x, 1)


class Centroids(Arrays):
    """Softmax of the squared distances to the classes' centroids."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x, centroids = unit_rows(x - self.array("mean")), self.array("centroids")
        return torch.softmax(self.settings["scale"] * (2 * x @ centroids.T - centroids.square().sum(1)), 1)


class Neighbours(Arrays):
    """Votes of the nearest examples by cosine."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        similarity = unit_rows(x - self.array("mean")) @ self.array("examples").T
        count, k = min(self.settings["n_neighbors"], similarity.shape[1]), self.settings["n_classes"]
        nearest, order = torch.topk(similarity, count, dim=1)
        weights = torch.exp((nearest - nearest[:, :1]) / self.settings["temperature"])
        labels = torch.nn.functional.one_hot(self.array("labels"), k).float()[order]
        votes = (weights[:, :, None] * labels).sum(1) + self.settings["smoothing"] / k
        return votes / votes.sum(1, keepdim=True)


class Described(Arrays):
    """Shares of the classes in what the source task's own classifier speaks for."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found = self.speaks_for(x)
        return found / found.sum(1, keepdim=True)

    def speaks_for(self, x: torch.Tensor) -> torch.Tensor:
        """Return what speaks for each class (n, k) in the source's own classes."""
        source = torch.softmax(x @ self.array("coef").T + self.array("intercept"), 1)
        return source @ self.array("evidence") + NO_EVIDENCE


class Generalized(Described):
    """A trained head beside classes that are only described."""

    def __init__(self, tensors: Tensors, settings: Settings) -> None:
        super().__init__(tensors, settings)
        own = {name.removeprefix("trained."): a for name, a in tensors.items() if name.startswith("trained.")}
        self.trained = HEADS[settings["trained"]](own, settings["trained_settings"])
        self.strange = "directions" in tensors

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        trained = tempered(self.trained(x), self.settings["inverse_temperature"])
        found, k = self.speaks_for(x), trained.shape[1]
        odds = found[:, :k].sum(1).log() - found[:, k:].sum(1).log() + self.settings["bonus"]
        if self.strange:
            roots = rooted(x, self.settings["widths"])
            mean, deviation = self.settings["residual"]
            left = residual_of(roots, self.array("mean"), self.array("directions"))
            odds = odds - self.settings["weight"] * (left - mean) / deviation
        known = torch.sigmoid(odds.clamp(-50, 50))[:, None]
        described = found[:, k:] / found[:, k:].sum(1, keepdim=True)
        return torch.cat([known * trained, (1 - known) * described], dim=1)


def tempered(probabilities: torch.Tensor, inverse_temperature: float) -> torch.Tensor:
    """Return p^s, made to sum to 1 again in each row, for probabilities p (n, k) and an inverse temperature s."""
    return torch.softmax(inverse_temperature * probabilities.clamp(min=TINY).log(), 1)


HEADS: dict[str, Callable[[Tensors, Settings], nn.Module]] = {
    "prototype": Linear,
    "logistic": Linear,
    "source": Linear,
    "centroid": Centroids,
    "knn": Neighbours,
    "mlp": Layers,
    "powered_mlp": Layers,
    "zero_shot": Described,
    "generalized": Generalized,
    "boosted": Boosted,
}
"""Name of a head -> what scores its state inside a graph; the same names as `SCORERS`."""
