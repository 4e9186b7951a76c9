"""Thousands of damaged and malicious files against predict, fit and serve: nothing may crash, hang, or eat the memory.

The files are made here from a seed: JPEG, PNG, WebP, GIF, TIFF and other images, WAV, FLAC, MP3 and OGG, HDF5, zip and
tar archives, CSV, JSON lines, Parquet, and saved classifiers, each damaged in one of a dozen ways or wrong on purpose
(tests/hostile). A share of them (--heavy) would take gigabytes or minutes. No data are needed.

predict   `Classifier.predict` on each image, recording and data set; each bundle is opened and predicted with.
fit       `regraft.fit` on folders of 400 hostile images (or recordings) among sound ones, and on one data set in five;
          the others are read as it does, with all that they name.
serve     an HTTP request with each file's bytes to `regraft serve`: as they are, in a form, or in JSON, 30% of the
          latter damaged as a whole; then /healthz must answer.

Each entrance is a process of its own, so that a crash is laid to one file. An outcome is an answer, a reason why a file
is unreadable, or a refusal in one sentence; all else is a fault:
crashes   the process ended (target 0).
hangs     a file took more than 10 s, twice (target 0); worst_s is the longest that any took, at 1 of 400 for a folder.
peak_mb   the most memory that the process of an entrance held (resident set; target 2,000).
others    an exception that is no RegraftError, an error that is no sentence, a status of 500 or more, memory above the
          limit, anything written or changed outside of the cache and the temporary folder (target 0).

Faults are told on stderr as they come, and their files are kept in --keep. A file is made again from its number and
seed alone: `hostile.corpus.hostile(number, seed, heavy=...)`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from _machine import note, positive, rounded, show

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # before this folder, whose own name is hostile

from hostile.corpus import corpus  # type: ignore[import-not-found]
from hostile.processes import Home, convert  # type: ignore[import-not-found]
from hostile.runner import run  # type: ignore[import-not-found]

ENTRANCES = ("predict", "fit", "serve")

TARGETS = {"crashes": ("<=", 0.0), "hangs": ("<=", 0.0), "others": ("<=", 0.0), "peak_mb": ("<=", 2000.0)}


def main() -> None:
    """Run, and print the figures."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--files", type=positive, default=20_000, help="how many (default: %(default)s)")
    arguments.add_argument("--seed", type=int, default=0, help="of the files (default: %(default)s)")
    arguments.add_argument("--heavy", type=float, default=0.005, help="share of heavy files (default: %(default)s)")
    arguments.add_argument("--entrance", choices=ENTRANCES, help="try one of the three only")
    arguments.add_argument("--keep", type=Path, help="folder for the files with which something is wrong")
    arguments.add_argument(
        "--json", action="store_true", help="print one flat JSON object, and nothing else, on stdout"
    )
    given = arguments.parse_args()
    entrances = (given.entrance,) if given.entrance else ENTRANCES
    faults: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    values: dict[str, Any] = {"files": given.files, "seed": given.seed}
    worst, peak, started = 0.0, 0.0, time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="regraft-benchmark-") as folder:
        home = Home(Path(folder) / "home")
        convert(home)
        for entrance in entrances:
            begun, slowest, most = time.perf_counter(), 0.0, 0.0
            files = corpus(given.files, given.seed, heavy=given.heavy)
            for n, outcome in enumerate(run(files, home, (entrance,), keep=given.keep), start=1):
                counts[f"{entrance}_{outcome.kind}"] += 1
                counts[f"{entrance}_{'fault' if outcome.fault else outcome.outcome}"] += 1
                slowest, most = max(slowest, outcome.seconds), max(most, outcome.peak_mb)
                if outcome.fault:
                    faults[outcome.outcome] += 1
                    note(f"{outcome.outcome} at {entrance}: {outcome.file}: {outcome.said}")
                if n % 1000 == 0:
                    note(f"{entrance}: {n:,} files, {faults.total()} faults, {time.perf_counter() - started:.0f} s")
            values |= {f"{entrance}_s": rounded(time.perf_counter() - begun)}
            values |= {f"{entrance}_worst_s": rounded(slowest), f"{entrance}_peak_mb": rounded(most)}
            worst, peak = max(worst, slowest), max(peak, most)
    values |= {
        **dict(sorted(counts.items())),
        "crashes": faults["crash"],
        "hangs": faults["hang"],
        "others": faults.total() - faults["crash"] - faults["hang"],
        "worst_s": rounded(worst),
        "peak_mb": rounded(peak),
    }
    show(values, TARGETS, given.json)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
