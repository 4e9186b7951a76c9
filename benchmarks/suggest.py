"""Does `regraft suggest` find images that are worth more labels than random ones?

Of each set a third is held out. A classifier begins with a few images of each class; then, round after round, some of
the rest get their labels: those that `suggest` picks, or as many drawn at random, from the same start. After each round
both are fitted anew, as `regraft fit` does, and tried on the held-out images.

NAME_COUNT_suggest    accuracy with so many labels in all, mean over the seeds
NAME_COUNT_random     the same with random picks
NAME_COUNT_gain       the difference in points, and _ci95 its 95% interval over the seeds (paired, Student's t)

Targets: the interval's lower end (`_gain_low`) above 0 for flowers at 50 and at 100 labels. With --picture the curves
are drawn as SVG.
"""

from __future__ import annotations

import statistics
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
from _machine import data_folder, note, own_cache, parser, positive, show
from accuracy import solar_cells

SETS = ("flowers", "signs", "cats_dogs", "elpv")
FIRST = 2
"""Labelled images of each class to begin with."""

COUNTS = (30, 50, 75, 100)
"""Labels in all, round after round."""

WAYS = ("suggest", "random")

TARGETS = {"flowers_50_gain_low": (">=", 0.0), "flowers_100_gain_low": (">=", 0.0)}


def measure(name: str, source: Path, seeds: int) -> dict[str, Any]:
    """Return the figures of a set, each name beginning with the set's."""
    from regraft import get_backbones, read_source
    from regraft.backbones.registry import DEFAULT_BACKBONE
    from regraft.features.extraction import extract

    dataset = read_source(source)
    if dataset.split is not None:
        dataset = dataset.take(dataset.part("train"))
    features = extract(dataset.examples, dataset.names, get_backbones(DEFAULT_BACKBONE))
    curves = {how: np.array([curve(dataset, features, how, seed) for seed in range(seeds)]) for how in WAYS}
    values: dict[str, Any] = {}
    for place, count in enumerate(COUNTS):
        suggested, drawn = (curves[how][:, place] for how in WAYS)
        gain, low, high = paired(100 * (suggested - drawn))
        values |= {
            f"{name}_{count}_suggest": round(float(suggested.mean()), 4),
            f"{name}_{count}_random": round(float(drawn.mean()), 4),
            f"{name}_{count}_gain": round(gain, 2),
            f"{name}_{count}_gain_low": round(low, 2),
            f"{name}_{count}_gain_high": round(high, 2),
        }
        note(
            f"{name:10} {count:4} labels: suggest {suggested.mean():.3f}, random {drawn.mean():.3f}, "
            f"gain {gain:+.1f} points ({low:+.1f} to {high:+.1f})"
        )
    return values


