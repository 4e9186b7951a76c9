"""How accurate a few labelled images a class make a classifier: random episodes, all other images being the test.

Each set is measured as one whole (`SET_K`, with K labelled images a class): the unlabelled rest is named together. The
same with each image named on its own stands under `SET_K_alone`; `_low` and `_high` are the 95% interval of the mean
over episodes. Heads, views and what is named together are chosen on the labelled images of each episode alone.

SET_s is the time of all episodes of a set, features cached.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from _machine import data_folder, note, own_cache, parser, positive, rounded, show

SETS = {"flowers": (1, 5, 20), "signs": (1, 5, 20), "cats_dogs": (1, 5, 20), "dog_breeds": (1, 2)}
TARGETS = {
    "flowers_1": (">=", 0.55),
    "flowers_5": (">=", 0.74),
    "flowers_20": (">=", 0.84),
    "signs_1": (">=", 0.57),
    "signs_5": (">=", 0.75),
    "signs_20": (">=", 0.87),
    "cats_dogs_1": (">=", 0.93),
    "cats_dogs_5": (">=", 0.975),
    "cats_dogs_20": (">=", 0.985),
}


def whole(source: Path, own_split: bool) -> Any:
    """Return a set of images, without the split that it may have unless that is wanted."""
    from regraft import read_source

    dataset = read_source(source / "labels.csv" if (source / "labels.csv").exists() else source)
    return dataset if own_split else replace(dataset, split=None)


def measure(name: str, dataset: Any, episodes: int, seed: int) -> dict[str, float]:
    """Return the figures of one set of images."""
    from regraft import fewshot

    fewshot(dataset, shots=SETS[name][:1], episodes=2, seed=seed)  # features of all views are cached from here on
    found = fewshot(
        dataset, shots=SETS[name], episodes=episodes, seed=seed, announce=lambda line: note(f"{name}: {line}")
    )
    figures: dict[str, float] = {}
    for point in found.points:
        for suffix, figure in (("", point.best), ("_alone", point.alone)):
            key = f"{name}_{point.shots}{suffix}"
            figures[key] = rounded(figure.accuracy)
            figures[f"{key}_low"], figures[f"{key}_high"] = (rounded(end) for end in figure.ci95)
    figures[f"{name}_s"] = rounded(found.seconds)
    return figures


def main() -> None:
    arguments = parser(__doc__, "the folder of all sets", None)
    arguments.add_argument("--episodes", type=positive, default=20, help="draws for each figure (default: 20)")
    arguments.add_argument("--seed", type=int, default=0, help="of all draws (default: 0)")
    arguments.add_argument("--own-split", action="store_true", help="draw from train and test on test where there are")
    options = arguments.parse_args()
    data = data_folder(options.data)
    figures: dict[str, float] = {}
    with own_cache():
        for name in SETS:
            if (data / name).exists():
                figures |= measure(name, whole(data / name, options.own_split), options.episodes, options.seed)
    show(figures, TARGETS, options.json)


if __name__ == "__main__":
    main()
