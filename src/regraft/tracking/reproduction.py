"""Whether a run that was repeated came out the same: its figures beside the old ones, and what else has changed."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from regraft.errors import UsageError
from regraft.tracking.configuration import CONFIG
from regraft.tracking.figures import figures

TOLERANCE = 0.01
"""By how much a figure may differ where not all is as it was: of a share one point, of larger ones 1%."""

VOLATILE = frozenset(
    [
        *("seconds", "timings", "timings_s", "images_per_second", "cache"),
        *("command", "created", "version", "out", "folder", "notes"),
    ]
)
"""Parts of a result that tell of time, place and the cache, and not of what was found."""

MADE_WITH = ("regraft", "python", "platform", "processor", "cores", "threads", "gpu", "processes")


@dataclass(frozen=True)
class Difference:
    """A figure that came out otherwise; None where it is missing.

    Parameters
    ----------
    file, name : str
    old, new : number, str, bool or None
    """

    file: str
    name: str
    old: Any
    new: Any

    def __str__(self) -> str:
        """Return it as a line."""
        if _is_number(self.old) and _is_number(self.new):
            return f"{self.name}: {self.old:.6g} became {self.new:.6g} ({self.new - self.old:+.3g})"
        return f"{self.name}: {_shown(self.old)} became {_shown(self.new)}"


@dataclass(frozen=True)
class Reproduction:
    """What came of repeating a run.

    Parameters
    ----------
    compared : int
        Values that were compared, in all files.
    differences : tuple of Difference
        All that differ, by however little.
    beyond : tuple of Difference
        Of the run's main figures those that differ by more than the tolerance; the same as `differences` where that
        is 0.
    tolerance : float
        0 where neither versions nor machine have changed and there was no budget: then nothing may differ.
    changed : tuple of str
        Versions and parts of the machine that are others, in words.
    data_changed : str
        How the data are others; "" where they are not.
    budget : bool
        Whether the run had a budget of time: learning rates and what is left out then depend on the machine's speed.
    """

    compared: int
    differences: tuple[Difference, ...]
    beyond: tuple[Difference, ...]
    tolerance: float
    changed: tuple[str, ...]
    data_changed: str
    budget: bool

    @property
    def same(self) -> bool:
        """Whether the run is reproduced."""
        return not self.beyond

    @property
    def headline(self) -> str:
        """What came of it, in a sentence."""
        if not self.differences:
            return f"The same: all {self.compared:,} values are equal, times apart."
        if not self.beyond:
            return (
                f"The same within {self.tolerance:g}: no main figure differs by more, though {len(self.differences):,} "
                f"of {self.compared:,} values are not equal."
            )
        kind, more = ("main figure", f" by more than {self.tolerance:g}") if self.tolerance else ("value", "")
        count = f"1 {kind} differs" if len(self.beyond) == 1 else f"{len(self.beyond):,} {kind}s differ"
        return f"Not the same: {count}{more}, of {self.compared:,} values in all."

    def sentences(self) -> list[str]:
        """Return what else is to be known."""
        said = [f"The data have changed: {self.data_changed}."] if self.data_changed else []
        said += [f"Changed since: {', '.join(self.changed)}."] if self.changed else []
        if self.budget and self.differences:
            said.append(
                "The run had a budget: its learning rates, and what it left out, depend on how fast the machine was."
            )
        return said

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "same": self.same,
            "headline": self.headline,
            "compared": self.compared,
            "tolerance": self.tolerance,
            "differences": [vars(each) for each in self.differences],
            "beyond": [vars(each) for each in self.beyond],
            "changed": list(self.changed),
            "data_changed": self.data_changed,
            "budget": self.budget,
        }


def read_figures(folder: Path) -> dict[str, Any]:
    """Return what the JSON files of a run's folder hold, by their names.

    Raises
    ------
    UsageError
        If there are none, or one is damaged.
    """
    found = {}
    for file in sorted(folder.rglob("*.json")):
        try:
            found[file.relative_to(folder).as_posix()] = json.loads(file.read_bytes())
        except ValueError as error:
            raise UsageError(f"The figures must be JSON, but {file} is damaged ({error}); run it anew.") from error
    if not found:
        raise UsageError(f"The run must have figures to compare with, but there is no JSON file in {folder}.")
    return found


def compare(
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    old_record: Mapping[str, Any],
    new_record: Mapping[str, Any],
    *,
    tolerance: float = TOLERANCE,
    budget: bool = False,
) -> Reproduction:
    """Compare a run with its repetition.

    Parameters
    ----------
    old, new : mapping
        What `read_figures` gives.
    old_record, new_record : mapping
        What `record` gives.
    tolerance : float
        By how much a main figure may differ where versions or machine have changed, or there was a budget; of a figure
        above 1, as a share of it.
    budget : bool
        Whether the run had a budget of time.
    """
    changed = _changed(old_record, new_record)
    before, after = dict(_leaves(old)), dict(_leaves(new))
    differences = tuple(_differences(before, after, 0.0))
    beyond = differences
    loose = bool(changed) or budget
    if loose:
        beyond = tuple(_differences(_main(old), _main(new), tolerance))
    return Reproduction(
        compared=len(before.keys() | after.keys()),
        differences=differences,
        beyond=beyond,
        tolerance=tolerance if loose else 0.0,
        changed=changed,
        data_changed=_data(old_record.get("data") or {}, new_record.get("data") or {}),
        budget=budget,
    )


def _main(files: Mapping[str, Any]) -> dict[tuple[str, str], float]:
    """Return the figures that trackers are told, by file and name."""
    return {
        (file, name): figure
        for file, values in files.items()
        if isinstance(values, Mapping)
        for name, figure in figures(_still(values)).items()
    }


def _still(value: Any) -> Any:
    """Return values without what is never twice the same."""
    if isinstance(value, Mapping):
        return {name: _still(each) for name, each in value.items() if name not in VOLATILE}
    return [_still(each) for each in value] if isinstance(value, list) else value


def _leaves(files: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], Any]]:
    def walk(value: Any, path: str) -> Iterator[tuple[str, Any]]:
        if isinstance(value, Mapping | list) and value:
            items = value.items() if isinstance(value, Mapping) else enumerate(value)
            for name, each in items:
                yield from walk(each, f"{path}/{name}" if path else str(name))
        else:
            yield path, None if isinstance(value, Mapping | list) else value

    for file, values in files.items():
        for name, value in walk(_still(values), ""):
            yield (file, name), value


def _differences(
    old: Mapping[tuple[str, str], Any], new: Mapping[tuple[str, str], Any], tolerance: float
) -> Iterator[Difference]:
    for file, name in dict.fromkeys([*old, *new]):
        before, after = old.get((file, name)), new.get((file, name))
        if before == after:
            continue
        if _is_number(before) and _is_number(after):
            if math.isnan(before) and math.isnan(after):
                continue
            if abs(before - after) <= tolerance * max(1.0, abs(before)):
                continue
        yield Difference(file, name, before, after)


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, ...]:
    said = [
        f"{name} {_shown(old.get(name))} is now {_shown(new.get(name))}"
        for name in MADE_WITH
        if _text(old.get(name)) != _text(new.get(name))
    ]
    before, after = old.get("packages") or {}, new.get("packages") or {}
    for name in dict.fromkeys([*before, *after]):
        if before.get(name) != after.get(name):
            said.append(f"{name} {_shown(before.get(name))} is now {_shown(after.get(name))}")
    return tuple(said)


def _text(value: Any) -> str | None:
    # What is read again from config.yaml is text.
    return None if value is None else str(value)


def _data(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    if old.get("sha256") in (None, new.get("sha256")):
        return ""
    before, after = old.get("examples"), new.get("examples")
    if before != after:
        return f"{_shown(before)} examples are now {_shown(after)}"
    return "there are as many examples, but not all of the same name, label and size"


def config_of(folder: Path) -> Path:
    """Return the path of a run's `config.yaml`.

    Raises
    ------
    UsageError
        If there is none.
    """
    path = folder / CONFIG
    if not path.is_file():
        raise UsageError(
            f"RUN must be a folder that a command has written with its {CONFIG}, but there is none in {folder}; "
            "name the run's folder."
        )
    return path
