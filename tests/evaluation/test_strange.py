"""Texts and sounds that are strange to anybody's classes: some of each kind, the same for the same seed."""

from collections import Counter

import numpy as np
import pytest

from regraft.data.sounds import decode
from regraft.evaluation.strange_sounds import RATE, strange_sounds
from regraft.evaluation.strange_texts import strange_texts


@pytest.mark.parametrize(
    ("make", "kinds"), [(strange_texts, {"iris", "cancer", "letters"}), (strange_sounds, {"noise", "chord", "sweep"})]
)
def test_twenty_of_each_kind_drawn_by_the_seed(make, kinds):
    examples, names = make()
    assert Counter(name.split()[0] for name in names) == dict.fromkeys(kinds, 20)
    assert examples == make()[0] and examples != make(seed=1)[0]


def test_texts_are_prose_and_sounds_can_be_heard():
    assert all(len(text.split()) >= 4 for text in strange_texts()[0])
    for sound in strange_sounds()[0]:
        samples, rate = decode(sound)
        assert rate == RATE and np.abs(samples).max() == pytest.approx(0.5, abs=1e-3)
