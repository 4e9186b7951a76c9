"""What is counted, in Prometheus' format."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from regraft.serving.metrics import Metrics


def test_figures_are_read_when_they_are_asked_for() -> None:
    now = {"waiting": 3}
    metrics = Metrics(lambda: now["waiting"], lambda: 2, lambda: 1000)
    metrics.requests.labels("/v1/predict", "200").inc()
    metrics.seconds.labels("/v1/predict").observe(0.03)

    def found() -> dict[str, float]:
        families = text_string_to_metric_families(metrics.page().decode())
        return {sample.name: sample.value for family in families for sample in family.samples}

    first = found()
    assert first["regraft_queue_examples"] == 3 and first["regraft_requests_in_flight"] == 2
    assert first["regraft_held_bytes"] == 1000
    assert first["regraft_requests_total"] == 1 and first["regraft_request_seconds_count"] == 1
    now["waiting"] = 0
    assert found()["regraft_queue_examples"] == 0


def test_each_app_counts_for_itself() -> None:
    one, two = (Metrics(lambda: 0, lambda: 0, lambda: 0) for _ in range(2))
    one.examples.labels("flowers").inc(5)
    assert b"flowers" in one.page() and b"flowers" not in two.page()
