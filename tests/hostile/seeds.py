"""Sound files of every kind, made on the spot: what the mutations start from."""

from __future__ import annotations

import gzip
import io
import json
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = (40, 32)
"""Width and height of the images: small, so that mutations hit headers about as often as pixels."""

RATE = 16_000


def _pixels(seed: int, channels: int = 3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    shape = (SIDE[1], SIDE[0], channels)
    return np.clip(rng.integers(0, 256, channels) + rng.normal(0, 25, shape), 0, 255).astype(np.uint8)


def _image(seed: int = 0) -> Image.Image:
    return Image.fromarray(_pixels(seed))


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    """Return an image as the bytes of a file."""
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def _jpeg() -> list[bytes]:
    image, exif = _image(), Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    return [
        saved(image, "JPEG"),
        saved(image, "JPEG", progressive=True),
        saved(image.convert("CMYK"), "JPEG"),
        saved(image, "JPEG", exif=exif),
        saved(image.convert("L"), "JPEG", quality=30),
        saved(image, "JPEG", subsampling=0, restart_marker_rows=1, icc_profile=b"icc" * 40, comment=b"words"),
    ]


def _png() -> list[bytes]:
    image = _image()
    sixteen = Image.fromarray(_pixels(1)[:, :, 0].astype(np.uint16) * 257)
    frames = [_image(seed) for seed in (2, 3)]
    return [
        saved(image, "PNG"),
        saved(image.convert("P"), "PNG"),
        saved(sixteen, "PNG"),
        saved(image.convert("RGBA"), "PNG"),
        saved(image.convert("P"), "PNG", transparency=3),
        saved(image.convert("1"), "PNG"),
        saved(image, "PNG", save_all=True, append_images=frames, duration=40),
        interlaced_png(),
    ]


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """Return a chunk of a PNG with its true checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def interlaced_png(side: int = 16) -> bytes:
    """Return a grey PNG in Adam7's seven passes, which Pillow reads and does not write."""
    grey = _pixels(4)[:side, :side, 0]
    rows = b""
    for top, left, down, across in ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2)):
        rows += b"".join(b"\0" + row.tobytes() for row in grey[top::down, left::across])
    rows += b"".join(b"\0" + row.tobytes() for row in grey[1::2])
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 1)
    body = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def _webp() -> list[bytes]:
    image = _image()
    return [
        saved(image, "WEBP", quality=60),
        saved(image, "WEBP", lossless=True),
        saved(image.convert("RGBA"), "WEBP", quality=50),
        saved(image, "WEBP", save_all=True, append_images=[_image(5)], duration=30),
    ]


def _gif() -> list[bytes]:
    image = _image()
    return [
        saved(image.convert("P"), "GIF"),
        saved(image, "GIF", save_all=True, append_images=[_image(6), _image(7)], duration=20, loop=0),
        saved(image.convert("P"), "GIF", transparency=0, interlace=True),
    ]


def _tiff() -> list[bytes]:
    image = _image()
    return [
        saved(image, "TIFF"),
        saved(image, "TIFF", compression="tiff_lzw"),
        saved(image, "TIFF", compression="tiff_deflate"),
        saved(image, "TIFF", compression="jpeg"),
        saved(image.convert("1"), "TIFF", compression="group4"),
        saved(image, "TIFF", save_all=True, append_images=[_image(8)]),
        saved(Image.fromarray(_pixels(9)[:, :, 0].astype(np.float32)), "TIFF"),
        saved(image, "TIFF", tiffinfo={274: 8}, compression="packbits"),
        saved(image, "TIFF", big_tiff=True),
        tiled_tiff(),
    ]


def tiled_tiff(side: int = 32, tile: int = 16) -> bytes:
    """Return a grey TIFF of square tiles, which Pillow reads and does not write."""
    grey = np.resize(_pixels(10)[:, :, 0], (side, side))
    tiles = [grey[y : y + tile, x : x + tile].tobytes() for y in range(0, side, tile) for x in range(0, side, tile)]
    n, start = len(tiles), 8
    offsets = [start + i * tile * tile for i in range(n)]
    arrays = start + n * tile * tile
    tags = [(256, 4, 1, side), (257, 4, 1, side), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (277, 3, 1, 1)]
    tags += [(322, 4, 1, tile), (323, 4, 1, tile), (324, 4, n, arrays), (325, 4, n, arrays + 4 * n)]
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    body = b"".join(tiles) + struct.pack(f"<{n}I", *offsets) + struct.pack(f"<{n}I", *[tile * tile] * n)
    return b"II*\0" + struct.pack("<I", arrays + 8 * n) + body + directory


