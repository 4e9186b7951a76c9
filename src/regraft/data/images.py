"""Pictures from bytes: a fast path for ordinary JPEGs, a tolerant one for all else, and the limits."""

from __future__ import annotations

import hashlib
import io
import re
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from regraft.data.dataset import Example, Row
from regraft.errors import UnreadableImage

MAX_PIXELS = 200_000_000
"""Larger pictures are refused before they are decoded: a few bytes can claim any size."""

MOST_OF = {"progressive JPEG": 100_000_000, "WebP": 64_000_000, "Avif": 50_000_000, "Jpeg2K": 50_000_000}
"""Lower limits of formats whose decoders need two to four times the memory for a pixel."""

LARGE = 12_000_000
"""Pixels from which on pictures are decoded one after the other: a few at once would take gigabytes."""

MAX_SCANS = 100
"""A progressive JPEG goes over all its pixels about ten times; thousands of times would take minutes."""

# Pictures are decoded side by side in a pool of threads; OpenCV's own threads would only fight it.
cv2.setNumThreads(1)
# What is wrong with a file is told by `UnreadableImage`, not by the decoders on the terminal.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
warnings.filterwarnings("ignore", module=r"PIL\.")

# First bytes -> Pillow's reader. Not Image.open: that loads forty readers, some of which run other
# programs, and its limit on pixels is a global of the whole process.
_READERS = (
    (re.compile(rb"\xff\xd8\xff"), "Jpeg"),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "Png"),
    (re.compile(rb"GIF8[79]a"), "Gif"),
    (re.compile(rb"BM"), "Bmp"),
    (re.compile(rb"II\*\0|MM\0\*|II\+\0|MM\0\+"), "Tiff"),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), "WebP"),
    (re.compile(rb".{4}ftypavi[fs]", re.DOTALL), "Avif"),
    (re.compile(rb"\xff\x4f\xff\x51|\0\0\0\x0cjP  \r\n"), "Jpeg2K"),
    (re.compile(rb"P[1-6]\s"), "Ppm"),
)

# What people save under a picture's name; the last ones are pictures, but not for Pillow alone.
_STRANGERS = (
    (re.compile(rb"\s*(<!doctype html|<html|<head|<body)", re.IGNORECASE), "HTML"),
    (re.compile(rb"\s*(<\?xml[^>]*>\s*)?<svg", re.IGNORECASE), "SVG; save it as PNG"),
    (re.compile(rb"%PDF"), "PDF"),
    (re.compile(rb"PK\x03\x04"), "a zip archive"),
    (re.compile(rb".{4}ftyp(heic|heix|mif1|msf1)", re.DOTALL), "HEIC; save it as JPEG"),
    (re.compile(rb".{4}ftyp", re.DOTALL), "a video"),
    (re.compile(rb"[\t\n\r\x20-\x7e]+\Z"), "text"),
)

_EOI, _SOS = b"\xff\xd9", b"\xff\xda"
"""JPEG's markers of its end and of a scan; inside the coded data the byte ff is always followed by 00 or d0..d7."""

_REDUCED = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}

_ORIENTATION = 0x0112
_UPRIGHT: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: lambda picture: picture[:, ::-1],
    3: lambda picture: picture[::-1, ::-1],
    4: lambda picture: picture[::-1],
    5: lambda picture: picture.swapaxes(0, 1),
    6: lambda picture: np.rot90(picture, -1),
    7: lambda picture: picture[::-1, ::-1].swapaxes(0, 1),
    8: lambda picture: np.rot90(picture),
}
"""EXIF orientation -> what turns the stored picture upright."""

_STRIP = 2_000_000
"""Pixels that are converted at a time, so that a large picture is in memory once, and not in four stages at once."""

_one_large = threading.Lock()


