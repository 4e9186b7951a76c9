from __future__ import annotations

import pytest

from regraft.errors import DataError, UsageError
from regraft.multitask.recognition import make_tasks, parse_kinds, recognise


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["cat", "dog", ""], "classes"),
        (["1", "2", "3"], "classes"),
        (["1.5", "2", ""], "numbers"),
        ([str(i) for i in range(21)], "numbers"),
        (["1", "2", "three"], "classes"),
        (["a;b", "a", "b"], "multi-label"),
    ],
)
def test_kinds_are_recognised(cells: list[str], kind: str) -> None:
    assert recognise("x", cells) == kind


def test_numbers_with_a_slip_are_refused() -> None:
    with pytest.raises(DataError, match=r"column 'weight' is of numbers, but 1 of its cells are not, such as 'n/a'"):
        recognise("weight", [f"{i}.5" for i in range(30)] + ["n/a"])


def test_what_was_recognised_is_said() -> None:
    columns = {"pet": ("cat", "dog", ""), "stars": ("1", "2", "3"), "weight": ("0.5", "7", "1.25")}
    tasks, said = make_tasks(columns)
    assert [task.kind for task in tasks] == ["classes", "classes", "numbers"]
    assert said == [
        "Task pet: 2 classes (cat, dog); 1 of 3 have no label.",
        "Task stars: 3 classes (1, 2, 3). If their order means something: --task-kinds stars=ordinal.",
        "Task weight: numbers from 0.5 to 7.",
    ]


def test_kinds_can_be_said() -> None:
    tasks, said = make_tasks({"stars": ("1", "2", "3"), "tags": ("a", "a;b", "")}, {"stars": "ordinal"})
    assert [task.kind for task in tasks] == ["ordinal", "multi-label"]
    assert said[0] == "Task stars: 3 ordered classes (1, 2, 3)."


@pytest.mark.parametrize(
    ("kinds", "words"),
    [
        ({"star": "ordinal"}, r"must name columns of --label-columns \(stars\), not 'star'. Did you mean 'stars'\?"),
        ({"stars": "ordinals"}, r"must be one of classes, .*, not 'ordinals'. Did you mean 'ordinal'\?"),
    ],
)
def test_unknown_kinds_are_refused(kinds: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        make_tasks({"stars": ("1", "2", "3")}, kinds)


def test_kinds_are_written_as_pairs() -> None:
    assert parse_kinds("a=ordinal, b c = numbers,") == {"a": "ordinal", "b c": "numbers"}
    assert parse_kinds("") == {}
    with pytest.raises(
        UsageError, match="must be column=kind pairs joined by commas, such as size=ordinal, not 'size'"
    ):
        parse_kinds("size")
