"""How often are images named correctly whose classes are only named, and what do described classes cost trained ones?

Nothing is learnt from any of the images that are counted. The constants of the method were chosen on the training parts
of these sets (half of the images of flowers and breeds); the figures are of all images.

SET             accuracy of `regraft zeroshot SET`, with its 95% interval; the classes are the folders' names
SET_conse       the same by ConSE as it was published: names alone, the source's 10 most probable classes
new_X_trained   mean accuracy over the trained classes, new_X_described over the described ones, new_X_harmonic of both:
                half of the images of the trained classes are learnt from, the other half and all of the others counted.
                breeds: 30 of 60 (mean of 3 draws); flowers: each of the 5 described in turn (mean); dogs: dogs are
                described beside cats and hot dogs
new_X_alone     mean accuracy over the trained classes before the others are described
first_s, again_s  seconds of `regraft zeroshot --classes "cat, dog" IMAGE` with an empty cache, and once more
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _machine import data_folder, note, own_cache, parser, regraft, rounded, show

SETS = ("cats_dogs", "dog_breeds", "hotdog", "cat_h5", "flowers")
NEEDED = {"new_breeds": ["dog_breeds"], "new_flowers": ["flowers"], "new_dogs": ["cats_dogs", "hotdog"]}
TASKS = tuple(NEEDED)
TOP = 10

TARGETS: dict[str, tuple[str, float]] = {
    "cats_dogs": (">=", 0.95),
    "dog_breeds": (">=", 0.92),
    "hotdog": (">=", 0.80),
    "again_s": ("<=", 2),
}


def time_command(data: Path) -> dict[str, float]:
    """Return the seconds of the first and the second call on one image, with a cache of its own."""
    image = next(path for path in sorted((data / "cats_dogs").rglob("*.jpg")))
    with own_cache():
        runs = [regraft("zeroshot", "--classes", "cat, dog", image, "--json").seconds for _ in range(2)]
    return {"first_s": round(runs[0], 1), "again_s": round(runs[1], 2)}


def measure(name: str, source: Path) -> dict[str, Any]:
    """Return the accuracy of a set's images by its classes' names, and by plain ConSE."""
    from regraft import zeroshot
    from regraft.evaluation.intervals import wilson

    found = zeroshot(source)
    result, dataset = found.evaluation, found.dataset
    assert result is not None and dataset is not None
    low, high = result.accuracy_ci95
    hits = int((conse(dataset).argmax(axis=1) == dataset.y).sum())
    note(f"{name:10} {result.n:,} images: {result.accuracy:.3f} ({low:.3f} to {high:.3f}), ConSE {hits / result.n:.3f}")
    return {
        name: rounded(result.accuracy),
        f"{name}_low": rounded(low),
        f"{name}_high": rounded(high),
        f"{name}_conse": rounded(hits / result.n),
        f"{name}_conse_low": rounded(wilson(hits, result.n)[0]),
        f"{name}_conse_high": rounded(wilson(hits, result.n)[1]),
        f"{name}_classes": len(result.classes),
        f"{name}_images": result.n,
    }


def conse(dataset: Any) -> np.ndarray:
    """Return the cosines (n, k) of Norouzi et al., 2014: the mean embedding of the top classes with each class's."""
    from regraft import get_backbones
    from regraft.backbones.source import source_classes
    from regraft.features.extraction import extract
    from regraft.heads.scoring import softmax, unit_rows
    from regraft.zero_shot.embeddings import embedded
    from regraft.zero_shot.naming import readable
    from regraft.zero_shot.vocabulary import joint_classifier

    backbones = get_backbones()
    features = extract(dataset.examples, dataset.names, backbones)
    coef, intercept = joint_classifier(backbones, features.widths)
    probabilities = softmax(features.values @ coef.T + intercept)
    least = np.sort(probabilities, axis=1)[:, -TOP]
    probabilities[probabilities < least[:, None]] = 0
    mean = unit_rows(probabilities @ embedded(source_classes(backbones[0]) or ()))
    return mean @ embedded([readable(name) for name in dataset.class_names]).T


