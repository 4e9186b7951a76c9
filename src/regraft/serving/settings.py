"""What a server allows: sizes, numbers, times, and who may ask."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from regraft.errors import UsageError

MEGABYTE = 2**20


@dataclass(frozen=True)
class Settings:
    """What a server allows.

    Parameters
    ----------
    token : str or None
        What every request must bring as its bearer token; None: whoever reaches the address may ask.
    max_megabytes : float
        Of one request's body (2^20 bytes each).
    max_megapixels : float
        Of one image (10^6 pixels each), told from its header before anything is decoded.
    max_images : int
        Examples in one request.
    max_requests : int
        Predictions asked for at once, whether computed or waiting; whoever comes on top is told to come again.
    max_waiting_megabytes : float
        Of all their bodies together.
    timeout : float
        Seconds from a body's last byte to the answer.
    read_timeout : float
        Seconds from a request's first byte to the last one of its body.
    workers : int or None
        Threads that decode images and run the networks; None: one a processor, and two more.
    quiet : bool
        Write no line for each request.

    Raises
    ------
    UsageError
        If a limit is none.
    """

    token: str | None = field(default=None, repr=False)
    max_megabytes: float = 32
    max_megapixels: float = 50
    max_images: int = 64
    max_requests: int = 32
    max_waiting_megabytes: float = 256
    timeout: float = 30
    read_timeout: float = 20
    workers: int | None = None
    quiet: bool = False

    def __post_init__(self) -> None:
        for name in ("max_images", "max_requests", "workers"):
            count = getattr(self, name)
            if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < 1):
                raise UsageError(f"--{name.replace('_', '-')} must be a whole number of 1 or more, not {count}.")
        for name in ("max_megabytes", "max_megapixels", "max_waiting_megabytes", "timeout", "read_timeout"):
            amount = getattr(self, name)
            if not 0 < amount < math.inf:
                raise UsageError(f"--{name.replace('_', '-')} must be above 0 and finite, not {amount}.")
        if self.max_waiting_megabytes < self.max_megabytes:
            raise UsageError(
                f"--max-waiting-megabytes must hold at least one request of --max-megabytes {self.max_megabytes:g}, "
                f"not {self.max_waiting_megabytes:g}; raise it, or lower the other."
            )
        if self.token is not None and (not self.token.isascii() or not self.token.isprintable() or " " in self.token):
            raise UsageError("The token must be of printable ASCII characters without blanks; choose another.")
        if self.token == "":
            raise UsageError("The token must not be empty: give one, or none at all.")

    @property
    def max_bytes(self) -> int:
        """Bytes of one request's body."""
        return int(self.max_megabytes * MEGABYTE)

    @property
    def max_waiting_bytes(self) -> int:
        """Bytes of all bodies together."""
        return int(self.max_waiting_megabytes * MEGABYTE)

    @property
    def max_pixels(self) -> int:
        """Pixels of one image."""
        return int(self.max_megapixels * 1e6)
