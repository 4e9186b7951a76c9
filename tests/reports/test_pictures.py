import base64
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from regraft.backbones.preprocessing import Preprocessing
from regraft.data.images import decode
from regraft.finetuning.augmentation import Augmentation
from regraft.reports import pictures


def test_the_sample_is_even_over_the_classes_and_in_their_order(make_result):
    truth = [0] * 80 + [1] * 10 + [2] * 4
    drawn = pictures.sample(make_result(truth=truth))
    assert Counter(p.truth for p in drawn) == {"cat": 10, "dog": 10, "owl": 4}
    assert [p.truth for p in drawn] == sorted(p.truth for p in drawn)
    assert len({p.name for p in drawn}) == 24


def test_the_sample_follows_the_seed(make_result):
    names = [[p.name for p in pictures.sample(make_result(n=90, seed=seed))] for seed in (7, 7, 8)]
    assert names[0] == names[1] != names[2]


def test_the_sample_grows_with_the_classes_up_to_a_bound(make_result):
    forty = make_result(classes=[f"c{i}" for i in range(40)], n=80)
    assert len({p.truth for p in pictures.sample(forty)}) == 40
    many = make_result(classes=[f"c{i}" for i in range(120)], n=240)
    assert len(pictures.sample(many)) == 64
    assert len(pictures.sample(make_result(n=9))) == 9


def test_a_picture_says_what_it_is_and_what_it_was_taken_for(make_result):
    result = make_result(n=9, wrong=2)
    for picture in pictures.sample(result):
        index = result.dataset.names.index(picture.name)
        row = result.test_probabilities[list(result.test_index).index(index)]
        assert picture.truth == result.dataset.class_names[result.dataset.y[index]]
        assert picture.predicted == result.dataset.class_names[row.argmax()]
        assert picture.confidence == row.max()
        assert picture.right == (picture.truth == picture.predicted)
    assert sum(not p.right for p in pictures.sample(result)) == 2


def test_mistakes_come_most_confident_first_and_at_most_twelve(make_result):
    found = pictures.mistakes(make_result(n=60, wrong=20))
    confidences = [p.confidence for p in found]
    assert len(found) == 12
    assert confidences == sorted(confidences, reverse=True)
    assert not any(p.right for p in found)


def test_no_mistake_is_an_empty_sheet(make_result):
    assert pictures.mistakes(make_result(wrong=0)) == []


def test_the_thumbnail_is_the_picture_of_the_right_row(make_result):
    result = make_result(n=9)
    shade = [np.full((40, 60, 3), 10 * i, np.uint8) for i in range(18)]
    result.dataset = replace(result.dataset, examples=shade)
    for picture in pictures.sample(result):
        raw = base64.b64decode(picture.shown.uri.removeprefix("data:image/jpeg;base64,"))
        index = result.dataset.names.index(picture.name)
        assert abs(decode(raw).mean() - 10 * index) < 3


def test_a_picture_that_vanished_leaves_a_gap_and_no_error(make_result, tmp_path: Path):
    result = make_result(n=3)
    examples = [*result.dataset.examples[:5], tmp_path / "gone.jpg"]
    result.dataset = replace(result.dataset, examples=examples)
    assert [p.shown.uri is None for p in pictures.sample(result)] == [False, False, True]


def _pixels(uri):
    return decode(base64.b64decode(uri.removeprefix("data:image/jpeg;base64,"))).astype(float)


def test_variants_are_of_training_images_of_as_many_classes_as_can_be(make_result):
    result = make_result(augmentation=Augmentation(rotation=40))
    n = len(result.test_index)
    result.dataset = result.dataset.with_split(["train"] * n + ["test"] * n)
    found = pictures.variants(result)
    assert Counter(v.truth for v in found) == {"cat": 2, "dog": 2, "owl": 2}
    for image in found:
        index = result.dataset.names.index(image.name)
        assert index < n
        assert image.truth == result.dataset.class_names[result.dataset.y[index]]


def test_variants_are_the_image_as_the_network_sees_it_and_five_others(make_result):
    ramp = np.repeat(np.linspace(0, 255, 200).astype(np.uint8)[None, :, None], 200, 0).repeat(3, 2)
    result = make_result(augmentation=Augmentation(flip=True))
    result.dataset = replace(result.dataset, examples=[ramp] * len(result.dataset))
    result.backbones[0].preprocessing = Preprocessing(96, crop=0.5)
    rows = pictures.variants(result)
    mirrored = 0
    for row in rows:
        plain = _pixels(row.plain)
        assert plain.shape == (96, 96, 3)
        assert plain[:, 0].mean() == pytest.approx(64, abs=4)
        assert plain[:, -1].mean() == pytest.approx(191, abs=4)
        assert len(row.varied) == 5
        for uri in row.varied:
            left = _pixels(uri)[:, 0].mean()
            assert min(abs(left - 64), abs(left - 191)) < 4
            mirrored += left > 128
    assert len(rows) == 6
    assert 5 < mirrored < 25


def test_variants_follow_the_seed(make_result):
    rows = [pictures.variants(make_result(augmentation=Augmentation(shift=0.3), seed=seed)) for seed in (7, 7, 8)]
    assert rows[0] == rows[1] != rows[2]
    assert len({uri for row in rows[0] for uri in (row.plain, *row.varied)}) == 36


def test_without_variation_there_are_no_variants(make_result):
    assert pictures.variants(make_result()) == []
    assert pictures.variants(make_result(augmentation=Augmentation())) == []


def test_a_training_image_that_vanished_is_left_out(make_result, tmp_path: Path):
    result = make_result(n=3, augmentation=Augmentation(flip=True))
    examples = [tmp_path / "gone.jpg", *result.dataset.examples[1:]]
    result.dataset = replace(result.dataset, examples=examples)
    found = pictures.variants(result)
    assert len(found) == 5
    assert result.dataset.names[0] not in {v.name for v in found}
