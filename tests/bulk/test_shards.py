"""Shards, and bytes that are fetched ahead of those who ask for them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from regraft.bulk.shards import AHEAD, Fetched, Lost, starts
from regraft.errors import UnreadableImage


@pytest.mark.parametrize(
    ("rows", "first"), [(0, []), (1, [0]), (1024, [0]), (1025, [0, 1024]), (2049, [0, 1024, 2048])]
)
def test_each_row_is_in_one_shard(rows: int, first: list[int]) -> None:
    assert list(starts(rows, 1024)) == first


class Chunks:
    """Numbers in lists, and how many lists were asked for."""

    def __init__(self, n: int) -> None:
        self.n, self.asked = n, 0

    def __iter__(self) -> Iterator[list[int]]:
        for start in range(0, self.n, AHEAD):
            self.asked += 1
            yield list(range(start, min(start + AHEAD, self.n)))


@pytest.mark.parametrize("n", [1, AHEAD - 1, AHEAD, AHEAD + 1, 5 * AHEAD, 5 * AHEAD + 3])
def test_several_threads_get_each_example_once(n: int) -> None:
    found = Fetched(n, iter(Chunks(n)))
    assert len(found) == n
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(found.__getitem__, range(n))) == list(range(n))


def test_one_chunk_is_fetched_early_and_old_ones_are_let_go() -> None:
    chunks = Chunks(8 * AHEAD)
    found = Fetched(8 * AHEAD, iter(chunks))
    assert found[0] == 0
    assert found[AHEAD] == AHEAD
    found._pool.submit(int).result()  # what was asked for before has come
    assert chunks.asked == 3
    for position in (*range(1, AHEAD), *range(AHEAD + 1, 6 * AHEAD)):
        assert found[position] == position
    assert list(found._coming) == [6]


def test_what_goes_wrong_while_fetching_is_told_to_whom_it_concerns() -> None:
    def broken() -> Iterator[list[int]]:
        yield list(range(AHEAD))
        raise OSError("the line is dead")

    found = Fetched(2 * AHEAD, broken())
    assert found[AHEAD - 1] == AHEAD - 1
    with pytest.raises(OSError, match="the line is dead"):
        found[AHEAD]


def test_no_thread_stays_when_all_is_fetched() -> None:
    found = Fetched(2 * AHEAD, iter(Chunks(2 * AHEAD)))
    assert found[2 * AHEAD - 1] == 2 * AHEAD - 1
    found._pool.shutdown(wait=True)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("regraft-fetch")]


def test_a_lost_row_says_why() -> None:
    with pytest.raises(UnreadableImage, match=r"^file not found$"):
        Lost("file not found").read()
