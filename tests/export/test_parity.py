"""What an exported file must agree with the classifier in, and on which images that is tried."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from regraft.errors import RegraftError
from regraft.export import targets
from regraft.export.parity import BOUNDS, Bound, Parity, answers, bundled, check, compare, squared
from regraft.features.engine_openvino import precisions

P = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4], [0.9, 0.05, 0.05]])
IMAGES = [np.full((2, 3 + n, 3), n, np.uint8) for n in range(4)]


def classifier(marks: list[bool] | None = None) -> Any:
    """Return what stands for a classifier that says P of IMAGES."""
    return SimpleNamespace(
        features=lambda images: SimpleNamespace(values=np.zeros((len(images), 1), np.float32)),
        score=lambda features: P,
        unfamiliar=lambda features, p: None if marks is None else np.array(marks),
    )


def file(p: np.ndarray, strangeness: list[float] | None = None) -> Any:
    """Return what stands for a file that says p of IMAGES, whose pixels are their numbers."""

    def run(pixels: np.ndarray) -> tuple[np.ndarray, ...]:
        number = int(pixels[0, 0, 0, 0])
        row = p[number : number + 1].astype(np.float32)
        return (row,) if strangeness is None else (row, np.array(strangeness[number : number + 1]))

    return run


def test_what_is_the_same_holds() -> None:
    found = compare(file(P), "f32", IMAGES, classifier())
    assert found.holds and found.same == 1 and found.largest < 1e-6 and found.marks is None
    check(found, "onnx")


def test_differences_are_counted_and_told() -> None:
    other = P.copy()
    other[2] = [0.45, 0.3, 0.25]
    found = compare(file(other), "f32", IMAGES, classifier())
    assert (found.images, found.same) == (4, 0.75)
    assert found.largest == pytest.approx(0.15, abs=1e-6)
    assert found.mean == pytest.approx(0.3 / 12, abs=1e-6)
    with pytest.raises(RegraftError, match=r"onnx file says in f32 must be .* 75.0% have the same class .*no file was"):
        check(found, "onnx")


def test_marks_are_compared_where_both_tell_them() -> None:
    strange = [0.1, -0.1, 0.2, -3]
    assert compare(file(P, strange), "f32", IMAGES, classifier([True, False, False, False])).marks == 0.75
    assert compare(file(P), "f32", IMAGES, classifier([True] * 4)).marks is None
    assert compare(file(P, strange), "f32", IMAGES, classifier()).marks is None


def test_what_is_no_number_differs_by_all() -> None:
    broken = P.copy()
    broken[1] = np.nan
    found = compare(file(broken), "bf16", IMAGES, classifier())
    assert found.largest == 1 and not found.holds


def test_answers_come_in_order_whatever_the_sizes() -> None:
    p, strangeness = answers(file(P, [1, 2, 3, 4]), IMAGES)
    np.testing.assert_allclose(p, P, rtol=1e-6)
    assert strangeness is not None and strangeness.tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("precision", ["f32", "bf16", "int8"])
@pytest.mark.parametrize("figure", ["same", "largest", "mean"])
def test_each_figure_has_its_bound_in_each_precision(precision: str, figure: str) -> None:
    bound = BOUNDS[precision]
    within = Parity(precision, 64, bound.same, bound.largest, bound.mean, bound)
    assert within.holds
    beyond = replace(within, **{figure: getattr(bound, figure) + (-1e-6 if figure == "same" else 1e-6)})
    assert not beyond.holds
    with pytest.raises(RegraftError) as raised:
        check(beyond, "openvino")
    assert ("leave --int8 out" in str(raised.value)) == (precision == "int8")


def test_the_more_exact_a_precision_the_tighter_its_bound() -> None:
    exact, mixed, eight = (BOUNDS[name] for name in ("f32", "bf16", "int8"))
    assert exact.same == 1 >= mixed.same >= eight.same > 0.9
    assert exact.largest < mixed.largest < eight.largest
    assert exact.mean < mixed.mean < eight.mean


def test_it_goes_into_json() -> None:
    found = Parity("f32", 64, 1.0, 0.0, 0.0, Bound(1.0, 0.1, 0.1)).to_dict()
    assert found["bound"] == {"same": 1.0, "largest": 0.1, "mean": 0.1, "marks": 0.0} and found["marks"] is None


def test_bundled_images_are_real_of_many_sizes_and_always_the_same() -> None:
    first, second = bundled(64), bundled(64)
    for image, again in zip(first, second, strict=True):
        np.testing.assert_array_equal(image, again)
    shapes = {image.shape for image in first}
    assert len(shapes) > 50
    sides = {side for shape in shapes for side in shape[:2]}
    assert min(sides) < 80 and max(sides) > 300
    assert all(image.dtype == np.uint8 and image.flags.c_contiguous for image in first)
    assert sum(image.std() > 10 for image in first) > 55  # parts of photos, not flat
    from sklearn.datasets import load_sample_images

    height, width = first[9].shape[:2]
    photo = load_sample_images().images[1]
    rows, columns = (photo.shape[axis] - side + 1 for axis, side in ((0, height), (1, width)))
    assert any(
        np.array_equal(photo[top : top + height, left : left + width], first[9])
        for top in range(rows)
        for left in range(columns)
        if np.array_equal(photo[top, left], first[9][0, 0])
    )


@pytest.mark.parametrize("stretch", [False, True], ids=["middle", "stretched"])
def test_squares_are_the_middle_or_the_whole(stretch: bool) -> None:
    image = np.zeros((40, 100, 3), np.uint8)
    image[:, 30:70] = 200
    found = squared(image, 20, stretch=stretch)
    assert found.shape == (20, 20, 3) and found.dtype == np.uint8
    assert (found.min() == 200) != stretch
    assert squared(image[:1, :1], 20, stretch=stretch).shape == (20, 20, 3)


@pytest.mark.skipif(len(precisions()) == 1, reason="this processor does not compute in bf16")
def test_a_file_that_computes_in_bf16_is_within_its_bound(exported: Any, small: Any) -> None:
    # A processor without it computes in float32 all the same.
    run = targets.find("openvino").open(exported("openvino").paths[0], "bf16")
    exact = replace(small, precisions=("f32",))
    found = compare(run, "bf16", bundled(16), exact)
    assert found.same > 0.8 and found.mean < 0.05
