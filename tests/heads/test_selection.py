import numpy as np
import pytest
from sklearn.model_selection import StratifiedKFold

from regraft.errors import DataError, UsageError
from regraft.heads import HEADS, build_head, selection
from regraft.heads.selection import _best, best_of, select_head

QUICK = ("logistic", "centroid", "knn")


class Fitted:
    def state(self):
        return {}, {}


def compare(**proba_of_truth):
    """Select among heads that give these probabilities to the true one of two classes."""
    names = [name for name in HEADS if name in proba_of_truth]
    proba = {name: np.stack([np.asarray(p), 1 - np.asarray(p)], axis=1) for name, p in proba_of_truth.items()}
    size = len(next(iter(proba.values())))
    y = np.zeros(size, int)
    return _best(names, {name: Fitted() for name in names}, proba, y, np.arange(size)).name


def test_the_most_accurate_wins():
    assert compare(logistic=[0.4] * 10 + [0.9] * 10, knn=[0.6] * 20) == "knn"


def test_of_equals_the_surer_wins():
    assert compare(logistic=[0.6] * 20, knn=[0.9] * 20) == "knn"


def test_one_image_more_is_no_difference():
    assert compare(logistic=[0.4] + [0.9] * 19, knn=[0.6] * 20) == "logistic"


def test_of_equals_in_all_the_simplest_wins():
    assert compare(mlp=[0.9] * 20, knn=[0.9] * 20, centroid=[0.9] * 20) == "centroid"


def test_linear_classes_go_to_a_linear_head_fitted_on_all(blobs):
    X, y = blobs(n=120, d=200, spread=0.7)
    labels = np.array(["b", "a", "c"])[y]
    chosen = select_head(X, labels, QUICK)
    assert [candidate.name for candidate in chosen.candidates] == list(QUICK)
    assert chosen.name == chosen.head.method
    assert chosen.head.classes_.tolist() == ["a", "b", "c"]
    alone = build_head(chosen.name).fit(X, labels)
    np.testing.assert_allclose(chosen.head.predict_proba(X), alone.predict_proba(X))


def test_held_out_probabilities_are_of_heads_that_had_not_seen_the_example(blobs):
    X, y = blobs(n=60)
    pairs = list(StratifiedKFold(3).split(X, y))
    chosen = select_head(X, y, ["centroid"], folds=pairs)
    train, test = pairs[1]
    rows = np.isin(chosen.held_out_index, test)
    expected = build_head("centroid").fit(X[train], y[train]).predict_proba(X[test])
    np.testing.assert_allclose(chosen.held_out_proba[rows], expected)
    right = chosen.held_out_proba.argmax(1) == y[chosen.held_out_index]
    [candidate] = chosen.candidates
    assert candidate.accuracy == pytest.approx(right.mean())
    assert candidate.accuracy_se == pytest.approx(right.std(ddof=1) / np.sqrt(60))
    truth = chosen.held_out_proba[np.arange(60), y[chosen.held_out_index]]
    assert candidate.log_loss == pytest.approx(-np.log(truth).mean())


def test_noise_is_known_for_noise(blobs):
    X, _ = blobs(n=100, spread=0)
    y = np.random.default_rng(0).integers(0, 2, 100)
    for candidate in select_head(X, y, QUICK).candidates:
        assert candidate.accuracy < 0.65
        assert candidate.log_loss < 0.9


def test_groups_do_not_straddle(blobs):
    X, _ = blobs(n=50, spread=0)
    y, groups = np.repeat(np.random.default_rng(0).integers(0, 2, 50), 3), np.repeat(np.arange(50), 3)
    X = np.repeat(X, 3, axis=0)
    [straddling] = select_head(X, y, ["knn"]).candidates
    [grouped] = select_head(X, y, ["knn"], groups=groups).candidates
    assert straddling.accuracy == 1
    assert grouped.accuracy < 0.75


