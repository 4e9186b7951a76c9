"""Images that are evaluated on and learnt from: copies on both sides of a split."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from regraft.auditing.findings import Group, Leak


def leaks(groups: Sequence[Group], split: npt.NDArray[np.str_] | None, digests: Sequence[str]) -> tuple[Leak, ...]:
    """Return every image to evaluate on that has a copy in the training part, exact ones first.

    Parameters
    ----------
    groups : sequence of Group
        The copies, by positions among n images.
    split : array of str of shape (n,) or None
        "train", "val" or "test"; None leaks nothing.
    digests : sequence of str, length n
        Of the images' bytes: they tell exact copies from near ones.
    """
    if split is None:
        return ()
    found = [leak for group in groups for leak in _of_group(group, split, digests)]
    return tuple(sorted(found, key=lambda leak: (leak.kind, leak.part, leak.position)))


def _of_group(group: Group, split: npt.NDArray[np.str_], digests: Sequence[str]) -> list[Leak]:
    learnt = [at for at, position in enumerate(group.positions) if split[position] == "train"]
    if not learnt:
        return []
    same = {digests[group.positions[at]]: at for at in reversed(learnt)}
    found = []
    for at, position in enumerate(group.positions):
        if split[position] == "train":
            continue
        copy = same.get(digests[position], learnt[0])
        found.append(
            Leak(
                kind="exact" if digests[position] in same else "near",
                part=str(split[position]),
                position=position,
                copy=group.positions[copy],
                name=group.names[at],
                copy_name=group.names[copy],
                label=group.labels[at],
                copy_label=group.labels[copy],
            )
        )
    return found
