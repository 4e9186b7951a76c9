"""Do networks with random weights come last, do the scores agree with the probe, and how long does `regraft rank` take?

EfficientNet-Lite 0, 1 and 2 and the same with random weights are ranked by `regraft rank` on four sets of real images
(training images alone where a set has a split of its own), each in a fresh process with a cache of its own, so that
converting six networks and all feature passes are in the time.

random_last    1 where all three random networks are below all three pretrained ones, by the probe and by LogME
SCORE_tau      weighted Kendall tau of a score with the probe, over the six
best, ...      accuracy of the probe with the best pretrained network, the best random one, and on raw pixels
seconds        wall-clock time of the command
logme_...      seconds of one call on features drawn at random, with one thread
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from _machine import data_folder, median, note, own_cache, parser, positive, regraft, rounded, show

SETS = ("flowers", "signs", "cats_dogs", "hotdog")
PRETRAINED = tuple(f"tf_efficientnet_lite{level}" for level in range(3))
NETWORKS = (*PRETRAINED, *(f"{name}:random" for name in PRETRAINED))

TARGETS: dict[str, tuple[str, float]] = {
    **{f"{name}_random_last": (">=", 1) for name in SETS},
    **{f"{name}_seconds": ("<=", 60) for name in SETS},
    "logme_10000x1280x100_s": ("<=", 5),
}


def measure(name: str, source: Path) -> dict[str, Any]:
    """Rank the six networks on one set; return the figures, each name beginning with the set's."""
    with own_cache():
        run = regraft("rank", source, "--backbones", ",".join(NETWORKS), "--no-combinations", "--json", "--quiet")
    rows = {row["backbone"]: row for row in run.json["rows"]}
    last = all(
        min(rows[learnt][by] for learnt in PRETRAINED) > max(rows[random][by] for random in NETWORKS[3:])
        for by in ("probe", "logme")
    )
    tau = run.json["tau"]
    best, worst = (pick(rows[n]["probe"] for n in names) for pick, names in ((max, PRETRAINED), (max, NETWORKS[3:])))
    note(f"{name:10} {run.json['n']} images, {run.seconds:.1f} s: best {best:.3f}, best random {worst:.3f}")
    return {
        f"{name}_random_last": int(last),
        **{f"{name}_{score}_tau": None if value is None else round(value, 3) for score, value in tau.items()},
        f"{name}_best": rounded(best),
        f"{name}_best_random": rounded(worst),
        f"{name}_raw_pixels": rounded(run.json["baseline"]["raw_pixels"]),
        f"{name}_images": run.json["n"],
        f"{name}_seconds": round(run.seconds, 1),
    }


def time_logme(runs: int) -> float:
    """Return the median seconds of LogME of (10,000 x 1280) features and 100 classes, with one thread."""
    from threadpoolctl import threadpool_limits

    from regraft.transferability.logme import logme

    random = np.random.default_rng(0)
    y = random.integers(0, 100, 10_000)
    centres = random.normal(size=(100, 1280))
    features = np.maximum(0.3 * centres[y] + random.normal(size=(10_000, 1280)), 0).astype(np.float32)
    seconds = []
    with threadpool_limits(limits=1):
        for _ in range(runs):
            started = time.perf_counter()
            logme(features, y)
            seconds.append(time.perf_counter() - started)
    return median(seconds)


def main() -> None:
    """Measure, and print the figures."""
    arguments = parser(__doc__, "the folder of data sets (default: REGRAFT_DATA, or ../shared/data)", runs=None)
    arguments.add_argument("--only", metavar="NAME,NAME", help=f"of {', '.join(SETS)}")
    arguments.add_argument("--runs", type=positive, default=3, help="of LogME alone (default: %(default)s)")
    given = arguments.parse_args()
    names = given.only.split(",") if given.only else SETS
    unknown = set(names) - set(SETS)
    if unknown:
        arguments.error(f"--only must name {', '.join(SETS)}, not {', '.join(sorted(unknown))}")
    data = data_folder(given.data)
    values: dict[str, Any] = {"logme_10000x1280x100_s": time_logme(given.runs)}
    for name in names:
        if (data / name).exists():
            values |= measure(name, data / name)
        else:
            note(f"{name:10} left out: it is not here")
    show(values, TARGETS, given.json)


if __name__ == "__main__":
    main()
