"""The features of a collection of images in one file, so that a search need not look at the images again.

A safetensors file; nothing in it can run. Its metadata hold, as JSON under "regraft", the format's version, what
computed the features, the images' names with what tells whether they have changed, and the sha256 of the arrays.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.backbones.registry import Backbone
from regraft.data.images import digest, read_bytes
from regraft.errors import BundleError, Unreadable, UsageError
from regraft.features.streaming import producer

FORMAT, VERSION = "regraft-index", 1


@dataclass(frozen=True)
class Entry:
    """An image of an index.

    Parameters
    ----------
    name : str
    stamp : str
        Size and time of the file; what changes when the image does, read without opening it.
    digest : str
        Sha256 of the image; "" where it cannot be read.
    reason : str
        Why it cannot be read; "" where it can.
    label : str or None
    """

    name: str
    stamp: str
    digest: str
    reason: str = ""
    label: str | None = None


@dataclass(frozen=True, eq=False)
class Index:
    """Features of a collection of images.

    Parameters
    ----------
    entries : tuple of Entry
        All images of the collection, in its order.
    features : float16 array of shape (n, d)
        Of the readable ones, in the same order.
    made_by : list of dict
        What computed them, a dict for each backbone.
    graph : uint8 array or None
        The graph of nearest neighbours, as `usearch` stores it; None for collections that are searched exactly.
    """

    entries: tuple[Entry, ...]
    features: npt.NDArray[np.float16]
    made_by: list[dict[str, Any]]
    graph: npt.NDArray[np.uint8] | None = None

    @property
    def precisions(self) -> tuple[str, ...]:
        """In which each backbone's features were computed."""
        return tuple(str(each["precision"]) for each in self.made_by)


def stamp(example: Any) -> str:
    """Return what changes when an image does: size and time of its file, else its digest; "" where it is gone."""
    path = example if isinstance(example, Path) else getattr(example, "path", None)
    try:
        if isinstance(path, Path):
            found = path.stat()
            return f"{found.st_size} {found.st_mtime_ns}"
        return digest(read_bytes(example))
    except (OSError, Unreadable):
        return ""


def makers(backbones: tuple[Backbone, ...], precisions: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return all that features depend on beside the images."""
    return [producer(backbone, precision) for backbone, precision in zip(backbones, precisions, strict=True)]


def check_place(path: str | Path) -> Path:
    """Return the path of an index if one is there or can be written there.

    Raises
    ------
    UsageError
        If it is a folder, or in a folder that does not exist.
    """
    path = Path(path)
    if path.is_dir():
        raise UsageError(f"--index must be a file, but {path} is a folder; name a file in it.")
    if not path.parent.is_dir():
        raise UsageError(f"--index must be in an existing folder, but there is no {path.parent}; make it first.")
    return path


def write_index(index: Index, path: Path) -> None:
    """Write an index whole or not at all; an older one is replaced once the new one is complete.

    Raises
    ------
    BundleError
        If the place cannot be written.
    """
    from safetensors.numpy import save

    tensors = {"features": index.features} | ({} if index.graph is None else {"graph": index.graph})
    head = {
        "format": FORMAT,
        "version": VERSION,
        "made_by": index.made_by,
        "images": [asdict(entry) for entry in index.entries],
        "sha256": _sha256(tensors),
    }
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}-", delete=False) as file:
            temporary = Path(file.name)
            file.write(save(tensors, {"regraft": json.dumps(head)}))
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        raise BundleError(
            f"The index must be saved where files can be written, but {path} cannot ({error.strerror}); choose another "
            "place with --index."
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def read_index(path: Path, backbones: tuple[Backbone, ...]) -> Index:
    """Return an index that was made by the backbones at hand.

    Raises
    ------
    BundleError
        If the file is no index, is damaged, was written by a newer release, or has another backbone's features.
    """
    head, tensors = _opened(path)
    if head["version"] > VERSION:
        raise BundleError(
            f"{path.name} must have index version {VERSION} or lower, but has {head['version']}; install a newer "
            "regraft (`pip install -U regraft`), or write the index anew."
        )
    try:
        index = Index(
            entries=tuple(_entry(values) for values in head["images"]),
            features=tensors["features"],
            made_by=list(head["made_by"]),
            graph=tensors.get("graph"),
        )
        same = head["sha256"] == _sha256(tensors)
        readable = sum(not entry.reason for entry in index.entries)
        sound = index.features.dtype == np.float16 and index.features.ndim == 2 and len(index.features) == readable
        recorded = [{**made, "precision": ""} for made in index.made_by]
        names = "+".join(str(made["backbone"]) for made in index.made_by)
        fits = index.precisions and index.features.ndim == 2
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _no_index(path, f"its parts are malformed ({type(error).__name__}: {error})") from error
    if not same:
        raise BundleError(f"{path.name} is damaged: its arrays are not those it was written with; remove it.")
    if not sound or not fits:
        raise _no_index(path, "its features are not those of its images")
    asked = [{**made, "precision": ""} for made in makers(backbones, ("",) * len(backbones))]
    if recorded != json.loads(json.dumps(asked)):
        _refuse_other(path, names, recorded, "+".join(backbone.name for backbone in backbones))
    return index


def _refuse_other(path: Path, theirs: str, recorded: list[dict[str, Any]], ours: str) -> None:
    if theirs != ours:
        raise BundleError(
            f"{path.name} must have features of {ours}, which is asked for, but has those of {theirs}; give "
            f"--backbone {theirs}, or another --index."
        )
    raise BundleError(
        f"{path.name} must have been made with the same weights and pixels as are asked for, but {theirs} had others; "
        "give the options it was made with, or another --index."
    )


def _entry(values: dict[str, Any]) -> Entry:
    entry = Entry(**values)
    if not all(isinstance(text, str) for text in (entry.name, entry.stamp, entry.digest, entry.reason)):
        raise TypeError("an image's record is not text")
    return entry


def _opened(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            head = json.loads(metadata.get("regraft", "null"))
            if not isinstance(head, dict) or head.get("format") != FORMAT or type(head.get("version")) is not int:
                raise _no_index(path, "it was not written by regraft")
            return head, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (no mapping)
    except (SafetensorError, OSError, ValueError, RecursionError) as error:
        raise _no_index(path, "it is damaged or of another kind") from error


def _no_index(path: Path, why: str) -> BundleError:
    return BundleError(
        f"{path.name} must be an index that `regraft search` wrote, but {why}; remove it to write it anew."
    )


def _sha256(tensors: Mapping[str, np.ndarray]) -> str:
    found = hashlib.sha256()
    for name in sorted(tensors):
        found.update(name.encode())
        found.update(np.ascontiguousarray(tensors[name]).data)
    return found.hexdigest()
