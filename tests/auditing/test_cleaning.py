"""The cleaned table: what is left out, what is noted, and what is refused."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from regraft.auditing.auditing import Audited
from regraft.auditing.class_balance import class_balance
from regraft.auditing.cleaning import check_clean_table, clean_table, kept
from regraft.auditing.findings import Audit, Group, Order, Suspect
from regraft.data.dataset import Dataset
from regraft.data.sources import read_source
from regraft.errors import DataError, UsageError


@pytest.fixture
def audited(folder_of_scenes, labelled) -> Audited:
    """Return eight images: 0 and 1 are copies, 2 and 3 contradict each other, 4 leaks into 7, 5 has a likely error."""
    names = [f"images/{i}.png" for i in range(8)]
    folder = folder_of_scenes({name: i for i, name in enumerate(names)}, "data")
    split = ["train"] * 6 + ["test"] * 2
    dataset = replace(labelled([0, 0, 0, 1, 1, 1, 0, 1], split, names), examples=[folder / name for name in names])

    def group(kind, *positions):
        return Group(
            kind,
            positions,
            tuple(names[i] for i in positions),
            tuple(dataset.class_names[dataset.y[i]] for i in positions),
        )

    suspects = (
        Suspect(5, names[5], "class 1", "class 0", 0.973, 0.01, True),
        Suspect(6, names[6], "class 0", "class 1", 0.6, 0.4, False),
    )
    groups = (group("exact", 0, 1), group("exact", 2, 3), group("near", 4, 7))
    return Audited(dataset, Audit(8, groups, (), suspects, (), (), Order(), class_balance(dataset)))


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_one_of_each_is_kept_and_the_labels_stay(audited: Audited) -> None:
    folder = audited.dataset.examples[0].parents[1]
    before = {path: path.read_bytes() for path in audited.dataset.examples}
    assert clean_table(audited, folder / "clean.csv") == 4
    assert rows_of(folder / "clean.csv") == [
        {"image": "images/0.png", "label": "class 0", "split": "train", "note": ""},
        {"image": "images/5.png", "label": "class 1", "split": "train", "note": "looks like class 0 (97%)"},
        {"image": "images/6.png", "label": "class 0", "split": "test", "note": ""},
        {"image": "images/7.png", "label": "class 1", "split": "test", "note": ""},
    ]
    assert before == {path: path.read_bytes() for path in audited.dataset.examples}


def test_the_table_can_be_read_again(audited: Audited) -> None:
    folder = audited.dataset.examples[0].parents[1]
    clean_table(audited, folder / "clean.csv")
    again = read_source(folder / "clean.csv")
    assert again.class_names == audited.dataset.class_names
    assert again.y.tolist() == [0, 1, 0, 1]
    assert again.split is not None
    assert again.split.tolist() == ["train", "train", "test", "test"]


def test_without_a_split_the_first_is_kept(audited: Audited) -> None:
    bare = replace(audited, dataset=replace(audited.dataset, split=None))
    assert np.flatnonzero(kept(bare)).tolist() == [0, 4, 5, 6]


def test_groups_are_kept_and_parquet_too(audited: Audited, tmp_path: Path) -> None:
    grouped = replace(audited, dataset=replace(audited.dataset, groups=np.array(list("ppqqrrst"))))
    clean_table(grouped, tmp_path / "clean.parquet")
    again = read_source(tmp_path / "clean.parquet", group_column="group")
    assert again.groups is not None
    assert again.groups.tolist() == ["p", "r", "s", "t"]


def test_nothing_is_left(audited: Audited, tmp_path: Path) -> None:
    group = Group("exact", tuple(range(8)), audited.dataset.names, ("class 0", "class 1") * 4)
    alike = replace(audited, audit=replace(audited.audit, duplicates=(group,)))
    with pytest.raises(DataError, match="must have rows, but every picture is there several times with different lab"):
        clean_table(alike, tmp_path / "clean.csv")


def test_only_files_can_be_named(audited: Audited, tmp_path: Path) -> None:
    arrays = replace(audited.dataset, examples=[np.zeros((4, 4, 3), np.uint8)] * 8)
    unpacked = replace(audited.dataset, _keep=object())
    for dataset in (arrays, unpacked):
        assert isinstance(dataset, Dataset)
        with pytest.raises(DataError, match="must name files, but the images of data are none of their own"):
            clean_table(Audited(dataset, audited.audit), tmp_path / "clean.csv")
    assert not (tmp_path / "clean.csv").exists()


def test_what_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "there.csv").write_text("mine")
    for name, words in (
        ("clean.txt", "must end in .csv, .tsv, .parquet, not '.txt'"),
        ("clean", "not 'nothing'"),
        ("there.csv", "must be a new file"),
        ("nowhere/clean.csv", "must be in an existing folder"),
    ):
        with pytest.raises(UsageError, match=words):
            check_clean_table(tmp_path / name)
    assert (tmp_path / "there.csv").read_text() == "mine"
    assert check_clean_table(tmp_path / "clean.tsv") == tmp_path / "clean.tsv"
