"""The file of a saved classifier: a zip of JSON and safetensors; nothing in it can run. See FORMAT.md."""

from __future__ import annotations

import hashlib
import json
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from regraft.errors import BundleError

FORMAT = "regraft"
VERSION = 1
MANIFEST = "model.json"
LARGEST_MANIFEST = 64 * 2**20
LARGEST_MEMBER = 8 * 2**30

Tensors = Mapping[str, np.ndarray]


def write_bundle(path: str | Path, manifest: dict[str, Any], tensors: Mapping[str, Tensors | bytes]) -> None:
    """Write a bundle whole or not at all.

    Parameters
    ----------
    path : path
        An existing file is replaced only once the new one is complete.
    manifest : dict
        Plain JSON values.
    tensors : dict of str to dict of arrays, or to bytes of a safetensors file
        One safetensors member each.

    Raises
    ------
    BundleError
        If the place cannot be written.
    """
    from safetensors.numpy import save

    path = Path(path)
    members = {
        f"{name}.safetensors": content if isinstance(content, bytes) else save(_plain(content))
        for name, content in tensors.items()
    }
    files = {name: {"sha256": hashlib.sha256(b).hexdigest(), "bytes": len(b)} for name, b in members.items()}
    head = {"format": FORMAT, "version": VERSION, **manifest, "files": files}
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}-", delete=False) as file:
            temporary = Path(file.name)
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                archive.writestr(MANIFEST, json.dumps(head, indent=1))
                for name, content in members.items():
                    archive.writestr(name, content)
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        raise BundleError(
            f"The classifier must be saved where files can be written, but {path} cannot ({error.strerror}); "
            "choose another place."
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _plain(tensors: Tensors) -> dict[str, np.ndarray]:
    return {name: np.ascontiguousarray(array) for name, array in tensors.items()}


class Bundle:
    """An open bundle: its manifest is checked at once, its members when they are read.

    Parameters
    ----------
    path : path

    Raises
    ------
    BundleError
        If the file is missing, is no bundle, is damaged, or was written by a newer release.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.manifest = self._manifest()

    def _manifest(self) -> dict[str, Any]:
        if not self.path.is_file():
            raise BundleError(f"A saved classifier must be a file, but there is none at {self.path}; check the path.")
        manifest = self._json(self._member(MANIFEST, LARGEST_MANIFEST))
        if manifest.get("format") != FORMAT or not isinstance(manifest.get("version"), int):
            raise self._not_a_bundle("its manifest is of another kind")
        if manifest["version"] > VERSION:
            raise BundleError(
                f"{self.path.name} must have format version {VERSION} or lower, but has {manifest['version']}; "
                "install a newer regraft (`pip install -U regraft`)."
            )
        return manifest

    def _json(self, text: bytes) -> dict[str, Any]:
        try:
            manifest = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise self._not_a_bundle("its manifest is not JSON") from error
        if not isinstance(manifest, dict):
            raise self._not_a_bundle("its manifest is of another kind")
        return manifest

    def _member(self, name: str, limit: int) -> bytes:
        try:
            with zipfile.ZipFile(self.path) as archive:
                entry = archive.getinfo(name)
                if entry.file_size > limit or entry.compress_type != zipfile.ZIP_STORED:
                    raise self._not_a_bundle(f"its member {name} is too large or compressed")
                return archive.read(entry)
        except (
            zipfile.BadZipFile,
            KeyError,
            OSError,
            EOFError,
            NotImplementedError,
            RuntimeError,
            ValueError,
        ) as error:
            raise self._not_a_bundle(f"its member {name} cannot be read") from error

    def _not_a_bundle(self, why: str) -> BundleError:
        return BundleError(
            f"{self.path.name} must be a classifier saved by regraft, but {why}; save it again or copy it anew."
        )

    def member(self, name: str) -> bytes:
        """Return the bytes of a safetensors member, checked against the manifest's sha256."""
        member = f"{name}.safetensors"
        files = self.manifest.get("files")
        recorded = files.get(member) if isinstance(files, dict) else None
        content = self._member(member, LARGEST_MEMBER)
        if not isinstance(recorded, dict) or hashlib.sha256(content).hexdigest() != recorded.get("sha256"):
            raise BundleError(
                f"{self.path.name} is damaged: {member} must have the sha256 in its manifest, and has another; "
                "copy it anew."
            )
        return content

    def tensors(self, name: str) -> dict[str, np.ndarray]:
        """Return the arrays of a safetensors member."""
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            return load(self.member(name))
        except (SafetensorError, ValueError, KeyError) as error:
            raise self._not_a_bundle(f"its member {name} is not safetensors") from error
