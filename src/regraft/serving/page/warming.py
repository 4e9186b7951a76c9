"""What is slow the first time, done while the user still looks for photos."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module

from regraft.backbones.lookup import get_backbones
from regraft.errors import RegraftError
from regraft.features.cache import cache_root
from regraft.features.engines import available_precisions, engine_name, open_engine
from regraft.request import default_backbone

log = logging.getLogger(__name__)

NEEDED = ("sklearn.linear_model", "sklearn.neighbors", "sklearn.model_selection", "scipy.stats", "jinja2")
"""What a training imports beside the networks."""


class Warming:
    """Converts and compiles the usual networks in a thread; what fails there is told by the job that needs it.

    No photo goes through them: which precision agrees with float32 is for the user's own photos to say.
    """

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._warm, name="page-warming", daemon=True)
        self._thread.start()

    @property
    def going_on(self) -> bool:
        """Whether it has not ended yet."""
        return self._thread.is_alive()

    def wait(self) -> None:
        """Wait for its end."""
        self._thread.join()

    def stop(self) -> None:
        """End it where it next can; a network that is being compiled cannot be left alone."""
        self._stopping.set()
        self._thread.join()

    def _warm(self) -> None:
        try:
            for step in self._steps():
                if self._stopping.is_set():
                    return
                step()
        except (RegraftError, ImportError, OSError, RuntimeError) as error:
            log.info("warming up: %s", error)

    def _steps(self) -> Iterator[Callable[[], object]]:
        kind = engine_name("auto")
        for backbone in get_backbones(default_backbone("probe", "image")):
            # What is tried first, and what it is held against; the others are seldom asked for.
            for precision in dict.fromkeys((available_precisions(kind)[0], "f32")):
                yield partial(open_engine, backbone, kind, precision, cache_root())
        for module in NEEDED:
            yield partial(import_module, module)
