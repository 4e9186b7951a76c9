"""Examples are found by whatever part of their name tells one of them."""

from __future__ import annotations

import pytest

from regraft.relations.naming import SEVERAL, UNKNOWN, Naming

NAMES = ("cats/1.jpg", "cats/2.jpg", "dogs/1.jpg", "dogs/x.y.png", "row 7", "1.jpg")


@pytest.mark.parametrize(
    ("name", "position"),
    [
        ("cats/2.jpg", 1),
        ("2.jpg", 1),
        ("2", 1),
        ("cats/2", 1),
        ("data/cats/2.jpg", 1),
        ("cats\\2.jpg", 1),
        ("./cats/2.jpg", 1),
        (" x.y ", 3),
        ("7", 4),
        ("row 7", 4),
        ("1.jpg", 5),
        ("1", SEVERAL),
        ("3.jpg", UNKNOWN),
        ("", UNKNOWN),
        ("birds/3.jpg", UNKNOWN),
    ],
)
def test_finds(name: str, position: int) -> None:
    assert Naming(NAMES).find(name) == position


def test_a_name_that_two_examples_have_tells_neither() -> None:
    assert Naming(("a", "a", "b")).find("a") == SEVERAL


def test_extensions() -> None:
    assert set(Naming(NAMES).extensions) == {".jpg", ".png"}
