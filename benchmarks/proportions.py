"""What `regraft adapt` keeps where the target's classes are in other proportions, and nothing else or the kind too.

Sources and targets are drawn from the sets at hand, so many of each class as PLANS says. Methods that make domains
alike do harm there; the target's labels only measure.

PLAN_source-only, PLAN_auto   accuracy of source-only and of what was kept, in each draw.
PLAN_explained   share of the domains' discrepancy that other proportions of the classes would account for.
seen        draws in which other proportions were seen.
auto_least, auto_gain, below   as in adaptation.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _machine import data_folder, note, own_cache, parser, positive, rounded, show
from adaptation import cells, summary

PLANS: tuple[tuple[str, str, Sequence[float], Sequence[float]], ...] = (
    ("flowers", "flowers", (1, 1, 1, 1, 1), (1, 1, 0, 0, 0)),
    ("flowers", "flowers", (1, 1, 1, 1, 1), (6, 1, 1, 1, 1)),
    ("flowers", "flowers", (1, 1, 1, 1, 1), (1, 1, 6, 6, 6)),
    ("flowers", "flowers", (5, 2, 1, 1, 1), (1, 1, 1, 2, 5)),
    ("amazon", "amazon", (1, 1), (9, 1)),
    ("amazon", "amazon", (1, 1), (1, 9)),
    ("amazon", "imdb", (1, 1), (17, 3)),
    ("imdb", "amazon", (1, 1), (3, 17)),
    ("imdb", "imdb", (4, 1), (3, 7)),
    ("cats_dogs", "cats_dogs", (1, 1), (19, 1)),
    ("george", "george", (1,) * 10, (4, 3, 1, 1, 1, 0, 0, 0, 0, 0)),
    ("george", "nicolas", (1,) * 10, (4, 3, 1, 1, 1, 0, 0, 0, 0, 0)),
    ("mono", "mono", (1, 1), (1, 9)),
    ("poly", "poly", (1, 1), (1, 9)),
    ("poly", "poly", (1, 4), (3, 2)),
    ("mono", "mono", (3, 7), (7, 3)),
)
"""Source, target, and how often each class is in the one and in the other; of one set, halves that share nothing."""

MOST = 500
"""Examples of a domain."""


def read_all(folder: Path) -> dict[str, Any]:
    """Return the sets by name, those that are at hand."""
    from regraft import read_source

    places = {
        "flowers": folder / "flowers",
        "amazon": folder / "sentiment" / "amazon.csv",
        "imdb": folder / "sentiment" / "imdb.csv",
        "cats_dogs": folder / "cats_dogs",
        "george": folder / "spoken_digits" / "george",
        "nicolas": folder / "spoken_digits" / "nicolas",
    }
    return {name: read_source(place) for name, place in places.items() if place.exists()} | cells()


def draw(dataset: Any, rows: np.ndarray, shares: Sequence[float], rng: np.random.Generator) -> Any:
    """Return examples of some rows of a dataset, as many as there can be of each class in such proportions."""
    wanted = np.array(shares) / sum(shares)
    own = [rng.permutation(rows[dataset.y[rows] == c]) for c in range(len(wanted))]
    total = min(MOST, *(len(of) / share for of, share in zip(own, wanted, strict=True) if share))
    return dataset.take(
        np.sort(np.concatenate([of[: round(share * total)] for of, share in zip(own, wanted, strict=True)]))
    )


def measure(sets: dict[str, Any], draws: int) -> dict[str, Any]:
    """Return the figures of all plans whose sets are at hand."""
    import regraft

    figures: dict[str, Any] = {"seen": 0}
    gains = []
    for number, (source, target, of_source, of_target) in enumerate(PLANS, start=1):
        if source not in sets or target not in sets:
            continue
        for seed in range(draws):
            rng = np.random.default_rng(seed)
            rows = [np.arange(len(sets[each])) for each in (source, target)]
            if source == target:
                rows = np.split(rng.permutation(len(rows[0])), [len(rows[0]) // 2])
            pair = [
                draw(sets[each], own, shares, rng)
                for each, own, shares in zip((source, target), rows, (of_source, of_target), strict=True)
            ]
            found = regraft.adapt(*pair, seed=seed)
            assert found.evaluation is not None and found.source_only is not None
            name = f"{number}_{source}_{target}_{seed}"
            figures[f"{name}_source-only"] = rounded(found.source_only.accuracy)
            figures[f"{name}_auto"] = rounded(found.evaluation.accuracy)
            figures[f"{name}_explained"] = rounded(found.shift.explained)
            figures["seen"] += found.shift.is_mixed
            gains.append(found.evaluation.accuracy - found.source_only.accuracy)
            note(f"{name}: {found.source_only.accuracy:.3f}, {found.method} {found.evaluation.accuracy:.3f}")
    return figures | summary(gains)


def main() -> None:
    arguments = parser(__doc__, "the folder of all sets", None)
    arguments.add_argument("--draws", type=positive, default=2, help="of each pair (default: 2)")
    given = arguments.parse_args()
    folder = data_folder(given.data)
    with own_cache():
        figures = measure(read_all(folder), given.draws)
    show(figures, {}, given.json)


if __name__ == "__main__":
    main()
