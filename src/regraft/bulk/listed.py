"""Sources that are listed beforehand: files of this file system, texts, and files of object stores."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regraft.bulk.shards import AHEAD, Examples, Fetched, Lost
from regraft.data.filenames import on_one_line, printable
from regraft.data.listing import EXTENSIONS
from regraft.data.modality import of_name
from regraft.errors import DataError, RegraftError

GONE = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)
"""What is wrong with one file; all else is wrong with the way to it, and may be well again."""


@dataclass(frozen=True)
class ListedShard:
    """Rows that need no more than to be named: local files, or texts.

    Parameters
    ----------
    examples : tuple of Path, str or Lost
    names : tuple of str
    labels : tuple of str or None; or None
    """

    examples: tuple[Any, ...]
    names: tuple[str, ...]
    labels: tuple[str | None, ...] | None

    @property
    def rows(self) -> int:
        """How many they are."""
        return len(self.examples)

    def read(self) -> Examples:
        """Return them as they are."""
        return Examples(self.examples, list(self.names), None if self.labels is None else list(self.labels))


@dataclass(frozen=True, eq=False)
class Listed:
    """Files and texts, as `regraft embed` lists them.

    Parameters
    ----------
    examples : sequence of Path, str, bytes, array or Row, length n
    names : sequence of str, length n
    labels : sequence of str or None, length n; or None
    modality : {"image", "text", "audio"}
    keep : object
        Whatever must live as long as the examples do, such as the folder of an unpacked archive.
    """

    examples: Sequence[Any]
    names: Sequence[str]
    labels: Sequence[str | None] | None
    modality: str
    keep: Any = None

    @property
    def rows(self) -> int:
        """How many examples there are."""
        return len(self.examples)

    def digest(self) -> str:
        """Return the digest of all names, and of the texts themselves."""
        found = hashlib.sha256()
        for name, example in zip(self.names, self.examples, strict=True):
            known = example if isinstance(example, str) else ""
            found.update(f"{name}\0{known}\0".encode("utf-8", "surrogatepass"))
        return found.hexdigest()

    def shard(self, start: int, stop: int) -> ListedShard:
        """Return rows `start` to `stop`."""
        rows = slice(start, stop)
        labels = None if self.labels is None else tuple(self.labels[rows])
        return ListedShard(tuple(self.examples[rows]), tuple(self.names[rows]), labels)

    def check_travels(self) -> None:
        """Raise DataError unless other machines can read the examples too."""
        # A file of an unpacked archive is a path of another type: it goes when this program ends.
        if self.keep is not None or any(type(one) not in (str, Lost, type(Path())) for one in self.examples):
            raise DataError(
                "What a cluster reads must be files, texts or Parquet with a column of bytes, but these examples lie "
                "inside an archive, an HDF5 file or this program's memory; unpack them, or use --engine local."
            )

    def absolute(self) -> Listed:
        """Return the same with absolute paths, which mean the same wherever a worker was started."""
        there = [one.absolute() if isinstance(one, Path) else one for one in self.examples]
        return Listed(there, self.names, self.labels, self.modality)


@dataclass(frozen=True)
class RemoteShard:
    """Files of an object store, or of any file system that fsspec knows.

    Parameters
    ----------
    url : str
        Where they were listed; it names the file system.
    paths : tuple of str
        On that file system.
    names : tuple of str
    """

    url: str
    paths: tuple[str, ...]
    names: tuple[str, ...]

    @property
    def rows(self) -> int:
        """How many they are."""
        return len(self.paths)

    def read(self) -> Examples:
        """Return bytes that are fetched as they are asked for."""
        return Examples(Fetched(self.rows, self._chunks()), list(self.names))

    def _chunks(self) -> Iterator[list[Any]]:
        system = file_system(self.url)[0]
        for start in range(0, self.rows, AHEAD):
            paths = list(self.paths[start : start + AHEAD])
            found = system.cat(paths, on_error="return")
            # One path alone may come without a dictionary around it.
            found = found if isinstance(found, dict) else {paths[0]: found}
            yield [_bytes_or_lost(found[path], path) for path in paths]


def _bytes_or_lost(found: Any, path: str) -> Any:
    if isinstance(found, GONE):
        return Lost("no permission to read the file" if isinstance(found, PermissionError) else "file not found")
    if isinstance(found, Exception):
        raise RegraftError(
            f"{printable(path)} must be readable or missing, but the way to it failed ({on_one_line(found)}); run the "
            "same command again to go on."
        ) from found
    return found


@dataclass(frozen=True)
class Remote:
    """All files of one kind below a URL.

    Parameters
    ----------
    url : str
    paths : tuple of str
        On its file system, sorted.
    names : tuple of str
        From the URL on.
    modality : {"image", "text", "audio"}
    """

    url: str
    paths: tuple[str, ...]
    names: tuple[str, ...]
    modality: str

    @property
    def rows(self) -> int:
        """How many files there are."""
        return len(self.paths)

    def digest(self) -> str:
        """Return the digest of all names."""
        return hashlib.sha256("\0".join(self.names).encode("utf-8", "surrogatepass")).hexdigest()

    def shard(self, start: int, stop: int) -> RemoteShard:
        """Return rows `start` to `stop`."""
        return RemoteShard(self.url, self.paths[start:stop], self.names[start:stop])


def file_system(url: str) -> tuple[Any, str]:
    """Return the file system of a URL, and the path on it.

    Raises
    ------
    DataError
        If the protocol is unknown, or the package for it is not installed.
    """
    from fsspec.core import url_to_fs

    try:
        system, path = url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise DataError(
            f"{printable(url)} must be of a file system that is installed, but it is not ({on_one_line(error)}); "
            "install the package that fsspec names for it, such as s3fs or gcsfs."
        ) from error
    except OSError as error:
        raise unreachable(url, error) from error
    return system, path


def unreachable(url: str, error: Exception) -> DataError:
    """Return the error for a URL that cannot be reached."""
    return DataError(
        f"{printable(url)} must be within reach, but it is not ({on_one_line(error)}); check it and try again."
    )


def list_url(url: str) -> tuple[Any, list[str], str]:
    """Return the file system of a URL, the files below it (or those that its * stand for), and their common root.

    Raises
    ------
    DataError
        If it cannot be reached, or there are none.
    """
    system, path = file_system(url)
    try:
        found = system.glob(path) if "*" in path else system.find(path)
    except Exception as error:  # each file system has kinds of its own
        raise unreachable(url, error) from error
    if not found:
        raise DataError(f"{printable(url)} must hold files, but there are none; check it.")
    root = path.split("*")[0].rpartition("/")[0] if "*" in path else path.rstrip("/")
    return system, sorted(found), root


def remote_files(url: str, found: Sequence[str], root: str) -> Remote:
    """Return the images, texts or recordings among some files: those of the kind that most of them are.

    Raises
    ------
    DataError
        If there are none.
    """
    kinds = Counter(filter(None, map(of_name, found)))
    if not kinds:
        raise DataError(
            f"{printable(url)} must hold images, texts, recordings or Parquet files, but it holds {len(found):,} other "
            f"files, such as {printable(found[0].rpartition('/')[2])}; check it."
        )
    modality = str(kinds.most_common(1)[0][0])
    paths = tuple(path for path in found if path.lower().endswith(EXTENSIONS[modality]))
    names = tuple(printable(path.removeprefix(root).lstrip("/") or path.rpartition("/")[2]) for path in paths)
    return Remote(url, paths, names, modality)
