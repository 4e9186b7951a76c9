"""The most memory that `regraft embed` and `regraft fit` hold, for few images and for ten times as many.

The images are small JPEGs made for the purpose in a temporary folder: real ones of DATA, scaled to --side pixels,
again and again, each with its number in a JPEG comment, so that the bytes of all differ and nothing comes from the
cache. Each command runs in a fresh process, whose peak resident set the system tells (getrusage, ru_maxrss).

The networks are converted before, in a process of its own: the conversion needs torch, which would hide what the
images take. conversion_mb is the peak of that process, and so of anybody's first fit. Features are computed anew for
each command and size.

Read: embed_ratio and fit_ratio are the peak for many images over that for few (target 1.2); the peaks for many
images, and conversion_mb, are to stay under 1,500 MB.
"""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Any

from _machine import data_folder, note, own_cache, parser, positive, regraft, rounded, show, spread

COMMANDS = ("embed", "fit")


def numbered(jpeg: bytes, number: int) -> bytes:
    """Return a JPEG with a comment that holds a number, after its start-of-image marker: the same image, new bytes."""
    comment = f"copy {number}".encode()
    return jpeg[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + jpeg[2:]


def read_small(data: Path, side: int, at_most: int = 500) -> list[tuple[str, bytes]]:
    """Return class and JPEG bytes of the images in class folders, scaled to `side` pixels at most."""
    from PIL import Image

    found = []
    for folder in sorted(path for path in data.iterdir() if path.is_dir()):
        for path in sorted(folder.glob("*.jpg"))[: max(1, at_most // 5)]:
            with Image.open(path) as image:
                small = image.convert("RGB")
            small.thumbnail((side, side))
            encoded = io.BytesIO()
            small.save(encoded, "JPEG", quality=85)
            found.append((folder.name, encoded.getvalue()))
    if len({name for name, _ in found}) < 2:
        raise SystemExit(f"DATA must be a folder of at least two class folders with .jpg files, but {data} is not.")
    return found


def make_images(images: list[tuple[str, bytes]], count: int, folder: Path) -> None:
    """Fill a folder with class folders of `count` JPEGs, no two with the same bytes."""
    for name in {name for name, _ in images}:
        (folder / name).mkdir(parents=True)
    for number in range(count):
        name, jpeg = images[number % len(images)]
        (folder / name / f"{number:06}.jpg").write_bytes(numbered(jpeg, number))


def measure(command: str, data: Path, folder: Path, extra: list[str]) -> tuple[float, float]:
    """Return the peak in megabytes and the seconds of a command that computes all features anew."""
    shutil.rmtree(folder / "cache" / "features", ignore_errors=True)
    out = folder / ("features.npz" if command == "embed" else "run")
    finished = regraft(command, data, "--quiet", "--json", "--out", out, *extra)
    if finished.json["cache"]["hits"]:
        raise SystemExit(f"{command} took {finished.json['cache']} from the cache, and was to compute all.")
    out.unlink() if out.is_file() else shutil.rmtree(out)
    return finished.peak_mb, finished.seconds


def main() -> None:
    """Measure, and print the figures."""
    arguments = parser(__doc__, "a folder of class folders of JPEGs (default: the flowers)", runs=1)
    arguments.add_argument("--few", type=positive, default=2000, help="images (default: %(default)s)")
    arguments.add_argument("--many", type=positive, default=20000, help="images (default: %(default)s)")
    arguments.add_argument("--side", type=positive, default=160, help="pixels of the long side (default: %(default)s)")
    arguments.add_argument("--backbone", help="as of `regraft fit` (default: its default)")
    arguments.add_argument("--command", choices=COMMANDS, help="measure one of the two only")
    given = arguments.parse_args()
    if given.few >= given.many:
        arguments.error(f"--few must be less than --many, but {given.few} is not less than {given.many}")
    extra = ["--backbone", given.backbone] if given.backbone else []
    commands = (given.command,) if given.command else COMMANDS
    images = read_small(data_folder(given.data, "flowers"), given.side)
    sizes = (given.few, given.many)
    peaks: dict[tuple[str, int], list[float]] = {(command, size): [] for command in commands for size in sizes}
    values: dict[str, Any] = {}
    with own_cache() as folder:
        make_images(images, 16 * len({name for name, _ in images}), folder / "warm")
        conversion = regraft("embed", folder / "warm", "--quiet", "--out", folder / "warm.npz", *extra).peak_mb
        for size in sizes:
            make_images(images, size, folder / str(size))
        for run in range(given.runs):
            for command, size in peaks:
                peak, seconds = measure(command, folder / str(size), folder, extra)
                peaks[command, size].append(peak)
                values[f"{command}_{size}_s"] = rounded(seconds)
                note(f"run {run + 1} of {given.runs}: {command}, {size:,} images: {peak:,.0f} MB in {seconds:.0f} s")
    figures: dict[str, Any] = {}
    targets: dict[str, tuple[str, float]] = {"conversion_mb": ("<=", 1500.0)}
    for command in commands:
        few, many = (peaks[command, size] for size in sizes)
        figures |= spread(f"{command}_peak_{given.few}_mb", few)
        figures |= spread(f"{command}_peak_{given.many}_mb", many)
        figures |= spread(f"{command}_ratio", [b / a for a, b in zip(few, many, strict=True)])
        targets |= {f"{command}_ratio": ("<=", 1.2), f"{command}_peak_{given.many}_mb": ("<=", 1500.0)}
    figures |= {"conversion_mb": rounded(conversion), **values, "runs": given.runs}
    show(figures, targets, given.json)


if __name__ == "__main__":
    main()
