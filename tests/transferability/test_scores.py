"""All scores of a source together; the agreement of scores with the judge."""

import numpy as np
import pytest

from regraft.transferability.h_score import h_score
from regraft.transferability.judge import appoint
from regraft.transferability.leep import leep
from regraft.transferability.logme import logme
from regraft.transferability.nce import nce
from regraft.transferability.scores import agreement, score
from regraft.transferability.transrate import transrate


def test_each_number_is_its_functions(clouds):
    features, y = clouds(60, 8, 3)
    source = np.random.default_rng(0).dirichlet(np.ones(5), 60)
    judge = appoint(y, None, 0)
    found = score(features, y, judge, source)
    assert found.logme == logme(features, y)
    assert found.h_score == h_score(features, y)
    assert found.transrate == transrate(features, y)
    assert found.leep == leep(source, y)
    assert found.nce == nce(source.argmax(axis=1), y)
    assert (found.probe, found.probe_se) == (judge(features).accuracy, judge(features).se)
    assert found.reasons == {}


def test_what_is_undefined_says_why(clouds):
    features, y = clouds(60, 8, 3)
    found = score(np.zeros_like(features), y, "no two images", "no source")
    assert all(value is None for name, value in vars(found).items() if name != "reasons")
    assert found.reasons.keys() == {"logme", "h_score", "leep", "nce", "transrate", "probe"}
    assert found.reasons["probe"] == "no two images"
    assert found.reasons["leep"] == found.reasons["nce"] == "no source"
    assert "the same for all" in found.reasons["logme"]
    dead = score(np.zeros_like(features), y, appoint(y, None, 0), "no source")
    assert dead.probe is None
    assert "the same for all" in dead.reasons["probe"]


def weighted_tau(a, b):
    """Vigna's definition: hyperbolic weights by rank, averaged over the ranks of either."""

    def one_way(of):
        rank = np.argsort(np.argsort(-np.asarray(of)))
        pairs = [(i, j) for i in range(len(a)) for j in range(len(a)) if i != j]
        weights = [1 / (rank[i] + 1) + 1 / (rank[j] + 1) for i, j in pairs]
        signs = [np.sign((a[i] - a[j]) * (b[i] - b[j])) for i, j in pairs]
        return np.dot(weights, signs) / sum(weights)

    return (one_way(a) + one_way(b)) / 2


def test_agreement():
    judged = [0.9, 0.7, 0.8, 0.4]
    assert agreement([4.0, 2.0, 3.0, 1.0], judged) == (pytest.approx(1), "")
    assert agreement([1.0, 3.0, 2.0, 4.0], judged) == (pytest.approx(-1), "")
    mixed = [3.0, 1.0, 4.0, 2.0]
    assert agreement(mixed, judged)[0] == pytest.approx(weighted_tau(mixed, judged))
    # A mistake among the best weighs more than one among the worst.
    best, worst = agreement([3.0, 2.0, 4.0, 1.0], judged)[0], agreement([4.0, 1.0, 3.0, 2.0], judged)[0]
    assert best is not None
    assert worst is not None
    assert best < worst < 1


def test_sources_without_one_of_the_two_are_left_out():
    assert agreement([4.0, None, 3.0, 9.0], [0.9, 0.7, 0.8, None]) == (pytest.approx(1), "")
    tau, why = agreement([4.0, None], [0.9, 0.7])
    assert tau is None
    assert why == "tau needs 2 sources with both numbers (3 or more make sense), but 1 have them"
    assert agreement([4.0, 4.0], [0.9, 0.7]) == (None, "tau needs sources that differ, but all are equal")
