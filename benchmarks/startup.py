"""How long the command line takes to answer, by the wall clock from the shell, process start included.

help_s       `regraft --help` (target 0.4).
predict_s    `regraft predict MODEL IMAGE` for one image, from the second time on (target 1.5): the network is
             converted and compiled, as after any fit. Its features are not in the cache: each run has a new image.
predict_again_s  the same image once more, now found in the cache.

The model is fitted here on a few images of DATA's classes, or given with --model. Each run measures all, in turn.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

from _machine import COMMAND, data_folder, note, own_cache, parser, positive, regraft, run_fresh, show, spread

TARGETS = {"help_s": ("<=", 0.4), "predict_s": ("<=", 1.5)}

EXTENSIONS = (".jpg", ".jpeg", ".png")


def images_by_class(data: Path) -> dict[str, list[Path]]:
    """Return the images in each class folder, sorted."""
    found = {
        folder.name: sorted(path for path in folder.iterdir() if path.suffix.lower() in EXTENSIONS)
        for folder in sorted(data.iterdir())
        if folder.is_dir()
    }
    classes = {name: paths for name, paths in found.items() if paths}
    if len(classes) < 2:
        raise SystemExit(f"DATA must be a folder of class folders with images, but {data} has {len(classes)}.")
    return classes


def fit_few(classes: dict[str, list[Path]], count: int, folder: Path) -> Path:
    """Fit a model on the first images of each class, and return its path."""
    for name, paths in classes.items():
        (folder / "few" / name).mkdir(parents=True)
        for path in paths[:count]:
            shutil.copyfile(path, folder / "few" / name / path.name)
    regraft("fit", folder / "few", "--quiet", "--out", folder / "run")
    return folder / "run" / "model.regraft"


def command() -> tuple[str, ...]:
    """Return the installed script, which is what people type, or else `python -m regraft`."""
    script = Path(sys.executable).with_name("regraft")
    return (str(script),) if script.exists() else COMMAND


def main() -> None:
    """Measure, and print the figures."""
    arguments = parser(__doc__, "a folder of class folders (default: the flowers)", runs=7)
    arguments.add_argument("--model", type=Path, help="a saved classifier (default: one is fitted on a few images)")
    arguments.add_argument("--count", type=positive, default=40, help="images a class to fit on (default: %(default)s)")
    given = arguments.parse_args()
    classes = images_by_class(data_folder(given.data, "flowers"))
    unseen = [path for paths in classes.values() for path in paths[given.count :]] or next(iter(classes.values()))
    seconds: dict[str, list[float]] = {"help_s": [], "predict_s": [], "predict_again_s": []}
    with own_cache() as folder:
        model = given.model or fit_few(classes, given.count, folder)
        regraft_command = command()
        first = run_fresh(*regraft_command, "predict", model, unseen[-1]).seconds
        for run in range(given.runs):
            image = unseen[run % len(unseen)]
            seconds["help_s"].append(run_fresh(*regraft_command, "--help").seconds)
            for name in ("predict_s", "predict_again_s"):
                seconds[name].append(run_fresh(*regraft_command, "predict", model, image).seconds)
            shown = ", ".join(f"{name} {values[-1]:.2f}" for name, values in seconds.items())
            note(f"run {run + 1} of {given.runs}: {shown}")
    values: dict[str, Any] = {}
    for name, measured in seconds.items():
        values |= spread(name, measured)
    values |= {"predict_first_s": round(first, 3), "runs": given.runs}
    show(values, TARGETS, given.json)


if __name__ == "__main__":
    main()
