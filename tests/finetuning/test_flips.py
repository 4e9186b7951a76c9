import io

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from regraft.errors import DataError
from regraft.finetuning.flips import check_flips
from regraft.heads.nearest_centroid import NearestCentroidHead


def arrows(n):
    """Return images whose class is the bright side: 0 left, 1 right."""
    y = np.arange(n) % 2
    images = np.zeros((n, 8, 8, 3), np.uint8)
    for image, side in zip(images, y, strict=True):
        image[:, 4 * side : 4 * side + 4] = 255
    return list(images), y


def brighter_side(images):
    side = np.array([image[:, 4:].mean() > image[:, :4].mean() for image in images]).astype(int)
    return np.eye(2)[side]


def test_where_sides_matter_mirroring_harms():
    flips = check_flips(*arrows(40), brighter_side)
    assert (flips.n, flips.plain, flips.mirrored, flips.harm) == (40, 1.0, 0.0, True)
    assert flips.p_value == pytest.approx(0.5**40)
    assert flips.sentence == (
        "Mirrored images are named worse (0.0% of 40 are named rightly, against 100.0% as they are; p < 0.001): "
        "left and right matter here, so training images are not mirrored."
    )


def test_where_they_do_not_it_does_not():
    images, _ = arrows(40)
    y = np.arange(40) // 20
    bright = np.array([0.2] * 18 + [0.9] * 22)
    images = [(image * share).astype(np.uint8) for image, share in zip(images, bright, strict=True)]
    flips = check_flips(images, y, lambda seen: np.eye(2)[[int(image.mean() > 64) for image in seen]])
    assert (flips.plain, flips.mirrored, flips.p_value, flips.harm) == (0.95, 0.95, 1.0, False)
    assert flips.sentence == (
        "Mirrored images are not named worse (95.0% of 40 are named rightly, against 95.0% as they are), "
        "so training images may be mirrored."
    )


@pytest.mark.parametrize(("lost", "p", "harm"), [(4, 1 / 16, False), (5, 1 / 32, True)])
def test_a_few_losses_may_be_chance(lost, p, harm):
    images, y = arrows(30)
    # Only the first ones keep their sides; the others tell their class by being dark or bright all over.
    images[lost:] = [np.full((8, 8, 3), 255 * side, np.uint8) for side in y[lost:]]
    flips = check_flips(images, y, lambda seen: np.eye(2)[[int(image[0, -1, 0] > 0) for image in seen]])
    assert flips.plain == 1
    assert flips.mirrored == pytest.approx(1 - lost / 30)
    assert flips.p_value == pytest.approx(p)
    assert flips.harm == harm
    assert (f"p = {p:.3f}" in flips.sentence) == harm


def test_digits_are_found_not_to_bear_it():
    digits = load_digits()
    images = [np.repeat((15 * image).astype(np.uint8)[:, :, None], 3, axis=2) for image in digits.images[:600]]

    def features(seen):
        return np.stack([image[:, :, 0].ravel() / 255 for image in seen]).astype(np.float32)

    head = NearestCentroidHead().fit(features(images[:400]), digits.target[:400])
    flips = check_flips(images[400:], digits.target[400:600], lambda seen: head.predict_proba(features(seen)))
    assert flips.plain > 0.7
    assert flips.mirrored < 0.5
    assert flips.harm


def test_mirrored_images_that_do_better_are_no_harm():
    images, y = arrows(40)
    flips = check_flips(images, 1 - y, brighter_side)
    assert (flips.plain, flips.mirrored, flips.p_value, flips.harm) == (0.0, 1.0, 1.0, False)


def test_examples_are_decoded_and_only_left_and_right_change_places():
    buffer = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG")
    seen = []

    def predict(images):
        seen.append(images[0])
        return np.array([[1.0, 0.0]])

    check_flips([buffer.getvalue()], np.array([0]), predict)
    assert np.array_equal(seen[0], pixels)
    assert np.array_equal(seen[1], pixels[:, ::-1])
    assert seen[1].flags.c_contiguous


@pytest.mark.parametrize("n", [0, 3])
def test_as_many_classes_as_images(n):
    images, _ = arrows(n)
    with pytest.raises(DataError, match=rf"one class for each .* there are {n} images and 0 classes; give as many"):
        check_flips(images, np.array([], int), brighter_side)
