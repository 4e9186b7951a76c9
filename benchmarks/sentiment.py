"""How often the mood of a review is told rightly: product reviews (amazon) and film reviews (imdb), 1,000 each.

folds   five random folds of one kind of review: learnt on four, tested on the fifth
across  learnt on all of one kind, tested on all of the other

tfidf      TF-IDF of words and pairs of words with logistic regression: nothing learnt before
probe      `regraft fit` with its defaults: a head on a frozen encoder (targets: amazon 0.885, imdb 0.89)
finetune   `regraft fit --strategy finetune` (target: 0.91 on both)

The figures of the folds are means, with the least and the greatest fold. The same folds are given to all three.
"""

from __future__ import annotations

import csv
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
from _machine import data_folder, note, own_cache, parser, positive, show

KINDS = ("amazon", "imdb")
FOLDS = 5
STRATEGIES = ("tfidf", "probe", "finetune")
TARGETS = {
    "amazon_probe": (">=", 0.885),
    "imdb_probe": (">=", 0.89),
    "amazon_finetune": (">=", 0.91),
    "imdb_finetune": (">=", 0.91),
}

Reviews = tuple[list[str], np.ndarray]


def read(path: Path) -> Reviews:
    """Return the texts of a table, and which of them are positive."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [row["text"] for row in rows], np.array([row["label"] == "positive" for row in rows]).astype(int)


def accuracy(strategy: str, train: Reviews, test: Reviews, folder: Path, settings: dict[str, Any], seed: int) -> float:
    """Return how often a classifier that learnt from `train` is right on `test`."""
    if strategy == "tfidf":
        from regraft.heads.tfidf import TfidfClassifier

        said = TfidfClassifier(seed=seed).fit(*train).predict_proba(test[0])
        return float((said.argmax(axis=1) == test[1]).mean())
    from regraft import fit

    settings = {**settings, "strategy": strategy}
    table = folder / "reviews.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("text", "label", "split"))
        for (texts, y), part in ((train, "train"), (test, "test")):
            writer.writerows(
                (text, "positive" if label else "negative", part) for text, label in zip(texts, y, strict=True)
            )
    return float(fit(table, seed=seed, **settings).evaluations["test"].accuracy)


def main() -> None:
    """Measure, and print the figures."""
    arguments = parser(__doc__, "the folder of amazon.csv and imdb.csv (default: sentiment in REGRAFT_DATA)", runs=None)
    arguments.add_argument("--strategies", default=",".join(STRATEGIES[:2]), help="default: %(default)s")
    arguments.add_argument("--folds", type=positive, default=FOLDS, help="how many of the five are tested")
    arguments.add_argument("--seed", type=int, default=0, help="deals the folds (default: %(default)s)")
    arguments.add_argument("--within", action="store_true", help="leave out what is learnt on one kind for the other")
    arguments.add_argument("--backbone", help="as of `regraft fit` (default: its default)")
    given = arguments.parse_args()
    strategies = given.strategies.split(",")
    if unknown := set(strategies) - set(STRATEGIES):
        arguments.error(f"--strategies must name {', '.join(STRATEGIES)}, not {', '.join(sorted(unknown))}")
    data = data_folder(given.data, "sentiment")
    reviews = {kind: read(data / f"{kind}.csv") for kind in KINDS}
    settings = {} if given.backbone is None else {"backbone": given.backbone}
    values: dict[str, Any] = {}
    with own_cache() as folder:
        for strategy in strategies:
            for kind in KINDS:
                values |= within(strategy, kind, reviews[kind], folder, settings, given.folds, given.seed)
            for kind, other in () if given.within else (KINDS, KINDS[::-1]):
                right = accuracy(strategy, reviews[kind], reviews[other], folder, settings, given.seed)
                note(f"{strategy:8} {kind} -> {other}: {right:.4f}")
                values[f"{kind}_to_{other}_{strategy}"] = round(right, 4)
    show({**values, "seed": given.seed, **settings}, TARGETS, given.json)


def within(
    strategy: str, kind: str, reviews: Reviews, folder: Path, settings: dict[str, Any], folds: int, seed: int
) -> dict[str, Any]:
    """Return the figures of one kind of review, learnt and tested on it."""
    from regraft.heads.folds import train_test_pairs

    texts, y = reviews
    rights = []
    for fold, (train, test) in enumerate(train_test_pairs(y, FOLDS, None, seed)[:folds]):
        started = time.perf_counter()
        parts = [([texts[i] for i in rows], y[rows]) for rows in (train, test)]
        rights.append(accuracy(strategy, parts[0], parts[1], folder, settings, seed))
        note(f"{strategy:8} {kind} fold {fold + 1}: {rights[-1]:.4f} ({time.perf_counter() - started:.1f} s)")
    name = f"{kind}_{strategy}"
    return {
        name: round(statistics.mean(rights), 4),
        f"{name}_min": round(min(rights), 4),
        f"{name}_max": round(max(rights), 4),
    }


if __name__ == "__main__":
    main()
