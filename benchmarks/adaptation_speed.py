"""How long it takes to adapt 10,000 labelled examples to 10,000 others, 1,280 features each.

METHOD_align_s is the alignment alone; METHOD_s is all, with the classifier and its cross-validation, which takes as
long on the source as it is.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from _machine import note, parser, show, spread

TARGETS = {"coral_align_s": ("<=", 5.0), "subspace_align_s": ("<=", 10.0)}


def domains(n: int, d: int, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a source (n, d), its labels (n,) and a target (n, d) of features of all sizes."""
    random = np.random.default_rng(0)
    y = random.integers(k, size=n)
    sizes = np.arange(1, d + 1) ** -0.5
    mixing = np.linalg.qr(random.normal(size=(d, d)))[0]
    source = (random.normal(size=(n, d)) * sizes + 0.2 * random.normal(size=(k, d))[y]) @ mixing
    target = random.normal(size=(n, d)) * sizes * random.uniform(0.5, 1.5, d) @ mixing + 0.1
    return source.astype(np.float32), y, target.astype(np.float32)


def main() -> None:
    arguments = parser(__doc__, "nothing: the examples are drawn at random", 3).parse_args()
    from regraft.adaptation.alignment import Alignment
    from regraft.adaptation.base import Known
    from regraft.adaptation.coral import Coral
    from regraft.adaptation.subspace_alignment import SubspaceAlignment

    source, y, target = domains(10_000, 1280, 10)
    nothing = Known(np.zeros(0, np.intp), np.zeros(0, np.intp))
    methods: dict[str, Alignment] = {"coral": Coral(), "subspace": SubspaceAlignment()}
    figures: dict[str, Any] = {}
    for name, method in methods.items():
        aligned, whole = [], []
        for run in range(arguments.runs):
            started = time.perf_counter()
            moves, of_target, _ = method._align([source], [y], target, nothing)
            moves[0](source)
            of_target(target)
            aligned.append(time.perf_counter() - started)
            started = time.perf_counter()
            method.fit(source, y, target)
            whole.append(time.perf_counter() - started)
            note(f"{name}, run {run + 1}: {aligned[-1]:.2f} s and {whole[-1]:.2f} s")
        figures |= spread(f"{name}_align_s", aligned) | spread(f"{name}_s", whole)
    show(figures, TARGETS, arguments.json)


if __name__ == "__main__":
    main()
