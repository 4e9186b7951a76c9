"""The new task's layer: one method a file, each a scikit-learn estimator with a storable state.

Importing this module loads neither scikit-learn nor torch; a head's class is imported when asked for.
"""

from __future__ import annotations

import difflib
import inspect
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from regraft.errors import UsageError

if TYPE_CHECKING:
    from regraft.heads.base import Head


@dataclass(frozen=True)
class HeadEntry:
    """A head that can be named.

    Parameters
    ----------
    name : str
        What the user calls it.
    path : str
        Where its class is: "module:class".
    summary : str
        What it does, in one line.
    """

    name: str
    path: str
    summary: str

    def load(self) -> type[Head]:
        """Import the head's class and return it."""
        module, _, name = self.path.partition(":")
        return getattr(import_module(module), name)


HEADS: dict[str, HeadEntry] = {
    entry.name: entry
    for entry in (
        HeadEntry(
            "prototype",
            "regraft.heads.prototype:PrototypeHead",
            "Class means under a shrunk common covariance, for a few examples a class",
        ),
        HeadEntry(
            "logistic",
            "regraft.heads.logistic:LogisticHead",
            "Logistic regression (linear probe); strength of the L2 penalty by cross-validation",
        ),
        HeadEntry(
            "centroid",
            "regraft.heads.nearest_centroid:NearestCentroidHead",
            "Nearest class centroid of centred, length-one features (SimpleShot)",
        ),
        HeadEntry(
            "knn",
            "regraft.heads.neighbors:NeighborsHead",
            "Nearest neighbours by cosine, weighted by similarity",
        ),
        HeadEntry(
            "mlp",
            "regraft.heads.mlp:MLPHead",
            "Network of one or more hidden layers with batch normalisation and dropout",
        ),
        HeadEntry(
            "source",
            "regraft.heads.source_prior:SourcePriorHead",
            "Logistic regression that begins with the source task's own scores of the same classes",
        ),
    )
}
"""The heads by name, simplest first: of equals, the earlier is chosen."""


def head_class(name: str) -> type[Head]:
    """Return the class of the head called `name`.

    Raises
    ------
    UsageError
        For a name that is not in `HEADS`.
    """
    if name not in HEADS:
        raise UsageError(f"there is no head {name!r}{_nearest(name, HEADS)}; the heads are {_listed(HEADS)}")
    return HEADS[name].load()


def build_head(name: str, **settings: Any) -> Head:
    """Return an unfitted head by name.

    Parameters
    ----------
    name : str
        One of `HEADS`.
    **settings
        Parameters of the head's class; the others keep their defaults.

    Raises
    ------
    UsageError
        For an unknown name or setting.
    """
    cls = head_class(name)
    known = [parameter for parameter in inspect.signature(cls).parameters if parameter != "self"]
    for setting in settings:
        if setting not in known:
            listed = f"its settings are {_listed(known)}" if known else "it has no settings"
            raise UsageError(f"the head {name} has no setting {setting!r}{_nearest(setting, known)}; {listed}")
    return cls(**settings)


def _nearest(name: str, known: Any) -> str:
    matches = difflib.get_close_matches(str(name), list(known), n=1)
    return f" (did you mean {matches[0]!r}?)" if matches else ""


def _listed(known: Any) -> str:
    return ", ".join(known)
