"""The examples run; on a few drawn cells in place of the real ones, which tests do not need."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture
def cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a package `elpv_dataset` of 16 drawn cells, every second one cracked, in the real one's place."""
    folder = tmp_path / "packages" / "elpv_dataset" / "data"
    (folder / "images").mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    rows = []
    for i in range(16):
        pixels = np.random.default_rng(i).normal(150, 10, (64, 64))
        if i % 2:
            pixels[28:36] = 0
        name = f"images/cell{i:04}.png"
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(folder / name)
        rows.append(f"{name}  {(0.0, 1.0)[i % 2]}   mono")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    monkeypatch.delitem(sys.modules, "elpv_dataset", raising=False)
    monkeypatch.syspath_prepend(tmp_path / "packages")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_solar_cells(cells: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / "solar_cells.py"), run_name="__main__")
    printed = capsys.readouterr().out
    assert printed.startswith("Is a solar cell defective?\n16 images in 2 classes: defective 8, sound 8.")
    last = printed.splitlines()[-1]
    assert last.startswith("One unseen cell: images/cell00")
    [run] = (cells / "runs").iterdir()
    assert {path.name for path in run.iterdir()} == {"model.regraft", "report.html", "result.json"}
    assert f"report      runs/{run.name}/report.html" in printed
    assert {path.name for path in cells.iterdir()} == {"packages", "runs"}


def test_solar_cells_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    find: Callable[..., Any] = runpy.run_path(str(EXAMPLES / "solar_cells.py"))["cells"]
    monkeypatch.setitem(find.__globals__, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match=r"are in the package elpv-dataset: run `pip install regraft\[demo\]`"):
        find()
