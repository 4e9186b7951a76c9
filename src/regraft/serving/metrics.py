"""What a server counts, in Prometheus' format."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
"""Seconds."""

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4


class Metrics:
    """The counters of one app.

    Parameters
    ----------
    waiting, inside, held : callable
        Return how many examples wait, how many predictions are under way, and how many bytes they hold.
    """

    def __init__(self, waiting: Callable[[], int], inside: Callable[[], int], held: Callable[[], int]) -> None:
        self.registry = CollectorRegistry()
        kept = {"registry": self.registry}
        self.requests = Counter("regraft_requests", "Requests answered.", ("route", "status"), **kept)
        self.seconds = Histogram(
            "regraft_request_seconds", "From first byte to answer.", ("route",), buckets=BUCKETS, **kept
        )
        self.examples = Counter("regraft_examples", "Images, texts or recordings looked at.", ("model",), **kept)
        self.unreadable = Counter("regraft_unreadable", "Those of them that could not be read.", ("model",), **kept)
        self._gauge("regraft_queue_examples", "Examples that wait to be computed.", waiting)
        self._gauge("regraft_requests_in_flight", "Predictions that are computed or waiting.", inside)
        self._gauge("regraft_held_bytes", "Bytes of the bodies of those.", held)
        ProcessCollector(registry=self.registry)

    def _gauge(self, name: str, what: str, function: Callable[[], int]) -> None:
        Gauge(name, what, registry=self.registry).set_function(function)

    def page(self) -> bytes:
        """Return all figures as they are now."""
        return generate_latest(self.registry)
