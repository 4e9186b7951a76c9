"""Arrays in a safetensors file that are mapped and not read: what is not looked at costs no memory."""

from __future__ import annotations

import json
import struct
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from regraft.errors import WeightsError

Arrays = Mapping[str, npt.NDArray[Any]]

_CODES: dict[np.dtype[Any], str] = {np.dtype(np.float32): "F32", np.dtype(np.int64): "I64", np.dtype(np.uint8): "U8"}


def write_arrays(parts: Arrays, target: Path) -> None:
    """Write arrays as a safetensors file, whole or not at all, without a second copy of them in memory.

    Parameters
    ----------
    parts : mapping of str to float32, int64 or uint8 arrays
    target : Path

    Raises
    ------
    OSError
        If it cannot be written.
    """
    header, at = {}, 0
    for name, array in sorted(parts.items(), key=lambda part: -part[1].itemsize):
        header[name] = {"dtype": _CODES[array.dtype], "shape": array.shape, "data_offsets": (at, at + array.nbytes)}
        at += array.nbytes
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix="new-", delete=False) as file:
        temporary = Path(file.name)
        try:
            file.write(struct.pack("<Q", len(head)) + head)
            for name in header:
                _dump(parts[name], file)
            file.close()
            temporary.chmod(0o644)
            temporary.replace(target)
        finally:
            with suppress(FileNotFoundError):
                temporary.unlink()


def _dump(array: npt.NDArray[Any], file: Any) -> None:
    flat = np.ascontiguousarray(array).reshape(-1)
    for start in range(0, len(flat), 2**24):
        file.write(flat[start : start + 2**24].tobytes())


def map_arrays(path: Path) -> Arrays:
    """Return the arrays of a safetensors file, mapped: what is not looked at is not read.

    Raises
    ------
    WeightsError
        If it is damaged.
    """
    from safetensors import SafetensorError, safe_open

    kinds: dict[str, np.dtype[Any]] = {code: kind for kind, code in _CODES.items()}
    try:
        with safe_open(path, "np"):
            pass  # its offsets and shapes fit the file, or this raises
        with path.open("rb") as file:
            return {name: _mapped(file, path, kinds, entry) for name, entry in _header(file).items()}
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise WeightsError(f"Word vectors must be whole, but {path.name} is damaged; copy or save it anew.") from error


def _header(file: BinaryIO) -> dict[str, Any]:
    header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    start = file.tell()
    return {name: {**entry, "at": start + entry["data_offsets"][0]} for name, entry in header.items() if name[0] != "_"}


def _mapped(file: BinaryIO, path: Path, kinds: Mapping[str, np.dtype[Any]], entry: dict[str, Any]) -> npt.NDArray[Any]:
    return np.memmap(path, kinds[entry["dtype"]], "r", offset=entry["at"], shape=tuple(entry["shape"]))
