"""Archives that unpack to gigabytes, whose members are named to end up elsewhere, whose headers lie."""

from __future__ import annotations

import io
import struct
import tarfile
import warnings
import zipfile
import zlib
from functools import cache

from hostile.mutations import Random
from hostile.seeds import class_files, gzipped, seeds, tar_of, zip_of

OUTSIDE = "regraft-outside"
"""Every path that points out of its archive ends in a name with this in it."""

NAMES = (
    f"../{OUTSIDE}.jpg",
    f"red/../../../{OUTSIDE}.jpg",
    f"/tmp/{OUTSIDE}.jpg",
    f"//tmp/{OUTSIDE}.jpg",
    f"C:\\{OUTSIDE}.jpg",
    f"..\\..\\{OUTSIDE}.jpg",
    f"red/a\0/../../{OUTSIDE}.jpg",
    f"~/{OUTSIDE}.jpg",
    "red/" + "n" * 300 + ".jpg",
    "d/" * 3000 + "a.jpg",
    "red",
    "red/0.jpg",
    "red/0.jpg/inside.jpg",
    ".",
    "..",
    "",
    "/",
    "red/\x1b[31m\n\r.jpg",
    "red/\u202egpj.jpg",
    "CON/NUL.jpg",
    "red/\udcff\udcfe.jpg",
    "-rf/--help.jpg",
)


def named_zip(rng: Random) -> bytes:
    """A zip archive with a member whose name plays a trick."""
    name = NAMES[int(rng.integers(len(NAMES)))].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    kinds = (0o100644, 0o120777, 0o060644, 0o010644, 0o140777, 0o040755)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for file, content in class_files().items():
            archive.writestr(zipfile.ZipInfo(file), content)
        member = zipfile.ZipInfo(name)
        member.external_attr = kinds[int(rng.integers(len(kinds)) * (rng.random() < 0.4))] << 16
        with warnings.catch_warnings(action="ignore"):  # of the same name twice
            archive.writestr(member, b"/etc/passwd")
    return target.getvalue()


def named_tar(rng: Random) -> bytes:
    """A tar archive with a member whose name, kind or target plays a trick."""
    target = io.BytesIO()
    kind = (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)[int(rng.integers(2))]
    kinds = (tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE)
    with tarfile.open(fileobj=target, mode="w", format=kind, errors="surrogateescape") as archive:
        for name, content in class_files().items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        member = tarfile.TarInfo(NAMES[int(rng.integers(len(NAMES)))])
        member.type = kinds[int(rng.integers(len(kinds))) if rng.random() < 0.5 else 0]
        member.linkname, member.devmajor, member.mode = f"../../{OUTSIDE}.jpg", 1, 0o6777
        archive.addfile(member)
        inside = tarfile.TarInfo(f"{member.name}/{OUTSIDE}.jpg")
        archive.addfile(inside)
    return target.getvalue()


def named_targz(rng: Random) -> bytes:
    """The same, compressed."""
    return gzipped(named_tar(rng))


@cache
def _zip_bomb(megabytes: int) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in class_files().items():
            archive.writestr(zipfile.ZipInfo(name), content)
        member = zipfile.ZipInfo("red/0.bmp")
        member.compress_type = zipfile.ZIP_DEFLATED
        with archive.open(member, "w", force_zip64=True) as zeros:
            for _ in range(megabytes):
                zeros.write(bytes(10**6))
    return target.getvalue()


def unpacking_zip(rng: Random) -> bytes:
    """A zip archive of some megabytes that unpacks to 3 GB."""
    return _zip_bomb(3_000)


def nested_zip(rng: Random) -> bytes:
    """A zip archive of zip archives that unpack to 300 MB each."""
    return zip_of({f"{i}.zip": _zip_bomb(300) for i in range(20)}, zipfile.ZIP_STORED)


def lying_zip(rng: Random) -> bytes:
    """A zip archive whose directory says other sizes than its members have, or has members that overlap."""
    made = bytearray(seeds("zip")[0])
    at, entries = made.find(b"PK\x01\x02"), 0
    while at >= 0:
        field = (20, 24, 42)[int(rng.integers(3))]
        if rng.random() < 0.5:
            made[at + field : at + field + 4] = struct.pack("<I", (0, 1, 2**31, 2**32 - 1)[int(rng.integers(4))])
        at, entries = made.find(b"PK\x01\x02", at + 4), entries + 1
    return bytes(made)


@cache
def _crowded(way: str) -> bytes:
    if way == "zip":
        return zip_of({f"red/{i:05}.jpg": b"" for i in range(30_000)}, zipfile.ZIP_STORED)
    return gzipped(tar_of({f"{i:06}.jpg": b"" for i in range(120_000)}))


def crowded_zip(rng: Random) -> bytes:
    """A zip archive of 30,000 empty files."""
    return _crowded("zip")


def crowded_tar(rng: Random) -> bytes:
    """A tar archive of a few hundred kilobytes that holds 120,000 empty files."""
    return _crowded("tar")


def _header(name: bytes, size: bytes, kind: bytes) -> bytes:
    """Return a tar header with its true checksum."""
    made = bytearray(512)
    made[: len(name)], made[100:108], made[124:136], made[136:148] = name, b"0000644\0", size, b"00000000000\0"
    made[156:157], made[257:265], made[148:156] = kind, b"ustar\x0000", b" " * 8
    made[148:156] = b"%06o\0 " % sum(made)
    return bytes(made)


SIZES = (b"77777777777\0", b"\x80" + b"\xff" * 11, b"\xff" * 12, b"\xff" * 8 + b"\xff\xff\xfe\0", b"junk-number!")
"""What a tar header's field of a size may hold: 8 GB, 2^88, -1, -512, no number."""


def claimed_tar(rng: Random) -> bytes:
    """A tar archive with a member, a long name, or a sparse file of a size that it claims."""
    kind = b"0LKxgSV71"[int(rng.integers(9)) :][:1]
    size = SIZES[int(rng.integers(len(SIZES)))]
    return _header(b"red/0.jpg", size, kind) + rng.bytes(1024) + tar_of(class_files())


@cache
def _long_named(megabytes: int) -> bytes:
    zeros = megabytes * 2**20
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    body = packer.compress(_header(b"././@LongLink", b"%011o\0" % zeros, b"L"))
    body += b"".join(packer.compress(b"n" * 2**20) for _ in range(megabytes))
    return body + packer.compress(_header(b"a", b"%011o\0" % 0, b"0") + bytes(1024)) + packer.flush()


def long_named_tar(rng: Random) -> bytes:
    """A tar.gz of 3 MB that holds one name of 3 GB."""
    return _long_named(3_000)


def sparse_tar(rng: Random) -> bytes:
    """A tar archive with a sparse member that says it is 10^12 bytes long."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo("red/0.jpg")
        size = ("1000000000000", "-5", "9" * 5000, "x")[int(rng.integers(4))]
        member.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": size}
        body = (b"1", b"99999999", b"-1")[int(rng.integers(3))] + b"\n0\n512\n"
        member.size = 512
        archive.addfile(member, io.BytesIO(body.ljust(512, b"\0")))
    return target.getvalue()


def deep_tar(rng: Random) -> bytes:
    """A tar archive of nothing but headers for the header that follows."""
    pair = _header(b"x", b"%011o\0" % 512, b"x") + b"11 path=a\n\n".ljust(512, b"\0")
    return pair * 3_000 + tar_of(class_files())
