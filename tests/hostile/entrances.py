"""Run by itself, in a process of its own: takes hostile files one by one through `predict` or `fit`.

Each line on stdin is a JSON list of paths; each line on stdout is what was said of them. A crash ends the process, and
whoever started it knows which file it was.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))

from hostile.corpus import SOUNDS, SOURCES
from hostile.memory import forget_peak, peak_mb
from hostile.seeds import class_files, seeds

QUICK = {"backbone": "test_efficientnet", "weights": "none", "head": "centroid"}
"""A fit on a tiny network: what is tried is how data are read."""


class Predict:
    """`Classifier.predict` on images, recordings and whole data sets; `Classifier.load` on bundles."""

    def __init__(self, home: Path) -> None:
        from regraft import Classifier

        self.load = Classifier.load
        self.images, self.sounds = (Classifier.load(home / f"{name}.regraft") for name in ("held", "audio"))
        self.images.predict([class_files()["red/0.jpg"]])
        self.sounds.predict([seeds("sound")[0]])

    def __call__(self, paths: list[Path]) -> tuple[str, str]:
        [path] = paths
        kind = kind_of(path)
        if kind == "bundle":
            return self._bundle(path)
        classifier = self.sounds if kind in SOUNDS else self.images
        said = classifier.predict(path if kind in SOURCES else [path])
        unread = [one.error for one in said if one.error is not None]
        for one in said:
            assert (one.label is None) == (one.error is not None), one
        return ("answered", "") if len(unread) < len(said) else ("unreadable", unread[0])

    def _bundle(self, path: Path) -> tuple[str, str]:
        classifier = self.load(path)
        sound = {"image": class_files()["red/0.jpg"], "audio": seeds("sound")[0], "text": "it broke after a day"}
        [one] = classifier.predict([sound[classifier.modality]])
        return ("answered", "") if one.error is None else ("unreadable", one.error)


WHOLE = 5
"""One data set in so many is fitted on to the end; all of them are read, and their images and recordings decoded."""


class Fit:
    """`regraft.fit` on a folder that mixes sound and hostile images or recordings, and on hostile data sets."""

    def __init__(self, home: Path) -> None:
        import regraft
        from regraft.data.sources import read_source

        self.fit, self.read = regraft.fit, read_source

    def __call__(self, paths: list[Path]) -> tuple[str, str]:
        [path] = paths
        if path.is_file() and int(path.name.split("-")[0]) % WHOLE:
            skipped = self._read(path)
        else:
            found = self.fit(path, skip_unreadable=True, **QUICK)
            json.dumps(found.to_dict(), allow_nan=False)
            skipped = found.skipped
        for one in skipped:
            assert is_reason(one.reason), f"{one.name} was skipped for: {one.reason!r}"
        return "answered", f"{len(skipped)} skipped"

    def _read(self, path: Path) -> Any:
        """Read a data set as `fit` does, and what it names."""
        from regraft.data import images, sounds, texts
        from regraft.data.dataset import Skipped
        from regraft.errors import Unreadable

        dataset = self.read(path)
        decode: Any = {"image": images.decode, "audio": sounds.decode, "text": texts.decode}[dataset.modality]
        skipped = list(dataset.skipped)
        for example, name in zip(dataset.examples, dataset.names, strict=True):
            try:
                decode(images.read_bytes(example))
            except Unreadable as error:
                skipped.append(Skipped(name, str(error)))
        return skipped


def kind_of(path: Path) -> str:
    """Return the kind that a hostile file's name says; "mixed" for a folder."""
    return path.name.split("-")[1] if "-" in path.name else "mixed"


def is_reason(text: str) -> bool:
    """Whether this says in words why something cannot be read: one printable line, no trace of a program."""
    words = text.split()
    traces = ("Traceback", "[Errno", "Error(", "object at 0x", "<class", "errno =")
    return len(words) >= 2 and text.isprintable() and not any(trace in text for trace in traces)


def is_sentence(text: str) -> bool:
    """Whether this is one sentence, as an error must be."""
    return is_reason(text) and text.endswith((".", "?")) and not text.endswith("..") and len(text.split()) >= 4


def tried(entrance: Callable[[list[Path]], tuple[str, str]], paths: list[Path]) -> tuple[str, str]:
    """Return what comes of some files: answered, refused or unreadable; or a fault, and what was wrong."""
    from regraft.errors import RegraftError

    try:
        outcome, said = entrance(paths)
    except RegraftError as error:
        said = str(error)
        return ("refused", said) if is_sentence(said) else ("wordless", said)
    except BaseException as error:
        import traceback

        where = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in where if "regraft" in frame.filename] or where
        return "traceback", f"{type(error).__name__}: {str(error)[:500]} at {own[-1].filename}:{own[-1].lineno}"
    if outcome == "unreadable" and not is_reason(said):
        return "wordless", said
    return outcome, said


def main() -> None:
    """Answer until stdin ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever a library prints must not come between
    made = {"predict": Predict, "fit": Fit}[sys.argv[1]](Path(sys.argv[2]))
    gc.freeze()  # what is there already need not be looked through after each file
    print(json.dumps("ready"), file=answers)
    for line in sys.stdin:
        paths = [Path(path) for path in json.loads(line)]
        forget_peak()
        started = time.perf_counter()
        outcome, said = tried(made, paths)
        seconds = time.perf_counter() - started
        if kind_of(paths[0]) in SOURCES:
            gc.collect()  # what is unpacked goes with the last reference to it
        answer: dict[str, Any] = {"outcome": outcome, "said": said, "seconds": seconds, "peak_mb": peak_mb()}
        print(json.dumps(answer), file=answers)


if __name__ == "__main__":
    main()
