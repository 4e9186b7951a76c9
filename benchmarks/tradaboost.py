"""Whether TrAdaBoost with a few labels of the target beats learning from these alone, and from all labels together.

Accuracy on all other examples of the target, in the mean over draws of the labels; on spoken digits from speaker to
speaker, and on reviews of products and of films. X_gain is what TrAdaBoost adds to the better of the two, and
X_gain_low and X_gain_high its 95% interval over draws.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from _machine import data_folder, note, own_cache, parser, positive, rounded, show

SETS = {
    "amazon": "sentiment/amazon.csv",
    "imdb": "sentiment/imdb.csv",
    "george": "spoken_digits/george",
    "jackson": "spoken_digits/jackson",
    "lucas": "spoken_digits/lucas",
    "nicolas": "spoken_digits/nicolas",
}
PAIRS = (
    ("amazon", "imdb"),
    ("imdb", "amazon"),
    ("george", "jackson"),
    ("jackson", "lucas"),
    ("lucas", "nicolas"),
    ("nicolas", "george"),
)


def measure(source: Any, target: Any, shots: int, draws: int) -> dict[str, float]:
    """Return the mean accuracies of one pair, each (features, labels)."""
    from regraft.adaptation.source_only import SourceOnly
    from regraft.adaptation.tradaboost import TrAdaBoost
    from regraft.heads.logistic import LogisticHead

    (X, y), (other, truth) = source, target
    methods = {"pooled": SourceOnly, "tradaboost": TrAdaBoost}
    right: dict[str, list[float]] = {name: [] for name in ("target_only", *methods)}
    for seed in range(draws):
        random = np.random.default_rng(seed)
        rows = np.concatenate(
            [random.permutation(np.flatnonzero(truth == label))[:shots] for label in np.unique(truth)]
        )
        rest = np.setdiff1d(np.arange(len(truth)), rows)
        alone = LogisticHead(powers=(1.0,)).fit(other[rows], truth[rows])
        right["target_only"].append(float(np.mean(alone.predict(other[rest]) == truth[rest])))
        for name, method in methods.items():
            found = method().fit(X, y, other, known=(rows, truth[rows]))
            right[name].append(float(np.mean(found.predict(other[rest]) == truth[rest])))
    figures = {name: rounded(float(np.mean(values))) for name, values in right.items()}
    best = max(("target_only", "pooled"), key=lambda name: figures[name])
    gains = np.array(right["tradaboost"]) - right[best]
    margin = 1.96 * gains.std(ddof=1) / np.sqrt(draws)
    return figures | {
        "gain": rounded(float(gains.mean())),
        "gain_low": rounded(float(gains.mean() - margin)),
        "gain_high": rounded(float(gains.mean() + margin)),
    }


def main() -> None:
    arguments = parser(__doc__, "the folder of all sets", None)
    arguments.add_argument("--shots", type=positive, default=5, help="known labels a class (default: 5)")
    arguments.add_argument("--draws", type=positive, default=10, help="draws of these (default: 10)")
    given = arguments.parse_args()
    from regraft import embed

    folder: Path = data_folder(given.data)
    with own_cache():
        found = {name: embed(folder / path) for name, path in SETS.items()}
    sets = {name: (one.features.values, np.asarray(one.labels)) for name, one in found.items()}
    figures: dict[str, Any] = {}
    for source, target in PAIRS:
        pair = measure(sets[source], sets[target], given.shots, max(given.draws, 2))
        note(f"{source} to {target}: {pair}")
        figures |= {f"{source}_{target}_{name}": value for name, value in pair.items()}
    show(figures, {}, given.json)


if __name__ == "__main__":
    main()
