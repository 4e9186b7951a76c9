import re
from dataclasses import replace

import numpy as np
import pytest

from regraft.reports import figures


def points(path):
    return np.array([[float(v) for v in pair.split()] for pair in re.split("[ML]", path)[1:]])


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
