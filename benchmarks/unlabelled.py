"""What images without labels give (`regraft fit --unlabelled`), by the number of labelled ones.

Of each class a third is the test; of the rest so many images of each class keep their labels, drawn at random once a
seed, and all others lose them. The self-taught classifier is compared with the one that knows the labelled images
alone, on the same test images.

NAME_SHOTS_alone     accuracy of the second, mean over the seeds
NAME_SHOTS_gain      what the first has more, in points; 0 where it was not kept
NAME_SHOTS_ci95      95% interval of that, over the seeds
NAME_SHOTS_kept      share of the seeds in which it was kept
NAME_SHOTS_wrongly   share in which it was kept although it was worse on the test images
"""

from __future__ import annotations

import statistics
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
from _machine import data_folder, note, own_cache, parser, positive, show

SETS = {
    "flowers": ("flowers", (2, 5, 20)),
    "signs": ("signs", (2, 5, 20)),
    "cats_dogs": ("cats_dogs", (2, 5, 20)),
    "dog_breeds": ("dog_breeds/labels.csv", (2,)),
}


def measure(name: str, source: Path, shots: tuple[int, ...], seeds: int) -> dict[str, Any]:
    """Return the figures of a set, each name beginning with the set's."""
    from regraft import get_backbones, read_source
    from regraft.backbones.registry import DEFAULT_BACKBONE
    from regraft.features.extraction import extract

    dataset = read_source(source)
    if dataset.split is not None:
        dataset = dataset.take(dataset.part("train"))
    features = extract(dataset.examples, dataset.names, get_backbones(DEFAULT_BACKBONE), looks=True)
    values: dict[str, Any] = {}
    for count in shots:
        rows = [once(dataset, features, count, seed) for seed in range(seeds)]
        gains = [100 * (taught - alone) for alone, taught, _ in rows]
        spread = 1.96 * statistics.stdev(gains) / sqrt(seeds) if seeds > 1 else float("nan")
        kept = [kept for *_, kept in rows]
        found = {
            "alone": round(statistics.mean(alone for alone, *_ in rows), 4),
            "gain": round(statistics.mean(gains), 2),
            "ci95": f"{statistics.mean(gains) - spread:.2f} to {statistics.mean(gains) + spread:.2f}",
            "kept": round(statistics.mean(kept), 2),
            "wrongly": round(sum(k and g < 0 for k, g in zip(kept, gains, strict=True)) / seeds, 2),
        }
        note(f"{name:10} {count} a class: " + ", ".join(f"{key} {value}" for key, value in found.items()))
        values |= {f"{name}_{count}_{key}": value for key, value in found.items()}
    return values


def once(dataset: Any, features: Any, shots: int, seed: int) -> tuple[float, float, bool]:
    """Return the accuracy without and with the images without labels, and whether these were made use of."""
    from dataclasses import replace

    from regraft.probe import probe
    from regraft.request import heads_of
    from regraft.self_training.training import self_train

    order = np.random.default_rng(seed).permutation(len(dataset))
    of_class = [order[dataset.y[order] == c] for c in range(len(dataset.class_names))]
    test = np.concatenate([mine[: len(mine) // 3] for mine in of_class])
    labelled = np.concatenate([mine[len(mine) // 3 :][:shots] for mine in of_class])
    known = np.concatenate([labelled, test])
    split = ["train"] * len(labelled) + ["test"] * len(test)
    part = dataset.take(known).with_split(split)

    def of(rows: Any) -> Any:
        return replace(
            features, values=features.values[rows], index=np.arange(len(rows)), looks=features.looks.take(rows)
        )

    heads = heads_of("auto", {})
    alone = probe(part, features.values[known], "given", heads, seed)
    others = np.setdiff1d(order, known)
    taught, record = self_train(part, of(known), "given", heads, seed, of(others))
    truth = part.y[alone.test_index]
    before, after = (float((p.test_probabilities.argmax(axis=1) == truth).mean()) for p in (alone, taught))
    return before, after, record.kept


def main() -> None:
    """Measure, and print the figures."""
    arguments = parser(__doc__, "the folder of data sets (default: REGRAFT_DATA, or ../shared/data)", runs=None)
    arguments.add_argument("--seeds", type=positive, default=10, help="random draws (default: %(default)s)")
    arguments.add_argument("--only", metavar="NAME,NAME", help=f"of {', '.join(SETS)}")
    given = arguments.parse_args()
    names = given.only.split(",") if given.only else list(SETS)
    if set(names) - set(SETS):
        arguments.error(f"--only must name {', '.join(SETS)}, not {', '.join(sorted(set(names) - set(SETS)))}")
    data = data_folder(given.data)
    values: dict[str, Any] = {}
    with own_cache():
        for name in names:
            below, shots = SETS[name]
            if (data / below).exists():
                values |= measure(name, data / below, shots, given.seeds)
            else:
                note(f"{name:10} left out: it is not here")
    show({**values, "seeds": given.seeds}, {}, given.json)


if __name__ == "__main__":
    main()
