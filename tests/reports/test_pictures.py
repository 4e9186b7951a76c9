import base64
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from regraft.data.images import decode
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
        raw = base64.b64decode(picture.uri.removeprefix("data:image/jpeg;base64,"))
        index = result.dataset.names.index(picture.name)
        assert abs(decode(raw).mean() - 10 * index) < 3


def test_a_picture_that_vanished_leaves_a_gap_and_no_error(make_result, tmp_path: Path):
    result = make_result(n=3)
    examples = [*result.dataset.examples[:5], tmp_path / "gone.jpg"]
    result.dataset = replace(result.dataset, examples=examples)
    assert [p.uri is None for p in pictures.sample(result)] == [False, False, True]