def generalized(task: str, data: Path) -> dict[str, Any]:
    """Return the figures of one generalised task, the mean of its draws."""
    rows = [trial(dataset, trained, seed) for seed, (dataset, trained) in enumerate(_trials(task, data))]
    means = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
    note(f"{task:11} " + ", ".join(f"{name} {value:.3f}" for name, value in means.items()))
    return {f"{task}_{name}": rounded(value) for name, value in means.items()}


def trial(dataset: Any, trained: Sequence[int], seed: int) -> dict[str, float]:
    """Learn some classes from half of their images, describe the others, and count all other images."""
    from dataclasses import replace

    import regraft
    from regraft.data.dataset import TASK

    learnt = np.zeros(len(dataset), bool)
    rng = np.random.default_rng(seed)
    for c in trained:
        rows = rng.permutation(np.flatnonzero(dataset.y == c))
        learnt[rows[: max(len(rows) // 2, 2)]] = True
    few = dataset.take(learnt)
    few = replace(
        few,
        split=None,
        labels={TASK: np.searchsorted(trained, few.y)},
        classes={TASK: tuple(dataset.class_names[c] for c in trained)},
    )
    model = regraft.fit(few, seed=seed).classifier
    rest = replace(dataset.take(~learnt), split=None)
    found = regraft.zeroshot(rest, model=model)
    assert found.generalized is not None
    own = rest.take(np.isin(rest.y, trained))
    alone = regraft.evaluate(model, replace(own, **_only(own, trained))).evaluation
    return {
        "alone": alone.balanced_accuracy,
        "trained": found.generalized["trained"] or 0.0,
        "described": found.generalized["described"] or 0.0,
        "harmonic": found.generalized["harmonic_mean"] or 0.0,
    }


def _only(dataset: Any, trained: Sequence[int]) -> dict[str, Any]:
    from regraft.data.dataset import TASK

    return {
        "labels": {TASK: np.searchsorted(trained, dataset.y)},
        "classes": {TASK: tuple(dataset.class_names[c] for c in trained)},
    }


def _trials(task: str, data: Path) -> Iterator[tuple[Any, list[int]]]:
    """Yield labelled images and which of their classes are trained."""
    from dataclasses import replace

    from regraft import read_source
    from regraft.data.dataset import TASK, Dataset

    if task == "new_breeds":
        breeds = read_source(data / "dog_breeds")
        for seed in range(3):
            yield breeds, sorted(np.random.default_rng(seed).permutation(60)[:30].tolist())
    elif task == "new_flowers":
        flowers = read_source(data / "flowers")
        for left_out in range(5):
            yield flowers, [c for c in range(5) if c != left_out]
    else:
        pets, snacks = read_source(data / "cats_dogs"), read_source(data / "hotdog")
        snacks = snacks.take(np.flatnonzero(snacks.y == snacks.class_names.index("hotdog")))
        pets = pets.take(np.arange(0, len(pets), 4))
        joined = Dataset(
            examples=[*pets.examples, *snacks.examples],
            names=(*pets.names, *snacks.names),
            labels={TASK: np.concatenate([pets.y, np.full(len(snacks), 2)])},
            classes={TASK: (*pets.class_names, "hot dogs")},
        )
        yield replace(joined, name="cats, dogs and hot dogs"), [0, 2]


def main() -> None:
    """Measure, and print the figures."""
    arguments = parser(__doc__, "the folder of data sets (default: REGRAFT_DATA, or ../shared/data)", runs=None)
    arguments.add_argument("--only", metavar="NAME,NAME", help=f"of {', '.join((*SETS, *TASKS, 'time'))}")
    given = arguments.parse_args()
    names = given.only.split(",") if given.only else [*SETS, *TASKS, "time"]
    unknown = set(names) - {*SETS, *TASKS, "time"}
    if unknown:
        arguments.error(f"--only must name {', '.join((*SETS, *TASKS, 'time'))}, not {', '.join(sorted(unknown))}")
    data = data_folder(given.data)
    values: dict[str, Any] = {}
    if "time" in names and (data / "cats_dogs").exists():
        values |= time_command(data)
    with own_cache():
        for name in SETS:
            if name in names and (data / name).exists():
                values |= measure(name, data / name)
        for task in TASKS:
            if task in names and all((data / each).exists() for each in NEEDED[task]):
                values |= generalized(task, data)
    show(values, TARGETS, given.json)


if __name__ == "__main__":
    main()
