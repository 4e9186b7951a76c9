"""What learning several tasks together does to each, on flowers with tasks made of the images themselves.

Beside the flower (classes), each image has its `brightness` (a number), its `vividness` (five ordered classes) and its
`tags` (reddish, greenish, bright, vivid: any of them), all from its pixels. A share of the labels is taken away
(--missing), and of the flowers all but some (--flowers): the task with few labels is the one that others might help.

TASK_alone and TASK_together are the first measure of the task; TASK_gain is how much better together is, with its 95%
interval (`_low`, `_high`); above 0 is better, whatever the measure. `gained` and `lost` count the tasks whose interval
lies on one side of 0. TASK_kept_linear is 1 where validation preferred a linear head on the frozen features.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
from _machine import data_folder, note, own_cache, parser, positive, rounded, show

COLUMNS = ("flower", "brightness", "vividness", "tags")
LEVELS = (0.27, 0.39, 0.51, 0.63)
"""Saturations between the five classes of vividness."""


def labels_of(file: Path) -> list[str]:
    """Return what an image shows and how it looks, a cell for each column."""
    from PIL import Image

    with Image.open(file) as image:
        pixels = np.asarray(image.convert("RGB").resize((64, 64)), dtype=float) / 255
    red, green, blue = pixels.mean(axis=(0, 1))
    brightness = 100 * pixels.mean()
    vividness = float((pixels.max(axis=2) - pixels.min(axis=2)).mean())
    found = {
        "reddish": red > max(green, blue) + 0.02,
        "greenish": green > max(red, blue) + 0.01,
        "bright": brightness > 50,
        "vivid": vividness > 0.4,
    }
    tags = ";".join(name for name, there in found.items() if there) or ";"
    return [file.parent.name, f"{brightness:.2f}", str(1 + int(np.digitize(vividness, LEVELS))), tags]


def write_table(folder: Path, table: Path, missing: float, flowers: int | None, seed: int) -> None:
    """Write the table of all images, with some labels taken away."""
    draw = np.random.default_rng(seed)
    files = sorted(folder.rglob("*.jpg"))
    cells = np.array([labels_of(file) for file in files], dtype=object)
    cells[draw.random(cells.shape) < missing] = ""
    if flowers is not None:
        cells[draw.permutation(len(files))[flowers:], 0] = ""
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", *COLUMNS])
        writer.writerows([str(name), *row] for name, row in zip(files, cells, strict=True))


def measure(table: Path, weighting: Any, strategy: str, seed: int) -> dict[str, float]:
    """Return the figures of one fit."""
    from regraft.multitask.fitting import fit_tasks

    result = fit_tasks(
        table,
        label_columns=COLUMNS,
        task_kinds={"vividness": "ordinal"},
        weighting=weighting,
        strategy=strategy,
        seed=seed,
        announce=note,
    )
    figures: dict[str, float] = {}
    for task in result.tasks:
        for way, measured in task.compared.ways.items():
            figures[f"{task.name}_{way}"] = rounded(measured[task.measure.name].value)
        figures[f"{task.name}_gain"] = rounded(task.gain.value)
        figures[f"{task.name}_gain_low"], figures[f"{task.name}_gain_high"] = map(rounded, task.gain.ci95)
        figures[f"{task.name}_kept_linear"] = float(task.kept == "linear")
    figures["gained"], figures["lost"] = float(len(result.named("gained"))), float(len(result.named("lost")))
    figures["training_s"] = rounded(result.timings["training"])
    return figures


def main() -> None:
    arguments = parser(__doc__, "a folder of class folders", None)
    arguments.add_argument("--weighting", default="equal", choices=["equal", "uncertainty", "grad-norm"])
    arguments.add_argument("--strategy", default="probe", choices=["probe", "finetune"])
    arguments.add_argument("--missing", type=float, default=0.15, help="share of labels taken away (default: 0.15)")
    arguments.add_argument("--flowers", type=positive, help="images that keep the label of their class (default: all)")
    arguments.add_argument("--seed", type=int, default=0, help="of all draws (default: 0)")
    options = arguments.parse_args()
    folder = data_folder(options.data, "flowers")
    with own_cache() as place:
        table = place / "tasks.csv"
        write_table(folder, table, options.missing, options.flowers, options.seed)
        figures = measure(table, options.weighting, options.strategy, options.seed)
    show(figures, {}, options.json)


if __name__ == "__main__":
    main()
