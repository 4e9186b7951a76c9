"""The new head as a torch module: linear or a multilayer perceptron; and back to what is stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from regraft.errors import UsageError

Kind = Literal["linear", "mlp"]


def build_head(
    kind: Kind,
    d: int,
    k: int,
    units: Sequence[int] = (),
    dropout: float = 0.0,
    batch_norm: bool = False,
) -> nn.Sequential:
    """Return a head with random weights that maps features (n, d) to logits (n, k).

    Parameters
    ----------
    kind : {"linear", "mlp"}
    d, k : int
        Length of the features, and number of classes.
    units : sequence of int
        Width of each hidden layer of an MLP.
    dropout : float
        Share of each hidden layer's outputs that is dropped while training, from 0 to below 1.
    batch_norm : bool
        Whether what enters each layer of an MLP, the features included, is batch-normalised.

    Raises
    ------
    UsageError
        For another kind, settings out of range, or an MLP's settings where the head is linear.

    References
    ----------
    He et al., Delving Deep into Rectifiers, 2015 (an MLP's initial weights).
    """
    _check(kind, units, dropout, batch_norm)
    if kind == "linear":
        return nn.Sequential(nn.Linear(d, k))
    layers: list[nn.Module] = []
    widths = (d, *units, k)
    for position, width in enumerate(widths[1:]):
        before = widths[position]
        layers += [nn.BatchNorm1d(before)] if batch_norm else []
        layers += [_he_normal(before, width)]
        if position < len(units):
            layers += [nn.ReLU(), nn.Dropout(dropout)]
    return nn.Sequential(*layers)


def _check(kind: str, units: Sequence[int], dropout: float, batch_norm: bool) -> None:
    if kind not in ("linear", "mlp"):
        raise UsageError(f"a head that is trained with its network must be linear or mlp, not {kind!r}.")
    if kind == "linear" and (units or dropout or batch_norm):
        raise UsageError("units, dropout and batch_norm must go with the head mlp, not linear; choose --head mlp.")
    if min([1, *units]) < 1:
        raise UsageError(f"units must be 1 or more in each hidden layer, not {tuple(units)}.")
    if not 0 <= dropout < 1:
        raise UsageError(f"dropout must be from 0 to below 1, not {dropout}.")


def _he_normal(before: int, width: int) -> nn.Linear:
    linear = nn.Linear(before, width)
    nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
    nn.init.zeros_(linear.bias)
    return linear


def start_from(head: nn.Sequential, coef: npt.NDArray[np.floating], intercept: npt.NDArray[np.floating]) -> None:
    """Give a linear head what a probe has learned on the same features.

    Parameters
    ----------
    head : torch.nn.Sequential
        A linear head; changed in place.
    coef : array of shape (k, d)
    intercept : array of shape (k,)

    Raises
    ------
    ValueError
        If the head is not linear, or of another shape.
    """
    shapes = [tuple(parameter.shape) for parameter in head.parameters()]
    if shapes != [coef.shape, intercept.shape]:
        raise ValueError(f"the head must have parameters {coef.shape} and {intercept.shape} as the probe, not {shapes}")
    head[0].load_state_dict({"weight": torch.tensor(coef), "bias": torch.tensor(intercept)})


def head_state(
    head: nn.Sequential, inverse_temperature: float = 1.0
) -> tuple[str, dict[str, np.ndarray], dict[str, Any]]:
    """Return a head as what `regraft.heads.scoring.SCORERS` takes and a classifier stores.

    Parameters
    ----------
    head : torch.nn.Sequential
        From `build_head`, trained; batch normalisation counts as in evaluation mode.
    inverse_temperature : float
        What logits are multiplied by.

    Returns
    -------
    name : str
        "logistic" where the head is one linear map, else "mlp".
    tensors : dict of str to float32 array
        Batch normalisation and temperature are folded into the linear maps.
    settings : dict
        Plain values for JSON.
    """
    maps = _linear_maps(head)
    maps[-1] = (inverse_temperature * maps[-1][0], inverse_temperature * maps[-1][1])
    single = len(maps) == 1
    names = [("coef", "intercept")] if single else [(f"weight_{i}", f"bias_{i}") for i in range(len(maps))]
    tensors: dict[str, np.ndarray] = {}
    for (weight_name, bias_name), (weight, bias) in zip(names, maps, strict=True):
        tensors[weight_name] = weight.astype(np.float32)
        tensors[bias_name] = bias.astype(np.float32)
    settings: dict[str, Any] = {"n_features": maps[0][0].shape[1], "inverse_temperature": float(inverse_temperature)}
    if single:
        return "logistic", tensors, {**settings, "power": 1.0}
    return "mlp", tensors, {**settings, "layers": len(maps)}


def _linear_maps(head: nn.Sequential) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return each linear map's weight (out, in) and bias (out,), batch normalisation before it folded in."""
    maps: list[tuple[np.ndarray, np.ndarray]] = []
    gain, offset = np.ones(1), np.zeros(1)
    for layer in head:
        if isinstance(layer, nn.BatchNorm1d):
            mean, variance, gain, offset = map(
                _values, (layer.running_mean, layer.running_var, layer.weight, layer.bias)
            )
            gain = gain / np.sqrt(variance + layer.eps)
            offset = offset - gain * mean
        elif isinstance(layer, nn.Linear):
            weight, bias = _values(layer.weight), _values(layer.bias)
            maps.append((weight * gain, bias + (weight * offset).sum(axis=1)))
            gain, offset = np.ones(1), np.zeros(1)
    return maps


def _values(tensor: Any) -> npt.NDArray[np.float64]:
    return tensor.detach().double().numpy()
