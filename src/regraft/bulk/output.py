"""Where a job writes: a folder here, or below a URL; each file appears whole, or not at all."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any

from regraft.bulk.listed import file_system
from regraft.data.filenames import printable
from regraft.errors import RegraftError, UsageError

NOTES = "_regraft"
"""The folder for the plan and the markers: readers of Parquet leave aside what begins with an underscore."""

PLAN = f"{NOTES}/plan.json"


class Output:
    """The folder of a job.

    Parameters
    ----------
    place : str
        A path, or a URL of a file system that fsspec knows.
    """

    def __init__(self, place: str) -> None:
        self.place = place
        self._system: Any = None
        self._root = str(Path(place.removeprefix("file://")).expanduser().absolute())

    @property
    def _remote(self) -> bool:
        return "://" in self.place and not self.place.startswith("file://")

    @property
    def absolute(self) -> str:
        """The same place, whatever folder a program was started in."""
        return self.place if self._remote else self._root

    def _fs(self) -> tuple[Any, str]:
        if self._system is None:
            if self._remote:
                self._system, self._root = file_system(self.place)
            else:
                from fsspec.implementations.local import LocalFileSystem

                self._system = LocalFileSystem()
        return self._system, self._root.rstrip("/")

    def write(self, name: str, content: bytes) -> None:
        """Write a file whole: a reader sees the old one or the new one.

        Raises
        ------
        RegraftError
            If the place cannot be written.
        """
        system, root = self._fs()
        try:
            if self._remote:
                system.makedirs(f"{root}/{name}".rpartition("/")[0], exist_ok=True)
                system.pipe_file(f"{root}/{name}", content)  # object stores show what is put when it is complete
                return
            path = Path(root, name)
            (Path(root) / NOTES).mkdir(parents=True, exist_ok=True)
            new = Path(root) / NOTES / f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}"
            try:
                with new.open("xb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                new.replace(path)
            finally:
                new.unlink(missing_ok=True)
        except Exception as error:  # each file system has kinds of its own
            why = error.strerror if isinstance(error, OSError) and error.strerror else error
            raise RegraftError(
                f"The results must be written where there is room and leave, but {printable(self.place)} cannot "
                f"({why}); mend that and run the same command again to go on, or choose another place with --out."
            ) from error

    def read_json(self, name: str) -> dict[str, Any] | None:
        """Return the object in a JSON file; None where there is none, or it is damaged."""
        system, root = self._fs()
        try:
            found = json.loads(system.cat_file(f"{root}/{name}"))
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def write_json(self, name: str, values: dict[str, Any]) -> None:
        """Write an object as a JSON file."""
        self.write(name, json.dumps(values, indent=1).encode())

    def sizes(self) -> dict[str, int]:
        """Return the size in bytes of each file, by its name from the folder on."""
        system, root = self._fs()
        system.invalidate_cache()
        try:
            found = system.find(root, detail=True)
        except OSError:
            return {}
        return {path[len(root) :].lstrip("/"): int(about["size"] or 0) for path, about in found.items()}

    def check_new(self) -> None:
        """Raise UsageError if the folder holds something that is no job's."""
        if self.read_json(PLAN) is None and any(not name.startswith(f"{NOTES}/") for name in self.sizes()):
            raise UsageError(
                f"--out must be a new or empty folder, or one of the same job, but {printable(self.place)} holds "
                "something else; choose another."
            )

    def sweep(self) -> None:
        """Delete what writers left half-written that were killed."""
        if not self._remote:
            for left in (Path(self._fs()[1]) / NOTES).glob(".*"):
                left.unlink(missing_ok=True)