def read_bytes(example: Example) -> bytes | np.ndarray:
    """Read one example's encoded bytes, or its array, without decoding anything; of a text, its UTF-8.

    Parameters
    ----------
    example : Path, bytes, str, array or Row
        Where the picture, the text or the recording is; a str is the text itself.

    Returns
    -------
    bytes, or array of shape (h, w), (h, w, 1), (h, w, 3) or (h, w, 4)

    Raises
    ------
    UnreadableImage
        With the reason: missing, a folder, a broken link, no permission, empty.
    """
    if isinstance(example, np.ndarray):
        return example
    if isinstance(example, Path):
        raw = _read_file(example)
    elif isinstance(example, bytes):
        raw = example
    elif isinstance(example, str):
        raw = example.encode("utf-8", "surrogatepass")
    elif isinstance(example, Row):
        try:
            return example.read()
        except OSError as error:
            raise UnreadableImage(f"the row cannot be read ({error})") from None
    else:
        raise UnreadableImage(f"must be a path, bytes, an array or a row, got {type(example).__name__}")
    if not raw:
        raise UnreadableImage("empty (0 bytes)")
    return raw


def _read_file(path: Path) -> bytes:
    try:
        # Asked first because reading a pipe or a device would never end.
        if path.is_file():
            return path.read_bytes()
    except PermissionError:
        raise UnreadableImage("no permission to read the file") from None
    except OSError as error:
        raise UnreadableImage(f"the file cannot be read ({error.strerror})") from None
    if path.is_dir():
        raise UnreadableImage("a folder, not a file")
    if path.exists():
        raise UnreadableImage("not a regular file")
    raise UnreadableImage("a broken link" if path.is_symlink() else "no such file")


def digest(raw: bytes | np.ndarray) -> str:
    """Return the SHA-256 (hex) of what `read_bytes` gave; for arrays also of their dtype and shape."""
    if isinstance(raw, np.ndarray):
        return hashlib.sha256(f"{raw.dtype.str}{raw.shape}".encode() + raw.tobytes()).hexdigest()
    return hashlib.sha256(raw).hexdigest()


def decode(raw: bytes | np.ndarray, at_least: int | None = None) -> np.ndarray:
    """Decode one picture to red, green and blue, upright as its EXIF orientation says.

    Animations give their first frame, transparency is laid on white, 16-bit grey is divided by 256
    (`>> 8`, as Pillow does for 16-bit colour), 32-bit values are stretched from their smallest to
    their largest. Colour profiles are ignored.

    Parameters
    ----------
    raw : bytes, or uint8 array of shape (h, w), (h, w, 1), (h, w, 3) or (h, w, 4)
        The encoded picture, or its pixels in RGB(A) order.
    at_least : int, optional
        Pixels of the short side that suffice: a JPEG, or any picture of more than `LARGE` pixels, may come at 1/2,
        1/4 or 1/8 of its size, which is far faster, so long as its short side keeps this many.

    Returns
    -------
    uint8 array of shape (h, w, 3)

    Raises
    ------
    UnreadableImage
        With the reason, in a few words.
    """
    if isinstance(raw, np.ndarray):
        return _from_array(raw)
    reader = _reader(raw)
    try:
        return _from_file(raw, reader, at_least)
    except UnreadableImage:
        raise
    except MemoryError:
        raise UnreadableImage("not enough memory to decode it") from None
    except ImportError:
        raise UnreadableImage(f"{reader.upper()} is not supported by the Pillow installed here") from None
    except Exception as error:  # On foreign bytes the decoders raise nearly anything.
        said = str(error) if isinstance(error, (OSError, SyntaxError, ValueError)) else type(error).__name__
        raise UnreadableImage(f"the {reader.upper()} data cannot be decoded ({said})") from None


def stored_shape(raw: bytes | np.ndarray) -> tuple[int, int]:
    """Return the height and width in pixels as they are stored, without decoding; a camera's turn is not applied.

    Raises
    ------
    UnreadableImage
        With the reason, in a few words.
    """
    if isinstance(raw, np.ndarray):
        return raw.shape[0], raw.shape[1]
    reader = _reader(raw)
    try:
        width, height = _opened(raw, reader).size
    except Exception as error:  # On foreign bytes the decoders raise nearly anything.
        raise UnreadableImage(f"the {reader.upper()} header cannot be read ({error})") from None
    return height, width


