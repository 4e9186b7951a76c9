import numpy as np
import pytest
from safetensors.numpy import load, save
from sklearn.metrics import roc_auc_score

from regraft.errors import DataError
from regraft.evaluation.out_of_distribution import OutOfDistribution, auroc

AXES = np.random.default_rng(99).normal(size=(2, 8, 120))


def drawn(n, seed, of=0):
    """Return features near one of two planes of 8 dimensions in 120."""
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, 8)) @ AXES[of] + rng.normal(0, 1, (n, 120))).astype(np.float32)


def doubtful(n, seed, sureness):
    return np.random.default_rng(seed).dirichlet([sureness, 1, 1], n)


def test_strangers_score_higher_and_few_known_ones_are_marked():
    fitted = OutOfDistribution.fit(drawn(600, 0))
    known, strange = fitted.score(drawn(2000, 1)), fitted.score(drawn(500, 2, of=1))
    assert auroc(known, strange) > 0.99
    assert (strange > fitted.threshold).mean() > 0.95
    assert (known > fitted.threshold).mean() == pytest.approx(0.05, abs=0.02)


@pytest.mark.parametrize("wanted", [0.01, 0.2])
def test_the_share_of_false_alarms_is_as_asked(wanted):
    fitted = OutOfDistribution.fit(drawn(800, 0), false_alarms=wanted)
    assert fitted.false_alarms == wanted
    assert (fitted.score(drawn(4000, 1)) > fitted.threshold).mean() == pytest.approx(wanted, abs=wanted / 2)


def test_the_heads_doubt_counts_too():
    x = drawn(400, 0)
    fitted = OutOfDistribution.fit(x, doubtful(400, 0, 50))
    sure, unsure = fitted.score(x, doubtful(400, 1, 50)), fitted.score(x, doubtful(400, 1, 1))
    assert auroc(sure, unsure) > 0.9


def test_backbones_of_any_scale_count_alike():
    x, new = drawn(200, 0), drawn(50, 1)
    scale = np.repeat([1.0, 1000.0], [50, 70]).astype(np.float32)
    one = OutOfDistribution.fit(x, widths=(50, 70)).score(new)
    other = OutOfDistribution.fit(x * scale, widths=(50, 70)).score(new * scale)
    np.testing.assert_allclose(one, other, atol=0.02)


def test_the_threshold_may_come_from_a_validation_part():
    x = drawn(300, 0)
    val = drawn(400, 1) + np.float32(0.5)
    fitted = OutOfDistribution.fit(x, validation=val, index=np.arange(300))
    assert fitted.n == 300
    assert (fitted.score(val[:300]) > fitted.threshold).sum() == 14  # 301 * 0.05 = 15.05, less the one at it


def test_probabilities_may_be_of_some_images_only():
    x = drawn(300, 0)
    index = np.arange(0, 300, 2)
    assert OutOfDistribution.fit(x, doubtful(150, 0, 5), index=index).n == 150


def test_groups_are_held_out_together():
    once = drawn(40, 0)
    copies = np.repeat(once, 5, axis=0)
    groups = np.repeat(np.arange(40).astype(str), 5)
    together = OutOfDistribution.fit(copies, groups=groups)
    apart = OutOfDistribution.fit(copies)
    assert (apart.score(drawn(300, 1)) > apart.threshold).mean() > 0.9
    assert (together.score(drawn(300, 1)) > together.threshold).mean() < 0.2
    assert np.isfinite(OutOfDistribution.fit(copies, groups=np.zeros(200)).threshold)


def test_few_images():
    fitted = OutOfDistribution.fit(drawn(10, 0))
    assert fitted.false_alarms == pytest.approx(1 / 11)
    assert np.isfinite(fitted.score(drawn(5, 1))).all()
    assert (fitted.score(drawn(300, 1)) > fitted.threshold).mean() < 0.4


def test_copies_of_one_image():
    fitted = OutOfDistribution.fit(np.repeat(drawn(1, 0), 30, axis=0))
    assert (fitted.score(np.repeat(drawn(1, 0), 3, axis=0)) <= fitted.threshold).all()
    assert (fitted.score(drawn(20, 1, of=1)) > fitted.threshold).all()


def test_the_same_seed_gives_the_same():
    x = drawn(2600, 0)
    one, other = (OutOfDistribution.fit(x, seed=3) for _ in range(2))
    assert one.to_dict() == other.to_dict()
    np.testing.assert_array_equal(one.directions, other.directions)
    assert one.n == 2000


def test_state_brings_it_back_through_a_file():
    fitted = OutOfDistribution.fit(drawn(100, 0), doubtful(100, 0, 5), widths=(60, 60))
    tensors, settings = fitted.state()
    again = OutOfDistribution.from_state(load(save(tensors)), settings)
    new, p = drawn(1500, 1), doubtful(1500, 1, 5)
    np.testing.assert_array_equal(again.score(new, p), fitted.score(new, p))
    assert again.to_dict() == fitted.to_dict()
    assert sum(array.nbytes for array in tensors.values()) < 120 * 64 * 2 + 120 * 4 + 1


@pytest.mark.parametrize("change", [{"threshold": "high"}, {"residual": ["a", 1]}, {"doubt": [None, 1]}, {"n": "few"}])
def test_settings_that_are_no_numbers_are_refused(change):
    tensors, settings = OutOfDistribution.fit(drawn(50, 0)).state()
    with pytest.raises((ValueError, TypeError)):
        OutOfDistribution.from_state(tensors, {**settings, **change})


def test_auroc_agrees_with_scikit_learn():
    rng = np.random.default_rng(0)
    known, strange = rng.integers(0, 9, 200), rng.integers(2, 12, 90)
    expected = roc_auc_score(np.repeat([0, 1], [200, 90]), np.concatenate([known, strange]))
    assert auroc(known, strange) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: OutOfDistribution.fit(drawn(1, 0)), "learnt from 2 images or more, .* but 1 images, 1 held-out"),
        (lambda: OutOfDistribution.fit(drawn(9, 0), doubtful(8, 0, 5)), "9 held-out ones and 8 rows came"),
        (
            lambda: OutOfDistribution.fit(drawn(9, 0), widths=(60, 61)),
            r"widths must sum to 120 columns, but \(60, 61\)",
        ),
        (lambda: OutOfDistribution.fit(drawn(9, 0)).score(np.zeros((2, 7))), "Features must have 120 columns, but"),
        (
            lambda: OutOfDistribution.fit(drawn(9, 0), doubtful(9, 0, 5)).score(drawn(2, 1)),
            "so they must come with every image's features; pass what",
        ),
        (lambda: auroc([], [1.0]), "Strange images are compared with known ones, but 1 and 0 came"),
    ],
)
def test_refuses_what_does_not_fit(call, words):
    with pytest.raises(DataError, match=words):
        call()
