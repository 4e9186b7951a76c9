"""Is a solar cell defective? The main job on the 2,624 photos of the package `elpv-dataset`.

The photos are electroluminescence images of cells (Buerhop et al. 2018; Deitsch et al. 2019), each with the share
of experts' belief that it is defective; from one half on we call it defective.
"""

from __future__ import annotations

import csv
import tempfile
from importlib.util import find_spec
from pathlib import Path

import regraft
from regraft.cli.fit import show
from regraft.cli.options import progress_bar
from regraft.reports.verdict import percent


def cells() -> tuple[Path, list[tuple[str, str]]]:
    """Return the folder of the photos, and (path below it, label) of every cell."""
    spec = find_spec("elpv_dataset")
    if spec is None or spec.origin is None:
        raise SystemExit("The photos are in the package elpv-dataset: run `pip install regraft[demo]`.")
    data = Path(spec.origin).parent / "data"
    rows = [line.split() for line in (data / "labels.csv").read_text().splitlines()]
    return data, [(name, "defective" if float(belief) >= 0.5 else "sound") for name, belief, _ in rows]


def main() -> None:
    """Fit, write the run, and ask the saved classifier about a cell that it has not learnt from."""
    data, labelled = cells()
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "solar-cells.csv"
        with table.open("w", newline="") as file:
            csv.writer(file).writerows([("image", "label"), *labelled])
        print("Is a solar cell defective?")
        with progress_bar("features", quiet=False) as progress:
            command = "python examples/solar_cells.py"
            result = regraft.fit(table, images=data, test_size=0.25, progress=progress, announce=print, command=command)
    run = regraft.write_run(result)
    show(result, run)
    unseen = int(result.test_index[0])
    [prediction] = regraft.Classifier.load(run / "model.regraft").predict([result.dataset.examples[unseen]])
    truth = result.dataset.class_names[result.dataset.y[unseen]]
    sure = percent(prediction.confidence or 0.0, 1)
    print(f"One unseen cell: {result.dataset.names[unseen]} is {prediction.label} ({sure} sure); experts say {truth}.")


if __name__ == "__main__":
    main()
