"""Words are found however a vocabulary spells them."""

from __future__ import annotations

import pytest

from regraft.backbones.lexicon import Found, Lexicon

LOWER = ("do", "n't", "it", "'s", "slow", "moving", "café", "हिन्दी", "!", "...", "u.s.", "c++", "good")
CASED = ("Paris", "Good", "good", "don't", "##", "####", "I")


def found(text: str, words: tuple[str, ...] = LOWER) -> tuple[list[str], tuple[str, ...], int]:
    got = Lexicon({word: row for row, word in enumerate(words)}).look_up(text)
    return [words[row] for row in got.rows], got.unknown, got.words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("GOOD", ["good"]),
        ('"Good,"', ["good"]),
        ("It\u2019s good!", ["it", "'s", "good", "!"]),
        ("DON'T", ["do", "n't"]),
        ("slow-moving", ["slow", "moving"]),
        ("good.It", ["good", "it"]),
        ("good...", ["good", "..."]),
        ("good!!!", ["good", "!", "!", "!"]),
        ("U.S. C++", ["u.s.", "c++"]),
        ("cafe\u0301", ["café"]),  # an accent of its own
        ("(हिन्दी)", ["हिन्दी"]),  # vowel signs are no letters to a regular expression
    ],
)
def test_words_as_people_mean_them(text: str, words: list[str]) -> None:
    assert found(text)[:2] == (words, ())


def test_a_cased_vocabulary_is_asked_for_the_word_as_written_first() -> None:
    assert found("Good good GOOD", CASED)[0] == ["Good", "good", "good"]
    assert found("PARIS don't I", CASED)[0] == ["Paris", "don't", "I"]
    assert found("42 2024 7", CASED) == (["##", "####"], ("7",), 3)


def test_what_is_unknown_is_counted_once_a_word_and_marks_are_none() -> None:
    assert found("xyzzy good? \U0001f600 slow-witted") == (["good", "slow"], ("xyzzy", "witted"), 4)
    assert found("co-op") == ([], ("co-op",), 1)
    assert found("") == found(" \n ") == ([], (), 0)
    assert found("?? -- \U0001f600") == ([], (), 0)


def test_the_same_word_again_is_the_same() -> None:
    lexicon = Lexicon({"good": 3})
    assert lexicon.look_up("good bad good bad") == Found((3, 3), ("bad", "bad"), 4)
    assert lexicon.look_up("x" * 1000 + " good") == Found((3,), ("x" * 1000,), 2)
