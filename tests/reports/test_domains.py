"""The map of domains: every example once, XML whatever things are called, colours with a second sign."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from regraft.errors import DataError
from regraft.reports.domains import MOST, domain_map


def parts(svg: str, kind: str) -> list[ElementTree.Element]:
    return [e for e in ElementTree.fromstring(svg).iter() if kind in (e.get("class") or "").split()]


def points(svg: str, domain: int) -> int:
    """Return how many marks a domain has, without the one of the legend."""
    return sum(len(re.findall("M", e.get("d", ""))) for e in parts(svg, f"d{domain}"))


def scattered(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((n, 2))


def test_every_example_is_drawn_in_its_domain() -> None:
    svg = domain_map(scattered(50), ["here"] * 30 + ["there"] * 20, ["a", "b"] * 25)
    assert (points(svg, 0), points(svg, 1)) == (30, 20)
    texts = [e.text for e in ElementTree.fromstring(svg).iter() if e.text and e.text.strip()]
    assert {"here (30)", "there (20)", "a", "b", "Class", "Domain"} <= set(texts)
    assert all(e.get("class") == "d d1 hollow" for e in parts(svg, "d1"))
    assert svg == domain_map(scattered(50), ["here"] * 30 + ["there"] * 20, ["a", "b"] * 25)


def test_names_stand_where_each_domain_has_the_class() -> None:
    middle = {("s", "a"): (0.1, 0.1), ("s", "b"): (0.9, 0.1), ("t", "a"): (0.1, 0.9), ("t", "b"): (0.9, 0.9)}
    rows = [(d, c, np.add(at, shift)) for (d, c), at in middle.items() for shift in (-0.01, 0, 0.01)]
    svg = domain_map([row[2] for row in rows], [row[0] for row in rows], [row[1] for row in rows])
    words = {(e.get("class"), e.text): (float(e.get("x", 0)), float(e.get("y", 0))) for e in parts(svg, "class")}
    assert set(words) == {("class w0", "a"), ("class w0", "b"), ("class w1", "a"), ("class w1", "b")}
    assert words["class w0", "a"][0] < words["class w0", "b"][0]
    assert words["class w0", "a"][1] < words["class w1", "a"][1]


def test_scattered_classes_have_shapes_but_no_names_and_many_classes_neither() -> None:
    few = domain_map(scattered(60), ["s"] * 60, list("abcdef") * 10)
    assert not parts(few, "class")
    assert len(parts(few, "shape")) == 6
    many = domain_map(scattered(60), ["s"] * 60, list("abcdefg") * 8 + ["a"] * 4)
    assert not parts(many, "shape")
    assert not parts(domain_map(scattered(9), ["s"] * 9), "shape")


def test_names_that_would_lie_upon_each_other_are_moved_apart() -> None:
    svg = domain_map(np.full((4, 2), 0.5), ["s"] * 4, ["one", "two", "three", "four"])
    heights = sorted(float(e.get("y", 0)) for e in parts(svg, "class"))
    assert min(np.diff(heights)) >= 15


def test_unknown_classes_and_places_and_odd_names() -> None:
    svg = domain_map([[0.1, 0.2], [np.nan, 0.2], [0.4, 0.5]], ["a<b>\x00&", "z", "z"], [None, "x\x1b", "<y>"])
    ElementTree.fromstring(svg)
    assert (points(svg, 0), points(svg, 1)) == (1, 1)  # and the one without a place is not drawn


def test_large_sets_are_sampled_and_it_is_said() -> None:
    n = MOST + 100
    svg = domain_map(scattered(n), ["s"] * n)
    assert points(svg, 0) == MOST
    assert "3,000 of 3,100 examples are drawn" in svg


@pytest.mark.parametrize(
    ("places", "domains", "labels", "words"),
    [
        (np.ones((2, 3)), ["a", "b"], None, r"places must be a row \(x, y\) for each of the 2 domains' names"),
        (np.ones((2, 2)), ["a"], None, "places must be a row"),
        (np.ones((0, 2)), [], None, "places must be a row"),
        (np.ones((2, 2)), ["a", "b"], ["x"], "labels must be 2, one for each place, not 1"),
    ],
)
def test_bad_input(places: np.ndarray, domains: list[str], labels: list[str] | None, words: str) -> None:
    with pytest.raises(DataError, match=words):
        domain_map(places, domains, labels)
