"""From one domain to another: what `regraft adapt` keeps without labels of the target, and what it gains.

Spoken digits from each speaker to each other; reviews of products and of films; solar cells of one crystal and of
many; flowers from one camera to another, which blurs, has little contrast or other colours, and back. Of each pair:
source-only, every method, what `auto` keeps, and the best by the target's labels, which nothing is chosen by.

auto_least   the least gain of auto over source-only on any pair (points as a share; target -0.01).
auto_gain    the mean over the pairs, with a 95% interval by Student's t (auto_gain_low above 0).
RULE_gain    the mean gain if one had chosen by that rule alone, RULE_least the least.
fell_back    pairs on which source-only was kept.
below        pairs and draws on which auto is more than a point worse than source-only.
PAIR_explained   share of the domains' discrepancy that other proportions of the classes would account for.

With --others also what trains small networks on the features, and batch normalisation's statistics (adabn). With
--share, random parts of both domains instead of all, --draws of them: what happens where examples are fewer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from _machine import data_folder, note, own_cache, parser, positive, rounded, show

TARGETS = {"auto_least": (">=", -0.01), "auto_gain_low": (">=", 0.0)}

SPEAKERS = ("george", "jackson", "lucas", "nicolas")
OTHERS = "dann,deep-coral,mcc,tent"


@dataclass(frozen=True)
class Pair:
    """Two domains by name, as `regraft.adapt` takes them."""

    name: str
    source: Any
    target: Any


def pairs(folder: Path, kinds: set[str]) -> Iterator[Pair]:
    """Yield the pairs of the kinds that are asked for, where their data are at hand."""
    if "digits" in kinds and (folder / "spoken_digits").is_dir():
        for one in SPEAKERS:
            for other in SPEAKERS:
                if one != other:
                    yield Pair(f"{one}_{other}", folder / "spoken_digits" / one, folder / "spoken_digits" / other)
    if "reviews" in kinds and (folder / "sentiment").is_dir():
        tables = {name: folder / "sentiment" / f"{name}.csv" for name in ("amazon", "imdb")}
        yield Pair("amazon_imdb", tables["amazon"], tables["imdb"])
        yield Pair("imdb_amazon", tables["imdb"], tables["amazon"])
    if "cells" in kinds and (kind := cells()):
        yield Pair("mono_poly", kind["mono"], kind["poly"])
        yield Pair("poly_mono", kind["poly"], kind["mono"])
    if "flowers" in kinds and (folder / "flowers").is_dir():
        yield from _flowers(folder / "flowers")


def cells() -> dict[str, Any]:
    """Return the solar cells of the package elpv-dataset, sound or defective, by the kind of their crystal."""
    try:
        from elpv_dataset.utils import load_dataset
    except ImportError:
        note("no elpv-dataset: solar cells are left out")
        return {}
    from regraft import read_source

    images, belief, crystal = load_dataset()
    named = np.where(belief >= 0.5, "defective", "sound")
    return {kind: read_source(images[crystal == kind], labels=named[crystal == kind]) for kind in ("mono", "poly")}


def _flowers(folder: Path) -> Iterator[Pair]:
    """Yield half of the photos as they are, and the other half by a camera that spoils them; and back."""
    from regraft import read_source
    from regraft.data.images import decode, read_bytes

    dataset = read_source(folder)
    order = np.random.default_rng(0).permutation(len(dataset))
    halves = [np.sort(order[: len(order) // 2]), np.sort(order[len(order) // 2 :])]
    pixels = [[np.asarray(decode(read_bytes(dataset.examples[int(i)]))) for i in half] for half in halves]
    labels = [[dataset.class_names[dataset.y[i]] for i in half] for half in halves]
    plain = [read_source(each, labels=own) for each, own in zip(pixels, labels, strict=True)]
    for name, spoil in CAMERAS.items():
        spoilt = read_source([spoil(each) for each in pixels[1]], labels=labels[1])
        yield Pair(f"flowers_{name}", plain[0], spoilt)
        yield Pair(f"{name}_flowers", spoilt, plain[0])


def blurred(pixels: np.ndarray) -> np.ndarray:
    """Return an image out of focus."""
    import cv2

    return cv2.GaussianBlur(pixels, (0, 0), min(pixels.shape[:2]) / 70)


def faded(pixels: np.ndarray) -> np.ndarray:
    """Return an image of little contrast."""
    mean = pixels.mean()
    return np.clip((pixels.astype(np.float32) - mean) * 0.3 + 0.75 * mean + 20, 0, 255).astype(np.uint8)


def tinted(pixels: np.ndarray) -> np.ndarray:
    """Return an image whose colours run into each other, and are too warm."""
    mixing = np.array([[0.55, 0.35, 0.10], [0.25, 0.60, 0.15], [0.30, 0.35, 0.35]], np.float32)
    mixed = pixels.astype(np.float32) @ mixing.T * np.array([1.15, 0.95, 0.7], np.float32)
    return np.clip(mixed, 0, 255).astype(np.uint8)


CAMERAS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"blur": blurred, "contrast": faded, "colour": tinted}


def part_of(pair: Pair, share: float, seed: int) -> Pair:
    """Return a pair of random parts of both domains."""
    from regraft import read_source
    from regraft.data.dataset import Dataset

    rng = np.random.default_rng(seed)
    parts = []
    for each in (pair.source, pair.target):
        dataset = each if isinstance(each, Dataset) else read_source(each)
        parts.append(dataset.take(np.sort(rng.permutation(len(dataset))[: round(share * len(dataset))])))
    return Pair(f"{pair.name}_{seed}", *parts)


def measure(pair: Pair, others: str | None) -> dict[str, Any]:
    """Return the accuracies of one pair."""
    import regraft
    from regraft.adaptation import RULES
    from regraft.adaptation.selection import choose

    found = regraft.adapt(pair.source, pair.target)
    assert found.evaluation is not None and found.source_only is not None
    scores = {each.name: each.scores for each in found.attempts}
    different = found.difference.is_different
    chosen = {rule: choose(scores, found.shift, len(found.source), different=different, rule=rule) for rule in RULES}
    figures = {each.name: rounded(each.accuracy or 0.0) for each in found.attempts}
    if others:
        figures |= {
            each.name: rounded(each.accuracy or 0.0)
            for each in regraft.adapt(pair.source, pair.target, method=others).attempts
        }
    best = max(figures, key=lambda name: figures[name])
    return {
        **figures,
        "auto": rounded(found.evaluation.accuracy),
        "kept": found.method,
        "oracle": figures[best],
        "oracle_method": best,
        **{f"by {rule}": rounded(found.of(choice.name).accuracy or 0.0) for rule, choice in chosen.items()},
        "explained": rounded(found.shift.explained),
        "seconds": rounded(found.seconds),
    }


def main() -> None:
    arguments = parser(__doc__, "the folder of all sets", None)
    arguments.add_argument("--kinds", default="digits,reviews,cells,flowers", help="which pairs (default: all)")
    arguments.add_argument(
        "--others", action="store_true", help="trained networks and adabn too; several times as long"
    )
    arguments.add_argument("--share", type=float, default=1.0, help="of each domain that is taken (default: 1)")
    arguments.add_argument("--draws", type=positive, default=1, help="of such parts of each pair (default: 1)")
    given = arguments.parse_args()
    folder = data_folder(given.data)
    with own_cache():
        found_pairs = pairs(folder, set(given.kinds.split(",")))
        if given.share < 1:
            found_pairs = (part_of(pair, given.share, seed) for pair in found_pairs for seed in range(given.draws))
        figures = compared(found_pairs, others=given.others)
    show(figures, TARGETS if figures["pairs"] > 1 and given.share == 1 else {}, given.json)


def compared(found_pairs: Iterator[Pair], *, others: bool) -> dict[str, Any]:
    """Return the figures of several pairs."""
    from regraft.adaptation import RULES

    gains: dict[str, float] = {}
    by_rule: dict[str, list[float]] = {rule: [] for rule in RULES if rule != "mixture"}
    figures: dict[str, Any] = {"fell_back": 0}
    for pair in found_pairs:
        more = None
        if others:
            more = OTHERS if pair.name.startswith(("amazon", "imdb")) else f"{OTHERS},adabn"
        found = measure(pair, more)
        note(f"{pair.name}: " + ", ".join(f"{name} {value}" for name, value in found.items()))
        told = ("source-only", "auto", "kept", "oracle", "explained")
        figures |= {f"{pair.name}_{name}": found[name] for name in told}
        for rule, own in by_rule.items():
            own.append(found[f"by {rule}"] - found["source-only"])
        gains[pair.name] = found["auto"] - found["source-only"]
        figures["fell_back"] += found["kept"] == "source-only"
    for rule, own in by_rule.items():
        figures |= {f"{rule}_gain": rounded(float(np.mean(own))), f"{rule}_least": rounded(min(own))}
    return figures | summary(list(gains.values()))


def summary(gains: list[float]) -> dict[str, float]:
    """Return what auto gained on several pairs: the least, the mean with its interval, and how often it lost."""
    from scipy.stats import t

    values = np.array(gains)
    figures = {"auto_least": rounded(float(values.min())), "auto_gain": rounded(float(values.mean()))}
    if len(values) > 1:
        half = float(t.ppf(0.975, len(values) - 1)) * values.std(ddof=1) / np.sqrt(len(values))
        figures |= {
            "auto_gain_low": rounded(float(values.mean() - half)),
            "auto_gain_high": rounded(float(values.mean() + half)),
        }
    return figures | {"pairs": len(values), "below": int(np.sum(values.round(6) < -0.01))}


if __name__ == "__main__":
    main()
