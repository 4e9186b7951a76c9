import os
import shutil
import tempfile
from dataclasses import replace

import numpy as np
import pytest
import torch

from regraft.backbones.lookup import get_backbones
from regraft.features import cache
from regraft.features.engines import open_engine
from regraft.finetuning import views as module
from regraft.finetuning.augmentation import Augmentation, preset
from regraft.finetuning.network import lower_part
from regraft.finetuning.views import TooSlow, compute_views

IMAGES = [np.random.default_rng(i).integers(0, 256, (40, 40, 3), np.uint8) for i in range(5)]
PLAIN = Augmentation()


@pytest.fixture(scope="module")
def below():
    backbone = get_backbones("test_resnet", weights="none", image_size=32)[0]
    return lower_part(backbone, "layer4")[0]


@pytest.fixture
def root(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def views(below, root):
    """Return a function that computes views with torch, whose float32 needs no conversion."""

    def compute(examples=IMAGES, augmentation=PLAIN, count=1, backbone=below, **settings):
        return compute_views(examples, backbone, augmentation, count, engine="torch", root=root, **settings)

    return compute


def files(root):
    return sorted((root / "views").iterdir())


def exact(below, pixels):
    found = {}
    engine = open_engine(below, "torch", "f32", None)
    engine.start(lambda tags, values: found.update(zip(tags, values, strict=True)))
    engine.submit(list(range(len(pixels))), np.stack(pixels))
    engine.finish()
    return np.stack([found[i] for i in range(len(pixels))])


def test_values_are_the_engine_s_rounded_to_bf16(views, below):
    found = views(augmentation=preset("strong"), count=3)
    assert found.values.dtype == np.uint16
    pixels = [preset("strong").view(IMAGES[i], below.preprocessing, 3 * i + k) for i in range(5) for k in range(3)]
    expected = exact(below, pixels)
    rows = found.rows(np.repeat(np.arange(5), 3), np.tile(np.arange(3), 5))
    np.testing.assert_allclose(rows, expected, rtol=2**-8, atol=1e-6)
    np.testing.assert_array_equal(rows, torch.from_numpy(expected).bfloat16().float().numpy())
    assert not np.array_equal(rows[0], rows[1])


@pytest.mark.parametrize("value", [1.0, 1.00390625, 1.01171875, -3.14159, 1e-30, 0.0, 65504.0])
def test_rounding_is_torch_s(value):
    found = module.as_bf16(np.array([[value]], np.float32))
    expected = torch.tensor([[value]]).bfloat16().view(torch.int16).numpy().view(np.uint16)
    np.testing.assert_array_equal(found, expected)


def test_a_second_time_they_are_read(views, root, monkeypatch):
    first = views(count=2, augmentation=preset("light"))
    assert first.hits == 0
    [file] = files(root)
    monkeypatch.setattr(module, "open_engine", None)  # nothing is computed
    second = views(count=2, augmentation=preset("light"))
    assert second.hits == 5
    np.testing.assert_array_equal(first.values, second.values)
    assert files(root) == [file]


def test_whatever_they_depend_on_makes_another_file(views, below, root):
    views()
    others = [
        {"count": 2},
        {"augmentation": preset("light")},
        {"examples": IMAGES[::-1]},
        {"examples": IMAGES[:4]},
        {"backbone": replace(below, preprocessing=replace(below.preprocessing, size=40))},
        {"backbone": replace(below, until="layer3")},
    ]
    for number, other in enumerate(others, 2):
        assert views(**other).hits == 0
        assert len(files(root)) == number


def test_other_weights_make_another_file(views, below, root, tmp_path):
    from regraft.persistence import packed

    state = {name: -tensor.numpy() for name, tensor in replace(below, until=None).build().state_dict().items()}
    (tmp_path / "w.safetensors").write_bytes(packed(state))
    [other] = get_backbones("test_resnet", weights=tmp_path / "w.safetensors", image_size=32)
    first, second = views(), views(backbone=replace(other, until=below.until))
    assert len(files(root)) == 2
    assert not np.array_equal(first.values, second.values)


@pytest.mark.parametrize("damage", ["empty", "short", "text", "pickle", "other shape"])
def test_a_damaged_file_is_computed_again(views, root, damage):
    expected = np.array(views().values)
    [file] = files(root)
    if damage == "empty":
        file.write_bytes(b"")
    elif damage == "short":
        file.write_bytes(file.read_bytes()[:-50])
    elif damage == "text":
        file.write_text("no array")
    elif damage == "pickle":
        np.save(file, np.array([{"a": 1}], object), allow_pickle=True)
    else:
        np.save(file, np.zeros((2, 1, 3), np.uint16))
    found = views()
    assert found.hits == 0
    np.testing.assert_array_equal(found.values, expected)
    assert views().hits == 5


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="the system does not set space aside")
def test_a_disk_without_room(views, root, monkeypatch):
    expected = np.array(views().values)
    shutil.rmtree(root / "views")

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    found = views()
    np.testing.assert_array_equal(found.values, expected)
    assert files(root) == []
    monkeypatch.setattr(tempfile, "mkstemp", full)
    np.testing.assert_array_equal(views().values, expected)


def test_a_cache_folder_that_cannot_be_made(views, root):
    root.mkdir()
    (root / "views").write_text("a file in the way")
    assert views().values.shape[:2] == (5, 1)


def test_nothing_half_done_is_left_by_a_failure(views, root):
    with pytest.raises(RuntimeError, match="stop"):
        views(progress=lambda done, n: (_ for _ in ()).throw(RuntimeError("stop")))
    assert files(root) == []


def test_progress(views):
    seen = []
    views(progress=lambda *done: seen.append(done))
    assert seen == [(i, 5) for i in range(1, 6)]


def test_too_slow(views, root):
    images = IMAGES * 6
    with pytest.raises(TooSlow, match=r"^\d+ s$") as stopped:
        views(examples=images, within=0.0)
    assert stopped.value.needed > 0
    assert files(root) == []
    assert views(examples=images, within=3600.0).hits == 0


def test_the_newest_stay(views, root, monkeypatch):
    for count in (1, 2, 3):
        views(count=count)
    # One of one view, of two and of three: the oldest first.
    sized = sorted(files(root), key=lambda file: file.stat().st_size)
    for age, file in zip((300, 200, 100), sized, strict=True):
        os.utime(file, (1e9 - age, 1e9 - age))
    assert views(count=1).hits == 5  # from now on it is the newest
    monkeypatch.setattr(module, "KEEP", sum(file.stat().st_size for file in (sized[0], sized[2])) + 10_000)
    views(count=1, augmentation=preset("light"))
    left = files(root)
    assert sized[1] not in left
    assert sized[0] in left
    assert len(left) <= 3
    monkeypatch.setattr(module, "KEEP", 0)
    views(count=2, augmentation=preset("light"))
    assert len(files(root)) == 1  # what was just made stays, however large
    assert views(count=2, augmentation=preset("light")).hits == 5


def test_clearing_the_cache_removes_them(views, root):
    views()
    (root / "views" / "new-half.npy").write_bytes(b"left behind by a kill")
    (root / "views" / "mine.txt").write_text("not ours")
    assert cache.clear(root) > 0
    assert [file.name for file in files(root)] == ["mine.txt"]
    assert views().hits == 0
