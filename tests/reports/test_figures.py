import re
from dataclasses import replace

import numpy as np
import pytest

from regraft.reports import figures
from regraft.result import Epoch


def points(path):
    return np.array([[float(v) for v in pair.split()] for pair in re.split("[ML]", path.removesuffix("h0"))[1:]])


def unit(path):
    """The path's points in the axes' own units."""
    x, y = points(path).T / figures.SIDE
    return x, 1 - y


def test_few_classes_are_all_drawn_in_the_same_style_in_both_plots(make_result):
    evaluation = make_result().evaluations["test"]
    roc = figures.roc_lines(evaluation)
    precision_recall = figures.precision_recall_lines(evaluation)
    assert [(line.name, line.style) for line in roc] == [("cat", 0), ("dog", 1), ("owl", 2)]
    assert [(line.name, line.style) for line in precision_recall] == [("cat", 0), ("dog", 1), ("owl", 2)]
    assert [line.area for line in roc] == [evaluation.per_class[line.name].roc_auc for line in roc]


def test_a_line_encloses_the_area_it_names(make_result):
    evaluation = make_result(n=90, wrong=25).evaluations["test"]
    for line in figures.roc_lines(evaluation):
        x, y = unit(line.path)
        assert np.trapezoid(y, x) == pytest.approx(line.area, abs=5e-3)
        assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 1, 1)
    for line in figures.precision_recall_lines(evaluation):
        x, y = unit(line.path)
        assert np.trapezoid(y, x) == pytest.approx(line.area, abs=5e-3)


def test_two_classes_share_one_roc_curve_but_not_the_other(make_result):
    evaluation = make_result(classes=("no", "yes")).evaluations["test"]
    assert [(line.name, line.style) for line in figures.roc_lines(evaluation)] == [("yes", 1)]
    assert [line.name for line in figures.precision_recall_lines(evaluation)] == ["no", "yes"]


def test_of_many_classes_the_worst_and_the_mean_are_drawn(make_result):
    evaluation = make_result(classes=[f"c{i:03}" for i in range(120)], n=360, wrong=150).evaluations["test"]
    roc = figures.roc_lines(evaluation)
    precision_recall = figures.precision_recall_lines(evaluation)
    areas = sorted(of.roc_auc for of in evaluation.per_class.values())
    assert [line.area for line in roc[:-1]] == areas[:5]
    assert [line.name for line in roc] == [line.name for line in precision_recall]
    assert roc[-1].style == "mean"
    assert roc[-1].area == evaluation.roc_auc
    x, y = unit(roc[-1].path)
    mean = np.mean([of.roc_auc for of in evaluation.per_class.values()])
    assert np.trapezoid(y, x) == pytest.approx(mean, abs=0.01)
    x, y = unit(precision_recall[-1].path)
    mean = np.mean([of.average_precision for of in evaluation.per_class.values()])
    assert np.trapezoid(y, x) == pytest.approx(mean, abs=0.01)


def test_a_class_without_test_images_has_no_curve(make_result):
    evaluation = make_result(classes=("a", "b", "c", "never"), truth=[0, 1, 2] * 10).evaluations["test"]
    assert [line.name for line in figures.roc_lines(evaluation)] == ["a", "b", "c"]


def test_the_size_of_a_curve_does_not_grow_with_its_points(make_result):
    evaluation = make_result().evaluations["test"]
    ramp = np.linspace(0, 1, 200_001)
    evaluation.curves["cat"] = replace(evaluation.curves["cat"], fpr=ramp, tpr=ramp)
    path = figures.roc_lines(evaluation)[0].path
    assert len(points(path)) <= 2 * 2 * figures.SIDE + 1


def test_confusions_are_sorted_by_count_then_by_share(make_result):
    confusion = np.array([[7, 2, 1], [1, 3, 0], [0, 5, 20]])
    evaluation = replace(make_result().evaluations["test"], confusion=confusion)
    found = figures.confusions(evaluation, limit=3)
    assert [(pair.truth, pair.predicted, pair.count, pair.support) for pair in found] == [
        ("owl", "dog", 5, 25),
        ("cat", "dog", 2, 10),
        ("dog", "cat", 1, 4),
    ]


def test_row_shares_of_an_empty_class_are_zero():
    assert figures.row_shares(np.array([[3, 1], [0, 0]])).tolist() == [[0.75, 0.25], [0, 0]]


def test_heat_map_places_every_cell_once_and_leaves_specks_blank():
    confusion = np.array([[999, 1, 0], [25, 75, 0], [0, 50, 50]])
    shades = figures.heat_map(confusion)
    cells = {
        (int(row), int(column), shade.diagonal): shade.opacity
        for shade in shades
        for column, row in re.findall(r"M(\d+) (\d+)h1v1h-1z", shade.path)
    }
    assert set(cells) == {(0, 0, True), (1, 0, False), (1, 1, True), (2, 1, False), (2, 2, True)}
    assert cells[1, 0, False] < cells[2, 1, False] == cells[2, 2, True] < cells[0, 0, True] == 1


