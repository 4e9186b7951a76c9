"""How long a person's road is on the web page: from an empty browser to a trained and tried classifier.

A real browser (Debian's Chromium, driven by Playwright) opens the page of `regraft app`, names two classes, gives each
40 photos, has them checked, trains, and tries a photo that was not learnt from. The seconds count from the opening of
the page; the server has just said that it answers.

fresh_s      with an empty cache, as on a machine that has never seen Regraft (target 30).
again_s      with the networks converted by an earlier start; the photos are new to the cache (target 30).
start_s      from the command to the address it prints, with the networks converted.

The steps of both are `fresh_open_s`, `fresh_photos_s`, ... : the seconds at which each was reached. Needs the extra
`browser` and chromium: `make test-browser` installs both.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

from _machine import data_folder, note, own_cache, parser, rounded, show, spread
from _page import Person, browser, chromium, served, walk
from startup import images_by_class

TARGETS = {"fresh_s": ("<=", 30.0), "again_s": ("<=", 30.0)}

EACH = 40
"""Photos of a class."""


def main() -> None:
    """Measure, and print the figures."""
    given = parser(__doc__, "a folder of class folders (default: cats and dogs)", runs=3).parse_args()
    if chromium() is None:
        raise SystemExit("There is no chromium: run `make test-browser` once, which installs it.")
    every = dict(list(images_by_class(data_folder(given.data, "cats_dogs/train")).items())[:2])
    short = [name for name, paths in every.items() if len(paths) <= EACH]
    if short:
        raise SystemExit(f"Each class must have more than {EACH} images, but {short[0]} has fewer; name other DATA.")
    classes = {name: paths[:EACH] for name, paths in every.items()}
    unseen = next(iter(every.values()))[EACH]
    roads: dict[str, list[dict[str, float]]] = {"fresh": [], "again": []}
    starts: list[float] = []
    with browser() as running:
        for run in range(given.runs):
            with own_cache() as folder:
                for kind in roads:
                    roads[kind].append(_road(running, folder, classes, unseen, starts if kind == "again" else []))
                    # The photos are new the second time too; only what belongs to the networks stays.
                    shutil.rmtree(folder / "cache" / "features", ignore_errors=True)
            note(f"run {run + 1} of {given.runs}: " + ", ".join(f"{k} {v[-1]['try']:.1f} s" for k, v in roads.items()))
    values: dict[str, Any] = {}
    for kind, measured in roads.items():
        values |= spread(f"{kind}_s", [road["try"] for road in measured])
        for step in ("open", "photos", "check", "train"):
            values[f"{kind}_{step}_s"] = rounded(sorted(road[step] for road in measured)[len(measured) // 2])
    values |= {**spread("start_s", starts), "photos": 2 * EACH, "runs": given.runs}
    show(values, TARGETS, given.json)


def _road(
    running: Any, folder: Path, classes: dict[str, list[Path]], photo: Path, starts: list[float]
) -> dict[str, float]:
    """Return the seconds of one road through a server of its own."""
    begun = time.perf_counter()
    with served(folder / "cache") as address:
        starts.append(time.perf_counter() - begun)
        person = Person(running, address)
        seconds = walk(person, dict(classes), photo)
        if person.abroad() or person.errors:
            raise SystemExit(f"The page must ask nobody else: {person.abroad()}, {person.errors}")
        person.context.close()
    return seconds


if __name__ == "__main__":
    main()
