"""A small classifier, its file of each kind, and photos to ask them about; nothing may change any of them."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

KINDS = ("onnx", "openvino", "torch", "tflite")


@pytest.fixture(scope="session", autouse=True)
def _same_everywhere() -> Iterator[None]:
    """Let no processor compute in bf16 where a test does not ask for it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("regraft.export.openvino.precisions", lambda: ("f32",))
        yield


@pytest.fixture(scope="session")
def small(colours: Path) -> Any:
    """Return a classifier of three colours on a tiny network of random weights."""
    import regraft

    return regraft.fit(colours, backbone="test_efficientnet", weights="none", head="centroid").classifier


@pytest.fixture(scope="session")
def grown(small: Any) -> Any:
    """Return the same, which has learnt a fourth class from six images and a fifth from one."""
    from regraft.growing.learning import learn

    random = np.random.default_rng(0)

    def images(colour: tuple[int, int, int], count: int) -> list[np.ndarray]:
        noise = random.normal(0, 25, (count, 64, 72, 3))
        return list(np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8))

    six = learn(small, "yellow", images((230, 220, 60), 6)).classifier
    return learn(six, "white", images((240, 240, 240), 1)).classifier


@pytest.fixture(scope="session")
def exported(small: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Any]:
    """Return a function that gives the export of the small classifier to a kind, made once; names are awkward."""
    from regraft.export import targets
    from regraft.export.exporting import export

    folder = tmp_path_factory.mktemp("exported") / "it's here"
    folder.mkdir()
    made: dict[str, Any] = {}

    def give(kind: str) -> Any:
        if kind == "tflite":
            pytest.importorskip("litert_torch")
        if kind not in made:
            path = folder / f'my "small" model{targets.find(kind).suffix}'
            made[kind] = export(small, path, to=kind)
        return made[kind]

    return give


@pytest.fixture(scope="session")
def opened(exported: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return a function that gives what runs the small classifier's file of a kind."""
    from regraft.export import targets

    made: dict[str, Any] = {}

    def give(kind: str) -> Any:
        if kind not in made:
            made[kind] = targets.find(kind).open(exported(kind).paths[0], "f32")
        return made[kind]

    return give


@pytest.fixture(scope="session")
def photo() -> bytes:
    """Return a JPEG of 90 x 70 pixels, red with some texture, that lies on its side and says so."""
    noise = np.random.default_rng(5).normal(0, 20, (70, 90, 3))
    image = Image.fromarray(np.clip(np.array((200, 50, 40)) + noise, 0, 255).astype(np.uint8))
    turned = Image.Exif()
    turned[0x0112] = 6
    target = io.BytesIO()
    image.save(target, "JPEG", exif=turned)
    return target.getvalue()


@pytest.fixture
def alone(tmp_path: Path, photo: bytes) -> Callable[[str], str]:
    """Return a function that runs a program beside photo.jpg, where Regraft cannot be imported."""
    (tmp_path / "photo.jpg").write_bytes(photo)

    def run(program: str) -> str:
        without = f"import sys\nsys.modules['regraft'] = None\n{program}"
        command = [sys.executable, "-W", "error::UserWarning:__main__", "-c", without]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="session")
def nowhere() -> Callable[[Path], None]:
    """Return a function that fails if a file, or a part of an archive in it, names a place of this machine."""
    import zipfile

    places = [str(Path(__file__).parents[2]).encode(), str(Path.home()).encode() + b"/", b"site-packages"]

    def check(path: Path) -> None:
        contents = [path.read_bytes()]
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                contents += [archive.read(name) for name in archive.namelist()]
        for place in places:
            assert not any(place in content for content in contents), f"{place!r} is in {path.name}"

    return check
