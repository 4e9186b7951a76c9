"""Domains: told from classes, joined, chosen; and a target with whatever labels it has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regraft.data.dataset import TASK, Dataset, Skipped
from regraft.data.domains import domain_folders, join, read_domains, select_domains, with_classes_present
from regraft.data.sources import read_source
from regraft.data.target import indices_of, read_target, target_of
from regraft.errors import DataError, UsageError

Pictures = Callable[..., Path]
PETS = ("cat", "dog")


def texts(labels: str, name: str = "texts", **settings: Any) -> Dataset:
    """Return texts of classes a, b, ..., one a letter."""
    classes = tuple(sorted(set(labels)))
    return Dataset(
        examples=[f"text {i} of {name}" for i in range(len(labels))],
        names=tuple(f"row {i}" for i in range(len(labels))),
        labels={TASK: indices_of(labels, classes)},
        classes={TASK: classes},
        modality="text",
        name=name,
        **settings,
    )


def table(folder: Path, *rows: str, name: str = "table.csv") -> Path:
    (folder / name).write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder / name


def reviews(count: int, labels: str = "ab") -> list[str]:
    return [f"a review of number {i},{labels[i % len(labels)]}" for i in range(count)]


# Folders of domains


def test_folders_of_domains(pictures: Pictures) -> None:
    root = pictures(*(f"{camera}/{pet}/{i}.png" for camera in ("left", "right") for pet in PETS for i in range(2)))
    found = read_domains(root)
    assert found.class_names == PETS
    assert found.domain is not None
    assert found.domain.tolist() == ["left"] * 4 + ["right"] * 4
    assert found.y.tolist() == [0, 0, 1, 1] * 2
    assert found.names[-1] == "right/dog/1.png"
    assert found.split is None
    assert found.name == "data"
    assert found.notes[0] == "the folders are domains, and theirs are the classes: left (4), right (4)"


def test_train_and_test_inside_each_domain(pictures: Pictures) -> None:
    root = pictures(
        *(f"{c}/{part}/{pet}/{part}.png" for c in ("left", "right") for part in ("train", "test") for pet in PETS)
    )
    found = read_domains(root)
    assert found.domain is not None and found.split is not None
    assert sorted(zip(found.domain.tolist(), found.split.tolist(), found.y.tolist(), strict=True)) == sorted(
        (camera, part, c) for camera in ("left", "right") for part in ("train", "test") for c in (0, 1)
    )


def test_a_domain_may_lack_a_class(pictures: Pictures) -> None:
    root = pictures("a/cat/1.png", "a/dog/1.png", "a/owl/1.png", "b/cat/1.png", "b/dog/1.png", "c/owl/2.png")
    found = read_domains(root)
    assert found.class_names == ("cat", "dog", "owl")
    assert found.domain is not None
    assert found.y[found.domain == "c"].tolist() == [2]


@pytest.mark.parametrize(
    "files",
    [
        ("cat/sleeping/1.png", "cat/awake/2.png", "dog/brown/3.png", "dog/white/4.png"),
        ("train/cat/1.png", "train/dog/2.png", "test/cat/3.png", "test/dog/4.png"),
        ("cat/1.png", "dog/2.png"),
        ("left/cat/1.png", "left/dog/2.png", "right/cat/1.png", "right/loose.png"),
        ("left/cat/1.png", "left/dog/2.png", "right/cat/1.png", "right/dog/2.png", "loose.png"),
        ("left/cat/1.png", "left/dog/2.png"),
        ("left/cat/1.png", "right/cat/2.png"),
    ],
    ids=["sub-folders of classes", "splits", "classes", "a file beside", "a file on top", "one", "one class"],
)
def test_folders_that_are_no_domains(pictures: Pictures, files: tuple[str, ...]) -> None:
    assert domain_folders(pictures(*files)) == []


def test_a_file_and_no_folder_are_no_domains(tmp_path: Path) -> None:
    assert domain_folders(tmp_path / "missing") == []


def test_labels_from_names_are_no_domains(pictures: Pictures) -> None:
    root = pictures("left/cat.1.png", "left/dog.2.png", "right/cat.3.png", "right/dog.4.png")
    assert read_domains(root, label_from_name=True).domain is None


# Several sources


def test_several_sources_are_joined() -> None:
    first = texts("aab", "web", split=np.array(["train", "val", "test"]), notes=("seen",))
    second = texts("cb", "app", groups=np.array(["x", "x"]), skipped=(Skipped("row 9", "empty text"),))
    found = read_domains({"web": first, "app": second})
    assert found.class_names == ("a", "b", "c")
    assert found.y.tolist() == [0, 0, 1, 2, 1]
    assert found.domain is not None and found.split is not None and found.groups is not None
    assert found.domain.tolist() == ["web"] * 3 + ["app"] * 2
    assert found.split.tolist() == ["train", "val", "test", "train", "train"]
    assert found.groups.tolist() == ["web/row 0", "web/row 1", "web/row 2", "app/x", "app/x"]
    assert found.names == ("web/row 0", "web/row 1", "web/row 2", "app/row 0", "app/row 1")
    assert found.notes == ("web: seen",)
    assert found.skipped == (Skipped("app/row 9", "empty text"),)
    assert (found.modality, found.name) == ("text", "web+app")


def test_one_named_source_keeps_its_names_and_domains_of_a_source_stay() -> None:
    alone = join({"web": texts("ab", notes=("seen",))})
    assert (alone.names, alone.notes, alone.split, alone.groups) == (("row 0", "row 1"), ("seen",), None, None)
    own = join({"web": texts("ab", domain=np.array(["uk", "us"])), "app": texts("ab")})
    assert own.domain is not None
    assert own.domain.tolist() == ["uk", "us", "app", "app"]


def test_classes_that_are_numbers_are_ordered_as_such() -> None:
    parts = [Dataset(["x"], ("x",), {TASK: np.zeros(1, int)}, {TASK: (name,)}) for name in ("10", "9")]
    assert join({"a": parts[0], "b": parts[1]}).class_names == ("9", "10")


def test_sources_of_two_kinds(pictures: Pictures) -> None:
    with pytest.raises(
        DataError, match=r"must hold examples of one kind, but photos holds images and web texts; adapt between images"
    ):
        read_domains({"photos": pictures("cat/1.png", "dog/2.png"), "web": texts("ab")})


def test_no_source() -> None:
    with pytest.raises(DataError, match=r"There must be a source to learn from, but none is given; name one\."):
        read_domains({})


# Tables


def test_a_column_called_domain(tmp_path: Path) -> None:
    rows = [f"{row},{'uk' if i < 3 else 'us'}" for i, row in enumerate(reviews(6))]
    found = read_domains(table(tmp_path, "text,label,Domain", *rows))
    assert found.domain is not None
    assert found.domain.tolist() == ["uk"] * 3 + ["us"] * 3


def test_a_column_that_is_named(tmp_path: Path) -> None:
    path = table(tmp_path, "text,label,shop,domain", *(f"{row},s{i % 2},d" for i, row in enumerate(reviews(4))))
    found = read_domains(path, domain_column="shop")
    assert found.domain is not None
    assert found.domain.tolist() == ["s0", "s1", "s0", "s1"]
    with pytest.raises(DataError, match="--domain-column"):
        read_domains(path, domain_column="nowhere")


def test_a_row_without_a_domain_is_left_out(tmp_path: Path) -> None:
    rows = [f"{row},{'' if i == 2 else 'uk'}" for i, row in enumerate(reviews(6))]
    found = read_domains(table(tmp_path, "text,label,domain", *rows))
    assert found.names == ("row 1", "row 2", "row 4", "row 5", "row 6")
    assert found.skipped == (Skipped("row 3", "empty domain"),)


def test_a_table_without_domains(tmp_path: Path) -> None:
    assert read_domains(table(tmp_path, "text,label", *reviews(4))).domain is None


def test_a_domain_column_means_nothing_for_a_folder(pictures: Pictures) -> None:
    with pytest.raises(UsageError, match="--domain-column means nothing for a folder"):
        read_domains(pictures("cat/1.png", "dog/2.png"), domain_column="shop")


# Some domains of all


def test_some_domains_keep_only_their_classes() -> None:
    joined = join({"web": texts("ab"), "app": texts("bcc"), "tv": texts("ca")})
    found = select_domains(joined, ["app"], "--source-domains")
    assert found.class_names == ("b", "c")
    assert found.y.tolist() == [0, 1, 1]
    assert len(select_domains(joined, ["app", "tv"], "--source-domains")) == 5


@pytest.mark.parametrize(("wanted", "shown"), [(["web", "radio"], "'radio'"), ([], "nothing")])
def test_an_unknown_domain(wanted: list[str], shown: str) -> None:
    joined = join({"web": texts("ab"), "app": texts("ab")})
    with pytest.raises(UsageError, match=f"--source-domains must be among the domains app, web, not {shown}"):
        select_domains(joined, wanted, "--source-domains")


def test_data_without_domains_have_none_to_choose() -> None:
    with pytest.raises(UsageError, match="--target-domain must name a domain of the data, but texts says nothing of"):
        select_domains(texts("ab"), ["web"], "--target-domain")


def test_classes_without_examples_go() -> None:
    found = with_classes_present(texts("abc").take([0, 2]))
    assert (found.class_names, found.y.tolist()) == (("a", "c"), [0, 1])


# The target


def test_a_target_with_labels_and_one_that_the_source_lacks(tmp_path: Path) -> None:
    found = read_target(table(tmp_path, "text,label", *reviews(6, "abz")), ("b", "a"), "text")
    assert found.labels == ("a", "b", "z") * 2
    assert found.y.tolist() == [1, 0, -1] * 2
    assert found.tested.all() and not found.has_test
    assert (found.name, found.modality, len(found)) == ("table", "text", 6)


def test_a_target_whose_labels_are_partly_empty(tmp_path: Path) -> None:
    rows = [row if i != 1 else "a review of nothing," for i, row in enumerate(reviews(5))]
    found = read_target(table(tmp_path, "text,label", *rows, ",a"), ("a", "b"), "text")
    # Those without a label come last: they are named too, and an empty text is none.
    assert found.names == ("row 1", "row 3", "row 4", "row 5", "row 2")
    assert found.examples[-1] == "a review of nothing"
    assert found.labels == ("a", "a", "b", "a", "")
    assert found.y.tolist() == [0, 0, 1, 0, -1]
    assert found.tested.all()
    assert found.skipped == (Skipped("row 6", "empty text"),)


def test_a_target_of_one_class(pictures: Pictures) -> None:
    found = read_target(pictures("dog/1.png", "dog/2.png"), PETS, "image")
    assert found.y.tolist() == [1, 1]


def test_files_beside_the_class_folders_have_no_label(pictures: Pictures) -> None:
    found = read_target(pictures("cat/1.png", "dog/2.png", "loose.png"), PETS, "image")
    assert dict(zip(found.names, found.y.tolist(), strict=True)) == {"cat/1.png": 0, "dog/2.png": 1, "loose.png": -1}


def test_a_folder_inside_a_folder_is_read_once(pictures: Pictures) -> None:
    found = read_target(pictures("inner/cat/1.png", "inner/dog/2.png"), PETS, "image")
    assert found.y.tolist() == [0, 1]


def test_a_target_with_a_test_part_of_its_own(pictures: Pictures) -> None:
    found = read_target(pictures("train/cat/1.png", "train/dog/2.png", "test/cat/3.png"), PETS, "image")
    assert found.has_test
    assert {name for name, tested in zip(found.names, found.tested, strict=True) if tested} == {"test/cat/3.png"}


def test_what_has_no_label_is_not_of_the_test_part(tmp_path: Path) -> None:
    rows = [f"{row},{'test' if i > 3 else 'train'}" for i, row in enumerate(reviews(6))]
    found = read_target(table(tmp_path, "text,label,split", *rows, "a review of nothing,,test"), ("a", "b"), "text")
    assert found.tested.tolist() == [False] * 4 + [True] * 2 + [False]


@pytest.mark.parametrize("kind", ["flat folder", "array"])
def test_a_target_without_labels(pictures: Pictures, kind: str) -> None:
    target: Any = pictures("1.png", "2.png", "3.png") if kind == "flat folder" else np.zeros((3, 9, 9, 3), np.uint8)
    found = read_target(target, PETS, "image")
    assert found.y.tolist() == [-1] * 3
    assert found.labels == ("",) * 3
    assert not found.has_test
    assert found.name == ("data" if kind == "flat folder" else "target")


def test_a_table_of_texts_without_labels(tmp_path: Path) -> None:
    rows = [f"a review of number {i}" for i in range(4)]
    found = read_target(table(tmp_path, "text", *rows), ("a", "b"), "text")
    assert list(found.examples) == rows
    assert found.y.tolist() == [-1] * 4


def test_a_dataset_is_a_target() -> None:
    found = read_target(texts("ba", split=np.array(["train", "test"])), ("a", "b", "c"), "text")
    assert (found.y.tolist(), found.tested.tolist(), found.labels) == ([1, 0], [False, True], ("b", "a"))


def test_a_label_column_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere"):
        read_target(table(tmp_path, "text,label", *reviews(4)), ("a", "b"), "text", label_column="nowhere")


def test_a_target_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        read_target(tmp_path / "nowhere", PETS, "image")


def test_a_target_of_another_kind(pictures: Pictures) -> None:
    for files in (("cat/1.png", "dog/2.png"), ("1.png", "2.png")):
        with pytest.raises(DataError, match="holds images"):
            read_target(pictures(*files, folder=files[0][:3]), PETS, "text")


def test_some_examples_of_a_target() -> None:
    whole = target_of(texts("abca", split=np.array(["train", "test", "test", "train"])), ("a", "b"))
    found = whole.take([3, 1, 2])
    assert found.names == ("row 3", "row 1", "row 2")
    assert found.examples == ["text 3 of texts", "text 1 of texts", "text 2 of texts"]
    assert (found.labels, found.y.tolist()) == (("a", "b", "c"), [0, 1, -1])
    assert found.tested.tolist() == [False, True, True]
    assert found.has_test and not whole.take([1, 2]).has_test


def test_indices_of_labels() -> None:
    assert indices_of(["b", "z", "", "a"], ("a", "b")).tolist() == [1, -1, -1, 0]


def test_a_row_without_a_domain_is_as_good_as_others_where_domains_do_not_matter(tmp_path: Path) -> None:
    rows = [f"{row},{'' if i == 2 else 'uk'}" for i, row in enumerate(reviews(6))]
    assert len(read_source(table(tmp_path, "text,label,domain", *rows))) == 6
