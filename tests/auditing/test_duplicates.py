"""Copies are found however they were saved; pictures that only share a layout are not copies."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from regraft.auditing.duplicates import CLOSEST, copies, duplicates, hashes

Any = Callable[..., object]


def saved_again(image: np.ndarray, quality: int = 40, scale: float = 1.0) -> np.ndarray:
    resized = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    _, encoded = cv2.imencode(".jpg", resized, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(encoded, cv2.IMREAD_COLOR)


def as_sets(found: list[np.ndarray]) -> set[frozenset[int]]:
    return {frozenset(members.tolist()) for members in found}


@pytest.mark.parametrize(
    ("quality", "scale"), [(30, 1.0), (95, 0.4), (60, 1.5), (30, 0.7)], ids=["worse", "smaller", "larger", "both"]
)
def test_altered_copies_are_near(scene, look, labelled, quality: int, scale: float) -> None:
    images = [scene(i) for i in range(40)]
    images.append(saved_again(images[7], quality, scale))
    [group] = duplicates(labelled([0] * 41), look(images))
    assert (group.kind, group.positions, group.names) == ("near", (7, 40), ("7.png", "40.png"))
    assert not group.contradicts


def test_same_bytes_are_exact_and_labels_are_compared(scene, look, labelled) -> None:
    images = [scene(i) for i in range(12)] + [scene(3), scene(3), scene(5)]
    first, second = duplicates(labelled([*[0] * 12, 0, 0, 1]), look(images))
    assert (first.kind, first.positions, first.contradicts) == ("exact", (3, 12, 13), False)
    assert (second.kind, second.positions, second.contradicts) == ("exact", (5, 14), True)
    assert second.labels == ("class 0", "class 1")


def test_exact_and_near_copies_of_one_picture_are_one_group(scene, look, labelled) -> None:
    images = [scene(i) for i in range(10)] + [scene(2), saved_again(scene(2))]
    [group] = duplicates(labelled([0] * 12), look(images))
    assert (group.kind, group.positions) == ("near", (2, 10, 11))


def test_what_all_images_share_is_no_likeness(scene, look) -> None:
    frame = scene(1000).astype(np.float32)
    apart = [np.clip(frame + 0.12 * (scene(i).astype(np.float32) - 128), 0, 255).astype(np.uint8) for i in range(60)]
    units = np.array([image.astype(np.float64).ravel() - image.mean() for image in apart])
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    assert np.median(units @ units.T) > 0.95  # so like each other that a plain threshold would take them for copies
    assert copies(look(apart)) == []
    assert as_sets(copies(look([*apart, saved_again(apart[4], 90)]))) == {frozenset({4, 60})}


def test_the_same_shapes_in_other_colours_are_no_copies(scene, look) -> None:
    image = scene(1)
    assert copies(look([image, np.ascontiguousarray(image[:, :, ::-1]), *(scene(i) for i in range(2, 20))])) == []


def test_features_may_deny_a_likeness(scene, look) -> None:
    looks = look([scene(1), saved_again(scene(1)), scene(2)])
    alike, apart = np.ones((3, 4), np.float32), np.eye(3, 4, dtype=np.float32)
    assert as_sets(copies(looks, alike)) == {frozenset({0, 1})}
    assert copies(looks, apart) == []


def test_one_picture_many_times_is_one_group(scene, look) -> None:
    n = 3 * CLOSEST + 200  # more look-alikes than are compared one by one
    noisy = [np.clip(scene(1) + np.random.default_rng(i).normal(0, 3, (96, 96, 3)), 0, 255) for i in range(n)]
    [members] = copies(look([image.astype(np.uint8) for image in noisy]))
    assert len(members) == n
    [members] = copies(look([scene(1)] * 500))
    assert len(members) == 500


def test_empty_pictures_are_like_nothing_but_their_bytes(look) -> None:
    images = [np.full((40, 40, 3), shade, np.uint8) for shade in (255, 254, 253, 255)]
    assert as_sets(copies(look(images))) == {frozenset({0, 3})}


def test_hashes_are_the_signs_of_low_frequencies(scene, look) -> None:
    thumbnails = look([scene(1), scene(2)]).thumbnails
    found = hashes(thumbnails)
    assert found.shape == (2, 63)
    assert set(np.unique(found)) == {-1.0, 1.0}
    for thumbnail, bits in zip(thumbnails, found, strict=True):
        grey = (thumbnail @ np.array([0.299, 0.587, 0.114])).astype(np.float64)
        spectrum = cv2.dct(grey)
        # OpenCV's transform weighs the first row and column by the square root of a half.
        spectrum[0] *= 2**0.5
        spectrum[:, 0] *= 2**0.5
        low = spectrum[:8, :8].ravel()[1:]
        np.testing.assert_array_equal(bits > 0, low > np.median(low))


def test_nothing_to_compare(scene, look, labelled) -> None:
    assert duplicates(labelled([0]), look([scene(1)])) == ()
