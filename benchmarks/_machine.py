"""What every benchmark needs of the machine: its images, a cache of its own, fresh processes, and a fair summary."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMAND = (sys.executable, "-m", "regraft")
"""The command line in the very environment that runs the benchmark."""


def parser(doc: str | None, data: str, runs: int | None) -> argparse.ArgumentParser:
    """Return a parser with what all benchmarks take: DATA, --json and, where all is measured again and again, --runs.

    Parameters
    ----------
    doc : str
        The benchmark's docstring, shown as its help.
    data : str
        What DATA is, for the help.
    runs : int or None
        Default number of runs; None where the benchmark has another way to repeat itself.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path, metavar="DATA", help=data)
    if runs is not None:
        parser.add_argument("--runs", type=positive, default=runs, help=f"how often all is measured (default: {runs})")
    parser.add_argument("--json", action="store_true", help="print one flat JSON object, and nothing else, on stdout")
    return parser


def positive(text: str) -> int:
    """Return a whole number above 0, for argparse."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, not {number}")
    return number


def data_folder(given: Path | None, below: str = "") -> Path:
    """Return the folder given, or `below` of REGRAFT_DATA, or of ../shared/data beside the project."""
    if given is None:
        beside = Path(__file__).parents[2] / "shared" / "data"
        given = Path(os.environ.get("REGRAFT_DATA", beside)) / below
    if not given.exists():
        sys.exit(f"There is no {given}: name a folder of images, or set REGRAFT_DATA to the folder of data sets.")
    return given.resolve()


@contextmanager
def own_cache() -> Iterator[Path]:
    """Make a new folder and REGRAFT_CACHE within it, so that nothing is there from before; yield the folder."""
    with tempfile.TemporaryDirectory(prefix="regraft-benchmark-") as folder:
        before = os.environ.get("REGRAFT_CACHE")
        os.environ["REGRAFT_CACHE"] = str(Path(folder) / "cache")
        try:
            yield Path(folder)
        finally:
            if before is None:
                del os.environ["REGRAFT_CACHE"]
            else:
                os.environ["REGRAFT_CACHE"] = before


@dataclass(frozen=True)
class Finished:
    """A fresh process that has ended well.

    Parameters
    ----------
    seconds : float
        From its start to its end, by the wall clock.
    peak_mb : float
        Most memory it ever held (resident set), in 10^6 bytes.
    output : str
        What it printed on stdout.
    """

    seconds: float
    peak_mb: float
    output: str

    @property
    def json(self) -> Any:
        return json.loads(self.output)


def run_fresh(*arguments: str | Path) -> Finished:
    """Run a command in a fresh process, and stop the benchmark with its words if it fails."""
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        started = time.perf_counter()
        process = subprocess.Popen([*map(str, arguments)], stdout=output, stderr=errors)
        # Popen.wait would not say how much memory this one child took.
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        if process.returncode != 0:
            sys.exit(f"{' '.join(map(str, arguments))} ended with {process.returncode}:\n{errors.read()}")
        unit = 1 if sys.platform == "darwin" else 1024
        return Finished(seconds, usage.ru_maxrss * unit / 1e6, output.read())


def regraft(*arguments: str | Path) -> Finished:
    """Run a command of Regraft in a fresh process."""
    return run_fresh(*COMMAND, *arguments)


def note(sentence: str) -> None:
    """Say on stderr how far the benchmark is: stdout is for the figures."""
    print(sentence, file=sys.stderr, flush=True)


def median(values: Sequence[float]) -> float:
    """Return the median, rounded to 4 significant digits."""
    return rounded(statistics.median(values))


def rounded(value: float) -> float:
    """Return a value with 4 significant digits."""
    return float(f"{value:.4g}")


def spread(name: str, values: Sequence[float]) -> dict[str, float]:
    """Return the median of the runs under `name`, and `name_min` and `name_max`."""
    return {name: median(values), f"{name}_min": rounded(min(values)), f"{name}_max": rounded(max(values))}


def show(values: dict[str, Any], targets: dict[str, tuple[str, float]], as_json: bool) -> None:
    """Print the figures: one flat JSON object, or a table with the targets beside them.

    Parameters
    ----------
    values : dict
        Flat; `x_min` and `x_max` are shown beside `x`.
    targets : dict of str to (">=" or "<=", float)
        What some of the figures must reach.
    as_json : bool
    """
    if as_json:
        print(json.dumps(values, indent=1))
        return
    width = max(map(len, values))
    for name, value in values.items():
        if name.removesuffix("_min") in values and name.endswith("_min"):
            continue
        if name.removesuffix("_max") in values and name.endswith("_max"):
            continue
        line = f"{name:{width}}  {value if not isinstance(value, float) else format(value, '10,.4g')}"
        if f"{name}_min" in values:
            line += f"  ({values[f'{name}_min']:,.4g} to {values[f'{name}_max']:,.4g})"
        if name in targets:
            sign, bound = targets[name]
            met = value >= bound if sign == ">=" else value <= bound
            line += f"  target {sign} {bound:g}: {'met' if met else 'MISSED'}"
        print(line)
