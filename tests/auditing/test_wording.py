"""What an audit says speaks of what was audited."""

from __future__ import annotations

import pytest

from regraft.auditing.findings import Audit, Classes, Cue, Group, Order
from regraft.auditing.wording import EVERYTHING, WORDS
from regraft.data.dataset import NOUNS, Skipped


def audited(modality: str) -> Audit:
    copies = Group("near", (0, 1), ("row 1", "row 2"), ("a", "b"))
    cue = Cue(EVERYTHING, 0.9, (0.8, 0.95), 0.5, {}, True)
    classes = Classes({"a": 96, "b": 4}, {"train": 80, "test": 20}, 24.0, ("b",), {"test": ("b",)})
    return Audit(100, (copies,), (), (), (Skipped("row 7", "empty"),), (cue,), Order(), classes, modality=modality)


@pytest.mark.parametrize("modality", NOUNS)
def test_every_sentence_says_what_it_is_about(modality: str) -> None:
    said = " ".join(audited(modality).sentences())
    one, many = NOUNS[modality]
    for words in (
        f"1 {WORDS[modality].one} {WORDS[modality].alike}s the same as another, with different labels",
        f"of 101 {many} cannot be used",
        f"90% of the {many} rightly",
        f"{WORDS[modality].without}: unless",
        f"The test part has no {one} of b",
        f"fewer than 5 {many}",
    ):
        assert words in said
    for other, nouns in NOUNS.items():
        assert other == modality or not any(noun in said for noun in nouns)


def test_the_cues_of_a_modality_are_named() -> None:
    assert "Length, capitals, digits, punctuation and links together name 90%" in " ".join(audited("text").sentences())
    assert "File size and length together name 90%" in " ".join(audited("audio").sentences())
