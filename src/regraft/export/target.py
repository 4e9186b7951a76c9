"""What the kinds of exported files have in common."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from regraft.errors import RegraftError

if TYPE_CHECKING:
    from torch import nn

Outputs = tuple[np.ndarray, ...]
Run = Callable[[np.ndarray], Outputs]
"""Maps pixels (n, h, w, 3) uint8 to probabilities (n, k), and to strangeness (n,) where it is told."""


class CannotExport(RegraftError):
    """A network that a kind of file cannot hold."""


@dataclass(frozen=True)
class Job:
    """What is to be written.

    Parameters
    ----------
    network : torch.nn.Module
        All that the classifier does after decoding.
    names : list of str
        Of what comes out.
    about : dict
        What the file says of itself.
    side : int or None
        Pixels of the squares that it takes; None where it takes images of any size.
    """

    network: nn.Module
    names: list[str]
    about: dict[str, Any]
    side: int | None = None


@dataclass(frozen=True)
class Target:
    """A kind of file.

    Parameters
    ----------
    name : str
    suffix : str
        Of its file.
    beside : tuple of str
        Suffixes of files that belong to it.
    write : callable
        Writes a job to a path.
    open : callable
        Returns what runs the file at a path in a precision.
    precisions : callable
        Returns the precisions that its engine may compute in here.
    quantize : callable or None
        Writes the file at a path once more, in int8: takes also images to calibrate on, and the new path.
    side : callable or None
        Returns the pixels of the squares that are taken, for a classifier's backbones; None where any size is.
    """

    name: str
    suffix: str
    write: Callable[[Job, Path], None]
    open: Callable[[Path, str], Run]
    precisions: Callable[[], tuple[str, ...]]
    beside: tuple[str, ...] = ()
    quantize: Callable[[Path, list[np.ndarray], Path], None] | None = None
    side: Callable[[Any], int] | None = None

    def files(self, path: Path) -> list[Path]:
        """Return the file at a path and those that belong beside it."""
        return [path, *(path.with_suffix(suffix) for suffix in self.beside)]


def cannot(kind: str, error: Exception) -> CannotExport:
    """Return an error that names the operator which a converter stumbled over, if it says so."""
    text = " ".join(str(part) for part in _chain(error))
    found = re.search(r"\b(?:torch\.ops\.)?(aten|prims|torchvision|timm|[a-z_]+_ops)(?:::|\.)(\w+)", text)
    where = f"its operator {found[1]}::{found[2]} cannot be written" if found else _first_line(error)
    return CannotExport(
        f"The backbone must be made of operators that {kind} has, but {where}; choose another target or fit on "
        "another --backbone."
    )


def _chain(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _first_line(error: Exception) -> str:
    line = next(iter(str(error).strip().splitlines()), "")
    return f"the converter says: {line or type(error).__name__}".rstrip(".")
