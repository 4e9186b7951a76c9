"""Who may come in: so many requests at once, so many bytes of theirs; all others are told to come again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from regraft.serving.refusals import Refused, come_again
from regraft.serving.settings import Settings

PATIENCE = 8
"""Times as many requests may be on their way in as may be computed: slow clients must not keep the others out."""


class Place:
    """One request on its way: the bytes that it holds, and whether it is computed."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self.held = 0
        self.computed = False

    def expect(self, length: int) -> None:
        """Tell how many bytes will come; they are held only once they are here.

        Raises
        ------
        Refused
            If they are more than are left.
        """
        if self._door.held - self.held + length > self._door.settings.max_waiting_bytes:
            raise come_again(
                "out-of-room",
                f"The requests under way may hold {self._door.settings.max_waiting_megabytes:g} MB together, and do; "
                "send this one again a little later.",
            )

    def hold(self, total: int) -> None:
        """Hold so many bytes in all.

        Raises
        ------
        Refused
            If they are more than are left.
        """
        self.expect(total)
        self._door.held += total - self.held
        self.held = total

    def start(self) -> None:
        """Be one of those that are computed.

        Raises
        ------
        Refused
            If there are as many as may be.
        """
        self._door.check()
        self._door.computing += 1
        self.computed = True


class Door:
    """How many requests are under way, and how many bytes they hold; all in one event loop.

    Parameters
    ----------
    settings : Settings
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.inside = 0
        self.computing = 0
        self.held = 0
        self.draining = False

    def check(self) -> None:
        """Raise Refused if as many requests as may be are computed, or are waiting to be."""
        most = self.settings.max_requests
        if self.computing >= most or self.inside > PATIENCE * most:
            raise come_again(
                "busy",
                f"At most {most} requests may be under way at once, and as many are; send this one again a little "
                "later.",
            )

    @contextmanager
    def enter(self) -> Iterator[Place]:
        """Let one request in for as long as it is under way.

        Raises
        ------
        Refused
            If there are as many as may be, or the server is about to end.
        """
        if self.draining:
            raise come_again("draining", "The server is about to stop; send this again once it is back.")
        self.inside += 1
        place = Place(self)
        try:
            self.check()
            yield place
        finally:
            self.inside -= 1
            self.computing -= place.computed
            self.held -= place.held

    def too_large(self, came: str) -> Refused:
        """Return what is said to a body over the limit."""
        return Refused(
            413,
            "too-large",
            f"The body must have at most {self.settings.max_megabytes:g} MB, but {came}; send fewer or smaller ones.",
        )
