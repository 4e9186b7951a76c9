"""Good, odd and broken pictures; all of them are made here."""

import io
import os
import struct
import subprocess
import sys
import textwrap
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps, features

from regraft.data import images
from regraft.errors import UnreadableImage

HEIGHT, WIDTH = 60, 90
DATA = Path(os.environ.get("REGRAFT_DATA", Path(__file__).parents[3] / "shared" / "data"))


def picture(seed: int = 0) -> np.ndarray:
    """A smooth colour picture without any symmetry, so that every turn of it differs."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))


def encode(image: np.ndarray | Image.Image, kind: str, **options) -> bytes:
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def by_pillow(raw: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(raw)).convert("RGB"))


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def is_picture(array: np.ndarray) -> bool:
    return array.dtype == np.uint8 and array.ndim == 3 and array.shape[2] == 3 and array.size > 0


# --- read_bytes ---------------------------------------------------------------------------------


def test_reads_paths_bytes_arrays_and_rows(tmp_path):
    raw, array = encode(picture(), "PNG"), picture()
    (tmp_path / "a.png").write_bytes(raw)

    class Stored:
        def read(self):
            return array

    assert images.read_bytes(tmp_path / "a.png") == raw
    assert images.read_bytes(raw) is raw
    assert images.read_bytes(array) is array
    assert images.read_bytes(Stored()) is array


def test_reads_a_name_that_is_not_utf8(tmp_path):
    try:
        path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png"))
        path.write_bytes(encode(picture(), "PNG"))
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    np.testing.assert_array_equal(images.decode(images.read_bytes(path)), picture())


def test_says_why_a_file_cannot_be_read(tmp_path):
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(UnreadableImage, match=r"^empty \(0 bytes\)$"):
        images.read_bytes(tmp_path / "empty.jpg")
    with pytest.raises(UnreadableImage, match=r"^empty \(0 bytes\)$"):
        images.read_bytes(b"")
    with pytest.raises(UnreadableImage, match=r"^a folder, not a file$"):
        images.read_bytes(tmp_path)
    with pytest.raises(UnreadableImage, match=r"^no such file$"):
        images.read_bytes(tmp_path / "absent.jpg")
    with pytest.raises(UnreadableImage, match="must be a path, bytes, an array or a row, got int"):
        images.read_bytes(3)


@pytest.mark.skipif(os.name == "nt", reason="links and pipes are made differently on Windows")
def test_says_that_a_link_is_broken_and_does_not_wait_for_a_pipe(tmp_path):
    (tmp_path / "link.jpg").symlink_to(tmp_path / "gone.jpg")
    with pytest.raises(UnreadableImage, match=r"^a broken link$"):
        images.read_bytes(tmp_path / "link.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(UnreadableImage, match=r"^not a regular file$"):
        images.read_bytes(tmp_path / "pipe.jpg")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (PermissionError(13, "Permission denied"), "no permission to read the file"),
        (OSError(5, "Input/output error"), r"the file cannot be read \(Input/output error\)"),
    ],
)
def test_says_what_the_system_says(tmp_path, monkeypatch, error, reason):
    def refuse(self):
        raise error

    (tmp_path / "a.jpg").write_bytes(b"x")
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(UnreadableImage, match=reason):
        images.read_bytes(tmp_path / "a.jpg")


def test_says_that_a_row_cannot_be_read():
    class Lost:
        def read(self):
            raise OSError("can't read data")

    with pytest.raises(UnreadableImage, match=r"the row cannot be read \(can't read data\)"):
        images.read_bytes(Lost())


# --- digest -------------------------------------------------------------------------------------


def test_digest_tells_content_dtype_and_shape_apart_but_not_memory_layout():
    array = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert images.digest(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert images.digest(array) == images.digest(np.asfortranarray(array))
    others = [array.reshape(4, 2, 3), array.view(np.int8), array + 1]
    assert len({images.digest(each) for each in [array, *others]}) == 4


# --- decode: ordinary pictures ------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}], ids=str)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_fast_path_agrees_with_pillow(mode, options):
    raw = encode(Image.fromarray(picture()).convert(mode), "JPEG", quality=90, **options)
    decoded = images.decode(raw)
    assert is_picture(decoded)
    assert decoded.flags.writeable
    assert np.abs(decoded.astype(int) - by_pillow(raw)).mean() < 1


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP", "GIF", "PPM", "JPEG2000"])
def test_tolerant_formats(kind):
    options = {"lossless": True} if kind == "WEBP" else {}
    raw = encode(picture(), kind, **options)
    decoded = images.decode(raw)
    assert is_picture(decoded)
    np.testing.assert_array_equal(decoded, by_pillow(raw))


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
def test_avif():
    raw = encode(picture(), "AVIF")
    np.testing.assert_array_equal(images.decode(raw), by_pillow(raw))


@pytest.mark.parametrize("fast", [True, False], ids=["fast", "tolerant"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation(monkeypatch, orientation, fast):
    if not fast:
        monkeypatch.setattr(images.cv2, "imdecode", lambda *_: None)
    exif = Image.Exif()
    exif[0x0112] = orientation
    raw = encode(picture(), "JPEG", quality=95, exif=exif)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(raw))))
    for at_least in (None, HEIGHT // 2):
        expected = upright
        if at_least:
            expected = np.asarray(Image.fromarray(upright).reduce(2))
        decoded = images.decode(raw, at_least)
        assert decoded.shape == expected.shape
        assert np.abs(decoded.astype(int) - expected).mean() < 2


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_orientation_of_other_formats(kind):
    exif = Image.Exif()
    exif[0x0112] = 6
    raw = encode(picture(), kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {}))
    np.testing.assert_array_equal(images.decode(raw), np.rot90(picture(), k=-1))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF:UserWarning")
def test_damaged_exif_does_not_spoil_the_pixels():
    raw = encode(picture(), "PNG", exif=b"Exif\0\0MM\0*\0\0\0\xff not a table")
    np.testing.assert_array_equal(images.decode(raw), picture())


@pytest.mark.parametrize(
    ("at_least", "shape"),
    [(None, (60, 90)), (31, (60, 90)), (30, (30, 45)), (15, (15, 23)), (7, (8, 12)), (1, (8, 12))],
)
@pytest.mark.parametrize("mode", ["RGB", "CMYK"])
def test_at_least_shrinks_jpegs_no_further(mode, at_least, shape):
    raw = encode(Image.fromarray(picture()).convert(mode), "JPEG")
    height, width = images.decode(raw, at_least).shape[:2]
    assert min(height, width) >= (at_least or 0)
    assert abs(height - shape[0]) <= 1
    assert abs(width - shape[1]) <= 1


def test_at_least_leaves_other_formats_whole():
    assert images.decode(encode(picture(), "PNG"), at_least=8).shape == (HEIGHT, WIDTH, 3)


# --- decode: odd modes --------------------------------------------------------------------------


def test_sixteen_bit_grey_is_shifted():
    values = np.arange(HEIGHT * WIDTH, dtype=np.uint16).reshape(HEIGHT, WIDTH) * 12
    for raw in (encode(values, "PNG"), encode(values, "TIFF"), encode(values, "PPM")):
        expected = np.repeat((values >> 8).astype(np.uint8)[:, :, None], 3, axis=2)
        np.testing.assert_array_equal(images.decode(raw), expected)


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_thirty_two_bit_tiff_is_stretched(dtype):
    values = np.linspace(-500, 70_000, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype(dtype)
    decoded = images.decode(encode(values, "TIFF"))
    assert is_picture(decoded)
    assert decoded[0, 0].tolist() == [0, 0, 0]
    assert decoded[-1, -1].tolist() == [255, 255, 255]
    assert (np.diff(decoded[:, :, 0].ravel().astype(int)) >= 0).all()


def test_stretch_survives_what_is_not_a_number():
    values = np.array([[np.nan, -np.inf, 2], [3, 4, np.inf]], dtype=np.float32)
    assert images.decode(encode(values, "TIFF"))[:, :, 0].tolist() == [[0, 0, 0], [128, 255, 255]]
    for flat in (np.full((2, 2), 7, np.float32), np.full((2, 2), np.nan, np.float32)):
        assert (images.decode(encode(flat, "TIFF")) == 0).all()


def test_one_bit_and_palette():
    for mode in ("1", "P"):
        image = Image.fromarray(picture()).convert(mode)
        np.testing.assert_array_equal(images.decode(encode(image, "PNG")), np.asarray(image.convert("RGB")))


def test_transparency_is_laid_on_white():
    rgba = np.zeros((2, 2, 4), np.uint8)
    rgba[:, :, 3] = [[0, 255], [128, 0]]
    expected = [[255, 0], [127, 255]]
    grey_alpha = Image.fromarray(rgba).convert("LA")
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 40, 50, 60])
    palette.putdata([0, 1])
    assert images.decode(encode(rgba, "PNG"))[:, :, 0].tolist() == expected
    assert images.decode(encode(grey_alpha, "PNG"))[:, :, 2].tolist() == expected
    assert images.decode(encode(rgba, "WEBP", lossless=True))[:, :, 1].tolist() == expected
    assert images.decode(rgba)[:, :, 0].tolist() == expected
    assert images.decode(encode(palette, "PNG", transparency=0))[0].tolist() == [[255] * 3, [40, 50, 60]]


def test_cmyk_jpeg_is_not_inverted():
    for colour in ([250, 250, 250], [5, 5, 5], [200, 30, 40]):
        image = Image.fromarray(np.full((16, 16, 3), colour, np.uint8)).convert("CMYK")
        decoded = images.decode(encode(image, "JPEG", quality=95))
        assert np.abs(decoded.astype(int) - colour).max() < 12


def test_animations_give_their_first_frame():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    for kind, options in (("GIF", {}), ("WEBP", {"lossless": True})):
        raw = encode(frames[0], kind, save_all=True, append_images=frames[1:], **options)
        assert (images.decode(raw) == [255, 0, 0]).all()


def test_odd_jfif_version_and_trailing_bytes_are_taken():
    raw = encode(picture(), "JPEG")
    at = raw.index(b"JFIF\0") + 5
    for odd in (raw[:at] + b"\0\0" + raw[at + 2 :], raw + bytes(3000), raw + b"trailer"):
        np.testing.assert_array_equal(images.decode(odd), images.decode(raw))


def test_arrays():
    array = picture()
    np.testing.assert_array_equal(images.decode(array), array)
    flipped = images.decode(array[::-1])
    assert flipped.flags.c_contiguous
    np.testing.assert_array_equal(flipped, array[::-1])
    for grey in (array[:, :, 0], array[:, :, :1]):
        np.testing.assert_array_equal(images.decode(grey), np.repeat(array[:, :, :1], 3, axis=2))


@pytest.mark.parametrize(
    "array", [np.zeros((4, 4), np.float32), np.zeros((4, 4, 2), np.uint8), np.zeros(4, np.uint8)], ids=str
)
def test_arrays_of_another_kind_are_refused(array):
    with pytest.raises(UnreadableImage, match=f"must be uint8 .*, got {array.dtype} of shape"):
        images.decode(array)


def test_arrays_without_pixels_are_refused():
    with pytest.raises(UnreadableImage, match=r"without pixels, of shape \(0, 4, 3\)"):
        images.decode(np.zeros((0, 4, 3), np.uint8))


# --- decode: broken pictures --------------------------------------------------------------------


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("at_least", [None, 16])
def test_a_jpeg_cut_anywhere_is_refused(progressive, at_least):
    thumbnail = encode(picture(1), "JPEG")  # its end marker must not pass for the picture's
    raw = encode(picture(), "JPEG", progressive=progressive, exif=b"Exif\0\0" + thumbnail)
    assert is_picture(images.decode(raw, at_least))
    for length in [*range(3, len(raw), 61), *range(len(raw) - 4, len(raw))]:
        for cut in (raw[:length], raw[:length] + bytes(5000)):
            with pytest.raises(UnreadableImage, match=r"truncated JPEG file|JPEG data cannot be decoded"):
                images.decode(cut, at_least)


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "TIFF", "WEBP"])
def test_other_cut_files_are_refused(kind):
    raw = encode(picture(), kind)
    with pytest.raises(UnreadableImage, match=f"(?i)the {kind} data cannot be decoded"):
        images.decode(raw[: len(raw) // 2])


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"\n<!DOCTYPE html><title>404</title>", r"not an image \(looks like HTML\)"),
        (b"<?xml version='1.0'?>\n<svg/>", r"looks like SVG; save it as PNG"),
        (b"%PDF-1.7 ...", "looks like PDF"),
        (b"PK\x03\x04....", "looks like a zip archive"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "looks like HEIC; save it as JPEG"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0", "looks like a video"),
        (b"version https://git-lfs.github.com/spec/v1\n", "looks like text"),
        (bytes(100), "not an image, or of an unknown format"),
        (b"\xff", "not an image, or of an unknown format"),
    ],
)
def test_says_what_a_stranger_looks_like(raw, reason):
    with pytest.raises(UnreadableImage, match=reason):
        images.decode(raw)


def test_a_decompression_bomb_is_refused_before_decoding():
    def png(width, height):
        header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")

    for size in ((100_000, 100_000), (20_000, 10_001)):
        with pytest.raises(UnreadableImage, match=f"{size[0]}x{size[1]} pixels, more than the limit of 200 million"):
            images.decode(png(*size))


def test_the_limit_is_ours_and_leaves_pillows_alone(monkeypatch):
    before = Image.MAX_IMAGE_PIXELS
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert images.decode(encode(picture(), "PNG")).shape == (HEIGHT, WIDTH, 3)
    assert Image.MAX_IMAGE_PIXELS == 10
    monkeypatch.undo()
    assert before == Image.MAX_IMAGE_PIXELS


def test_a_reader_that_pillow_lacks(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL.AvifImagePlugin", None)
    with pytest.raises(UnreadableImage, match="AVIF is not supported by the Pillow installed here"):
        images.decode(b"\0\0\0\x20ftypavif\0\0\0\0")


def test_lack_of_memory(monkeypatch):
    def exhausted(image, shrink):
        raise MemoryError

    monkeypatch.setattr(images, "_tolerant", exhausted)
    with pytest.raises(UnreadableImage, match="not enough memory"):
        images.decode(encode(picture(), "PNG"))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF|Tag data larger:UserWarning")
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000"])
def test_mutated_files_give_a_picture_or_a_reason(kind, capfd):
    raw = encode(picture(), kind, **({"compression": "tiff_lzw"} if kind == "TIFF" else {}))
    rng = np.random.default_rng(0)
    outcomes = set()
    for _ in range(80):
        mutated = bytearray(raw)
        # Half of the damage goes to the header, where it does the most.
        reach = len(raw) if rng.random() < 0.5 else 64
        for at in rng.integers(2, reach, rng.integers(1, 6)):
            mutated[at] = rng.integers(256)
        try:
            decoded = images.decode(bytes(mutated), at_least=20)
        except UnreadableImage as reason:
            assert "\n" not in str(reason)
            outcomes.add("reason")
        else:
            assert is_picture(decoded)
            outcomes.add("picture")
    assert "picture" in outcomes
    # libjpeg inside OpenCV and libtiff inside Pillow print about damage that only decoding can find.
    if kind not in ("JPEG", "TIFF"):
        assert capfd.readouterr().err == ""


def test_nothing_is_printed_about_bad_files(tmp_path):
    script = """
        import io, sys
        from PIL import Image
        from regraft.data import images
        from regraft.errors import UnreadableImage
        def encoded(kind, **options):
            buffer = io.BytesIO()
            Image.effect_noise((64, 64), 50).save(buffer, kind, **options)
            return buffer.getvalue()
        jpeg, png, tiff = encoded("JPEG"), encoded("PNG"), encoded("TIFF")
        at = jpeg.index(b"JFIF") + 5
        damaged = bytearray(png)
        damaged[len(png) // 2] ^= 1
        bad = [jpeg[:400], jpeg[:len(jpeg) // 2], png[:len(png) // 2], bytes(damaged), tiff[:9], tiff[:-9]]
        for raw in bad:
            try:
                images.decode(raw)
            except UnreadableImage:
                print("refused")
        images.decode(jpeg[:at] + bytes(2) + jpeg[at + 2:])
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["refused"] * 6
    assert done.stderr == ""


# --- thumbnail ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "shape"), [(45, (45, 30)), (128, (WIDTH, HEIGHT))])
def test_thumbnail_keeps_the_aspect_and_never_enlarges(size, shape):
    for raw in (picture(), encode(picture(), "JPEG"), encode(picture(), "PNG")):
        small = Image.open(io.BytesIO(images.thumbnail(raw, size)))
        assert (small.format, small.size) == ("JPEG", shape)
        expected = np.asarray(Image.fromarray(picture()).resize(shape, Image.Resampling.BOX)).astype(int)
        assert np.abs(np.asarray(small) - expected).mean() < 8


def test_thumbnail_of_a_line_has_a_pixel_of_height():
    small = Image.open(io.BytesIO(images.thumbnail(np.zeros((1, 1000, 3), np.uint8))))
    assert small.size == (128, 1)


# --- real pictures ------------------------------------------------------------------------------


@pytest.mark.skipif(not DATA.is_dir(), reason="the shared images are not here")
def test_fast_path_agrees_with_pillow_on_real_pictures():
    paths = sorted(DATA.glob("*/**/*.jpg"))[::100]
    assert paths
    for path in paths:
        raw = images.read_bytes(path)
        assert np.abs(images.decode(raw).astype(int) - by_pillow(raw)).mean() < 1


# --- memory and time are bounded --------------------------------------------------------------------


MODES = ["RGB", "RGBA", "L", "LA", "P", "1", "CMYK", "I;16", "I", "F"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("orientation", [1, 6])
def test_strips_make_the_whole(monkeypatch, mode, orientation):
    colour = np.dstack([picture(), picture(3)[:, :, :1]])
    if mode in ("I;16", "I", "F"):
        values = picture()[:, :, 0].astype({"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]) * 250
        image = Image.fromarray(values)
    else:
        image = Image.fromarray(colour).convert(mode)
    raw = encode(image, "TIFF" if mode in ("CMYK", "I", "F") else "PNG", exif=turned(orientation))
    whole = images.decode(raw)
    assert whole.shape == ((HEIGHT, WIDTH, 3) if orientation == 1 else (WIDTH, HEIGHT, 3))
    monkeypatch.setattr(images, "_STRIP", 7 * WIDTH)
    np.testing.assert_array_equal(images.decode(raw), whole)


def turned(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


@pytest.mark.parametrize("size", [(90, 60), (91, 67), (97, 60)])
def test_a_large_picture_is_averaged_where_less_suffices(monkeypatch, size):
    raw = encode(Image.fromarray(picture()).resize(size), "PNG")
    monkeypatch.setattr(images, "LARGE", 1000)
    monkeypatch.setattr(images, "_STRIP", 10 * size[0])
    small = images.decode(raw, at_least=15)
    assert small.shape == (size[1] // 4, size[0] // 4, 3)
    height, width = small.shape[:2]
    squares = by_pillow(raw)[: 4 * height, : 4 * width].reshape(height, 4, width, 4, 3)
    np.testing.assert_allclose(small, squares.mean(axis=(1, 3)), atol=1)
    assert images.decode(raw).shape == (size[1], size[0], 3)
    monkeypatch.setattr(images, "LARGE", size[0] * size[1])
    assert images.decode(raw, at_least=15).shape == (size[1], size[0], 3)


def test_large_pictures_are_decoded_one_after_the_other(monkeypatch):
    alone = []

    def watched(name, function):
        monkeypatch.setattr(
            images, name, lambda *arguments: alone.append(images._one_large.locked()) or function(*arguments)
        )

    watched("_tolerant", images._tolerant)
    watched("_jpeg", images._jpeg)
    whole, progressive = encode(picture(), "JPEG"), encode(picture(), "JPEG", progressive=True)
    images.decode(encode(picture(), "PNG"))
    monkeypatch.setattr(images, "LARGE", 1000)
    images.decode(encode(picture(), "PNG"))
    images.decode(whole)
    images.decode(whole, at_least=15)  # of which a sixteenth is unpacked
    images.decode(progressive, at_least=15)
    assert alone == [False, True, True, False, True]
    assert not images._one_large.locked()


def test_formats_that_need_more_memory_have_lower_limits(monkeypatch):
    for kind, name, options in (("WEBP", "WebP", {}), ("JPEG", "progressive JPEG", {"progressive": True})):
        raw = encode(picture(), kind, **options)
        assert images.MOST_OF[name] < images.MAX_PIXELS
        images.decode(raw)
        monkeypatch.setitem(images.MOST_OF, name, HEIGHT * WIDTH - 1)
        with pytest.raises(UnreadableImage, match="90x60 pixels, more than the limit of"):
            images.decode(raw)


def test_a_jpeg_of_a_thousand_scans_is_refused_unread():
    raw = encode(picture(), "JPEG", progressive=True)
    last = raw.rfind(b"\xff\xda")
    with pytest.raises(UnreadableImage, match="a JPEG of more than 100 scans; save it anew"):
        images.decode(raw[:last] + raw[last:-2] * 1000 + raw[-2:])
    assert images.decode(raw[:last] + raw[last:-2] * 10 + raw[-2:]).shape == (HEIGHT, WIDTH, 3)


def test_a_transparent_picture_is_laid_on_white_in_strips(monkeypatch):
    rgba = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 4), dtype=np.uint8)
    whole = images.decode(rgba)
    monkeypatch.setattr(images, "_STRIP", 7 * WIDTH)
    np.testing.assert_array_equal(images.decode(rgba), whole)