def curve(dataset: Any, features: Any, how: str, seed: int) -> list[float]:
    """Return the accuracy on held-out images after each round."""
    from regraft.evaluation.out_of_distribution import prepared
    from regraft.exploration.picking import pick
    from regraft.probe import select
    from regraft.request import heads_of

    random = np.random.default_rng(seed)
    order = random.permutation(len(dataset))
    held_out, pool = order[: len(order) // 3], order[len(order) // 3 :]
    labelled = np.concatenate([pool[dataset.y[pool] == c][:FIRST] for c in range(len(dataset.class_names))])
    values, roots = features.values, prepared(features.values, features.widths)
    accuracies = []
    for count in COUNTS:
        rest, wanted = np.setdiff1d(pool, labelled), count - len(labelled)
        if how == "suggest":
            head = select(dataset, values, labelled, heads_of("auto", {}), seed).head
            new = pick(roots[rest], head.predict_proba(values[rest]), roots[labelled], wanted).index
        else:
            new = random.permutation(len(rest))[:wanted]
        labelled = np.concatenate([labelled, rest[new]])
        learnt = select(dataset, values, labelled, heads_of("auto", {}), seed).head
        accuracies.append(float((learnt.predict(values[held_out]) == dataset.y[held_out]).mean()))
    return accuracies


def paired(gains: np.ndarray) -> tuple[float, float, float]:
    """Return the mean of paired differences and its 95% interval."""
    from scipy.stats import t

    mean = float(gains.mean())
    half = float(t.ppf(0.975, len(gains) - 1)) * statistics.stdev(gains.tolist()) / sqrt(len(gains))
    return mean, mean - half, mean + half


def picture(values: dict[str, Any], names: list[str]) -> str:
    """Return the curves as SVG: a plot for each set, with the interval of the gain as a band about the upper curve."""
    side, plots = 200, []
    for place, name in enumerate(names):
        figures = {
            key: [values[f"{name}_{count}_{key}"] for count in COUNTS] for key in (*WAYS, "gain_low", "gain_high")
        }
        bounds = [
            [r + g / 100 for r, g in zip(figures["random"], figures[b], strict=True)] for b in ("gain_low", "gain_high")
        ]
        low = min(min(figures["random"]), *bounds[0])
        high = max(max(figures["suggest"]), *bounds[1])

        def at(count: float, share: float, low: float = low, high: float = high) -> str:
            x = side * (count - COUNTS[0]) / (COUNTS[-1] - COUNTS[0])
            return f"{x:.1f} {side * (high - share) / (high - low):.1f}"

        lines = {how: "L".join(at(c, v) for c, v in zip(COUNTS, figures[how], strict=True)) for how in WAYS}
        edge = [at(c, v) for c, v in zip(COUNTS, bounds[0], strict=True)]
        edge += [at(c, v) for c, v in zip(reversed(COUNTS), reversed(bounds[1]), strict=True)]
        ticks = "".join(
            f'<text x="{at(c, high).split()[0]}" y="{side + 16}" text-anchor="middle">{c}</text>' for c in COUNTS
        ) + "".join(
            f'<text x="-6" y="{float(at(0, share).split()[1]) + 4:.1f}" text-anchor="end">{share:.0%}</text>'
            for share in (low, (low + high) / 2, high)
        )
        plots.append(
            f'<g transform="translate({60 + place * (side + 60)} 50)"><text class="head" y="-16">{name}</text>'
            f'<path class="frame" d="M0 0H{side}V{side}H0Z"/>{ticks}<path class="band" d="M{"L".join(edge)}Z"/>'
            f'<path class="suggest" d="M{lines["suggest"]}"/><path class="random" d="M{lines["random"]}"/></g>'
        )
    width, height = 60 + len(names) * (side + 60), side + 110
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'role="img" font-family="system-ui, -apple-system, sans-serif">'
        "<title>Accuracy on held-out images by number of labels: suggested and random picks</title>"
        "<style>text{fill:#566172;font-size:12px}.head{fill:#1b2430;font-size:15px;font-weight:600}path{fill:none;"
        "stroke-width:2}.frame{stroke:#dce1e8;stroke-width:1}.band{fill:#1f5fbf;opacity:.2}.suggest{stroke:#1f5fbf}"
        ".random{stroke:#b8480b;stroke-dasharray:7 3}</style>"
        f'<rect width="{width}" height="{height}" fill="#fff"/>{"".join(plots)}'
        f'<g transform="translate(60 {height - 20})"><path class="suggest" d="M0 -4H26"/><text x="32">'
        "suggest, with the 95% interval of what it gains</text>"
        '<g transform="translate(320 0)"><path class="random" d="M0 -4H26"/>'
        '<text x="32">as many at random</text></g><text x="480">(labels in all)</text></g></svg>\n'
    )


def main() -> None:
    """Measure, and print the figures."""
    arguments = parser(__doc__, "the folder of data sets (default: REGRAFT_DATA, or ../shared/data)", runs=None)
    arguments.add_argument("--seeds", type=positive, default=20, help="random draws, 2 or more (default: %(default)s)")
    arguments.add_argument("--only", metavar="NAME,NAME", help=f"of {', '.join(SETS)}")
    arguments.add_argument("--picture", type=Path, metavar="FILE", help="also draw the curves, as SVG")
    given = arguments.parse_args()
    names = given.only.split(",") if given.only else list(SETS)
    if set(names) - set(SETS) or given.seeds < 2:
        arguments.error(f"--only must name {', '.join(SETS)}, and --seeds be 2 or more")
    data = data_folder(given.data)
    values: dict[str, Any] = {}
    measured = []
    with own_cache() as folder:
        for name in names:
            source = solar_cells(data, folder) if name == "elpv" else data / name
            if source is None or not source.exists():
                note(f"{name:10} left out: it is not here")
                continue
            values |= measure(name, source, given.seeds)
            measured.append(name)
    if given.picture is not None and measured:
        given.picture.write_text(picture(values, measured), encoding="utf-8")
    show({**values, "seeds": given.seeds}, {n: t for n, t in TARGETS.items() if n in values}, given.json)


if __name__ == "__main__":
    main()
