"""How often `regraft fit` with its defaults is right on images it has not learnt from, on six sets of real images.

flowers      5 classes x 200; a fifth held out at random, once a seed (target 0.91)
cats_dogs    its own test folder (target 0.985)
signs        hand signs, its own val folder, which nothing is chosen on (target 0.94)
elpv         solar cells, sound or defective; a quarter held out at random, once a seed (target 0.85)
dog_breeds   60 breeds, about 9 photos each; a fifth held out, once a seed
hotdog       its own val folder of 50 photos

Where the split is drawn at random, the figure is the mean over --seeds seeds, with the least and the greatest; the
95% interval shown is that of one split (Wilson's). Where the split is the data's own there is one run: the seed only
deals the folds of the cross-validation. Sets that are not in DATA are left out, and said to be.

With --strategy finetune the targets are 0.945 for flowers, 0.97 for signs and 0.99 for cats_dogs.

Compare other defaults by hand: --backbone a+b, --head, --resize, --image-size are those of `regraft fit`.
"""

from __future__ import annotations

import csv
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from _machine import data_folder, note, own_cache, parser, positive, show

TARGETS = {
    "probe": {"flowers": (">=", 0.91), "cats_dogs": (">=", 0.985), "signs": (">=", 0.94), "elpv": (">=", 0.85)},
    "finetune": {"flowers": (">=", 0.945), "cats_dogs": (">=", 0.99), "signs": (">=", 0.97)},
}
"""By strategy; what auto gives must be as good as the better of the two."""


@dataclass(frozen=True)
class Task:
    """One set of images, and how it is split.

    Parameters
    ----------
    name : str
    source : callable
        Takes the folder of data sets and a temporary one; returns what `fit` reads, or None if it is missing.
    test_size : float or None
        Share held out at random, or None where the data have their own split.
    """

    name: str
    source: Callable[[Path, Path], Path | None]
    test_size: float | None = None


def below(name: str) -> Callable[[Path, Path], Path | None]:
    """Return the source that is a file or folder of DATA."""
    return lambda data, folder: data / name if (data / name).exists() else None


def solar_cells(data: Path, folder: Path) -> Path | None:
    """Write the table of the photos in the package elpv-dataset: defective from a belief of one half on."""
    spec = find_spec("elpv_dataset")
    if spec is None or spec.origin is None:
        return None
    photos = Path(spec.origin).parent / "data"
    rows = [line.split() for line in (photos / "labels.csv").read_text().splitlines()]
    table = folder / "elpv.csv"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("image", "label"))
        for name, belief, _ in rows:
            writer.writerow((photos / name, "defective" if float(belief) >= 0.5 else "sound"))
    return table


TASKS = (
    Task("flowers", below("flowers"), 0.2),
    Task("cats_dogs", below("cats_dogs")),
    Task("signs", below("signs")),
    Task("elpv", solar_cells, 0.25),
    Task("dog_breeds", below("dog_breeds/labels.csv"), 0.2),
    Task("hotdog", below("hotdog")),
)


def measure(task: Task, source: Path, seeds: int, settings: dict[str, Any]) -> dict[str, Any]:
    """Fit once a seed; return the figures, each name beginning with the task's."""
    from regraft import fit

    split: dict[str, Any] = {} if task.test_size is None else {"test_size": task.test_size}
    results, walls = [], []
    for seed in range(seeds if split else 1):
        started = time.perf_counter()
        results.append(fit(source, seed=seed, **split, **settings))
        walls.append(time.perf_counter() - started)
        test = results[-1].evaluations["test"]
        low, high = test.accuracy_ci95
        note(
            f"{task.name:10} seed {seed}: {test.accuracy:.4f} ({low:.4f} to {high:.4f}) of {test.n}, "
            f"log loss {test.log_loss:.3f}, head {results[-1].chosen}, "
            f"features {results[-1].timings['features']:.1f} s, learning {learning(results[-1]):.1f} s"
        )
    accuracies = [result.evaluations["test"].accuracy for result in results]
    low, high = results[0].evaluations["test"].accuracy_ci95
    return {
        task.name: round(statistics.mean(accuracies), 4),
        f"{task.name}_min": round(min(accuracies), 4),
        f"{task.name}_max": round(max(accuracies), 4),
        f"{task.name}_ci95": f"{low:.4f} to {high:.4f}",
        f"{task.name}_log_loss": round(statistics.mean(r.evaluations["test"].log_loss for r in results), 4),
        f"{task.name}_n_test": results[0].n_test,
        f"{task.name}_head": "+".join(sorted({result.chosen for result in results})),
        f"{task.name}_first_s": round(walls[0], 1),
        f"{task.name}_head_s": round(statistics.median(learning(result) for result in results), 2),
    }


def learning(result: Any) -> float:
    """Return the seconds that the head took, or the training."""
    return result.timings["head"] if "head" in result.timings else result.timings["training"]


def main() -> None:
    """Measure, and print the figures."""
    arguments = parser(__doc__, "the folder of data sets (default: REGRAFT_DATA, or ../shared/data)", runs=None)
    arguments.add_argument("--seeds", type=positive, default=3, help="random splits (default: %(default)s)")
    arguments.add_argument("--only", metavar="NAME,NAME", help=f"of {', '.join(task.name for task in TASKS)}")
    arguments.add_argument("--strategy", choices=("probe", "finetune", "auto"), default="probe")
    arguments.add_argument("--backbone", help="as of `regraft fit` (default: its default)")
    arguments.add_argument("--head", help="as of `regraft fit`")
    arguments.add_argument("--resize", choices=("crop", "stretch"), help="as of `regraft fit`")
    arguments.add_argument("--image-size", type=positive, help="as of `regraft fit`")
    given = arguments.parse_args()
    names = given.only.split(",") if given.only else [task.name for task in TASKS]
    unknown = set(names) - {task.name for task in TASKS}
    if unknown:
        arguments.error(f"--only must name {', '.join(task.name for task in TASKS)}, not {', '.join(sorted(unknown))}")
    asked = {name: getattr(given, name) for name in ("strategy", "backbone", "head", "resize", "image_size")}
    settings = {name: value for name, value in asked.items() if value is not None}
    data = data_folder(given.data)
    values: dict[str, Any] = {}
    with own_cache() as folder:
        for task in TASKS:
            if task.name not in names:
                continue
            source = task.source(data, folder)
            if source is None:
                note(f"{task.name:10} left out: it is not here")
            else:
                values |= measure(task, source, given.seeds, settings)
    show({**values, "seeds": given.seeds, **settings}, TARGETS.get(given.strategy, {}), given.json)


if __name__ == "__main__":
    main()
