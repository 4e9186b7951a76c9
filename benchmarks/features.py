"""JPEG files on disk to features, images a second: the usual way, the tuned way, Regraft, and the machine's limit.

All four see the same images and the same weights, in one run, one after the other:

usual    Pillow, the model's own torchvision transforms (timm's create_transform), timm in eval mode, a
         DataLoader with 2 workers.
tuned    the same, the network in channels_last and bf16 autocast.
regraft  regraft.features.extraction.extract with an empty feature cache.
limit    the machine's rate of matrix products in Regraft's precision (the best of several sizes) divided by
         the network's operations for one image, decoding left out: what no program can exceed.

Each way runs in a fresh process; importing libraries is outside the clock for all. Loading the network and one
warm-up batch are outside for usual and tuned. For Regraft the one-time conversion of the network, which is kept on
disk for good, is outside and reported as setup_s; opening the compiled network, decoding and writing the feature
cache are inside. Every image is read once
before, so the disk is equally warm for all.

On a shared machine only ratios can be compared. So Regraft is measured before and after each of the others, and a
ratio is the mean of its two neighbouring rates over the other's; the median of the runs is shown, with the least and
the greatest. Operations are those of convolutions and linear layers as torch's own counter has them, two for each
multiply-add: 0.77 GFLOP for Lite0. cosine is the mean over the images of the cosine between usual's and Regraft's
features.
"""

from __future__ import annotations

import multiprocessing
import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from _machine import data_folder, note, own_cache, parser, positive, rounded, show, spread

WORKERS = 2
BATCH = 32
SIZES = (1024, 1536, 2048, 3072)
SECONDS_A_SIZE = 0.5
"""Sides of the square matrices whose product is timed, and for how long each; the best rate counts."""

TARGETS = {"ratio_usual": (">=", 10.0), "ratio_tuned": (">=", 3.0), "ratio_limit": (">=", 0.4), "cosine": (">=", 0.99)}

Run = Callable[..., Any]


class Files:
    """Images as torch's DataLoader takes them."""

    def __init__(self, paths: Sequence[Path], transform: Callable[[Any], Any]) -> None:
        self.paths, self.transform = paths, transform

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, position: int) -> Any:
        from PIL import Image

        with Image.open(self.paths[position]) as image:
            return self.transform(image.convert("RGB"))


def usual(paths: Sequence[Path], name: str, tuned: bool = False) -> tuple[float, np.ndarray]:
    """Return seconds and features (n, d) of the way that most people write; `tuned` as experts do."""
    import torch
    from timm.data import create_transform, resolve_data_config
    from torch.utils.data import DataLoader

    from regraft.backbones.lookup import get_backbones

    [backbone] = get_backbones(name)
    network: Any = backbone.build().eval()
    network.reset_classifier(0)
    if tuned:
        network = network.to(memory_format=torch.channels_last)
    transform = create_transform(**resolve_data_config(model=network), is_training=False)
    loader: Any = DataLoader(Files(paths, transform), batch_size=BATCH, num_workers=WORKERS)  # type: ignore[arg-type]

    def forward(images: Any) -> np.ndarray:
        if tuned:
            images = images.contiguous(memory_format=torch.channels_last)
        with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=tuned):
            return network(images).float().numpy()

    size = backbone.preprocessing.size
    forward(torch.zeros(BATCH, 3, size, size))
    started = time.perf_counter()
    features = np.concatenate([forward(images) for images in loader])
    return time.perf_counter() - started, features


def regraft(paths: Sequence[Path], name: str) -> tuple[float, np.ndarray, str, int]:
    """Return seconds, features (n, d), the precision chosen, and how many came from the cache."""
    import openvino  # noqa: F401  as torch and timm are imported before their clock starts

    from regraft.backbones.lookup import get_backbones
    from regraft.features.extraction import extract

    backbones = get_backbones(name)
    started = time.perf_counter()
    found = extract(paths, [path.name for path in paths], backbones)
    return time.perf_counter() - started, found.values, found.precisions[0], found.cache_hits


def matrix_rate(precision: str) -> float:
    """Return the floating-point operations a second in matrix products of a precision, at the size that suits best."""
    import torch

    kind = torch.bfloat16 if precision.startswith("bf16") else torch.float32
    rates = []
    for size in SIZES:
        a, b = torch.randn(size, size).to(kind), torch.randn(size, size).to(kind)
        torch.mm(a, b)
        # A mean over some time and not the best moment: Regraft's rate is a mean over good moments and bad ones too.
        done, started = 0, time.perf_counter()
        while (seconds := time.perf_counter() - started) < SECONDS_A_SIZE:
            torch.mm(a, b)
            done += 1
        rates.append(done * 2 * size**3 / seconds)
    return max(rates)


