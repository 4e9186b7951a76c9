import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from regraft.errors import UsageError
from regraft.heads import neighbors
from regraft.heads.neighbors import NeighborsHead


def test_agrees_with_scikit_learn_where_votes_are_equal(blobs):
    X, y = blobs(n=180)
    head = NeighborsHead(n_neighbors=[5], temperatures=[1e6], smoothings=[1e-9]).fit(X[:90], y[:90])
    mean = X[:90].mean(0)
    reference = KNeighborsClassifier(5, metric="cosine").fit(X[:90] - mean, y[:90])
    np.testing.assert_allclose(head.predict_proba(X[90:]), reference.predict_proba(X[90:] - mean), atol=1e-5)


def test_more_neighbours_where_single_ones_mislead(blobs):
    X, y = blobs(n=300, d=10, spread=1.0)
    noisy = np.where(np.random.default_rng(0).random(300) < 0.3, (y + 1) % 3, y)
    assert NeighborsHead().fit(X, noisy).settings_["n_neighbors"] >= 10


def test_chunks_do_not_change_the_choice(blobs, monkeypatch):
    X, y = blobs()
    whole = NeighborsHead().fit(X, y).settings_
    monkeypatch.setattr(neighbors, "CHUNK", 7)
    assert NeighborsHead().fit(X, y).settings_ == whole


def test_settings_are_chosen_on_a_part_of_many_examples(blobs, monkeypatch):
    X, y = blobs(n=300, d=10)
    seen = []
    other_neighbors = neighbors._other_neighbors

    def spy(examples, y, groups, rows, count):
        seen.extend(rows)
        return other_neighbors(examples, y, groups, rows, count)

    monkeypatch.setattr(neighbors, "_other_neighbors", spy)
    monkeypatch.setattr(neighbors, "CHOSEN_ON", 50)
    head = NeighborsHead().fit(X, y)
    assert len(set(seen)) == 50
    assert head.score(X, y) > 0.6


@pytest.mark.parametrize("name", ["n_neighbors", "temperatures", "smoothings"])
@pytest.mark.parametrize("values", [(), (0, 1)])
def test_settings_must_be_above_zero(name, values, blobs):
    with pytest.raises(UsageError, match=f"{name} must be one or more numbers above 0, not "):
        NeighborsHead(**{name: values}).fit(*blobs())