def test_validation_set_is_what_heads_are_compared_on(blobs):
    X, y = blobs(n=150)
    labels = np.array(["b", "a", "c"])[y]
    chosen = select_head(X[:90], labels[:90], QUICK, validation=(X[90:], labels[90:]))
    np.testing.assert_array_equal(chosen.held_out_proba, chosen.head.predict_proba(X[90:]))
    assert chosen.held_out_index.tolist() == list(range(60))
    accuracy = {candidate.name: candidate.accuracy for candidate in chosen.candidates}
    assert accuracy[chosen.name] == pytest.approx(np.mean(chosen.head.predict(X[90:]) == labels[90:]))


def test_a_class_of_one_image(blobs):
    X, _ = blobs(n=13)
    chosen = select_head(X, np.array([0] * 6 + [1] * 6 + [2]), ["logistic", "centroid"])
    assert chosen.held_out_proba.shape == (13, 3)
    assert (chosen.held_out_proba > 0).all()
    np.testing.assert_allclose(chosen.held_out_proba.sum(1), 1)


def test_no_head_is_refused(blobs):
    with pytest.raises(UsageError, match="name at least one head of prototype, logistic, centroid, knn, mlp"):
        select_head(*blobs(), heads=[])


def test_unknown_head_is_refused_before_any_is_fitted(blobs):
    with pytest.raises(UsageError, match="no head 'svm'"):
        select_head(*blobs(), heads=["logistic", "svm"])


def test_one_class_is_refused(blobs):
    X, _ = blobs(n=4)
    with pytest.raises(DataError, match="needs 2 classes or more, but every training example is 'cat'"):
        select_head(X, ["cat"] * 4, QUICK)


def test_one_image_a_class_is_refused(blobs):
    X, _ = blobs(n=3)
    with pytest.raises(DataError, match="no example can be held out to compare heads: add images until"):
        select_head(X, [0, 1, 2], QUICK)


def test_a_class_that_only_the_validation_set_has(blobs):
    X, y = blobs(n=60)
    with pytest.raises(DataError, match="validation set has the class '7', of which there is no training example"):
        select_head(X, y, QUICK, validation=(X, np.where(y == 2, 7, y)))


def test_settings_reach_the_head() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 6)).astype(np.float32)
    y = np.repeat([0, 1], 20)
    X[y == 1] += 2
    assert select_head(X, y, {"logistic": {"C": 3.0}}, folds=3).candidates[0].settings["C"] == 3.0
    with pytest.raises(UsageError, match="no setting 'colour'"):
        select_head(X, y, {"logistic": {"colour": 1}}, folds=3)


@pytest.mark.parametrize("given", [False, True])
def test_large_sets_are_compared_on_a_sample_and_the_winner_learns_from_all(
    given: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "COMPARED_ON", 60)
    rng = np.random.default_rng(0)
    y = np.repeat(["a", "b", "c"], [100, 98, 2])
    X = rng.normal(size=(200, 6)).astype(np.float32)
    X[y == "b"] += 2
    X[y == "c"] -= 4
    shuffled = rng.permutation(200)
    folds = [(np.setdiff1d(np.arange(200), shuffled[i::4]), shuffled[i::4]) for i in range(4)] if given else 4
    found = select_head(X, y, ["knn"], folds=folds)
    assert 50 <= len(found.held_out_index) <= 62
    assert len(np.unique(found.held_out_index)) == len(found.held_out_index)
    assert (found.head.classes_[found.held_out_proba.argmax(1)] == y[found.held_out_index]).mean() > 0.9
    assert any(len(array) == 200 for array in found.head.tensors_.values())
    assert list(found.head.classes_) == ["a", "b", "c"]


def test_the_best_of_probabilities_is_the_surest_of_the_most_accurate_and_of_equals_the_first():
    y = np.arange(40) % 2
    sure, doubtful, wrong = (
        np.stack([np.where(y == 0, p, 1 - p), np.where(y == 0, 1 - p, p)], 1) for p in (0.9, 0.6, 0.1)
    )
    assert best_of({"wrong": wrong, "doubtful": doubtful, "sure": sure}, y) == "sure"
    assert best_of({"first": sure, "second": sure.copy()}, y) == "first"
    once = sure.copy()
    once[0] = [0, 1]  # one mistake, made with certainty, costs no more than `least` allows
    assert best_of({"doubtful": doubtful, "once": once}, y) == "doubtful"
    assert best_of({"doubtful": doubtful, "once": once}, y, least=0.5) == "once"
