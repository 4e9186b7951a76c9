"""Work that takes longer than a click."""

from __future__ import annotations

import threading

import pytest

from regraft.errors import DataError, UsageError
from regraft.serving.page.jobs import Job, Jobs


def test_a_job_is_told_of_while_it_runs() -> None:
    going, go_on = threading.Event(), threading.Event()

    def work(job: Job) -> None:
        job.say("80 images in 2 classes.")
        job.progress("Looking", 0.2, 0.6)(1_000, 2_000)
        going.set()
        go_on.wait(10)

    jobs = Jobs()
    job = jobs.start("fit", 3, work)
    going.wait(10)
    told = job.to_dict()
    assert told["running"]
    assert told["phase"] == "Looking: 1,000 of 2,000"
    assert told["share"] == pytest.approx(0.4)
    assert told["said"] == ["80 images in 2 classes."]
    with pytest.raises(UsageError, match="“Looking: 1,000 of 2,000” is still going on"):
        jobs.start("audit", 3, lambda job: None)
    go_on.set()
    jobs.wait(10)
    assert jobs.running is None
    assert jobs.last("fit") is job
    assert jobs.last("audit") is None
    assert (job.error, job.version) == (None, 3)
    assert job.seconds == job.seconds


def test_a_job_ends_where_it_next_can() -> None:
    going = threading.Event()

    def work(job: Job) -> None:
        for done in range(1_000_000):
            job.progress("Looking", 0, 1)(done, 1_000_000)
            going.set()

    jobs = Jobs()
    job = jobs.start("fit", 0, work)
    going.wait(10)
    jobs.stop(10)
    assert job.to_dict()["error"] == "The page's server was stopped."
    assert jobs.running is None


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (DataError("All photos are alike."), "All photos are alike."),
        (MemoryError(), "The machine must have more free memory"),
        (OSError(28, "No space left on device", "/tmp/x"), "No space left on device (/tmp/x)"),
        (ZeroDivisionError("division by zero"), "Something went wrong that should not have (ZeroDivisionError: "),
    ],
)
def test_a_failure_is_a_sentence(error: Exception, sentence: str) -> None:
    def work(job: Job) -> None:
        raise error

    jobs = Jobs()
    job = jobs.start("fit", 0, work)
    jobs.wait(10)
    told = job.to_dict()
    assert not told["running"]
    assert sentence in told["error"]
    assert "Traceback" not in told["error"]
    jobs.start("fit", 0, lambda job: None)  # and the next one may begin
    jobs.wait(10)
    jobs.forget("fit")
    assert jobs.last("fit") is None
