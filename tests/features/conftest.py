"""Small images, and an engine that needs no network, so that the pass itself can be tested in no time."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from regraft.backbones.lookup import get_backbones
from regraft.backbones.preprocessing import Preprocessing
from regraft.backbones.registry import Backbone
from regraft.backbones.weights import RandomWeights
from regraft.features import streaming
from regraft.features.extraction import Features, extract


def _tiny(size: int = 32, name: str = "tiny", **settings: Any) -> Backbone:
    weights = settings.pop("weights", RandomWeights())
    return Backbone(name, name, 6, Preprocessing(size), weights, 0.0, **settings)


@pytest.fixture
def tiny() -> Callable[..., Backbone]:
    """Return a function that makes backbones for `Colours`; they are never built."""
    return _tiny


def _colours(pixels: np.ndarray) -> np.ndarray:
    """Features (b, 6) of pixels (b, size, size, 3): mean and spread of each channel."""
    scaled = pixels.astype(np.float64)
    return np.concatenate([scaled.mean((1, 2)), scaled.std((1, 2))], axis=1).astype(np.float32)


@pytest.fixture
def colours() -> Callable[[np.ndarray], np.ndarray]:
    """Return the function that stands for a network."""
    return _colours


@dataclass
class Colours:
    """An engine with the colours of an image for its features, and as asynchronous as a real one."""

    backbone: Backbone
    batch: int
    name: str = "openvino"
    precision: str = "f32"
    width: int = 6
    seen: list[np.ndarray] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)

    def start(self, sink: Callable[[list[int], np.ndarray], None]) -> None:
        self._sink = sink
        self._pool = ThreadPoolExecutor(2)
        self._running: list[Future[None]] = []

    def submit(self, tags: list[int], pixels: np.ndarray) -> None:
        self.seen.extend(pixels)
        self.batches.append(len(tags))
        self._running.append(self._pool.submit(self._run, tags, pixels, 0.005 * (len(self._running) % 3 == 0)))

    def _run(self, tags: list[int], pixels: np.ndarray, late: float) -> None:
        time.sleep(late)  # batches come home in another order than they left
        self._sink(tags, _colours(pixels))

    def finish(self) -> None:
        for running in self._running:
            running.result()


@dataclass
class Opened:
    """The engines that a test's passes have opened."""

    engines: list[Colours] = field(default_factory=list)
    batch: int = 4

    @property
    def seen(self) -> int:
        """How many images the engines were given, all together."""
        return sum(len(engine.seen) for engine in self.engines)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Opened:
    """Let `Colours` run instead of networks, and tell what was opened."""
    record = Opened()

    def open_engine(backbone: Backbone, kind: str, precision: str, root: Path | None) -> Colours:
        record.engines.append(Colours(backbone, record.batch, precision=precision))
        return record.engines[-1]

    monkeypatch.setattr(streaming, "open_engine", open_engine)
    return record


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Features]:
    """Return `extract` with what most tests do not care for: names, float32, and a cache of this test's own."""

    def extract_(examples: Any, *backbones: Backbone, **settings: Any) -> Features:
        backbones = backbones or (_tiny(),)
        settings = {"precisions": ["f32"] * len(backbones), "cache": tmp_path / "cache", **settings}
        names = [f"image {i}" for i in range(len(examples))]
        return extract(examples, names, backbones, engine="openvino", **settings)

    return extract_


def _noise(seed: int, size: tuple[int, int] = (48, 40)) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.clip(random.normal(random.uniform(50, 200, 3), 30, (*size, 3)), 0, 255).astype(np.uint8)


@pytest.fixture
def noise() -> Callable[..., np.ndarray]:
    """Return a function that makes an image (height, width, 3) like no other, from a seed and a size."""
    return _noise


@pytest.fixture
def encoded() -> Callable[..., bytes]:
    """Return a function that writes an image as a PNG, or as another kind of file."""

    def encode(image: np.ndarray, kind: str = "PNG") -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, kind, quality=95)
        return buffer.getvalue()

    return encode


def _features(engine: Any, pixels: np.ndarray, batch: int = 5) -> np.ndarray:
    found: dict[int, np.ndarray] = {}
    engine.start(lambda tags, values: found.update(zip(tags, values, strict=True)))
    for start in range(0, len(pixels), batch):
        engine.submit(list(range(start, min(start + batch, len(pixels)))), pixels[start : start + batch])
    engine.finish()
    return np.stack([found[tag] for tag in range(len(pixels))])


@pytest.fixture(scope="session")
def features() -> Callable[..., np.ndarray]:
    """Return a function that has an engine give the features (n, d) of pixels, put in order by their tags."""
    return _features


@pytest.fixture(scope="session")
def photos() -> list[np.ndarray]:
    """Sixteen crops of the two photographs that scikit-learn carries."""
    from sklearn.datasets import load_sample_images

    return [photo[:, x : x + 400] for photo in load_sample_images().images for x in range(0, 240, 30)]


@pytest.fixture(scope="session")
def lite0() -> Backbone:
    return get_backbones("tf_efficientnet_lite0")[0]


@pytest.fixture(scope="session")
def small() -> Backbone:
    """A real network, though one that knows nothing."""
    return get_backbones("test_resnet", weights="none")[0]
