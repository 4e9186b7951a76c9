"""Who may come in: so many at once, so many bytes together, and nobody when the server is about to stop."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from regraft.serving.admission import PATIENCE, Door
from regraft.serving.refusals import Refused
from regraft.serving.settings import Settings


@pytest.fixture
def door() -> Door:
    return Door(Settings(max_requests=2, max_megabytes=1, max_waiting_megabytes=1.5))


def test_so_many_at_once(door: Door) -> None:
    with door.enter() as first, door.enter() as second, door.enter() as third:
        assert door.inside == 3
        first.start()
        second.start()
        for late in (third.start, lambda: door.enter().__enter__()):
            with pytest.raises(Refused, match="At most 2 requests") as refused:
                late()
            assert refused.value.status == 503 and "Retry-After" in refused.value.headers
    assert (door.inside, door.computing) == (0, 0)
    with door.enter() as place:
        place.start()
        assert (door.inside, door.computing) == (1, 1)


def test_slow_clients_do_not_keep_the_others_out(door: Door) -> None:
    with ExitStack() as stack:
        for _ in range(2 * PATIENCE):
            stack.enter_context(door.enter()).hold(1)
        with pytest.raises(Refused, match="At most 2 requests"):
            stack.enter_context(door.enter())
    assert (door.inside, door.held) == (0, 0)


def test_what_is_announced_is_not_held_before_it_comes(door: Door) -> None:
    with door.enter() as first, door.enter() as second:
        for place in (first, second):
            place.expect(2**20)
        assert door.held == 0
        first.hold(2**20)
        with pytest.raises(Refused, match="MB together"):
            second.expect(2**20)


def test_so_many_bytes_together(door: Door) -> None:
    with door.enter() as first, door.enter() as second:
        first.hold(2**20)
        second.hold(2**19)
        assert door.held == 2**20 + 2**19
        with pytest.raises(Refused, match=r"may hold 1.5 MB together") as refused:
            second.hold(2**19 + 1)
        assert refused.value.status == 503
        assert (second.held, door.held) == (2**19, 2**20 + 2**19)
    assert door.held == 0


def test_a_place_is_free_again_whatever_happened(door: Door) -> None:
    with pytest.raises(ZeroDivisionError), door.enter() as place:
        place.hold(1000)
        place.start()
        raise ZeroDivisionError
    assert (door.inside, door.computing, door.held) == (0, 0, 0)


def test_nobody_comes_in_at_the_end(door: Door) -> None:
    door.draining = True
    with pytest.raises(Refused, match="about to stop") as refused, door.enter():
        pass
    assert refused.value.status == 503


def test_too_large_is_said_with_the_limit(door: Door) -> None:
    assert door.too_large("more came").status == 413
    assert "at most 1 MB, but more came" in door.too_large("more came").message
