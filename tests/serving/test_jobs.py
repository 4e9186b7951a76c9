"""The queue and its threads: every example is answered once, a few at a time, and nothing stops them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from regraft.errors import UnreadableImage
from regraft.serving.jobs import Example, Job, Workers
from regraft.serving.models import Served


@dataclass
class Lengths:
    """Stands for engines: the feature of an example is how many bytes it has."""

    batch: int = 4
    batches: list[int] = field(default_factory=list)
    gate: threading.Event | None = None
    started: threading.Event = field(default_factory=threading.Event)

    def prepare(self, raw: bytes) -> int:
        self.started.set()
        if self.gate is not None:
            assert self.gate.wait(20)
        if raw == b"noise":
            raise UnreadableImage("not an image")
        if raw == b"large":
            raise MemoryError
        if raw == b"crash":
            raise ZeroDivisionError
        return len(raw)

    def compute(self, prepared: list[int]) -> np.ndarray:
        self.batches.append(len(prepared))
        return np.array(prepared, np.float32)[:, None]


@pytest.fixture
def served(fitted: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Served]:
    """Return a function that makes a model whose confidence is its example's length."""
    from regraft.prediction import Prediction

    def name_features(self: Any, features: np.ndarray, names: list[str], coverage: float | None) -> list[Prediction]:
        plausible = None if coverage is None else (f"{coverage}",)
        return [
            Prediction(name, "it", float(row[0]), {}, plausible=plausible)
            for name, row in zip(names, features, strict=True)
        ]

    monkeypatch.setattr(type(fitted.classifier), "name_features", name_features)
    return lambda live, name="it": Served(name, fitted.classifier, live)


@pytest.fixture
def workers() -> Any:
    made = Workers(2)
    yield made
    made.close()


def examples(*raws: bytes) -> list[Example]:
    return [Example(f"{position}", raw) for position, raw in enumerate(raws)]


def confidences(said: list[Any]) -> list[float | None]:
    return [each.confidence for each in said]


def test_each_example_is_answered_in_its_place(workers: Workers, served: Any) -> None:
    live = Lengths()

    async def ask() -> list[Any]:
        jobs = [Job(served(live), examples(*(b"x" * (10 * j + i) for i in range(7)))) for j in range(20)]
        for job in jobs:
            workers.submit(job)
        return await asyncio.gather(*(job.done for job in jobs))

    for j, said in enumerate(asyncio.run(ask())):
        assert confidences(said) == [10 * j + i for i in range(7)]
        assert [each.name for each in said] == [str(i) for i in range(7)]
    assert sum(live.batches) == 140 and max(live.batches) <= live.batch
    assert workers.waiting == 0


def test_what_cannot_be_read_is_said_of_that_example_alone(workers: Workers, served: Any) -> None:
    async def ask() -> list[Any]:
        job = Job(served(Lengths()), [*examples(b"noise", b"abc", b"large"), Example("d", b"", "not base64")])
        workers.submit(job)
        return await job.done

    said = asyncio.run(ask())
    assert confidences(said) == [None, 3, None, None]
    assert said[0].error == "not an image"
    assert "memory" in said[2].error
    assert said[3].error == "not base64"


def test_a_crash_is_told_and_the_threads_live_on(workers: Workers, served: Any) -> None:
    async def ask(raw: bytes) -> list[Any]:
        job = Job(served(Lengths()), examples(raw))
        workers.submit(job)
        return await asyncio.wait_for(job.done, 20)

    for _ in range(5):
        with pytest.raises(ZeroDivisionError):
            asyncio.run(ask(b"crash"))
    assert confidences(asyncio.run(ask(b"abc"))) == [3]


def test_a_crash_is_the_matter_of_one_request_alone(served: Any) -> None:
    gate = threading.Event()
    live, workers = Lengths(gate=gate), Workers(1)

    async def ask() -> list[Any]:
        one = served(live)
        jobs = [Job(one, examples(raw)) for raw in (b"", b"crash", b"abc")]
        for job in jobs:
            workers.submit(job)
        await asyncio.to_thread(live.started.wait, 20)
        gate.set()
        return await asyncio.gather(*(job.done for job in jobs), return_exceptions=True)

    first, crashed, last = asyncio.run(ask())
    assert (confidences(first), confidences(last)) == ([0], [3])
    assert isinstance(crashed, ZeroDivisionError)
    workers.close()


def test_each_request_has_its_own_coverage(workers: Workers, served: Any) -> None:
    async def ask() -> list[Any]:
        one = served(Lengths(gate=gate))
        jobs = [Job(one, examples(b"abc"), coverage) for coverage in (None, 0.5, 0.9, None)]
        for job in jobs:
            workers.submit(job)
        gate.set()
        return await asyncio.gather(*(job.done for job in jobs))

    gate = threading.Event()
    assert [said[0].plausible for said in asyncio.run(ask())] == [None, ("0.5",), ("0.9",), None]


def test_what_nobody_waits_for_is_dropped_and_not_computed(served: Any) -> None:
    gate = threading.Event()
    live, workers = Lengths(batch=1, gate=gate), Workers(1)

    async def ask() -> list[Any]:
        first, gone, last = (Job(served(live), examples(*[b"abc"] * n)) for n in (1, 50, 2))
        for job in (first, gone, last):
            workers.submit(job)
        await asyncio.to_thread(live.started.wait, 20)
        assert workers.waiting == 52
        workers.cancel(gone)
        assert workers.waiting == 2
        gate.set()
        await last.done
        assert not gone.done.done()
        return await first.done

    assert confidences(asyncio.run(ask())) == [3]
    assert sum(live.batches) == 3
    workers.close()


def test_a_batch_is_of_one_model(workers: Workers, served: Any) -> None:
    lives = [Lengths(), Lengths()]

    async def ask() -> list[Any]:
        both = [served(live, f"{number}") for number, live in enumerate(lives)]
        jobs = [Job(both[i % 2], examples(b"x" * i, b"x" * i)) for i in range(10)]
        for job in jobs:
            workers.submit(job)
        return await asyncio.gather(*(job.done for job in jobs))

    assert [confidences(said) for said in asyncio.run(ask())] == [[i, i] for i in range(10)]
    assert [sum(live.batches) for live in lives] == [10, 10]


def test_waiting_examples_are_shared_among_the_threads(served: Any) -> None:
    gate = threading.Event()
    live, workers = Lengths(batch=16, gate=gate), Workers(2)

    async def ask() -> None:
        job = Job(served(live), examples(*[b"abc"] * 8))
        workers.submit(job)
        gate.set()
        await job.done

    asyncio.run(ask())
    assert max(live.batches) <= 4
    workers.close()


def test_bytes_are_let_go_of_once_they_are_decoded(workers: Workers, served: Any) -> None:
    async def ask() -> list[bytes]:
        job = Job(served(Lengths()), examples(b"abc", b"noise"))
        workers.submit(job)
        await job.done
        return [example.raw for example in job.examples]

    assert asyncio.run(ask()) == [b"", b""]


def test_closed_threads_end_and_can_begin_again(served: Any) -> None:
    workers = Workers(3)

    async def ask() -> list[Any]:
        job = Job(served(Lengths()), examples(b"abc"))
        workers.submit(job)
        return await job.done

    before = threading.active_count()
    for _ in range(2):
        assert confidences(asyncio.run(ask())) == [3]
        assert threading.active_count() >= before + 3
        workers.close()
        assert threading.active_count() == before
