"""Images of a few bytes that claim to be, or are, of hundreds of megapixels, and images that are wrong on purpose."""

from __future__ import annotations

import struct
import zlib
from functools import cache

from PIL import Image

from hostile.mutations import Random
from hostile.seeds import png_chunk, saved, seeds

SIDES = (0, 1, 60_000, 65_535, 2**31 - 1, 2**32 - 1)


def _side(rng: Random) -> int:
    return SIDES[int(rng.integers(len(SIDES)))]


# --- images -------------------------------------------------------------------------------------------


def claimed_png(rng: Random) -> bytes:
    """A PNG of a few bytes whose header claims any size, depth and colour."""
    depth, colour = (1, 2, 4, 8, 16)[int(rng.integers(5))], (0, 2, 3, 4, 6)[int(rng.integers(5))]
    header = struct.pack(">IIBBBBB", _side(rng), _side(rng), depth, colour, 0, 0, int(rng.integers(2)))
    body = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(bytes(999))) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@cache
def whole_png(width: int, height: int, mode: str = "L", interlace: bool = False) -> bytes:
    """Return a true PNG of nothing but zeros, however large: its pixels are a thousandth of that in the file."""
    depth, colour, channels = {"L": (8, 0, 1), "RGB": (8, 2, 3), "RGBA": (8, 6, 4), "I;16": (16, 0, 2)}[mode]
    packer = zlib.compressobj(1)
    row = bytes(1 + width * channels)
    body = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlace))
    chunks = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", body) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def large_png(rng: Random) -> bytes:
    """A true PNG just below the limit on pixels."""
    mode = ("L", "RGB", "RGBA", "I;16")[int(rng.integers(4))]
    return whole_png(20_000, 9_990, mode)


def text_png(rng: Random) -> bytes:
    """A PNG with a compressed text of 60 MB."""
    sound = seeds("png")[0]
    return sound[:33] + png_chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(60_000_000), 9)) + sound[33:]


def claimed_tiff(rng: Random) -> bytes:
    """A TIFF whose directory claims sizes, counts and offsets, or leads back to itself."""
    width, height = _side(rng), _side(rng)
    compression = (1, 5, 7, 8, 32773, 34712)[int(rng.integers(6))]
    samples = (0, 1, 3, 4, 65_535)[int(rng.integers(5))]
    tags = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, (1, 8, 16, 32)[int(rng.integers(4))])]
    tags += [(259, 3, 1, compression), (262, 3, 1, int(rng.integers(7))), (273, 4, (1, 2**31)[int(rng.integers(2))], 8)]
    tags += [(277, 3, 1, samples), (278, 4, 1, height), (279, 4, 1, _side(rng))]
    tags += [(320, 3, (768, 2**32 - 1)[int(rng.integers(2))], 8), (330, 4, 1, 8), (34665, 4, 1, 8)]
    again = (0, 8, 2**32 - 1)[int(rng.integers(3))]
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0\x08\0\0\0" + directory + struct.pack("<I", again) + rng.bytes(200)


@cache
def _turned_tiff() -> bytes:
    return saved(Image.new("RGB", (10_000, 10_000)), "TIFF", compression="tiff_deflate", tiffinfo={274: 6})


def large_tiff(rng: Random) -> bytes:
    """A true TIFF of 100 megapixels, lying on its side."""
    return _turned_tiff()


def claimed_gif(rng: Random) -> bytes:
    """A GIF of any size whose frame may lie outside of it, with sub-blocks without end."""
    size = struct.pack("<HH", _side(rng) % 2**16, _side(rng) % 2**16)
    frame = b"," + struct.pack("<HHHH", *(_side(rng) % 2**16 for _ in range(4))) + bytes([int(rng.integers(256))])
    comments = b"!\xfe" + (b"\xff" + b"c" * 255) * int(rng.integers(200))
    return b"GIF89a" + size + b"\xf7\0\0" + bytes(768) + comments + b"\0" * int(rng.integers(2)) + frame + b"\x08\xff"


