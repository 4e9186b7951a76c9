"""Several linear classifiers as one: the mean of their logits is itself linear in their features side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from regraft.heads.scoring import softmax
from regraft.result import Attempt
from regraft.strategies.network import Fitted, accuracy_and_loss


def joinable(fitted: Fitted) -> bool:
    """Return whether a classifier is one backbone with a head that is linear in its features."""
    linear = fitted.head == "logistic" and fitted.settings.get("power") == 1.0
    return linear and len(fitted.backbones) == 1 and fitted.probabilities is not None


def join(parts: Sequence[Fitted], y: np.ndarray) -> Fitted:
    """Return the classifier of the mean logits.

    Parameters
    ----------
    parts : sequence of Fitted
        Joinable ones.
    y : int array of shape (n,)
        Classes of the validation images, by which the temperature is set.

    References
    ----------
    Lakshminarayanan et al., Simple and Scalable Predictive Uncertainty Estimation using Deep Ensembles, 2017.
    """
    from regraft.heads.temperature import fit_temperature

    found = [part.probabilities for part in parts if part.probabilities is not None]
    logits = np.mean([np.log(np.maximum(each, 1e-30)) for each in found], axis=0)
    scale = fit_temperature(logits, y)[0]
    share = np.float32(scale / len(parts))
    tensors = {
        "coef": np.concatenate([share * part.tensors["coef"] for part in parts], axis=1).astype(np.float32),
        "intercept": np.sum([share * part.tensors["intercept"] for part in parts], axis=0).astype(np.float32),
    }
    probabilities = softmax(scale * logits)
    accuracy, loss = accuracy_and_loss(probabilities, y)
    attempt = Attempt(
        " + ".join(part.attempt.name for part in parts),
        accuracy,
        loss,
        len(y),
        sum(part.attempt.trainable for part in parts),
        sum(part.attempt.seconds for part in parts),
    )
    settings = {**parts[0].settings, "n_features": tensors["coef"].shape[1], "inverse_temperature": scale}
    backbones = tuple(backbone for part in parts for backbone in part.backbones)
    return Fitted(backbones, "logistic", tensors, settings, probabilities, attempt, (), parts[0].augmentation)
