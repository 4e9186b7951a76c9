"""Whether a classifier's probabilities and sets of classes keep what they promise, on images it has not learnt from.

For each set of images and seed, one `regraft fit` with its defaults, another random split each time. The figures are
means over the seeds: expected calibration error before and after calibration (each in 15 bins of equal numbers; chance
alone makes it above 0), coverage of the sets that are to hold the true class in 90% of all cases (target: within 0.87
and 0.93), and the share of test images that are marked as unlike anything learnt from (5% are allowed).

flowers      a fifth held out
elpv         solar cells, a quarter held out
dog_breeds   60 breeds, a half held out (target: accuracy 0.90): the source's own class scores join by themselves
"""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

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

    rows: list[dict[str, float]] = []
    heads = set()
    for seed in range(seeds):
        result = fit(source, test_size=test_size, seed=seed)
        evidence = result.evidence
        assert evidence is not None and evidence.coverage is not None and evidence.familiarity is not None
        heads.add(result.chosen)
        rows.append(
            {
                "": result.evaluations["test"].accuracy,
                "ece_before": evidence.before.ece,
                "ece_after": evidence.after.ece,
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
    return {**values, f"{name}_head": "+".join(sorted(heads))}


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
