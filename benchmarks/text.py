"""Sentences to features, texts a second: sentence-transformers' own encode against Regraft, with the same weights.

usual        SentenceTransformer(...).encode(sentences), its defaults: float32, batches of 32 sorted by length.
regraft      regraft.features.extraction.extract with an empty feature cache, in the precision that it settles on.
regraft_f32  the same in float32.

DATA is the folder with amazon.csv and imdb.csv, 1,000 sentences each with a column `text`; or one such file.

Each way runs in a fresh process. Importing libraries, loading the network and a warm-up on 64 of the sentences are
outside the clock for all; cutting sentences into pieces, sorting and writing the feature cache are inside. Regraft's
one-time conversion of the network, which is kept on disk for good, is reported as setup_s.

On a shared machine only ratios can be compared: Regraft is measured before and after sentence-transformers, and a
ratio is the mean of its two neighbouring rates over the other's. The median of the runs is shown, with the least and
the greatest. cosine is the mean over the sentences of the cosine between both features, cosine_worst the least of
any sentence; those of _f32 are of float32.
"""

from __future__ import annotations

import csv
import multiprocessing
import shutil
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from _machine import data_folder, note, own_cache, parser, rounded, show, spread

WARM_UP = 64
SENTENCES = 2_000

TARGETS = {"ratio": (">=", 3.0), "cosine": (">=", 0.999), "cosine_f32": (">=", 0.999)}


def usual(texts: Sequence[str]) -> tuple[float, np.ndarray]:
    """Return seconds and features (n, d) of sentence-transformers."""
    from sentence_transformers import SentenceTransformer

    from regraft.backbones.text import encoder_folder

    model = SentenceTransformer(str(encoder_folder()), device="cpu", local_files_only=True)
    model.encode(list(texts[:WARM_UP]), show_progress_bar=False)
    started = time.perf_counter()
    features = model.encode(list(texts), show_progress_bar=False)
    return time.perf_counter() - started, np.asarray(features)


def regraft(texts: Sequence[str], precision: str | None, folder: Path) -> tuple[float, np.ndarray, str]:
    """Return seconds, features (n, d) and the precision of Regraft, nothing being in its feature cache."""
    from regraft.backbones.encoders import find_encoder
    from regraft.features.extraction import extract

    def run(some: Sequence[str]) -> Any:
        shutil.rmtree(folder / "cache" / "features", ignore_errors=True)
        precisions = None if precision is None else [precision]
        return extract(some, [str(i) for i in range(len(some))], [find_encoder()], precisions=precisions)

    run(texts[:WARM_UP])
    started = time.perf_counter()
    found = run(texts)
    seconds = time.perf_counter() - started
    if found.cache_misses != len(set(texts)) or found.engine != "openvino":
        raise SystemExit(f"Regraft computed {found.cache_misses} of {len(set(texts))} sentences with {found.engine}.")
    return seconds, found.values, found.precisions[0]


def sentences(data: Path) -> list[str]:
    """Return the texts of one table, or of all tables of a folder."""
    files = sorted(data.glob("*.csv")) if data.is_dir() else [data]
    found = []
    for file in files:
        with file.open(encoding="utf-8", newline="") as table:
            found += [row["text"] for row in csv.DictReader(table)]
    if not found:
        raise SystemExit(f"There is no table with a column `text` at {data}: name one, or a folder of them.")
    return found[:SENTENCES]


def apart(function: Any, *arguments: Any) -> Any:
    """Run a function in a fresh process: one way's threads and memory are no burden to the next."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(function, *arguments).result()


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the cosine between the rows of two arrays (n, d)."""
    return (a * b).sum(1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))


def main() -> None:
    """Measure, and print the figures."""
    given = parser(__doc__, "a table, or a folder of tables, with a column `text`", runs=5).parse_args()
    texts = sentences(data_folder(given.data, "sentiment"))
    rates: dict[str, list[float]] = {"usual": [], "regraft": [], "regraft_f32": []}
    ratios: dict[str, list[float]] = {"ratio": [], "ratio_f32": []}
    agreements: dict[str, np.ndarray] = {}
    with own_cache() as folder:
        note(f"{len(texts)} sentences: converting the network once")
        started = time.perf_counter()
        precision = apart(regraft, texts[:WARM_UP], None, folder)[2]
        setup = time.perf_counter() - started
        for run in range(given.runs):
            before = [apart(regraft, texts, asked, folder) for asked in (None, "f32")]
            seconds, expected = apart(usual, texts)
            after = [apart(regraft, texts, asked, folder) for asked in ("f32", None)][::-1]
            theirs = len(texts) / seconds
            rates["usual"].append(theirs)
            for suffix, first, second in zip(("", "_f32"), before, after, strict=True):
                ours = (len(texts) / first[0] + len(texts) / second[0]) / 2
                rates[f"regraft{suffix}"].append(ours)
                ratios[f"ratio{suffix}"].append(ours / theirs)
                agreements[suffix] = cosines(first[1], expected)
            shown = ", ".join(f"{way} {values[-1]:.0f}" for way, values in rates.items())
            note(f"run {run + 1} of {given.runs}, texts a second: {shown}")
    values: dict[str, Any] = {}
    for name, measured in (rates | ratios).items():
        values |= spread(name, measured)
    for suffix, found in agreements.items():
        values |= {
            f"cosine{suffix}": round(float(found.mean()), 6),
            f"cosine_worst{suffix}": round(float(found.min()), 6),
        }
    values |= {"precision": precision, "sentences": len(texts), "runs": given.runs, "setup_s": rounded(setup)}
    show(values, TARGETS, given.json)


if __name__ == "__main__":
    main()