def _others() -> list[bytes]:
    image = _image()
    return [
        saved(image, "BMP"),
        saved(image.convert("P"), "BMP"),
        saved(image, "PPM"),
        b"P3\n4 4\n255\n" + b" ".join(str(i % 256).encode() for i in range(48)),
        saved(image, "JPEG2000"),
        saved(image, "AVIF", quality=40),
    ]


def _sounds() -> list[bytes]:
    import soundfile

    clock = np.arange(RATE // 8) / RATE
    tone = 0.4 * np.sin(2 * np.pi * 440 * clock) + np.random.default_rng(0).normal(0, 0.02, len(clock))
    found = []
    for kind, subtype, channels in (
        ("WAV", "PCM_16", 1),
        ("WAV", "PCM_24", 2),
        ("WAV", "IMA_ADPCM", 1),
        ("WAV", "ULAW", 1),
        ("WAVEX", "PCM_16", 2),
        ("RF64", "PCM_16", 1),
        ("AIFF", "PCM_16", 1),
        ("AU", "PCM_16", 1),
    ):
        target = io.BytesIO()
        soundfile.write(target, np.stack([tone] * channels, axis=1), RATE, subtype=subtype, format=kind)
        found.append(target.getvalue())
    return found


def _compressed_sounds() -> list[bytes]:
    import soundfile

    clock = np.arange(RATE // 4) / RATE
    tone = 0.4 * np.sin(2 * np.pi * 440 * clock) + np.random.default_rng(0).normal(0, 0.02, len(clock))
    found = []
    for kind, subtype in (("FLAC", "PCM_16"), ("FLAC", "PCM_24"), ("MP3", "MPEG_LAYER_III"), ("OGG", "VORBIS")):
        target = io.BytesIO()
        soundfile.write(target, tone, RATE, subtype=subtype, format=kind)
        found.append(target.getvalue())
    found[-1] = with_serial(found[-1], 7)  # libsndfile draws one from the clock
    return found


def with_serial(ogg: bytes, serial: int) -> bytes:
    """Return an Ogg file with another serial number on all of its pages."""
    pages, at = bytearray(ogg), 0
    while (at := pages.find(b"OggS", at)) >= 0:
        segments = pages[at + 26]
        end = at + 27 + segments + sum(pages[at + 27 : at + 27 + segments])
        pages[at + 14 : at + 18] = struct.pack("<I", serial)
        pages[at + 22 : at + 26] = bytes(4)
        pages[at + 22 : at + 26] = struct.pack("<I", _ogg_checksum(bytes(pages[at:end])))
        at = end
    return bytes(pages)


def _ogg_checksum(page: bytes) -> int:
    found = 0
    for byte in page:
        found ^= byte << 24
        for _ in range(8):
            found = (found << 1) ^ 0x04C11DB7 if found & 0x80000000 else found << 1
        found &= 0xFFFFFFFF
    return found


def written(name: str, write: Callable[[Path], None]) -> bytes:
    """Return what a library writes that only writes files."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / name)
        return (Path(folder) / name).read_bytes()


def labels(count: int) -> list[int]:
    return [i % 2 for i in range(count)]


def _stack(count: int = 8) -> np.ndarray:
    return np.stack([np.full((16, 16, 3), (200, 40, 40) if i % 2 else (40, 40, 200)) + i for i in range(count)])


def _hdf5() -> list[bytes]:
    import h5py

    images = _stack().astype(np.uint8)

    def plain(path: Path) -> None:
        with h5py.File(path, "w") as file:
            file["x"], file["y"] = images, labels(8)

    def packed(path: Path) -> None:
        with h5py.File(path, "w", libver="latest") as file:
            file.create_dataset("x", data=images, chunks=(2, 16, 16, 3), compression="gzip", shuffle=True)
            file.create_dataset("y", data=labels(8), chunks=(4,), fletcher32=True)

    def parts(path: Path) -> None:
        with h5py.File(path, "w") as file:
            for part in ("train", "test"):
                file[f"{part}_set_x"], file[f"{part}_set_y"] = images / 255, labels(8)
            file["list_classes"] = np.array([b"red", b"blue"])

    def words(path: Path) -> None:
        with h5py.File(path, "w") as file:
            file["group/images"] = images
            file["group/labels"] = ["red", "blue"] * 4

    return [written("a.h5", write) for write in (plain, packed, parts, words)]


@cache
def class_files() -> dict[str, bytes]:
    """Return six small JPEGs in two class folders, by their paths."""
    colours = {"red": (200, 50, 40), "blue": (40, 60, 200)}
    found = {}
    for number, (name, colour) in enumerate(colours.items()):
        for i in range(3):
            noise = np.random.default_rng(10 * number + i).normal(0, 25, (24, 24, 3))
            picture = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
            found[f"{name}/{i}.jpg"] = saved(Image.fromarray(picture), "JPEG")
    return found


def zip_of(files: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip archive, always the same for the same files."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in files.items():
            member = zipfile.ZipInfo(name)
            member.compress_type = compression
            archive.writestr(member, content)
    return target.getvalue()


def tar_of(files: dict[str, bytes], kind: int = tarfile.GNU_FORMAT) -> bytes:
    """Return a tar archive, always the same for the same files."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=kind) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return target.getvalue()


def gzipped(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def _zip() -> list[bytes]:
    files = class_files()
    folders = {"data/": b"", **{f"data/{name}": content for name, content in files.items()}}
    return [zip_of(files), zip_of(folders, zipfile.ZIP_STORED), zip_of(files, zipfile.ZIP_LZMA)]


def _tar() -> list[bytes]:
    long = {f"{'folder/' * 20}{name}": content for name, content in class_files().items()}
    return [tar_of(class_files()), tar_of(long, tarfile.PAX_FORMAT), tar_of(long), tar_of(class_files())]


def _targz() -> list[bytes]:
    return [gzipped(plain) for plain in _tar()]


TEXTS = ("it broke after a day", "works as it should", "never again, it is bad", "the best I ever had")


def _csv() -> list[bytes]:
    rows = [f"{text.replace(',', ' ')},{'good' if i % 2 else 'bad'}" for i, text in enumerate(TEXTS * 3)]
    return [
        "\n".join(["text,label", *rows]).encode(),
        "\r\n".join(["label;text", *(";".join(reversed(row.split(","))) for row in rows)]).encode("utf-16"),
        b"image,label\n" + b"\n".join(b"%d.jpg,%d" % (i, i % 2) for i in range(8)),
        b"image,label,split\n" + b"\n".join(b'"a b%d.jpg",%d,train' % (i, i % 2) for i in range(8)),
    ]


def _jsonl() -> list[bytes]:
    rows = [{"text": text, "label": i % 2} for i, text in enumerate(TEXTS * 3)]
    nested = [{**row, "more": {"a": [1, 2.5, None]}} for row in rows]
    return ["\n".join(map(json.dumps, found)).encode() for found in (rows, nested)]


def _parquet() -> list[bytes]:
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table({"text": list(TEXTS * 3), "label": ["bad", "good"] * 6})
    return [
        written("a.parquet", lambda path, by=by: pyarrow.parquet.write_table(table, path, compression=by))
        for by in ("none", "snappy", "gzip")
    ]


SEEDS: dict[str, tuple[str, Callable[[], list[bytes]]]] = {
    "jpeg": (".jpg", _jpeg),
    "png": (".png", _png),
    "webp": (".webp", _webp),
    "gif": (".gif", _gif),
    "tiff": (".tiff", _tiff),
    "image": (".bmp", _others),
    "sound": (".wav", _sounds),
    "flac": (".flac", _compressed_sounds),
    "hdf5": (".h5", _hdf5),
    "zip": (".zip", _zip),
    "tar": (".tar", _tar),
    "targz": (".tar.gz", _targz),
    "csv": (".csv", _csv),
    "jsonl": (".jsonl", _jsonl),
    "parquet": (".parquet", _parquet),
}
"""Kind -> the extension of its files, and what makes sound ones."""


@cache
def seeds(kind: str) -> tuple[bytes, ...]:
    """Return the sound files of a kind."""
    return tuple(SEEDS[kind][1]())