def _opened(raw: bytes, reader: str) -> Any:
    """Read the header only."""
    plugin = import_module(f"PIL.{reader}ImagePlugin")
    return getattr(plugin, f"{reader}ImageFile")(io.BytesIO(raw))


def _reader(raw: bytes) -> str:
    """Recognise the format by its first bytes."""
    for signature, name in _READERS:
        if signature.match(raw):
            return name
    for signature, name in _STRANGERS:
        if signature.match(raw[:1024]):
            raise UnreadableImage(f"not an image (looks like {name})")
    raise UnreadableImage("not an image, or of an unknown format")


def _from_file(raw: bytes, reader: str, at_least: int | None) -> np.ndarray:
    image = _opened(raw, reader)
    width, height = image.size
    progressive = "progressive" in image.info
    most = min(MAX_PIXELS, MOST_OF.get("progressive JPEG" if progressive else reader, MAX_PIXELS))
    if width * height > most:
        raise UnreadableImage(f"{width}x{height} pixels, more than the limit of {most // 1_000_000} million")
    shrink = _shrink(min(width, height), at_least)
    large = width * height > LARGE
    if reader == "Jpeg":
        # Of a JPEG only what is asked for is unpacked, but of a progressive one all of its coefficients are kept.
        several = large and (progressive or width * height // shrink**2 > LARGE)
        with _one_large if several else nullcontext():
            return _jpeg(raw, image, shrink)
    with _one_large if large else nullcontext():
        return _tolerant(image, shrink if large else 1)


def _jpeg(raw: bytes, image: Any, shrink: int) -> np.ndarray:
    # Decoders fill what is missing with grey. The header, which may hold a whole thumbnail, does not count.
    start = image.fp.tell()
    if raw.rfind(_EOI, start) < 0:
        raise UnreadableImage("truncated JPEG file (its end is missing)")
    if raw.count(_SOS, start) > MAX_SCANS:
        raise UnreadableImage(f"a JPEG of more than {MAX_SCANS} scans; save it anew")
    # OpenCV does not know CMYK, and its libjpeg prints to the terminal where the JFIF version is odd.
    if image.mode in ("L", "RGB") and image.info.get("jfif_version", (1, 1))[0] == 1:
        picture = cv2.imdecode(np.frombuffer(raw, np.uint8), _REDUCED[shrink])
        if picture is not None:
            return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB, dst=picture)
    if shrink > 1:
        image.draft(None, (image.width // shrink, image.height // shrink))
    return _tolerant(image)


def _shrink(short_side: int, at_least: int | None) -> int:
    """Return the largest of 8, 4, 2, 1 that leaves `at_least` pixels of the short side."""
    if at_least is None:
        return 1
    return next((by for by in (8, 4, 2) if short_side // by >= at_least), 1)


def _tolerant(image: Any, shrink: int = 1) -> np.ndarray:
    """Decode with Pillow whatever the mode, and average squares of `shrink` pixels; what is left at the edges goes."""
    image.load()
    bounds = _bounds(image) if image.mode in ("I", "F") and not _has_sixteen_bits(image) else (0.0, 1.0)
    height, width = image.height // shrink, image.width // shrink
    picture = np.empty((height, width, 3), np.uint8)
    for top, strip in _strips(image, shrink):
        part = _as_rgb(strip, _has_sixteen_bits(image), bounds)
        if shrink > 1:
            part = part[: len(part) // shrink * shrink, : width * shrink]
            part = cv2.resize(part, (width, len(part) // shrink), interpolation=cv2.INTER_AREA)
        picture[top : top + len(part)] = part
    turn = _UPRIGHT.get(_orientation(image))
    return picture if turn is None else np.ascontiguousarray(turn(picture))


def _strips(image: Any, shrink: int = 1) -> Iterator[tuple[int, Any]]:
    """Yield strips of a picture from the top down, and the row of the shrunken picture that each begins at."""
    rows = max(1, _STRIP // image.width // shrink) * shrink
    if rows >= image.height:
        yield 0, image
        return
    for top in range(0, image.height // shrink * shrink, rows):
        yield top // shrink, image.crop((0, top, image.width, min(top + rows, image.height)))


def _has_sixteen_bits(image: Any) -> bool:
    return image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM"))


def _bounds(image: Any) -> tuple[float, float]:
    """Return the smallest and the largest finite value of a picture of 32-bit values."""
    low, high = np.inf, -np.inf
    for _, strip in _strips(image):
        values = np.asarray(strip, dtype=np.float64)
        finite = values[np.isfinite(values)]
        if finite.size:
            low, high = min(low, finite.min()), max(high, finite.max())
    return float(low), float(high)


def _as_rgb(image: Any, sixteen_bits: bool, bounds: tuple[float, float]) -> np.ndarray:
    """Return a picture, or a strip of one, as uint8 (h, w, 3)."""
    if sixteen_bits:
        return _grey((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        return _grey(_stretch(np.asarray(image, dtype=np.float64), *bounds))
    if image.has_transparency_data:
        return _on_white(np.asarray(image.convert("RGBA")))
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


def _orientation(image: Any) -> int:
    try:
        return image.getexif().get(_ORIENTATION, 1)
    except Exception:  # Damaged EXIF does not spoil the pixels.
        return 1


def _from_array(array: np.ndarray) -> np.ndarray:
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or channels not in (1, 3, 4):
        raise UnreadableImage(
            "an array must be uint8 (0..255) of shape (h, w), (h, w, 1), (h, w, 3) or (h, w, 4), "
            f"got {array.dtype} of shape {array.shape}; convert it first"
        )
    if array.size == 0:
        raise UnreadableImage(f"an array without pixels, of shape {array.shape}")
    if channels == 4:
        return _on_white(array)
    return np.ascontiguousarray(array) if channels == 3 else _grey(array.reshape(array.shape[:2]))


def _grey(values: np.ndarray) -> np.ndarray:
    """Repeat (h, w) to three equal channels."""
    return np.repeat(values[:, :, None], 3, axis=2)


def _stretch(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Map `low` to 0 and `high` to 255; what is not a number becomes 0."""
    if not low < high:
        return np.zeros(values.shape, np.uint8)
    scaled = (np.clip(np.nan_to_num(values, nan=low), low, high) - low) / (high - low)
    return np.rint(scaled * 255).astype(np.uint8)


def _on_white(rgba: np.ndarray) -> np.ndarray:
    """Lay (h, w, 4) on a white ground."""
    white = np.empty((*rgba.shape[:2], 3), np.uint8)
    rows = max(1, _STRIP // rgba.shape[1])
    for top in range(0, len(rgba), rows):
        part = rgba[top : top + rows]
        alpha = part[:, :, 3:].astype(np.uint16)
        white[top : top + rows] = (part[:, :, :3] * alpha + 255 * (255 - alpha) + 127) // 255
    return white


def thumbnail(raw: bytes | np.ndarray, size: int = 128) -> bytes:
    """Make a small JPEG of a picture, for reports.

    Parameters
    ----------
    raw : bytes or uint8 array
        As for `decode`.
    size : int
        Pixels of the longest side at most; small pictures are not enlarged.

    Returns
    -------
    bytes
        An encoded JPEG of the same aspect.

    Raises
    ------
    UnreadableImage
        With the reason, in a few words.
    """
    picture = decode(raw, at_least=size)
    height, width = picture.shape[:2]
    scale = size / max(height, width)
    if scale < 1:
        shape = max(1, round(width * scale)), max(1, round(height * scale))
        picture = cv2.resize(picture, shape, interpolation=cv2.INTER_AREA)
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85])
    return encoded.tobytes()
