"""How much faster the feature step of a second `regraft fit` on the same data is: nothing is computed twice.

Each fit is a fresh process with --json, whose own timings_s.features is compared:

first        everything is empty: the networks are converted and compiled once for this machine, and every image
             is read, decoded and run through them.
ready        the networks are there, the images' features are not: what a fit on new images costs from then on.
second       the same data again: every image is read and found in the cache by its content.

ratio is ready / second, without the one-time conversion (target 20); ratio_with_conversion is first / second.
Each run begins with an empty cache and fits in the order first, second, ready, second; ratios are taken within a run.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from _machine import data_folder, note, own_cache, parser, regraft, show, spread

TARGETS = {"ratio": (">=", 20.0)}


def fit(data: Path, folder: Path, name: str, extra: list[str]) -> tuple[float, float, dict[str, Any]]:
    """Return the seconds of the feature step and of the whole process, and the result."""
    finished = regraft("fit", data, "--json", "--quiet", "--out", folder / name, *extra)
    result = finished.json
    return result["timings_s"]["features"], finished.seconds, result


def main() -> None:
    """Measure, and print the figures."""
    arguments = parser(__doc__, "anything that `regraft fit` takes (default: the flowers)", runs=3)
    arguments.add_argument("--backbone", help="as of `regraft fit` (default: its default)")
    given = arguments.parse_args()
    data = data_folder(given.data, "flowers")
    extra = ["--backbone", given.backbone] if given.backbone else []
    features: dict[str, list[float]] = {"first": [], "second": [], "ready": [], "second_again": []}
    whole: dict[str, list[float]] = {name: [] for name in features}
    result: dict[str, Any] = {}
    for run in range(given.runs):
        with own_cache() as folder:
            for name in features:
                if name == "ready":
                    shutil.rmtree(folder / "cache" / "features")
                seconds, total, result = fit(data, folder, name, extra)
                if (result["cache"]["misses"] == 0) != name.startswith("second"):
                    raise SystemExit(f"The {name} fit had {result['cache']}, which is not what is to be measured.")
                features[name].append(seconds)
                whole[name].append(total)
        shown = ", ".join(f"{name} {values[-1]:.2f} s" for name, values in features.items())
        note(f"run {run + 1} of {given.runs}, feature step: {shown}")
    seconds_of = {name: features[name] for name in ("first", "ready")}
    pairs = list(zip(features["first"], features["second"], features["ready"], features["second_again"], strict=True))
    values: dict[str, Any] = {
        **spread("ratio", [ready / again for _, _, ready, again in pairs]),
        **spread("ratio_with_conversion", [first / second for first, second, _, _ in pairs]),
        **spread("features_first_s", seconds_of["first"]),
        **spread("features_ready_s", seconds_of["ready"]),
        **spread("features_second_s", features["second"] + features["second_again"]),
        **spread("process_first_s", whole["first"]),
        **spread("process_ready_s", whole["ready"]),
        **spread("process_second_s", whole["second"] + whole["second_again"]),
        "images": result["n_train"] + result["n_val"] + result["n_test"],
        "backbone": result["backbone"],
        "runs": given.runs,
    }
    show(values, TARGETS, given.json)


if __name__ == "__main__":
    main()
