"""The models of a server by name; one may be added while it runs."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from regraft.classifier import Classifier
from regraft.errors import UsageError
from regraft.features.live import LiveFeatures
from regraft.multitask.model import Tasks
from regraft.serving.refusals import Refused
from regraft.serving.settings import Settings

Model = Classifier | Tasks


@dataclass(frozen=True, eq=False)
class Served:
    """One model, ready to run.

    Parameters
    ----------
    name : str
    model : Classifier or Tasks
    live : LiveFeatures
        Its engines, open.
    sha256 : str or None
        Of its file; None where it was not read from one.
    """

    name: str
    model: Model
    live: LiveFeatures
    sha256: str | None = None

    @property
    def modality(self) -> str:
        """What it names: "image", "text" or "audio"."""
        return self.model.modality


class Models:
    """The models of a server, in the order in which they were added; the first is meant where none is named."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._served: dict[str, Served] = {}
        self._lock = threading.Lock()

    def add(self, name: str, model: Model, sha256: str | None = None) -> None:
        """Serve a model by a name from now on; one that has the name already is replaced.

        Parameters
        ----------
        name : str
        model : Classifier or Tasks
        sha256 : str, optional
            Of the file that it was read from.

        Raises
        ------
        UsageError
            If the name is empty or far too long.
        BundleError, WeightsError
            If its networks cannot be run.
        """
        if not name or len(name) > 200 or not name.isprintable():
            raise UsageError(f"A model's name must be 1 to 200 printable characters, not {name!r}; choose another.")
        live = LiveFeatures(model.backbones, model.precisions, model.widths, max_pixels=self._settings.max_pixels)
        with self._lock:
            # Another dict, so that whoever is reading the names needs no lock.
            self._served = {**self._served, name: Served(name, model, live, sha256)}

    def names(self) -> tuple[str, ...]:
        """Return the names, the first one added first."""
        return tuple(self._served)

    def every(self) -> tuple[Served, ...]:
        """Return all models, the first one added first."""
        return tuple(self._served.values())

    def get(self, name: str | None) -> Served:
        """Return the model of a name, or the first one.

        Raises
        ------
        Refused
            If there is none.
        """
        served = self._served
        if not served:
            raise Refused(404, "no-model", "A model must be there to answer, but none is loaded yet; come again later.")
        if name is None:
            return next(iter(served.values()))
        if name not in served:
            listed = ", ".join(list(served)[:10])
            raise Refused(
                404, "unknown-model", f"model must be one of {listed}, not {name[:200]!r}; /v1/models lists them."
            )
        return served[name]