def test_time_segments_name_what_no_stage_accounts_for():
    segments = figures.time_segments({"read": 1.0, "features": 6.0, "total": 10.0})
    assert [(s.name, s.seconds, s.share) for s in segments] == [
        ("read", 1.0, 0.1),
        ("features", 6.0, 0.6),
        ("other", 3.0, 0.3),
    ]


def test_time_segments_that_fill_the_total_leave_no_other():
    segments = figures.time_segments({"read": 2.0, "features": 6.0, "total": 8.0})
    assert [(s.name, s.share) for s in segments] == [("read", 0.25), ("features", 0.75)]


def epochs(attempt, train, val, accuracy):
    rows = zip(train, val, accuracy, strict=True)
    return [Epoch(attempt, "all", e, *values, 1e-3, 10.0 * e) for e, values in enumerate(rows, 1)]


def test_training_is_drawn_a_line_an_attempt_and_read_back_from_the_axes():
    history = epochs("finetune", [1.4, 0.9, 0.5], [1.1, 0.7, 0.8], [0.6, 0.8, 0.85])
    history += epochs("scratch", [1.6], [1.5], [0.4])
    loss, accuracy = figures.training_plots(history)
    assert (loss.title, accuracy.title) == ("Loss", "Validation accuracy")
    assert [(line.name, line.style) for line in loss.lines] == [
        ("finetune", "0 train"),
        ("finetune", "0"),
        ("scratch", "1 train"),
        ("scratch", "1"),
    ]
    assert [(line.name, line.style) for line in accuracy.lines] == [("finetune", "0"), ("scratch", "1")]
    assert [(line.name, line.area) for line in loss.best] == [("finetune", 0.7), ("scratch", 1.5)]
    assert [(line.name, line.area) for line in accuracy.best] == [("finetune", 0.85), ("scratch", 0.4)]
    for plot, number, values in ((loss, 1, [1.1, 0.7, 0.8]), (accuracy, 0, [0.6, 0.8, 0.85])):
        x, y = unit(plot.lines[number].path)
        (low, low_tick), (high, high_tick) = plot.y_ticks[0], plot.y_ticks[-1]
        assert (low, high) == (0, 1)
        assert low_tick + y * (high_tick - low_tick) == pytest.approx(values, abs=0.005)
        assert x == pytest.approx([at for at, _ in plot.x_ticks], abs=0.005)
        assert [epoch for _, epoch in plot.x_ticks] == [1, 2, 3]


def test_a_single_epoch_is_a_dot():
    loss, accuracy = figures.training_plots(epochs("finetune", [0.9], [0.8], [0.7]))
    assert [line.path for line in accuracy.lines] == ["M120 240h0"]
    assert all("L" not in line.path and line.path.endswith("h0") for line in loss.lines)
    assert accuracy.x_ticks == [(0.5, 1)]


def test_what_is_not_finite_is_not_drawn():
    history = epochs("finetune", [0.9, 0.8, float("nan")], [0.8, float("inf"), 0.6], [0.5, 0.6, float("nan")])
    loss, accuracy = figures.training_plots(history)
    assert [len(points(line.path)) for line in loss.lines + accuracy.lines] == [2, 2, 2]
    assert [line.area for line in loss.best + accuracy.best] == [0.6, 0.6]
    nothing = figures.training_plots(epochs("finetune", *[[float("nan")]] * 3))
    assert [plot.lines for plot in nothing] == [[], []]


def test_seven_attempts_begin_the_styles_anew():
    history = [epoch for i in range(7) for epoch in epochs(f"a{i}", [1.0], [1.0], [0.5])]
    assert [line.style for line in figures.training_plots(history)[1].lines] == ["0", "1", "2", "3", "4", "5", "0"]


@pytest.mark.parametrize(
    ("low", "high", "step"), [(0.83, 0.97, 0.05), (0, 2.3, 0.5), (0.9, 0.9, 0.001), (1, 1, 0.001), (20, 310, 50)]
)
def test_ticks_are_few_and_round_and_span_the_values(low, high, step):
    history = epochs("a", [low] * 2, [low] * 2, [low, high])
    ticks = [tick for _, tick in figures.training_plots(history)[1].y_ticks]
    assert ticks[0] <= low
    assert ticks[-1] >= high
    assert ticks[-1] <= max(1, high + step)
    assert np.diff(ticks) == pytest.approx(step)


def test_many_epochs_have_whole_and_few_ticks():
    history = epochs("a", [1.0] * 100, [1.0] * 100, [0.5] * 100)
    assert [tick for _, tick in figures.training_plots(history)[0].x_ticks] == [20, 40, 60, 80, 100]
