"""Features under a budget."""

from types import SimpleNamespace

import numpy as np
import pytest

from regraft.features.extraction import Features
from regraft.strategies import anytime
from regraft.strategies.anytime import extract_within

BACKBONES = ("one", "two", "three")


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes on by 10 s for each network whose features are computed, and by 1 s for any that are kept."""
    now = SimpleNamespace(seconds=100.0, kept=set(), asked=[])

    def extract(examples, names, backbones, **settings):
        now.asked.append((backbones, settings))
        fresh = [backbone for backbone in backbones if backbone not in now.kept]
        now.seconds += 10 * len(fresh) + (len(backbones) - len(fresh))
        now.kept |= set(fresh)
        n = len(examples)
        hits = n * (len(backbones) - len(fresh))
        values = np.zeros((n, len(backbones)), np.float32)
        return Features(values, np.arange(n), (), ("f32",), (1,), "torch", hits, n * len(fresh), 0.0)

    monkeypatch.setattr(anytime, "extract", extract)
    monkeypatch.setattr(anytime.time, "monotonic", lambda: now.seconds)
    return now


def test_all_networks_where_there_is_time(clock):
    features, backbones = extract_within("abc", "abc", BACKBONES, 10_000.0, engine="torch")
    assert backbones == BACKBONES
    assert features.values.shape == (3, 3)
    assert clock.asked[-1] == (BACKBONES, {"engine": "torch"})
    assert (features.cache_hits, features.cache_misses) == (0, 9)
    assert features.seconds == 10 + 11 + 12


def test_without_a_deadline_there_is_one_pass_for_all(clock):
    features, backbones = extract_within("abc", "abc", BACKBONES, float("inf"), engine="torch")
    assert clock.asked == [(BACKBONES, {"engine": "torch"})]
    assert backbones == BACKBONES
    assert (features.cache_hits, features.cache_misses, features.seconds) == (0, 9, 30)


@pytest.mark.parametrize(("seconds", "count"), [(0, 1), (26, 1), (28, 2), (38, 2), (40, 3)])
def test_as_many_networks_as_the_time_lasts_for(clock, seconds, count):
    features, backbones = extract_within("abc", "abc", BACKBONES, 100.0 + seconds)
    assert backbones == BACKBONES[:count]
    assert features.values.shape[1] == count


def test_what_was_kept_before_counts_as_kept(clock):
    clock.kept = {"one", "two"}
    features, _ = extract_within("abc", "abc", BACKBONES[:2], float("inf"))
    assert (features.cache_hits, features.cache_misses) == (6, 0)
