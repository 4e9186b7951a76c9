"""What links between examples are worth when their strength is learnt on another speaker's links.

DATA is a folder of recordings with a folder a speaker and in it one a digit. The head is learnt on the source speaker
and names the target's recordings; links are made, since the set has none: the recordings of each domain are joined at
random so that a share of the links, RATE, joins two of the same digit. A tenth of the links agree by chance. Strengths
and the amount of smoothing are learnt on the source's links and held-out predictions, and on nothing of the target.

For each rate: mean accuracy and log loss on the target without and with links over all pairs of speakers and seeds, the
least gain of any pair and seed, and the share of them in which links were used at all. GROUPS are recordings linked all
with all, six at a time, as the pictures of one patient would be.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
from _machine import data_folder, note, own_cache, parser, positive, rounded, show

RATES = (0.1, 0.3, 0.5, 0.7, 0.9)
LINKS_EACH = 4
GROUP = 6
TARGETS = {
    "rate_0.1_gain": (">=", -0.001),
    "rate_0.1_least": (">=", -0.01),
    "rate_0.3_least": (">=", -0.01),
    "rate_0.5_gain": (">=", 0.03),
    "rate_0.9_gain": (">=", 0.05),
    "groups_0.1_gain": (">=", -0.001),
    "groups_0.9_gain": (">=", 0.03),
}


def pairs_of(y: np.ndarray, rate: float, rng: np.random.Generator) -> np.ndarray:
    """Return random links (e, 2), `rate` of them between examples of one class."""
    first = rng.integers(0, len(y), len(y) * LINKS_EACH // 2)
    agree = rng.random(len(first)) < rate
    second = [rng.choice(np.flatnonzero((y == y[i]) == same)) for i, same in zip(first, agree, strict=True)]
    return np.column_stack([first, second])


def groups_of(y: np.ndarray, rate: float, rng: np.random.Generator) -> np.ndarray:
    """Return links (e, 2) of all with all in random groups; a member is of its group's class with the chance `rate`."""
    left = list(rng.permutation(len(y)))
    groups = []
    while len(left) >= GROUP:
        group = [left.pop()]
        for _ in range(GROUP - 1):
            same = rng.random() < rate
            fitting = [i for i in left if (y[i] == y[group[0]]) == same] or left
            group.append(fitting[0])
            left.remove(fitting[0])
        groups.append(group)
    return np.array([(group[i], group[j]) for group in groups for i in range(GROUP) for j in range(i)])


def heads(data: Path) -> dict[str, tuple[Any, Any, Any, Any]]:
    """Return each speaker's features, classes, fitted head and held-out probabilities."""
    from regraft import embed
    from regraft.heads.folds import train_test_pairs
    from regraft.heads.logistic import LogisticHead

    found = {}
    for speaker in sorted(path for path in data.iterdir() if path.is_dir()):
        note(f"embedding and learning {speaker.name}")
        embedded = embed(speaker)
        X, y = embedded.features.values, np.unique(np.array(embedded.labels), return_inverse=True)[1]
        head = LogisticHead(powers=(1.0,)).fit(X, y)
        folds = train_test_pairs(y, 5)
        held_out = np.empty((len(y), int(y.max()) + 1))
        held_out[np.concatenate([test for _, test in folds])] = head.out_of_fold(X, y, folds)
        found[speaker.name] = (X, y, head, held_out)
    return found


def measure(
    speakers: dict[str, tuple[Any, Any, Any, Any]], make: Callable[..., np.ndarray], rate: float, seeds: int
) -> dict[str, float]:
    """Return the figures of one way to link, over all pairs of speakers and seeds."""
    from regraft.relations.links import make_links
    from regraft.relations.relational import learn_relations, relate

    rows = []
    for source, target in permutations(speakers, 2):
        (_, y, head, held_out), (T, z, _, _) = speakers[source], speakers[target]
        before = head.predict_proba(T)
        for seed in range(seeds):
            rng = np.random.default_rng(seed)
            links, others = (make_links(make(each, rate, rng), len(each)) for each in (y, z))
            relations = learn_relations(links, y, held_out, [str(c) for c in range(before.shape[1])], seed)
            after, _ = relate(relations, others, before)
            rows.append((*_figures(before, z), *_figures(after, z), relations.amount > 0))
    accuracy, loss, smoothed, loss_smoothed, used = np.array(rows, float).T
    return {
        "without": rounded(accuracy.mean()),
        "with": rounded(smoothed.mean()),
        "gain": rounded((smoothed - accuracy).mean()),
        "least": rounded((smoothed - accuracy).min()),
        "log_loss_without": rounded(loss.mean()),
        "log_loss_with": rounded(loss_smoothed.mean()),
        "used": rounded(used.mean()),
    }


def _figures(p: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    return float((p.argmax(axis=1) == y).mean()), float(-np.log(np.maximum(p[np.arange(len(y)), y], 1e-12)).mean())


def main() -> None:
    arguments = parser(__doc__, "the folder of the recordings", None)
    arguments.add_argument("--seeds", type=positive, default=3, help="draws of links a pair of speakers (default: 3)")
    options = arguments.parse_args()
    data = data_folder(options.data, "spoken_digits")
    figures: dict[str, float] = {}
    with own_cache():
        speakers = heads(data)
        for name, make, rates in (("rate", pairs_of, RATES), ("groups", groups_of, (0.1, 0.5, 0.9))):
            for rate in rates:
                note(f"{name} {rate:g}")
                found = measure(speakers, make, rate, options.seeds)
                figures |= {f"{name}_{rate:g}_{key}": value for key, value in found.items()}
    show(figures, TARGETS, options.json)


if __name__ == "__main__":
    main()
