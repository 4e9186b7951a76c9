"""What a fit leaves on disk: a folder with the classifier, the report and the figures."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from regraft.errors import RegraftError, UsageError
from regraft.reports import html
from regraft.result import Result
from regraft.tracking import configuration

MODEL = "model.regraft"
REPORT = "report.html"
FIGURES = "result.json"


def new_run_folder(name: str, out: str | Path | None = None, option: str = "--out") -> Path:
    """Return a folder's path that does not exist yet: `out`, or `runs/NAME-TIME`.

    Parameters
    ----------
    name : str
        What the run is about.
    out : path, optional
    option : str
        What the user calls `out`.

    Raises
    ------
    UsageError
        If `out` already holds something: a run is never written over another.
    RegraftError
        If the place cannot be written.
    """
    if out is not None:
        path = Path(out)
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise UsageError(f"{option} must be a new or empty folder, but {path} holds something; choose another.")
        _check_writable(path)
        return path
    stem = "".join(c if c.isalnum() or c in "-_." else "-" for c in name) or "data"
    base = Path("runs") / f"{stem}-{time.strftime('%Y%m%d-%H%M%S')}"
    path, number = base, 1
    while path.exists():
        number += 1
        path = base.with_name(f"{base.name}-{number}")
    _check_writable(path)
    return path


def _check_writable(folder: Path) -> None:
    above = next(path for path in folder.absolute().parents if path.exists())
    if not above.is_dir():
        raise _unwritable(folder, f"{above} is a file")
    if not os.access(above, os.W_OK):
        raise _unwritable(folder, f"no permission to write in {above}")


def _unwritable(folder: Path, why: str | None) -> RegraftError:
    return RegraftError(
        f"The run must be written where folders can be made, but {folder} cannot ({why}); "
        "choose another place with --out."
    )


def write_run(result: Result, out: str | Path | None = None, *, config: Mapping[str, Any] | None = None) -> Path:
    """Write `model.regraft`, `report.html` and `result.json` into a folder: all of them or none.

    Parameters
    ----------
    result : Result
    out : path, optional
        A new or empty folder; default `runs/NAME-TIME`.
    config : mapping, optional
        What was asked for, and made with: `config.yaml`, which the command line writes.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    UsageError
        If `out` already holds something.
    RegraftError
        If the place cannot be written.
    """
    folder = new_run_folder(result.dataset.name, out)
    with whole(folder, config) as new:
        result.classifier.save(new / MODEL)
        html.write(result, new / REPORT)
        (new / FIGURES).write_text(json.dumps(result.to_dict(), indent=1), encoding="utf-8")
    return folder


@contextmanager
def whole(folder: Path, config: Mapping[str, Any] | None = None) -> Iterator[Path]:
    """Yield a new folder beside the one that is wanted; it takes that one's place if all went well, else it goes.

    Parameters
    ----------
    folder : Path
    config : mapping, optional
        Written as `config.yaml` beside what is put there.

    Raises
    ------
    RegraftError
        If the place cannot be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        new.chmod(0o755)
    except OSError as error:
        raise _unwritable(folder, error.strerror) from error
    try:
        yield new
        if config is not None:
            configuration.write(config, new)
        new.rename(folder)
    except OSError as error:
        raise _unwritable(folder, error.strerror) from error
    finally:
        shutil.rmtree(new, ignore_errors=True)
