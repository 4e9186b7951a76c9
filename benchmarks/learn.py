"""What `regraft learn` costs and gives: a class is added to a classifier from 1, 5 or 20 images.

For each set of images and each of its classes in turn (a few of them where there are many), `regraft fit` learns the
others with its defaults, a quarter of the images held out; then that class is learnt, from images drawn anew in each of
the episodes. All figures are of held-out images, means over classes and episodes:

*_old        accuracy on the old classes before
*_lost_S     how much of it S images of a new class cost (target on flowers: 0.01 at most), in shares, not points
*_recall_S   share of the new class's images that are recognised
*_accuracy_S on all classes, each image counting once
*_marked     share of the new class's images marked as unlike anything learnt from: before, and after S images

and what a logistic regression fitted anew would give: on all old training images and S of the new class (`anew_S`), on
what the classifier remembers and S (`from_memory_S`), and on all images of all classes (`anew_all`): accuracy, recall.

learn_s      the whole command with 5 images that are not in the cache, networks converted; learn_worst_s is the
             slowest run (target 1 second).
*_bytes      of the saved classifier, and of what it remembers within that.
"""

from __future__ import annotations

import shutil
import statistics
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from _machine import data_folder, note, own_cache, parser, positive, regraft, run_fresh, show, spread
from startup import command, fit_few, images_by_class

SETS = {"flowers": "flowers", "signs": "signs/train", "dog_breeds": "dog_breeds/labels.csv"}
SHOTS = (1, 5, 20)
TEST = 0.25
FEW_CLASSES = 8
"""Of sets with more classes, every n-th is learnt so that there are about so many."""


def seconds(classes: dict[str, list[Path]], runs: int, folder: Path) -> dict[str, Any]:
    """Return the time of the whole command, in fresh processes, each with images of its own."""
    name = next(reversed(classes))
    model = fit_few({other: paths for other, paths in classes.items() if other != name}, 40, folder)
    images = classes[name][: 5 * (runs + 1)]
    measured = []
    for run in range(runs + 1):
        shutil.copyfile(model, folder / "m.regraft")
        given = images[5 * run : 5 * run + 5]
        measured.append(run_fresh(*command(), "learn", folder / "m.regraft", name, *given).seconds)
        note(f"learn, run {run} of {runs}: {measured[-1]:.2f} s")
    regraft("forget", folder / "m.regraft", name)
    return {**spread("learn_s", measured[1:]), "learn_worst_s": round(max(measured[1:]), 3)}


