"""The curves of how far a classifier can be trusted."""

from __future__ import annotations

from regraft.reports.trust import reliability_lines, selective_plot


def test_the_lines_are_of_before_and_after(make_result):
    evidence = make_result().evidence
    after, before = reliability_lines(evidence)
    assert (after.area, before.area) == (evidence.after.ece, evidence.before.ece)
    assert after.path.startswith("M")
    assert after.path.count("L") == len(evidence.after.bins) - 1


def test_the_surest_are_on_the_left(make_result):
    evidence = make_result(n=60, wrong=6).evidence
    plot = selective_plot(evidence)
    [line] = plot.lines
    assert line.area == evidence.selective.accuracies[-1] == 0.9
    assert [text for _, text in plot.x_ticks] == ["0%", "50%", "100%"]
    assert all(0 <= at <= 1 for at, _ in plot.y_ticks)


def test_both_are_on_the_page(make_result):
    from regraft.reports import html

    text = html.render(make_result())
    assert "Can its answers be acted on?" in text
    assert "Probabilities are off by" in text
    assert "Nothing worth a warning" in text
