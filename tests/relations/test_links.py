"""Links are read by name, once each, and whatever is left out is said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from regraft.errors import DataError
from regraft.relations.links import Links, make_links, read_links

NAMES = ("p/a.png", "p/b.png", "q/c.png", "q/d.png")


def read(folder: Path, text: str, name: str = "edges.csv") -> Links:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return read_links(path, NAMES)


def test_types_and_weights_by_header(tmp_path: Path) -> None:
    links = read(tmp_path, "weight,relation,target,source\n2,patient,a,b.png\n,day,q/d.png,p/a.png\n")
    assert links.edges.tolist() == [[0, 3], [0, 1]]
    assert links.kind_names == ("day", "patient")
    assert links.kinds.tolist() == [0, 1]
    assert links.weights.tolist() == [1, 2]
    assert links.notes == ()


@pytest.mark.parametrize(
    "text",
    ["x,y\na,b\nc,d\n", "a,b\nc,d\n", "p/a.png,p/b.png\nq/c.png,q/d.png\n", "from\tto\na\tb\nc\td\n", "a;b\nc;d\n"],
)
def test_two_columns_with_and_without_a_header(tmp_path: Path, text: str) -> None:
    links = read(tmp_path, text)
    assert links.edges.tolist() == [[0, 1], [2, 3]]
    assert links.kind_names == ("linked",)
    assert len(links) == 2


@pytest.mark.parametrize("first", ["a,b", "p/a.png,p/b.png"])
def test_third_and_fourth_column_without_a_header(tmp_path: Path, first: str) -> None:
    links = read(tmp_path, f"{first},same,0.5\nc,d,other,2\n")
    assert links.kind_names == ("other", "same")
    assert links.weights.tolist() == [2, 0.5]
    assert "has no header" in links.notes[0]
    assert read(tmp_path, f"{first},3\nc,d,4\n").weights.tolist() == [3, 4]


def test_json_lines_and_parquet(tmp_path: Path) -> None:
    from regraft.data.columns import write_columns

    lines = "\n".join(json.dumps({"a": one, "b": two, "type": "t"}) for one, two in (("a", "c"), ("b", "d")))
    assert read(tmp_path, lines, "edges.jsonl").edges.tolist() == [[0, 2], [1, 3]]
    write_columns({"source": ["a"], "target": ["c"]}, tmp_path / "edges.parquet")
    assert read_links(tmp_path / "edges.parquet", NAMES).edges.tolist() == [[0, 2]]


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    links = read(tmp_path, "source,target,weight\na,a,1\nb,a,1\na,b,3\nc,d,0\nc,e,1\nf,g,1\nh,h,1\n,a,1\nb,d,1\n")
    assert links.edges.tolist() == [[0, 1], [1, 3]]
    assert links.weights.tolist() == [3, 1]
    unknown, own, nothing, again = links.notes
    assert unknown == (
        "4 of 9 links do not join two of the 4 examples and are left out: 5 names are unknown ('f', 'h', '', …)"
    )
    assert own == "1 link joins an example with itself: left out"
    assert nothing == "1 link has the weight 0: left out"
    assert again == "1 link is there again, or in the other direction: counted once"


def test_a_link_of_another_type_is_another_link() -> None:
    links = make_links([[0, 1], [1, 0], [1, 0]], 2, ["x", "y", "y"])
    assert links.edges.tolist() == [[0, 1], [0, 1]]
    assert links.of_kind(1).kinds.tolist() == [1]
    assert "1 link is there again" in links.notes[0]


def test_names_of_several_examples(tmp_path: Path) -> None:
    path = tmp_path / "edges.csv"
    path.write_text("x,y\n1,p/2\n1,p/2\np/1,p/2\n")
    links = read_links(path, ("p/1.png", "p/2.png", "q/1.png"))
    assert links.edges.tolist() == [[0, 1]]
    assert "1 names fit several examples ('1')" in links.notes[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("source\na\n", "must have two columns of names of linked examples"),
        ("source,target\nx,y\n", "must link examples by their names, such as 'p/a.png', and no line has two of them"),
        ("source,target\na,a\n", "no link is left of 1: 1 link joins an example with itself: left out; add links"),
        ("source,target,weight\na,b,heavy\n", "a weight in .* must be a number, not 'heavy'"),
        ("source,target,weight\na,b,-1\n", "a link's weight must be a finite number of 0 or more, not -1"),
        ("source,target,weight\na,b,nan\n", "a link's weight must be a finite number of 0 or more, not nan"),
    ],
)
def test_bad_tables(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read(tmp_path, text)


def test_no_such_example() -> None:
    with pytest.raises(DataError, match=r"links must join examples 0 to 1, not 0 to 2: number them anew"):
        make_links([[0, 2]], 2)


def test_take_keeps_types() -> None:
    links = make_links([[0, 1], [1, 2]], 3, ["x", "y"])
    one = links.take(np.array([False, True]))
    assert (one.edges.tolist(), one.kinds.tolist(), one.kind_names) == ([[1, 2]], [1], ("x", "y"))
