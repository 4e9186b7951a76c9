"""The pass: order, batches, duplicates, several backbones, unreadable images, and how far it reads ahead."""

import os

import numpy as np
import pytest

from regraft.data.dataset import Skipped
from regraft.errors import DataError


@pytest.fixture
def images(noise):
    return [noise(i) for i in range(23)]


@pytest.fixture
def expected(images, tiny, colours):
    return colours(np.stack([tiny().preprocessing.apply(image) for image in images]))


# --- what comes out ---------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 3, 4, 23, 64])
def test_features_do_not_depend_on_the_batches(batch, run, opened, images, expected):
    opened.batch = batch
    found = run(images)
    assert np.array_equal(found.values, expected)
    assert found.values.dtype == np.float32
    assert found.index.tolist() == list(range(23))
    assert sorted(opened.engines[0].batches, reverse=True) == [batch] * (23 // batch) + [23 % batch] * (23 % batch > 0)


def test_features_do_not_depend_on_the_order(run, opened, images, expected, tmp_path):
    order = np.random.default_rng(0).permutation(len(images))
    found = run([images[i] for i in order], cache=tmp_path / "another")
    assert np.array_equal(found.values, expected[order])


def test_paths_bytes_arrays_and_rows_give_the_same(run, opened, noise, encoded, tmp_path):
    image = noise(1)
    (tmp_path / "a.png").write_bytes(encoded(image))

    class Stored:
        def read(self):
            return image

    found = run([tmp_path / "a.png", encoded(image), image, Stored()])
    assert (found.values == found.values[0]).all()
    # Two files of the same bytes, and two arrays of the same pixels.
    assert (found.cache_hits, found.cache_misses) == (2, 2)


def test_nothing_gives_nothing(run, opened):
    found = run([])
    assert found.values.shape[0] == 0
    assert (found.cache_hits, found.cache_misses, found.skipped) == (0, 0, ())
    assert not opened.engines


def test_progress_counts_every_image_once(run, opened, images):
    told = []
    run(images[:5] + [b""], skip_unreadable=True, progress=lambda done, total: told.append((done, total)))
    assert told == [(i, 6) for i in range(1, 7)]


# --- duplicates -------------------------------------------------------------------------------------


def test_duplicates_go_through_the_network_once(run, opened, images, expected):
    order = [0, 1, 0, 2, 1, 0, 3, 3]
    found = run([images[i] for i in order])
    assert np.array_equal(found.values, expected[order])
    assert (found.cache_hits, found.cache_misses) == (4, 4)
    assert opened.seen == 4


def test_duplicates_of_what_the_cache_has(run, opened, images, expected):
    run(images[:1])
    order = [0, 0, 1, 1, 0]
    found = run([images[i] for i in order])
    assert np.array_equal(found.values, expected[order])
    assert (found.cache_hits, found.cache_misses) == (4, 1)
    assert opened.seen == 2


# --- several backbones ------------------------------------------------------------------------------


def test_backbones_side_by_side_equal_the_separate_ones(run, opened, images, tiny, tmp_path):
    backbones = [tiny(32), tiny(24, "other")]
    alone = [run(images, backbone, cache=tmp_path / backbone.name).values for backbone in backbones]
    together = run(images, *backbones)
    assert np.array_equal(together.values, np.hstack(alone))
    assert together.widths == (6, 6)
    assert together.precisions == ("f32", "f32")
    assert (together.cache_hits, together.cache_misses) == (0, 46)


def test_a_backbone_that_knows_the_images_already_leaves_the_work_to_the_other(run, opened, images, expected, tiny):
    run(images, tiny(32))
    before = opened.seen
    found = run(images, tiny(24, "other"), tiny(32))
    assert np.array_equal(found.values[:, 6:], expected)
    assert (found.cache_hits, found.cache_misses) == (23, 23)
    assert opened.seen - before == 23
    assert [engine.backbone.name for engine in opened.engines] == ["tiny", "other"]


@pytest.mark.parametrize("short", [70, 71, 73, 80, 140, 141])
def test_side_by_side_each_sees_the_scale_of_a_jpeg_that_it_would_see_alone(
    short, run, opened, noise, encoded, tiny, tmp_path
):
    """A JPEG comes at half its size where that suffices: for the smaller of two inputs, but not for the larger."""
    backbones = [tiny(31, "small"), tiny(35, "large")]  # short sides of 35 and 40 pixels
    jpeg = [encoded(noise(1, (short, 150)), "JPEG")]
    alone = [run(jpeg, backbone, cache=tmp_path / backbone.name).values for backbone in backbones]
    assert np.array_equal(run(jpeg, *backbones).values, np.hstack(alone))
    assert np.array_equal(run(jpeg, *backbones[::-1], cache=tmp_path / "reversed").values, np.hstack(alone[::-1]))


# --- unreadable images ------------------------------------------------------------------------------


def test_unreadable_images_are_skipped_in_order_with_the_reason(run, opened, images, expected, tmp_path):
    examples = [b"", images[0], b"<html>", images[1], tmp_path / "missing.jpg", images[2]]
    found = run(examples, skip_unreadable=True)
    assert found.skipped == (
        Skipped("image 0", "empty (0 bytes)"),
        Skipped("image 2", "not an image (looks like HTML)"),
        Skipped("image 4", "no such file"),
    )
    assert found.index.tolist() == [1, 3, 5]
    assert np.array_equal(found.values, expected[:3])


def test_nothing_readable(run, opened):
    found = run([b"", b""], skip_unreadable=True)
    assert len(found.skipped) == 2
    assert len(found.values) == len(found.index) == 0
    assert not opened.engines


def test_five_in_a_hundred_may_be_unreadable(run, opened, images):
    assert len(run([*images[:19], b""]).skipped) == 1


def test_more_than_five_in_a_hundred_stop_the_job(run, opened, images):
    examples = [*images[:18], b"", images[18], b"<html>", *images[19:]]
    with pytest.raises(DataError, match=r"At most 5% of the images may be unreadable, but 2 of 25 already are") as told:
        run(examples)
    assert "(image 18: empty (0 bytes); image 20: not an image (looks like HTML))" in str(told.value)
    assert "--skip-unreadable" in str(told.value)
    assert len(run(examples, skip_unreadable=True).skipped) == 2


def test_what_was_computed_before_a_job_stopped_is_kept(run, opened, images):
    with pytest.raises(DataError, match="unreadable"):
        run([*images[:20], b"", b""])
    found = run(images[:20])
    assert found.cache_hits == 20
    assert opened.seen == 20


def test_what_was_computed_before_an_interrupt_is_kept(run, opened, images):
    def interrupt(done, total):
        if done == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(images, progress=interrupt)
    assert run(images[:20]).cache_hits == 20


# --- how far it reads ahead -------------------------------------------------------------------------


def test_reads_no_more_than_a_window_ahead(run, opened, noise, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    asked, done, ahead = [0], [0], []

    class Recording:
        """Many images of which none is held: each is drawn when asked for."""

        def __len__(self):
            return 300

        def __getitem__(self, position):
            asked[0] += 1
            ahead.append(asked[0] - done[0])
            return noise(position, (8, 8))

    def progress(count, total):
        done[0] = count

    found = run(Recording(), progress=progress)
    assert found.cache_misses == asked[0] == 300
    assert 2 <= max(ahead) <= 64 + 1
