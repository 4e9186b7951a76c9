"""Parts that are heavy or special come as extras: asked for where they are needed, and named where they are missing."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from regraft.errors import UsageError


def import_or_raise(module: str, extra: str) -> ModuleType:
    """Return a module of an optional package.

    Parameters
    ----------
    module : str
        Such as "open_clip".
    extra : str
        The extra of this project that installs it.

    Raises
    ------
    UsageError
        If it is not installed.
    """
    if find_spec(module.partition(".")[0]) is None:
        raise UsageError(
            f"This needs the package {module.partition('.')[0]}, which is not installed; "
            f'run `pip install "regraft[{extra}]"`.'
        )
    return import_module(module)
