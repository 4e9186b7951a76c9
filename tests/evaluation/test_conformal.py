import numpy as np
import pytest

from regraft.errors import DataError, UsageError
from regraft.evaluation.conformal import Conformal, coverage


def drawn(n, seed, k=4):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, k, n)
    logits = rng.normal(0, 1, (n, k))
    logits[np.arange(n), y] += 2
    # Far too sure of itself: the promise must hold all the same.
    p = np.exp(3 * logits)
    return p / p.sum(axis=1, keepdims=True), y


@pytest.mark.parametrize("wanted", [0.5, 0.8, 0.9, 0.95])
def test_sets_hold_the_truth_as_often_as_promised(wanted):
    found = []
    for seed in range(40):
        p, y = drawn(200, seed)
        new, truth = drawn(500, 1000 + seed)
        found.append(coverage(Conformal.fit(p, y).sets(new, wanted), truth).coverage)
    assert np.mean(found) == pytest.approx(wanted, abs=0.015)


def test_threshold_is_the_exact_quantile():
    # Scores 0.1, 0.2, ..., 0.9: of 9 images the 9th bounds 90%, the 5th 50%.
    of_truth = 1 - np.arange(1, 10) / 10
    fitted = Conformal.fit(np.stack([of_truth, 1 - of_truth], axis=1), np.zeros(9, int))
    assert fitted.threshold(0.9) == pytest.approx(0.1, abs=1e-6)
    assert fitted.threshold(0.5) == pytest.approx(0.5, abs=1e-6)


def test_a_class_exactly_at_the_threshold_is_in_the_set():
    p = np.full((50, 2), [0.7, 0.3])
    fitted = Conformal.fit(p, np.zeros(50, int))
    assert fitted.sets(p, 0.9)[:, 0].all()


def test_a_set_may_be_empty():
    p = np.full((100, 2), [0.99, 0.01])
    assert not Conformal.fit(p, np.zeros(100, int)).sets([[0.6, 0.4]], 0.9).any()


def test_many_scores_are_thinned_to_the_safe_side():
    p, y = drawn(30_000, 0)
    fitted = Conformal.fit(p, y)
    exact = np.sort(1 - p[np.arange(len(y)), y])
    assert len(fitted.scores) == 2000
    for wanted in (0.1, 0.5, 0.9, 0.99, 0.9999):
        rank = int(np.ceil((len(y) + 1) * wanted))
        assert exact[rank - 1] <= 1 - fitted.threshold(wanted) <= exact[min(rank + 15, len(y)) - 1] + 1e-6


def test_state_brings_it_back():
    p, y = drawn(300, 0)
    fitted = Conformal.fit(p, y)
    again = Conformal.from_state(*fitted.state())
    np.testing.assert_array_equal(again.sets(p, 0.9), fitted.sets(p, 0.9))


def test_measures_sets():
    held = np.array([[True, False], [False, False], [True, True], [False, True]])
    found = coverage(held, [0, 0, 1, 0])
    assert found.to_dict() == {
        "coverage": 0.5,
        "coverage_ci95": list(found.coverage_ci95),
        "mean_size": 1.0,
        "empty": 0.25,
        "single": 0.5,
        "n": 4,
    }
    assert found.coverage_ci95[0] < 0.5 < found.coverage_ci95[1]


def test_too_few_images_for_a_coverage():
    fitted = Conformal.fit(*drawn(98, 0))
    fitted.threshold(0.98)
    with pytest.raises(DataError, match=r"in 0\.99 of all cases need at least 99 held-out examples, but there were 98"):
        fitted.sets(np.full((1, 4), 0.25), 0.99)
    Conformal.fit(*drawn(99, 0)).threshold(0.99)


@pytest.mark.parametrize("wanted", [0, 1, 90, -0.1])
def test_refuses_an_impossible_coverage(wanted):
    with pytest.raises(UsageError, match=f"--coverage must be between 0 and 1, not {wanted:g}"):
        Conformal.fit(*drawn(50, 0)).sets(np.full((1, 4), 0.25), wanted)
