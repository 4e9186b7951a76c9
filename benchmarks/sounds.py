"""Spoken digits told apart by their pictures: on takes held out, and on speakers never heard.

take_accuracy     Regraft learns from takes 8 and up of every speaker and is tested on takes 0 to 7.
speaker_accuracy  the mean over the speakers of its accuracy on one, having learnt from all takes of the others;
                  speaker_worst is the least of them, each is shown under the speaker's name.
adapted_accuracy  the same, adapted without labels: of each speaker's features, heard before or not, that speaker's
                  own mean is subtracted; a linear head on the usual layer.

DATA is a folder speaker/digit/*.wav whose file names end in the take's number, such as 3_nicolas_37.wav. By default
the frozen network's probe; --strategy finetune trains the network itself.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from _machine import data_folder, note, own_cache, parser, rounded, show

TAKES = 8
"""The first ones are held out."""

TARGETS = {"take_accuracy": (">=", 0.97), "speaker_accuracy": (">=", 0.75)}


@dataclass(frozen=True)
class Recordings:
    """Files, and of each its digit, speaker and take."""

    files: list[Path]
    digits: np.ndarray
    speakers: np.ndarray
    takes: np.ndarray


def recordings(data: Path) -> Recordings:
    """Return the files of a folder speaker/digit/digit_speaker_take.wav."""
    files = sorted(data.glob("*/*/*.wav"))
    if not files:
        raise SystemExit(f"There is no speaker/digit/*.wav in {data}: name a folder of spoken digits.")
    return Recordings(
        files,
        np.array([file.parent.name for file in files]),
        np.array([file.parents[1].name for file in files]),
        np.array([int(file.stem.rpartition("_")[2]) for file in files]),
    )


def accuracy(found: Recordings, test: np.ndarray, **settings: Any) -> float:
    """Return how many of the recordings under the mask `test` are named rightly after learning from the others."""
    import regraft
    from regraft.data.dataset import TASK, Dataset

    classes, y = np.unique(found.digits, return_inverse=True)
    dataset = Dataset(
        examples=found.files,
        names=tuple(file.name for file in found.files),
        labels={TASK: y.astype(np.int64)},
        classes={TASK: tuple(map(str, classes))},
        modality="audio",
    ).with_split(np.where(test, "test", "train"))
    result = regraft.fit(dataset, **settings).to_dict()
    return float(result["metrics"]["test"]["accuracy"])


def adapted(found: Recordings) -> float:
    """Return the mean accuracy on speakers never heard where each speaker's own mean is taken out of the features."""
    from threadpoolctl import threadpool_limits

    from regraft.backbones.lookup import get_backbones
    from regraft.features.extraction import extract
    from regraft.heads.logistic import LogisticHead

    names = [file.name for file in found.files]
    values = extract(found.files, names, get_backbones(modality="audio")).values
    right = []
    with threadpool_limits(limits=1):
        for speaker in np.unique(found.speakers):
            values[found.speakers == speaker] -= values[found.speakers == speaker].mean(axis=0)
        for speaker in np.unique(found.speakers):
            test = found.speakers == speaker
            head = LogisticHead(powers=(1.0,)).fit(values[~test], found.digits[~test])
            right.append(float((head.predict(values[test]) == found.digits[test]).mean()))
    return float(np.mean(right))


def measure(found: Recordings, **settings: Any) -> dict[str, Any]:
    """Return all figures."""
    started = time.perf_counter()
    values: dict[str, Any] = {"take_accuracy": rounded(accuracy(found, found.takes < TAKES, **settings))}
    values["take_s"] = rounded(time.perf_counter() - started)
    note(f"takes held out: {values['take_accuracy']:.3f} in {values['take_s']:.0f} s")
    started, of_each = time.perf_counter(), {}
    for speaker in np.unique(found.speakers):
        of_each[str(speaker)] = rounded(accuracy(found, found.speakers == speaker, **settings))
        note(f"{speaker} never heard: {of_each[str(speaker)]:.3f}")
    values["speaker_accuracy"] = rounded(float(np.mean(list(of_each.values()))))
    values["speaker_worst"] = min(of_each.values())
    values["adapted_accuracy"] = rounded(adapted(found))
    return {**values, **of_each, "speakers_s": rounded(time.perf_counter() - started)}


def main() -> None:
    """Measure, and print the figures."""
    arguments = parser(__doc__, "speaker/digit/*.wav (default: the spoken digits)", runs=None)
    arguments.add_argument("--strategy", default="probe", help="as of `regraft fit` (default: %(default)s)")
    given = arguments.parse_args()
    found = recordings(data_folder(given.data, "spoken_digits"))
    with own_cache():
        values = measure(found, strategy=given.strategy)
    show({**values, "recordings": len(found.files), "strategy": given.strategy}, TARGETS, given.json)


if __name__ == "__main__":
    main()
