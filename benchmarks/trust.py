"""Whether a classifier's probabilities and sets of classes keep what they promise, on images it has not learnt from.

For each set of images and seed, one `regraft fit` with its defaults, another random split each time. The figures are
means over the seeds: expected calibration error before and after calibration, in 15 bins of equal numbers, and
(`_width`) in 15 bins of equal width; chance alone makes it above 0, least so where the test images of all seeds are
pooled (`_pooled`); coverage of the sets that are to hold the true class in 90% of all cases (target: within 0.87
and 0.93), and the share of test images that are marked as unlike anything learnt from (5% are allowed).

flowers      a fifth held out
elpv         solar cells, a quarter held out
dog_breeds   60 breeds, a half held out (target: accuracy 0.90): the source's own class scores join by themselves
"""

from __future__ import annotations

import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from _machine import data_folder, note, own_cache, parser, positive, show
from accuracy import below, solar_cells

SETS = {
    "flowers": (below("flowers"), 0.2),
    "elpv": (solar_cells, 0.25),
    "dog_breeds": (below("dog_breeds/labels.csv"), 0.5),
}

TARGETS = {
    "flowers_coverage": (">=", 0.87),
    "elpv_coverage": (">=", 0.87),
    "dog_breeds": (">=", 0.90),
}


def measure(name: str, source: Path, test_size: float, seeds: int) -> dict[str, Any]:
    """Fit once a seed; return the means, each name beginning with the set's."""
    from regraft import fit
    from regraft.evaluation.reliability import ece

    rows: list[dict[str, float]] = []
    pooled: list[tuple[Any, Any, Any]] = []
    heads = set()
    for seed in range(seeds):
        result = fit(source, test_size=test_size, seed=seed)
        evidence = result.evidence
        assert evidence is not None and evidence.coverage is not None and evidence.familiarity is not None
        heads.add(result.chosen)
        before, after, y = probabilities(result)
        pooled.append((before, after, y))
        rows.append(
            {
                "": result.evaluations["test"].accuracy,
                "ece_before": evidence.before.ece,
                "ece_after": evidence.after.ece,
                "ece_width_before": ece_of_equal_widths(before, y),
                "ece_width_after": ece_of_equal_widths(after, y),
                "ece_by_chance": evidence.after.ece_by_chance,
                "brier_before": evidence.before.brier,
                "brier_after": evidence.after.brier,
                "coverage": evidence.coverage.coverage,
                "set_size": evidence.coverage.mean_size,
                "marked": evidence.familiarity.false_alarms or 0.0,
            }
        )
        note(f"{name} seed {seed}: " + ", ".join(f"{key or 'accuracy'} {value:.4f}" for key, value in rows[-1].items()))
    values: dict[str, Any] = {}
    for key in rows[0]:
        each = [row[key] for row in rows]
        full = f"{name}_{key}" if key else name
        values |= {full: round(statistics.mean(each), 4)}
        values |= {f"{full}_min": round(min(each), 4), f"{full}_max": round(max(each), 4)}
    before, after, y = (np.concatenate(each) for each in zip(*pooled, strict=True))
    values[f"{name}_ece_pooled_before"] = round(ece(before, y), 4)
    values[f"{name}_ece_pooled_after"] = round(ece(after, y), 4)
    return {**values, f"{name}_head": "+".join(sorted(heads))}


def probabilities(result: Any) -> tuple[Any, Any, Any]:
    """Return a fit's test probabilities before and after calibration (m, k), and the classes (m,)."""
    from regraft.evaluation.calibration import Calibration, uncalibrated

    examples = [result.dataset.examples[int(i)] for i in result.test_index]
    head = replace(result.classifier, calibration=Calibration()).predict_proba(examples)
    scale = result.classifier.settings.get("inverse_temperature", 1.0)
    return uncalibrated(head, scale), result.test_probabilities, result.dataset.y[result.test_index]


def ece_of_equal_widths(p: Any, y: Any, bins: int = 15) -> float:
    """Return the expected calibration error in bins of equal width (Guo et al., 2017)."""
    confidence, right = p.max(axis=1), p.argmax(axis=1) == y
    of_bin = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [abs(float((confidence - right)[of_bin == each].sum())) for each in range(bins)]
    return sum(gaps) / len(y)


def main() -> None:
    """Measure, and print the figures."""
    arguments = parser(__doc__, "the folder of data sets (default: REGRAFT_DATA, or ../shared/data)", runs=None)
    arguments.add_argument("--seeds", type=positive, default=10, help="random splits (default: %(default)s)")
    arguments.add_argument("--only", metavar="NAME,NAME", help=f"of {', '.join(SETS)}")
    given = arguments.parse_args()
    names = given.only.split(",") if given.only else list(SETS)
    if set(names) - set(SETS):
        arguments.error(f"--only must name {', '.join(SETS)}, not {', '.join(sorted(set(names) - set(SETS)))}")
    data = data_folder(given.data)
    values: dict[str, Any] = {}
    with own_cache() as folder:
        for name in names:
            find, test_size = SETS[name]
            source = find(data, folder)
            if source is None:
                note(f"{name:10} left out: it is not here")
            else:
                values |= measure(name, source, test_size, given.seeds)
    show({**values, "seeds": given.seeds}, {n: t for n, t in TARGETS.items() if n in values}, given.json)


if __name__ == "__main__":
    main()