def operations(name: str) -> float:
    """Return the floating-point operations of one image's features: two for each multiply-add."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from regraft.backbones.lookup import get_backbones

    [backbone] = get_backbones(name)
    network: Any = backbone.build().eval()
    network.reset_classifier(0)
    size = backbone.preprocessing.size
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network(torch.zeros(1, 3, size, size))
    return float(counter.get_total_flops())


def apart(function: Run, *arguments: Any) -> Any:
    """Run a function in a fresh process: one way's threads and memory are no burden to the next."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(function, *arguments).result()


def jpegs(folder: Path, limit: int) -> list[Path]:
    """Return the first readable JPEG files below a folder, in the order of their names."""
    from PIL import Image

    found: list[Path] = []
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in (".jpg", ".jpeg"):
            continue
        try:
            with Image.open(path) as image:
                image.load()
        except OSError:
            continue
        found.append(path)
        if len(found) == limit:
            break
    if not found:
        raise SystemExit(f"There is no readable JPEG below {folder}: name a folder of images.")
    return found


def mean_cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Return the mean cosine between the rows of two arrays (n, d)."""
    return float(((a * b).sum(1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))).mean())


def without_cache(folder: Path, paths: Sequence[Path], name: str) -> tuple[float, np.ndarray, str]:
    """Return images a second, features and precision of Regraft, nothing being in its feature cache."""
    shutil.rmtree(folder / "cache" / "features", ignore_errors=True)
    seconds, features, precision, hits = apart(regraft, paths, name)
    if hits or len(features) != len(paths):
        raise SystemExit(f"Regraft computed {len(features)} of {len(paths)} images, {hits} from the cache.")
    return len(paths) / seconds, features, precision


def main() -> None:
    """Measure, and print the figures."""
    arguments = parser(__doc__, "a folder with JPEG files at any depth (default: the flowers)", runs=3)
    arguments.add_argument("--backbone", default="tf_efficientnet_lite0", help="one network (default: %(default)s)")
    arguments.add_argument("--limit", type=positive, default=512, help="most images (default: %(default)s)")
    given = arguments.parse_args()
    name = given.backbone
    if "+" in name:
        arguments.error(f"--backbone must be one network here, not {name!r}; measure them one by one")
    paths = jpegs(data_folder(given.data, "flowers"), given.limit)
    rates: dict[str, list[float]] = {"usual": [], "tuned": [], "regraft": [], "limit": []}
    ratios: dict[str, list[float]] = {"usual": [], "tuned": [], "limit": []}
    cosines = []
    with own_cache() as folder:
        note(f"{len(paths)} images, {name}: converting the network once")
        flop = apart(operations, name)
        setup = apart(regraft, paths[:16], name)[0]
        for run in range(given.runs):
            rate, features, precision = without_cache(folder, paths, name)
            ours = [rate]
            for way in ratios:
                if way == "limit":
                    theirs = apart(matrix_rate, precision) / flop
                else:
                    seconds, expected = apart(usual, paths, name, way == "tuned")
                    theirs = len(paths) / seconds
                    if way == "usual":
                        cosines.append(mean_cosine(expected, features))
                ours.append(without_cache(folder, paths, name)[0])
                rates[way].append(theirs)
                ratios[way].append((ours[-2] + ours[-1]) / 2 / theirs)
            rates["regraft"].append(sum(ours) / len(ours))
            shown = ", ".join(f"{way} {values[-1]:.1f}" for way, values in rates.items())
            note(f"run {run + 1} of {given.runs}, images a second: {shown}")
    values: dict[str, Any] = {}
    for way, measured in rates.items():
        values |= spread(way, measured)
    for way, measured in ratios.items():
        values |= spread(f"ratio_{way}", measured)
    values |= {
        "cosine": round(float(np.median(cosines)), 5),
        "backbone": name,
        "precision": precision,
        "images": len(paths),
        "runs": given.runs,
        "setup_s": rounded(setup),
        "gflop_an_image": rounded(flop / 1e9),
        "matrix_gflops": rounded(values["limit"] * flop / 1e9),
    }
    show(values, TARGETS, given.json)


if __name__ == "__main__":
    main()
