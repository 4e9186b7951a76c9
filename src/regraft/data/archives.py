"""Zip and tar archives, unpacked with suspicion into a temporary folder."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import shutil
import stat
import tarfile
import tempfile
import weakref
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from regraft.data.filenames import on_one_line, printable
from regraft.errors import DataError

ARCHIVE_EXTENSIONS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")

MAX_BYTES = 20 * 10**9
"""Most that an archive may unpack to, in bytes."""

MAX_MEMBERS = 10**6
"""Most files and folders that an archive may hold."""

ALWAYS_BYTES, MAX_RATIO = 10**9, 100
"""What any archive may unpack to; a larger sum may be so many times the archive's own size, as no images are."""

ALWAYS_MEMBERS, LEAST_BYTES = 10_000, 200
"""What number of members any archive may have; more must be this many bytes each in the archive, as files are."""

MAX_HEADER = 2**20
"""Most bytes that a tar archive may have for a member's name and attributes."""

_SPARE = 10**9  # bytes of the disk that are left free
_CHUNK = 2**20
_PACKED = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\0", lzma.open))


def archive_stem(path: Path) -> str:
    """Return an archive's name without its extension or extensions."""
    extension = max((end for end in ARCHIVE_EXTENSIONS if path.name.lower().endswith(end)), key=len, default="")
    return path.name.removesuffix(path.name[len(path.name) - len(extension) :])


class Unpacked:
    """A temporary folder that is removed when the last reference to this object goes.

    Parameters
    ----------
    name : str
        What the folder's own name begins with, so that messages about files in it can be understood.
    """

    # tempfile.TemporaryDirectory does the same, but warns that it was not closed.
    def __init__(self, name: str) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=f"{name[-64:]}-"))
        self.remove = weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


def extract(path: Path) -> Unpacked:
    """Unpack an archive into a temporary folder, which goes when the returned object goes.

    Parameters
    ----------
    path : Path
        A .zip, .tar, .tar.gz, .tar.bz2 or .tar.xz file.

    Returns
    -------
    Unpacked

    Raises
    ------
    DataError
        If the archive is damaged, encrypted, or too large, or has members that point outside
        of it, links or devices.
    """
    unpacked = Unpacked(path.name)
    try:
        size = path.stat().st_size
        most = min(MAX_BYTES, max(ALWAYS_BYTES, MAX_RATIO * size), shutil.disk_usage(unpacked.path).free - _SPARE)
        _unpack(path, unpacked.path, max(0, most), min(MAX_MEMBERS, max(ALWAYS_MEMBERS, size // LEAST_BYTES)))
    except DataError:
        unpacked.remove()
        raise
    except Exception as error:  # On foreign bytes the readers raise nearly anything.
        unpacked.remove()
        raise DataError(
            f"the archive {printable(path)} cannot be unpacked: {_reason(error)}; copy it anew, or unpack it yourself "
            "and give the folder."
        ) from error
    except BaseException:
        unpacked.remove()
        raise
    return unpacked


def _reason(error: Exception) -> str:
    """Return what is wrong in a few words."""
    if isinstance(error, FileExistsError | NotADirectoryError | IsADirectoryError):
        return "it has two members of one name"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return on_one_line(error) if isinstance(error, _TELLING) else "its headers contradict each other"


_TELLING = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError, NotImplementedError)


def _unpack(path: Path, folder: Path, budget: int, most: int) -> None:
    """Write an archive's members below a folder, counting what is really written."""
    members = _zip_members(path, most) if path.suffix.lower() == ".zip" else _tar_members(path)
    left, made = budget, {folder}
    for count, (name, size, content) in enumerate(members, start=1):
        if count > most:
            raise _crowded(path, most)
        target = folder / _inside(name, path)
        if content is None:
            target.mkdir(parents=True, exist_ok=True)
            continue
        if target.parent not in made:
            target.parent.mkdir(parents=True, exist_ok=True)
            made.add(target.parent)
        left = _write(content, target, size, left, path, budget)


def _write(content: IO[bytes], target: Path, size: int, left: int, path: Path, budget: int) -> int:
    """Write one member in pieces, and return how many bytes of the budget are left."""
    written = 0
    with target.open("xb") as out:
        while size <= left and (piece := content.read(_CHUNK)):
            written += len(piece)
            if written > left:
                break
            out.write(piece)
    if max(size, written) > left:
        raise DataError(
            f"the archive {printable(path)} unpacks to more than {budget / 1e9:.1f} GB, the limit here: "
            f"unpack it yourself and give the folder."
        )
    if written != size:
        raise EOFError(f"{target.name} has {written} bytes where {size} are announced")
    return left - written


def _crowded(path: Path, most: int) -> DataError:
    return DataError(
        f"the archive {printable(path)} has more than {most:,} members, the limit for its size: unpack it yourself and "
        "give the folder."
    )


def _zip_members(path: Path, most: int) -> Iterator[tuple[str, int, IO[bytes] | None]]:
    """Yield name, announced size and content (None for a folder) of the members of a zip file."""
    with zipfile.ZipFile(path) as archive:
        if len(archive.infolist()) > most:
            raise _crowded(path, most)
        for member in archive.infolist():
            if member.flag_bits & 1:
                raise DataError(f"the archive {printable(path)} is encrypted: unpack it yourself and give the folder.")
            name = member.filename.replace("\\", "/")
            kind = stat.S_IFMT(member.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _refused(name, path, "is a link or a device")
            if name.endswith("/"):
                yield name, 0, None
            else:
                with archive.open(member) as content:
                    yield name, member.file_size, content


def _tar_members(path: Path) -> Iterator[tuple[str, int, IO[bytes] | None]]:
    """Yield name, announced size and content (None for a folder) of the members of a tar file."""
    with path.open("rb") as file:
        first = file.read(6)
        file.seek(0)
        unpack: Any = next((unpack for mark, unpack in _PACKED if first.startswith(mark)), None)
        stream = file if unpack is None else unpack(file)
        # "r:": what is packed is known already, and tarfile would try all in turn.
        with stream, tarfile.open(fileobj=_Headers(stream), mode="r:") as archive:
            for member in archive:
                if not member.isreg() and not member.isdir():
                    raise _refused(member.name, path, "is a link or a device")
                yield member.name, member.size, None if member.isdir() else archive.extractfile(member)
                archive.members = []  # type: ignore[attr-defined]  # else a million headers would stay in memory


class _Headers(io.RawIOBase):
    """A tar archive's bytes, of which a megabyte at most is read at once: tarfile reads a name of any size whole."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= MAX_HEADER:
            raise tarfile.ReadError("a member's name or attributes are too long")
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()


def _inside(name: str, path: Path) -> Path:
    """Return a member's name as a path that stays below the folder it is unpacked in."""
    parts = re.split(r"[/\\]", name)
    if name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name) or ".." in parts:
        raise _refused(name, path, "points outside of it")
    return Path(name)


def _refused(name: str, path: Path, why: str) -> DataError:
    return DataError(
        f"the member {printable(name)!r} of the archive {printable(path)} {why}, which is not allowed: "
        f"unpack it yourself, if you trust it, and give the folder."
    )
