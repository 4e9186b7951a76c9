"""What links say about classes, as it was learnt on a source: plain values that can be kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from regraft.errors import BundleError
from regraft.relations.strength import Strength

AMOUNTS = (0.0625, 0.125, 0.25, 0.5, 1.0)
"""How far smoothing may go: powers of what a link says. Predictions of linked examples share errors, and links of
examples that are all linked repeat each other, which calls for less than 1."""


@dataclass(frozen=True)
class Gain:
    """What smoothing did to held-out predictions of linked examples of the source.

    Parameters
    ----------
    linked : int
        Examples with a link that tells something.
    accuracy, accuracy_smoothed : float
    log_loss, log_loss_smoothed : float
        In nats.
    """

    linked: int
    accuracy: float
    accuracy_smoothed: float
    log_loss: float
    log_loss_smoothed: float


@dataclass(frozen=True, eq=False)
class Relations:
    """What links say about classes, as it was learnt on a source.

    Parameters
    ----------
    class_names : tuple of str
    strengths : tuple of Strength
        One a type of link.
    amount : float
        Power of what a link says; 0 where smoothing did not help on the source, and is not done.
    gain : Gain, optional
        None where there was nothing to try.
    reason : str
        Why nothing is smoothed; "" where it is.
    """

    class_names: tuple[str, ...]
    strengths: tuple[Strength, ...]
    amount: float
    gain: Gain | None
    reason: str

    def sentences(self) -> list[str]:
        """Return what was learnt, for a person."""
        said = [strength.sentence() for strength in self.strengths]
        if self.reason:
            return [*said, self.reason]
        assert self.gain is not None
        gain = self.gain
        return [
            *said,
            f"on {gain.linked:,} linked examples of the source, held out, links take the accuracy from "
            f"{gain.accuracy:.1%} to {gain.accuracy_smoothed:.1%} and the log loss from {gain.log_loss:.3f} to "
            f"{gain.log_loss_smoothed:.3f}",
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "class_names": list(self.class_names),
            "strengths": [strength.to_dict() for strength in self.strengths],
            "amount": self.amount,
            "gain": None if self.gain is None else vars(self.gain).copy(),
            "reason": self.reason,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Relations:
        """Return what `to_dict` was of.

        Raises
        ------
        BundleError
            If the values are not those of relations.
        """
        try:
            names = tuple(map(str, values["class_names"]))
            strengths = tuple(Strength.from_dict(each) for each in values["strengths"])
            amount, gain = float(values["amount"]), values["gain"]
            found = None if gain is None else Gain(**gain)
            reason = str(values["reason"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BundleError(f"the stored relations cannot be read ({error}): save the classifier anew") from error
        shape = (len(names), len(names))
        sound = [s.joint.shape == shape and np.isfinite(s.joint).all() and (s.joint > 0).all() for s in strengths]
        settled = (found is None) == (amount == 0) == bool(reason) and 0 <= amount <= max(AMOUNTS)
        if not (all(sound) and settled and all(s.weight > 0 for s in strengths)):
            raise BundleError(
                f"the stored relations must have positive tables of {shape[0]} x {shape[0]} classes and an amount "
                f"up to {max(AMOUNTS):g} with its gain, and have not: save the classifier anew"
            )
        return cls(names, strengths, amount, found, reason)
