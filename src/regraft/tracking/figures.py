"""The numbers of a result under flat names, as trackers take them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

LISTED_BY = ("name", "strategy", "method", "variant", "clusters")
"""What the entries of a list are told apart by: the first of these that they have."""

DETAILS = frozenset(
    [
        *("history", "per_class", "classes", "confusion", "settings", "augmentation", "weights", "cache", "seed"),
        *("picks", "images", "groups", "answers", "label_errors", "duplicates", "leaks", "skipped", "relations"),
        *("bins", "gives_away"),
    ]
)
"""Parts of a result with a figure for each epoch, class or example, or with none: a tracker's table has no room."""


def figures(values: Mapping[str, Any]) -> dict[str, float]:
    """Return the finite numbers in a result's plain values, such as "test/accuracy" and "test/accuracy_ci95_low".

    Parameters
    ----------
    values : mapping
        What the `to_dict` of a result gives.
    """
    return dict(_numbers(values, ()))


def named(*parts: str) -> str:
    """Return a name that every tracker takes as it is: letters, digits and `_-./`."""
    return "/".join(re.sub(r"[^\w./-]+", "-", part, flags=re.ASCII).strip("-") or "-" for part in parts)


def _numbers(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, float]]:
    if isinstance(value, Mapping):
        for name, each in value.items():
            if name not in DETAILS:
                # The parts of an evaluation are known as they are: test, val.
                yield from _numbers(each, path if name == "metrics" else (*path, str(name)))
    elif isinstance(value, list) and path and path[-1].endswith("ci95") and len(value) == 2:
        for end, each in zip(("low", "high"), value, strict=True):
            yield from _numbers(each, (*path[:-1], f"{path[-1]}_{end}"))
    elif isinstance(value, list):
        for each in value:
            key = next((key for key in LISTED_BY if isinstance(each, Mapping) and key in each), None)
            if key is not None:
                rest = {name: figure for name, figure in each.items() if name != key}
                yield from _numbers(rest, (*path, str(each[key])))
    elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        yield named(*path), float(value)