def claimed_webp(rng: Random) -> bytes:
    """A WebP of 16,383 x 16,383 pixels, extended, lossy or lossless."""
    side = (16_383, 12_000, 1, 2**24 - 1)[int(rng.integers(4))]
    if rng.random() < 0.4:
        body = struct.pack("<4sI", b"VP8X", 10) + bytes([int(rng.integers(256)), 0, 0, 0])
        body += struct.pack("<I", side % 2**24)[:3] * 2 + seeds("webp")[0][12:]
    elif rng.random() < 0.5:
        body = struct.pack("<4sIBI", b"VP8L", 60, 0x2F, (side % 2**14) | (side % 2**14) << 14) + rng.bytes(55)
    else:
        sound = bytearray(seeds("webp")[0][12:])
        sound[14:18] = struct.pack("<HH", side % 2**14, side % 2**14)
        body = bytes(sound)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


@cache
def _whole_webp(animated: bool) -> bytes:
    image = Image.new("RGB", (7_900, 8_000), (9, 80, 9))
    more = {"save_all": True, "append_images": [Image.new("RGB", image.size)]} if animated else {}
    return saved(image, "WEBP", quality=1, method=0, **more)


def large_webp(rng: Random) -> bytes:
    """A true WebP of 63 megapixels, which libwebp unpacks whole."""
    return _whole_webp(animated=False)


def claimed_jpeg(rng: Random) -> bytes:
    """A JPEG of another size than its pixels."""
    made = bytearray(seeds("jpeg")[int(rng.integers(6))])
    for marker in (b"\xff\xc0", b"\xff\xc2"):
        if (at := made.find(marker)) >= 0:
            made[at + 5 : at + 9] = struct.pack(">HH", _side(rng) % 2**16, _side(rng) % 2**16)
    return bytes(made)


@cache
def _scanned_jpeg(side: int, scans: int) -> bytes:
    """Return a progressive JPEG that goes over all of its pixels again and again, in a few bytes each time."""
    flat = saved(Image.new("L", (side, side), 128), "JPEG", progressive=True)
    last = flat.rfind(b"\xff\xda")
    return flat[:last] + flat[last:-2] * scans + flat[-2:]


def scanned_jpeg(rng: Random) -> bytes:
    """A progressive JPEG of 100 megapixels with a thousand scans."""
    return _scanned_jpeg(10_000, 1_000)


@cache
def _whole_jpeg(progressive: bool) -> bytes:
    size = (10_000, 9_990) if progressive else (20_000, 9_990)
    return saved(Image.new("RGB", size), "JPEG", progressive=progressive, quality=20, subsampling=0)


def large_jpeg(rng: Random) -> bytes:
    """A true JPEG just below the limit on pixels."""
    return _whole_jpeg(progressive=bool(rng.integers(2)))


def claimed_other(rng: Random) -> bytes:
    """A BMP, PPM, JPEG 2000 or AVIF whose header claims any size."""
    which = int(rng.integers(5))
    width, height = _side(rng), _side(rng)
    if which == 0:
        head = struct.pack(
            "<IiiHHIIiiII", 40, width % 2**31, -(height % 2**31), 1, 8, int(rng.integers(5)), 0, 1, 1, 0, 0
        )
        return b"BM" + struct.pack("<IHHI", 2**31, 0, 0, 54) + head + rng.bytes(500)
    if which == 1:
        return b"P6\n%d %d\n%d\n" % (width, height, (0, 1, 255, 65_535, 10**9)[int(rng.integers(5))]) + rng.bytes(99)
    if which == 2:
        return b"P3\n" + b"# comment\n" * 1000 + b"%d %d 255\n" % (width % 2000, height % 2000) + b"7 " * 5000
    made = bytearray(seeds("image")[4 if which == 3 else 5])
    mark = b"ihdr" if which == 3 else b"ispe"
    at = made.find(mark) + 4 + 4 * (which == 4)
    made[at : at + 8] = struct.pack(">II", width, height)
    if which == 3 and (at := made.find(b"\xff\x4f\xff\x51")) >= 0:
        made[at + 8 : at + 16] = struct.pack(">II", width, height)
    return bytes(made)


@cache
def _whole_jpeg2000() -> bytes:
    return saved(Image.new("RGB", (7_000, 7_000)), "JPEG2000", num_resolutions=6)


def large_jpeg2000(rng: Random) -> bytes:
    """A true JPEG 2000 of 49 megapixels, whose decoder takes 4 bytes for each value."""
    return _whole_jpeg2000()