def measure(name: str, source: Path, episodes: int, seed: int) -> dict[str, Any]:
    """Return the figures of one set of images, each name beginning with the set's."""
    from regraft import read_source

    dataset = read_source(source)
    k = len(dataset.class_names)
    rows: dict[str, list[float]] = defaultdict(list)
    for new in range(0, k, max(1, k // FEW_CLASSES)):
        turn = one_class(dataset, new, episodes, seed)
        for key, values in turn.items():
            rows[key] += values
        shown = ", ".join(f"{key} {statistics.mean(values):.3f}" for key, values in turn.items())
        note(f"{name} without {dataset.class_names[new]}: {shown}")
    return {f"{name}_{key}": round(statistics.mean(values), 4) for key, values in rows.items()}


def one_class(dataset: Any, new: int, episodes: int, seed: int) -> dict[str, list[float]]:
    """Fit without one class, learn it in each episode, and return the figures of all episodes."""
    from regraft import fit, learn

    rng = np.random.default_rng([seed, new])
    name, examples = dataset.class_names[new], list(dataset.examples)
    old, own = np.flatnonzero(dataset.y != new), rng.permutation(np.flatnonzero(dataset.y == new))
    labels = np.array(dataset.class_names)[dataset.y]
    result = fit([examples[i] for i in old], list(labels[old]), test_size=TEST, seed=seed)
    # Where images are few, fit holds none out.
    held = rng.permutation(len(old))[: round(TEST * len(old))] if len(result.test_index) == len(old) else None
    tested = old[result.test_index if held is None else held]
    few = max(1, round(TEST * len(own)))
    unseen, pool = own[:few], own[few:]
    before = result.classifier
    values = before.features([examples[i] for i in range(len(examples))]).values
    truth = labels[tested]
    base = np.array(before.classes)[before.score(values[tested]).argmax(axis=1)] == truth
    rows: dict[str, list[float]] = defaultdict(list)
    rows["old"] = [float(base.mean())]
    rows["marked"] = [marked(before, values[unseen])]
    train = np.setdiff1d(old, tested)
    everything = np.concatenate([train, pool])
    rows["anew_all_accuracy"], rows["anew_all_recall"] = anew(values, labels, everything, tested, unseen)
    for shots in (s for s in SHOTS if s <= len(pool)):
        for _ in range(episodes):
            drawn = rng.permutation(pool)[:shots]
            after = learn(before, name, [examples[i] for i in drawn]).classifier
            said = np.array(after.classes)[after.score(values[np.concatenate([tested, unseen])]).argmax(axis=1)]
            right = said == labels[np.concatenate([tested, unseen])]
            rows[f"lost_{shots}"].append(float(base.mean() - right[: len(tested)].mean()))
            rows[f"recall_{shots}"].append(float(right[len(tested) :].mean()))
            rows[f"accuracy_{shots}"].append(float(right.mean()))
            rows[f"marked_{shots}"].append(marked(after, values[unseen]))
        found = anew(values, labels, np.concatenate([train, drawn]), tested, unseen)
        rows[f"anew_{shots}_accuracy"], rows[f"anew_{shots}_recall"] = found
        memory = after.memory
        assert memory is not None
        remembered = np.concatenate([memory.features, values])
        named = np.concatenate([np.array(after.classes)[memory.labels], labels])
        m = len(memory)
        found = anew(remembered, named, np.arange(m), m + tested, m + unseen)
        rows[f"from_memory_{shots}_accuracy"], rows[f"from_memory_{shots}_recall"] = found
    return rows


def marked(classifier: Any, features: np.ndarray) -> float:
    """Return the share of images that are marked as unlike anything learnt from."""
    found = classifier.unfamiliar(features, classifier.score(features))
    return 0.0 if found is None else float(found.mean())


def anew(
    values: np.ndarray, labels: np.ndarray, train: np.ndarray, tested: np.ndarray, unseen: np.ndarray
) -> tuple[list[float], list[float]]:
    """Return accuracy on all held-out images, and recall of the new class, of a logistic regression fitted anew."""
    from threadpoolctl import threadpool_limits

    from regraft.heads import build_head

    with threadpool_limits(limits=1):
        head = build_head("logistic").fit(values[train], labels[train])
        right = head.predict(values[np.concatenate([tested, unseen])]) == labels[np.concatenate([tested, unseen])]
    return [float(right.mean())], [float(right[len(tested) :].mean())]


def sizes(source: Path, name: str, folder: Path) -> dict[str, int]:
    """Return the bytes of a classifier of all images, and of its memory."""
    from regraft import fit
    from regraft.persistence import Bundle

    fit(source).classifier.save(folder / "sized.regraft")
    files = Bundle(folder / "sized.regraft").manifest["files"]
    memory = files.get("memory.safetensors", {"bytes": 0})["bytes"]
    return {f"{name}_bytes": (folder / "sized.regraft").stat().st_size, f"{name}_memory_bytes": memory}


def main() -> None:
    """Measure, and print the figures."""
    arguments = parser(__doc__, "the folder of data sets (default: REGRAFT_DATA, or ../shared/data)", runs=5)
    arguments.add_argument("--episodes", type=positive, default=4, help="draws of new images (default: %(default)s)")
    arguments.add_argument("--seed", type=int, default=0, help="of all draws (default: %(default)s)")
    arguments.add_argument("--only", metavar="NAME,NAME", help=f"of {', '.join(SETS)}")
    given = arguments.parse_args()
    names = given.only.split(",") if given.only else list(SETS)
    if set(names) - set(SETS):
        arguments.error(f"--only must name {', '.join(SETS)}, not {', '.join(sorted(set(names) - set(SETS)))}")
    data = data_folder(given.data)
    values: dict[str, Any] = {}
    with own_cache() as folder:
        values |= seconds(images_by_class(data / "flowers"), given.runs, folder)
        for name in names:
            values |= measure(name, data / SETS[name], given.episodes, given.seed)
            values |= sizes(data / SETS[name], name, folder)
    targets = {f"flowers_lost_{shots}": ("<=", 0.01) for shots in SHOTS}
    targets |= {"learn_worst_s": ("<=", 1.0)}
    show(
        {**values, "episodes": given.episodes, "seed": given.seed, "runs": given.runs},
        {name: target for name, target in targets.items() if name in values},
        given.json,
    )


if __name__ == "__main__":
    main()
