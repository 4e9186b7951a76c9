"""The control: on raw pixels, or on the words of texts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from regraft.control import against_pixels, against_raw, pixels, raw_values
from regraft.data.dataset import Dataset
from regraft.data.looks import Looks
from regraft.data.sources import read_source
from regraft.features.extraction import extract


def test_pixels_are_the_means_of_cells() -> None:
    thumbnails = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    found = pixels(thumbnails)
    assert found.shape == (2, 16 * 16 * 3)
    assert found[1, 0] == pytest.approx(thumbnails[1, :2, :2, 0].mean() / 255)
    assert found.min() >= 0 and found.max() <= 1


def test_pixels_do_tell_colours_apart_and_a_bad_classifier_is_worse(colours: Path) -> None:
    dataset = read_source(colours)
    seen = extract(dataset.examples, dataset.names, (), looks=True).looks
    assert seen is not None
    index = np.arange(len(dataset))
    wrong = np.eye(3)[(dataset.y + 1) % 3]
    control = against_pixels(dataset, seen.thumbnails, "cross-validation", index, wrong, seed=0)
    assert control.accuracy == 1.0
    assert control.verdict.hurts
    assert control.to_dict()["control"] == "the raw pixels alone"
    equal = against_pixels(dataset, seen.thumbnails, "cross-validation", index, np.eye(3)[dataset.y], seed=0)
    assert equal.verdict.gain == 0


def reviews(n: int) -> tuple[Dataset, Looks]:
    """Return short reviews of three kinds, and their looks: every tenth says nothing."""
    rng = np.random.default_rng(0)
    y = np.arange(n) % 3
    told = np.array([("dull", "awful"), ("fine", "usual"), ("lovely", "great")])
    filler = ["the", "film", "a", "plot", "we", "saw", "last", "night", "with", "an", "actor"]
    texts = [
        " ".join([*rng.choice(filler, 5), "nothing" if i % 10 == 0 else rng.choice(told[label])])
        for i, label in enumerate(y)
    ]
    dataset = Dataset(texts, tuple(map(str, range(n))), {"label": y}, {"label": ("bad", "so", "good")}, modality="text")
    shapes = np.array([(len(text), len(text.split())) for text in texts])
    return dataset, Looks(tuple(texts), shapes[:, 0], shapes, np.zeros((n, 32, 32, 3), np.uint8), tuple(texts))


@pytest.mark.parametrize("protocol", ["cross-validation", "holdout"])
def test_texts_are_judged_against_their_words(protocol: str) -> None:
    dataset, looks = reviews(300)
    if protocol == "holdout":
        dataset = dataset.with_split(np.where(np.arange(300) % 7 == 0, "test", "train"))
    index = np.arange(300) if protocol == "cross-validation" else dataset.part("test")
    perfect = np.eye(3)[dataset.y[index]]
    control = against_raw(dataset, looks, protocol, index, perfect, seed=0)
    assert 0.75 <= control.accuracy < 1  # what says nothing is guessed
    assert control.to_dict()["control"] == "TF-IDF of the words"
    assert "TF-IDF of the words" in control.verdict.text
    assert control.verdict.gain == pytest.approx(1 - control.accuracy)
    worse = against_raw(dataset, looks, protocol, index, np.roll(perfect, 1, axis=1), seed=0)
    assert worse.verdict.hurts


def test_the_test_part_is_not_learnt_from_and_few_texts_will_do() -> None:
    dataset, looks = reviews(60)
    # The test part's own words are nowhere else, so that only guessing is left.
    texts = tuple(f"{'x' * (i + 2)}" if i >= 12 else text for i, text in enumerate(looks.texts or ()))
    looks = Looks(looks.digests, looks.sizes, looks.shapes, looks.thumbnails, texts)
    dataset = dataset.with_split(np.where(np.arange(60) >= 12, "test", "train"))
    index = dataset.part("test")
    control = against_raw(dataset, looks, "holdout", index, np.eye(3)[dataset.y[index]], seed=0, few=True)
    assert control.accuracy == pytest.approx(1 / 3)


def test_raw_values_are_pixels_or_words() -> None:
    _, looks = reviews(40)
    assert raw_values(looks).shape[0] == 40
    assert np.ptp(raw_values(looks), axis=0).any()
    pictures = Looks(looks.digests, looks.sizes, looks.shapes, looks.thumbnails + np.uint8(3))
    np.testing.assert_array_equal(raw_values(pictures), pixels(pictures.thumbnails))
