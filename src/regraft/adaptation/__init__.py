"""How to transfer across domains: one method a file, each a scikit-learn estimator with a storable state.

Importing this module loads neither scikit-learn nor torch; a method's class is imported when asked for.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from regraft.errors import UsageError

if TYPE_CHECKING:
    from regraft.adaptation.base import Adaptation

SOURCE_ONLY = "source-only"
"""The yardstick: what is learnt on the source as it is."""


@dataclass(frozen=True)
class MethodEntry:
    """A method that can be named.

    Parameters
    ----------
    name : str
        What the user calls it.
    path : str
        Where its class is: "module:class".
    summary : str
        What it does, in one line.
    auto : bool
        Whether `auto` considers it.
    labels : bool
        Whether it needs some labels of the target.
    sources : bool
        Whether it needs several sources.
    turns : bool
        Whether it does the same however the features are turned, so that it can be tried along fewer axes.
    settings : dict
        Parameters of the class.
    package : str or None
        A package that it needs beyond the core ones; it comes with the extra `adapt`.
    """

    name: str
    path: str
    summary: str
    auto: bool = True
    labels: bool = False
    sources: bool = False
    turns: bool = False
    settings: dict[str, Any] = field(default_factory=dict)
    package: str | None = None

    def build(self, **settings: Any) -> Adaptation:
        """Return the unfitted estimator; of `settings`, those that it takes."""
        module, _, name = self.path.partition(":")
        estimator: Adaptation = getattr(import_module(module), name)(**self.settings)
        return estimator.set_params(**{key: v for key, v in settings.items() if key in estimator.get_params()})


_HERE = "regraft.adaptation"

METHODS: dict[str, MethodEntry] = {
    entry.name: entry
    for entry in (
        MethodEntry(SOURCE_ONLY, f"{_HERE}.source_only:SourceOnly", "Logistic regression on the source as it is"),
        MethodEntry(
            "label-shift",
            f"{_HERE}.label_shift:LabelShift",
            "The odds corrected for how often each class is in the target",
        ),
        MethodEntry(
            "center",
            f"{_HERE}.standardization:Standardization",
            "Each domain's own mean taken away",
            settings={"scale": False},
        ),
        MethodEntry(
            "standardize", f"{_HERE}.standardization:Standardization", "Each domain's own mean and scale taken away"
        ),
        MethodEntry("coral", f"{_HERE}.coral:Coral", "The source given the target's covariance", turns=True),
        MethodEntry(
            "subspace",
            f"{_HERE}.subspace_alignment:SubspaceAlignment",
            "The source's principal axes turned to the target's",
            turns=True,
        ),
        MethodEntry(
            "tca",
            f"{_HERE}.transfer_component:TransferComponents",
            "Directions in which the domains differ least",
            turns=True,
        ),
        MethodEntry(
            "optimal-transport",
            f"{_HERE}.optimal_transport:OptimalTransport",
            "The source carried to the target at the least cost, class by class",
            turns=True,
            package="ot",
        ),
        MethodEntry(
            "density-ratio",
            f"{_HERE}.density_ratio:DensityRatio",
            "Source examples weighted by how like the target's they are",
            turns=True,
        ),
        MethodEntry(
            "kmm",
            f"{_HERE}.kernel_mean_matching:KernelMeanMatching",
            "Source examples weighted so that both domains have one mean",
            turns=True,
        ),
        MethodEntry(
            "self-training",
            f"{_HERE}.self_training:SelfTraining",
            "Rounds of learning from the target's surest examples",
            turns=True,
        ),
        MethodEntry(
            "tradaboost",
            f"{_HERE}.tradaboost:TrAdaBoost",
            "Boosting in which source examples that mislead lose weight",
            labels=True,
            turns=True,
        ),
        MethodEntry(
            "multi-tradaboost",
            f"{_HERE}.multi_source_tradaboost:MultiSourceTrAdaBoost",
            "The same, each round with the source that helps most",
            labels=True,
            sources=True,
            turns=True,
        ),
        MethodEntry("dann", f"{_HERE}.deep:DomainAdversarial", "Features that no classifier tells apart", auto=False),
        MethodEntry("deep-coral", f"{_HERE}.deep:DeepCoral", "Features of one covariance", auto=False),
        MethodEntry(
            "mcc", f"{_HERE}.deep:MinimumClassConfusion", "Target examples named with little confusion", auto=False
        ),
        MethodEntry("tent", f"{_HERE}.tent:Tent", "Scales and shifts at which the target is named surely", auto=False),
    )
}
"""The methods by name; the yardstick first."""

RULES = {
    "mixture": "the mean of four views: there and back, agreement, information, the weighted source",
    "circular": "accuracy there and back",
    "importance-weighted": "importance-weighted validation on the source",
    "deep-embedded": "deep embedded validation on the source",
}
"""By what a method can be chosen without labels of the target."""

BATCH_NORM = "adabn"
"""Batch normalisation's statistics re-estimated on each domain: it changes the features, and not how they are named."""

NAMES = (*METHODS, BATCH_NORM)


def check_method(name: str) -> None:
    """Raise UsageError unless a method is known."""
    if name not in NAMES:
        near = difflib.get_close_matches(name, NAMES, n=1)
        guess = f" Did you mean {near[0]}?" if near else ""
        raise UsageError(f"--method must be auto, all or some of {', '.join(NAMES)}, not {name!r}.{guess}")
