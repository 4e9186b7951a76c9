"""Texts that are there twice are found, changed a little or not; like ones are no copies; plain cues are counted."""

from __future__ import annotations

import numpy as np
import pytest

from regraft.auditing.duplicates import copies, duplicates
from regraft.auditing.shortcuts import cues, shortcuts
from regraft.auditing.texts import SHORTEST, near, normalised
from regraft.data.images import digest
from regraft.data.looks import Looks

_SYLLABLES = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
WORDS = ["".join(np.random.default_rng(i).choice(_SYLLABLES, 3)) for i in range(2000)]


def sentence(seed: int, words: int = 14) -> str:
    return " ".join(np.random.default_rng(seed).choice(WORDS, words))


def look_at(texts: list[str]) -> Looks:
    raw = [text.encode() for text in texts]
    return Looks(
        tuple(digest(one) for one in raw),
        np.array([len(one) for one in raw]),
        np.array([(len(text), len(text.split())) for text in texts]),
        np.zeros((len(texts), 32, 32, 3), np.uint8),
        tuple(texts),
    )


def sets(home: np.ndarray) -> list[list[int]]:
    found = [np.flatnonzero(home == one).tolist() for one in np.unique(home)]
    return sorted(members for members in found if len(members) > 1)


@pytest.mark.parametrize(
    "change",
    [
        str.upper,
        lambda text: "  " + text.replace(" ", "\n  ") + "...",
        lambda text: text.replace(" ", ", "),
        lambda text: text.replace("e", "x", 1),
        lambda text: text + " Read more",
        lambda text: text.rsplit(" ", 1)[0],
    ],
    ids=["case", "white space", "punctuation", "a letter", "words added", "a word less"],
)
def test_altered_copies_are_near(change, labelled) -> None:
    texts = [sentence(i) for i in range(40)]
    texts.append(change(texts[7]))
    assert len(texts[7]) >= SHORTEST
    [group] = duplicates(labelled([0] * 40 + [1]), look_at(texts))
    assert (group.kind, group.positions, group.contradicts) == ("near", (7, 40), True)


def test_the_same_bytes_are_exact_and_chains_are_one_group() -> None:
    texts = [sentence(i) for i in range(30)]
    texts += [texts[3], texts[3] + "!", texts[3] + " indeed so", texts[5].title()]
    assert sorted(members.tolist() for members in copies(look_at(texts))) == [[3, 30, 31, 32], [5, 33]]


def test_short_texts_are_copies_only_when_they_are_the_same() -> None:
    texts = ["worst ever", "worst phone ever", "Worst ever!!", "excellent", "excellent phone", "ok", "OK."]
    assert sets(near(texts)) == [[0, 2], [5, 6]]


def test_what_all_texts_share_is_no_likeness() -> None:
    frame = "Dear customer, thank you for your order of {}; it will be sent to {} within three working days."
    texts = [frame.format(sentence(i, 2), sentence(1000 + i, 2)) for i in range(300)]
    assert sets(near(texts)) == []
    assert sets(near([*texts, texts[9] + " Yours."])) == [[9, 300]]


def test_marks_and_emoji_alone_are_compared_as_they_are() -> None:
    assert sets(near(["!!!", "???", "\U0001f600", "\U0001f622", " !!! "])) == [[0, 4]]
    assert near([]).tolist() == []
    assert near(["one"]).tolist() == [0]


def test_many_copies_of_one_text_are_one_group() -> None:
    texts = [sentence(1, 30) + f" {i}" for i in range(400)]
    texts += [sentence(i, 30) for i in range(2, 402)]
    [members] = sets(near(texts))
    assert members == list(range(400))


def test_normalised() -> None:
    assert normalised("  Don't  STOP\u2014now!\n") == "don t stop now"
    assert normalised("Ｆｕｌｌ width") == "full width"
    assert normalised(" ?! ") == "?!"


def test_cues_are_what_they_say() -> None:
    known = cues(look_at(["WOW 42! see https://x.org", "ab", ""]))
    assert list(known) == ["length", "capitals", "digits", "punctuation", "links"]
    np.testing.assert_allclose(known["length"], np.log1p([[25, 4], [2, 1], [1, 0]]))
    np.testing.assert_allclose(known["capitals"], [[3 / 25, 1 / 4], [0, 0], [0, 0]])
    np.testing.assert_allclose(known["digits"], [[2 / 25], [0], [0]])
    np.testing.assert_allclose(known["punctuation"][0, :4] * 25, [1, 0, 1, 0])
    np.testing.assert_allclose(known["links"], np.log1p([[1], [0], [0]]))


@pytest.mark.parametrize(
    ("cue", "change"),
    [
        ("length", lambda text: text + " and" * 30),
        ("capitals", str.upper),
        ("digits", lambda text: text + " 2024"),
        ("punctuation", lambda text: text + "!"),
        ("links", lambda text: text + " www shop org".replace(" shop", ".shop").replace(" org", ".org")),
    ],
)
def test_what_gives_a_class_away_is_found(cue: str, change, labelled) -> None:
    y = np.arange(120) % 3
    texts = [change(sentence(i)) if label == 1 else sentence(i) for i, label in enumerate(y)]
    tried, reason = shortcuts(labelled(y), look_at(texts))
    assert reason is None
    [found] = [one for one in tried if one.name == cue]
    assert found.gives_away.get("class 1", 0) > 0.9


def test_nothing_is_found_where_nothing_is(labelled) -> None:
    y = np.arange(200) % 2
    tried, _ = shortcuts(labelled(y), look_at([sentence(i, 10 + i // 2 % 7) for i in range(200)]))
    assert [one.name for one in tried] == ["length"]
    assert not any(one.found for one in tried)


def test_texts_without_a_difference(labelled) -> None:
    from dataclasses import replace

    dataset = replace(labelled([0, 1] * 10), modality="text")
    tried, reason = shortcuts(dataset, look_at(["same"] * 20))
    assert (tried, reason) == (
        (),
        "shortcuts are looked for where texts differ in length, capitals, digits, punctuation or links",
    )
    assert shortcuts(dataset.take([0, 1]), look_at(["a", "b"]))[1] == (
        "shortcuts are looked for where two classes have 10 texts or more"
    )
