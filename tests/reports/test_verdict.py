from types import SimpleNamespace

import numpy as np
import pytest

from regraft.reports.verdict import how_evaluated, how_long, number, percent, verdict


def result_of(confusion, interval, protocol="holdout", balanced=None):
    confusion = np.array(confusion)
    accuracy = confusion.trace() / confusion.sum()
    evaluation = SimpleNamespace(
        n=int(confusion.sum()),
        confusion=confusion,
        accuracy=accuracy,
        balanced_accuracy=accuracy if balanced is None else balanced,
        accuracy_ci95=interval,
        classes=("cat", "dog"),
    )
    return SimpleNamespace(
        evaluations={"test": evaluation}, protocol=protocol, dataset=SimpleNamespace(things="images")
    )


@pytest.mark.parametrize(
    ("share", "decimals", "said"),
    [
        (0.924, 0, "92%"),
        (0.924, 1, "92.4%"),
        (1.0, 0, "100%"),
        (0.0, 0, "0%"),
        (0.996, 0, "99.6%"),
        (0.99999, 0, ">99.9%"),
        (0.00001, 0, "<0.1%"),
        (0.004, 0, "0.4%"),
    ],
)
def test_percent_never_claims_more_than_it_knows(share, decimals, said):
    assert percent(share, decimals) == said


def test_better_than_the_commonest_class():
    said = verdict(result_of([[48, 2], [6, 44]], (0.85, 0.96)))
    assert said.headline == "92 of 100 unseen images are classified correctly (95% interval 85 to 96%)."
    assert said.standing == "better"
    assert said.baseline == 0.5
    assert said.comparison == (
        "That is better than always answering the commonest class, “cat”, which would be right for 50%."
    )


def test_an_interval_that_includes_the_commonest_class_is_said_to_be_no_better():
    said = verdict(result_of([[5, 5], [10, 20]], (0.47, 0.76)))
    assert said.standing == "unclear"
    assert "As far as these 40 images can tell, that is not better than always answering" in said.comparison
    assert "“dog”: this would be right for 75%, which the interval includes." in said.comparison


def test_an_interval_that_ends_at_the_commonest_class_is_not_better():
    assert verdict(result_of([[30, 20], [0, 50]], (0.5, 0.9))).standing == "unclear"


def test_worse_than_the_commonest_class():
    said = verdict(result_of([[10, 80], [5, 5]], (0.09, 0.24)))
    assert said.standing == "worse"
    assert said.comparison.startswith("That is worse than always answering the commonest class, “cat”")


def test_uneven_classes_are_pointed_out():
    said = verdict(result_of([[90, 0], [9, 1]], (0.85, 0.96), balanced=0.55))
    assert said.comparison.endswith("The rarer classes do worse: with every class counted alike, 55% are right.")


def test_one_image_is_singular_and_many_get_a_decimal():
    assert "1 of 2 unseen images is classified correctly" in verdict(result_of([[1, 0], [1, 0]], (0.1, 0.9))).headline
    large = verdict(result_of([[600, 0], [50, 550]], (0.9449, 0.9685)))
    assert large.headline == "1,150 of 1,200 unseen images are classified correctly (95% interval 94.5 to 96.9%)."


def test_cross_validation_does_not_speak_of_unseen_images():
    said = verdict(result_of([[10, 0], [2, 8]], (0.7, 0.97), protocol="cross-validation"))
    assert said.headline.startswith(
        "18 of 20 images are classified correctly, each by a classifier that had not seen it"
    )
    assert "unseen" not in said.headline


@pytest.mark.parametrize(
    ("protocol", "n_val", "said"),
    [
        ("holdout", 0, "split before anything was learned, 80 images to learn from and 20 to be tested on."),
        ("holdout", 10, "80 images to learn from, 10 to choose by and 20 to be tested on."),
        ("given", 0, "The data came with its own split: 80 images to learn from and 20 to be tested on."),
        ("cross-validation", 0, "fewer than 30 images, too few to judge by, so each of the 20 images"),
    ],
)
def test_how_it_was_evaluated(protocol, n_val, said):
    result = result_of([[10, 0], [2, 8]], (0.7, 0.97), protocol)
    vars(result).update(n_train=80, n_val=n_val, n_test=20)
    words = how_evaluated(result)
    assert said in words
    assert ("no part in training" in words) == (protocol != "cross-validation")


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.004, "< 0.01 s"), (0.04, "0.04 s"), (9.44, "9.4 s"), (64, "64 s"), (130.4, "2 min 10 s")]
)
def test_times(seconds, said):
    assert how_long(seconds) == said


@pytest.mark.parametrize(("value", "said"), [(None, "–"), (float("nan"), "–"), (1234.5678, "1,234.568")])
def test_numbers(value, said):
    assert number(value) == said
