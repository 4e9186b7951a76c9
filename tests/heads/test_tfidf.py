"""Plain words tell what words can tell; nothing of what is held out is known."""

from __future__ import annotations

import numpy as np
import pytest

from regraft.heads import tfidf
from regraft.heads.tfidf import CS, DEFAULT_C, TfidfClassifier, spelling, summed_up

GOOD, BAD = ("good", "great", "lovely", "fine"), ("bad", "awful", "poor", "dull")
FILLER = ("the", "film", "a", "plot", "we", "saw", "it", "last", "night", "with", "an", "actor", "of", "that", "kind")


def reviews(n: int, seed: int = 0) -> tuple[list[str], np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    said = [[*rng.choice(FILLER, 6), rng.choice(GOOD if label else BAD), *rng.choice(FILLER, 3)] for label in y]
    return [" ".join(words) for words in said], y


def test_words_that_tell_are_learnt() -> None:
    texts, y = reviews(120)
    others, truth = reviews(60, seed=1)
    head = TfidfClassifier().fit(texts, y)
    said = head.predict_proba(others)
    assert said.shape == (60, 2)
    np.testing.assert_allclose(said.sum(axis=1), 1)
    assert (said.argmax(axis=1) == truth).mean() > 0.9
    assert head.C_ in CS


def test_order_is_told_by_pairs_of_words() -> None:
    texts = ["not good but bad", "not bad but good"] * 20
    y = np.arange(40) % 2
    assert (TfidfClassifier().fit(texts, y).predict_proba(texts).argmax(axis=1) == y).all()


def test_noise_gets_the_strongest_penalty_and_no_skill() -> None:
    texts, _ = reviews(200)
    y = np.random.default_rng(3).integers(0, 2, 200)
    assert min(CS) == TfidfClassifier().fit(texts, y).C_


def test_words_are_counted_without_what_is_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    texts, y = reviews(50)
    counted = []
    plain = tfidf._vectorizer

    def watched():
        found = plain()
        fit = found.fit_transform
        found.fit_transform = lambda part: (counted.append(len(part)), fit(part))[1]
        return found

    monkeypatch.setattr(tfidf, "_vectorizer", watched)
    TfidfClassifier().fit(texts, y)
    assert counted == [40] * 5 + [50]


def test_a_group_is_held_out_together() -> None:
    # Each group has a word of its own by which its class is known, unless the group is held out whole.
    y = np.repeat(np.random.default_rng(0).permutation(np.arange(20) % 2), 6)
    groups = np.repeat(np.arange(20), 6)
    texts = [f"word{group} film" for group in groups]
    alone, together = TfidfClassifier().fit(texts, y).C_, TfidfClassifier().fit(texts, y, groups).C_
    assert together == min(CS) < alone


def test_one_text_a_class() -> None:
    head = TfidfClassifier().fit(["good film", "bad film", "long book"], [0, 1, 2])
    assert head.C_ == DEFAULT_C
    assert head.predict_proba(["a bad one"]).argmax() == 1


def test_classes_keep_their_labels() -> None:
    texts, y = reviews(40)
    head = TfidfClassifier().fit(texts, y * 3 + 2)
    assert head.classes_.tolist() == [2, 5]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("\U0001f600 \U0001f44d", "\U0001f622 \U0001f44e"),
        ("这部电影很好", "这部电影很差"),
        ("!!", "??"),
        ("فيلم جيد", "فيلم سيئ"),
    ],
)
def test_every_script_and_emoji(one: str, other: str) -> None:
    y = np.arange(20) % 2
    head = TfidfClassifier().fit([one, other] * 10, y)
    assert (head.predict_proba([one, other]).argmax(axis=1) == [0, 1]).all()


def test_summed_up_tells_without_labels() -> None:
    texts, _ = reviews(80)
    values = summed_up(texts)
    assert values.dtype == np.float32 and len(values) == 80 and 2 <= values.shape[1] <= 79
    np.testing.assert_array_equal(values, summed_up(texts))
    same = summed_up([*texts, texts[0]])
    np.testing.assert_allclose(same[0], same[-1], atol=1e-5)
    assert summed_up(["a b", "c d"]).shape[0] == 2
    assert summed_up([f"word{i} word{i + 1} word{i * 7}" for i in range(400)]).shape == (400, 256)


def test_spelling_is_of_length_one_and_near_for_near_texts() -> None:
    found = spelling(["the quick brown fox jumps", "the quick brown fox jumped", "a lazy dog sleeps"])
    likeness = (found @ found.T).toarray()
    np.testing.assert_allclose(likeness.diagonal(), 1, rtol=1e-5)
    assert likeness[0, 1] > 0.7 > 0.1 > likeness[0, 2]
