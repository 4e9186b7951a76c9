"""What all tests share: a cache of their own, no network, and small images that are easy to tell apart."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

os.environ["HF_HUB_OFFLINE"] = "1"
# On busy cores, threads that wait for each other make tiny networks a hundred times slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")

COLOURS = {"blue": (40, 60, 200), "green": (50, 170, 60), "red": (200, 50, 40)}


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name raw bytes by their argument: a recording's header holds the second it was written in, and the processes
    that share the tests must all read the same names."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for the whole run, so that each network is converted once."""
    root = tmp_path_factory.mktemp("cache")
    os.environ["REGRAFT_CACHE"] = str(root)
    return root


def draw(colour: tuple[int, int, int], seed: int, size: tuple[int, int] = (72, 64)) -> Image.Image:
    """Return a noisy image of one colour, (width, height) pixels."""
    noise = np.random.default_rng(seed).normal(0, 25, (size[1], size[0], 3))
    return Image.fromarray(np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8))


@pytest.fixture(scope="session")
def draw_classes() -> Callable[..., Path]:
    """Return a function that fills a folder with class folders of drawn JPEGs."""

    def make(folder: Path, count: int = 6, classes: tuple[str, ...] = ("blue", "green", "red"), seed: int = 0) -> Path:
        for number, name in enumerate(classes):
            (folder / name).mkdir(parents=True)
            for i in range(count):
                draw(COLOURS[name], seed + 1000 * number + i).save(folder / name / f"{name}-{seed}-{i}.jpg")
        return folder

    return make


@pytest.fixture(scope="session")
def colours(tmp_path_factory: pytest.TempPathFactory, draw_classes: Callable[..., Path]) -> Path:
    """Return a folder of 18 images in three class folders; nothing may change it."""
    return draw_classes(tmp_path_factory.mktemp("data") / "colours")


@pytest.fixture(scope="session")
def fitted(colours: Path) -> Any:
    """Return the result of one quick fit on `colours`."""
    import regraft

    return regraft.fit(colours, backbone="tf_efficientnet_lite0", head="centroid")


@pytest.fixture(scope="session")
def saved(fitted: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of that fit's classifier."""
    path = tmp_path_factory.mktemp("saved") / "model.regraft"
    fitted.classifier.save(path)
    return path


@dataclass(frozen=True)
class Finished:
    """What a command gave: its exit code, and what it printed."""

    code: int
    out: str
    err: str


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Finished]:
    """Return a function that runs a command line in this process, with bytes on its stdin."""
    from regraft.cli import main

    def run(*arguments: object, stdin: bytes = b"") -> Finished:
        monkeypatch.setattr(sys, "argv", ["regraft", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return Finished(int(ended.value.code or 0), printed.out, printed.err)

    return run


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real images, or skip."""
    default = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("REGRAFT_DATA", default))
    if not folder.is_dir():
        pytest.skip("no folder of real images: set REGRAFT_DATA")
    return folder
