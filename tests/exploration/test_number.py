"""The number of clusters and its evidence."""

from __future__ import annotations

import numpy as np
import pytest

from regraft.errors import DataError
from regraft.exploration import number
from regraft.exploration.number import Tried, as_good, best, candidates, k_means, try_numbers
from regraft.exploration.smoothing import reduced


@pytest.mark.parametrize("sizes", [(40, 40), (30, 30, 30), (25, 20, 25, 20, 25)])
def test_groups_far_apart_are_counted(grouped, sizes) -> None:
    tried = try_numbers(reduced(grouped(sizes)[0]))
    assert best(tried) == len(sizes)
    found = next(each for each in tried if each.clusters == len(sizes))
    assert found.stability == pytest.approx(1)
    assert found.silhouette > 0.5
    assert as_good(tried, len(sizes)) == ()


def test_the_same_seed_gives_the_same_evidence(grouped) -> None:
    points = reduced(grouped(spread=0.6)[0])
    assert try_numbers(points, 3) == try_numbers(points, 3)
    assert try_numbers(points, 3) != try_numbers(points, 4)


def test_candidates_leave_five_images_to_a_cluster() -> None:
    assert candidates(10) == [2]
    assert candidates(62) == list(range(2, 13))
    assert candidates(10**6)[-1] == 100
    assert candidates(500)[10:14] == [12, 14, 17, 20]
    assert len(set(candidates(10**6))) == len(candidates(10**6))


def test_too_few_images_to_choose_by() -> None:
    with pytest.raises(DataError, match="There must be at least 10 readable images to choose the number of clusters"):
        try_numbers(np.ones((9, 3), np.float32))


def test_many_images_are_judged_by_a_sample(grouped, monkeypatch: pytest.MonkeyPatch) -> None:
    points = reduced(grouped((60, 60))[0])
    monkeypatch.setattr(number, "MOST", 50)
    assert [each.clusters for each in try_numbers(points)] == candidates(50)


def test_images_that_are_all_alike_are_one_cluster() -> None:
    tried = try_numbers(np.tile(np.eye(1, 5, dtype=np.float32), (20, 1)))
    assert tried == ()
    assert best(tried) == 1


def test_numbers_within_a_tenth_of_the_score_are_as_good() -> None:
    tried = [Tried(2, 0.5, 1.0), Tried(3, 0.5, 0.91), Tried(4, 0.5, 0.8), Tried(5, 0.4, -0.2)]
    assert best(tried) == 2
    assert as_good(tried, 2) == (3,)
    assert tried[3].score == 0
    assert tried[1].to_dict() == {"clusters": 3, "silhouette": 0.5, "stability": 0.91, "score": pytest.approx(0.455)}


def test_fewer_different_points_than_clusters() -> None:
    points = np.repeat(np.eye(3, dtype=np.float32), 4, axis=0)
    assert len(set(k_means(points, 5, 0).tolist())) == 3
