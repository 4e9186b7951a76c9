"""The images most like another."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import regraft
from regraft.errors import BundleError, DataError, UsageError
from regraft.exploration import collection, similarity
from regraft.exploration.similarity import search

BACKBONE = "tf_efficientnet_lite0"


@pytest.fixture
def folder(colours: Path, tmp_path: Path) -> Path:
    """Return a copy of the 18 images that may be changed."""
    return Path(shutil.copytree(colours, tmp_path / "colours"))


def look(data: Path, query: object, **settings):
    return search(data, query, backbone=BACKBONE, **settings)


def test_the_nearest_are_of_the_same_colour(folder: Path, tmp_path: Path, draw_classes) -> None:
    draw_classes(tmp_path / "other", 1, seed=77)
    queries = sorted((tmp_path / "other").rglob("*.jpg"))
    found = regraft.search(folder, queries, 5, backbone=BACKBONE)
    assert (found.n, found.method) == (18, "exact")
    for query, answer in zip(queries, found.answers, strict=True):
        assert {hit.label for hit in answer.hits} == {query.parent.name}
        assert [hit.similarity for hit in answer.hits] == sorted((h.similarity for h in answer.hits), reverse=True)
        assert not any(hit.same for hit in answer.hits)


def test_similarities_are_cosines_of_centred_features(folder: Path) -> None:
    values = regraft.embed(folder, backbone=BACKBONE).features.values
    rows = values - values.mean(axis=0)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    found = look(folder, sorted(folder.rglob("*.jpg"))[0], n=18)
    expected = np.sort(rows @ rows[0])[::-1]
    assert [hit.similarity for hit in found.answers[0].hits] == pytest.approx(expected, abs=1e-3)


def test_a_query_in_the_data_is_found_first(folder: Path) -> None:
    query = sorted(folder.rglob("*.jpg"))[4]
    shutil.copy(query, folder / "red" / "again.jpg")
    hits = look(folder, query, n=3).answers[0].hits
    assert len(hits) == 3
    assert [(hit.same, hit.similarity) for hit in hits[:2]] == [(True, 1.0)] * 2
    assert not hits[2].same


def test_more_than_there_are(folder: Path) -> None:
    found = look(folder, next(folder.rglob("*.jpg")), n=50)
    assert len(found.answers[0].hits) == 18
    assert found.notes == ("There are 18 images to find, fewer than the 50 asked for.",)


@pytest.mark.parametrize("n", [0, -3, 2.0, "5"])
def test_numbers_that_are_none(n: object, folder: Path) -> None:
    with pytest.raises(UsageError, match="--n must be a whole number above 0, not "):
        look(folder, next(folder.rglob("*.jpg")), n=n)


def test_one_image_alone(folder: Path) -> None:
    one, other = sorted(folder.rglob("*.jpg"))[:2]
    [hit] = look(one, other).answers[0].hits
    assert 0 < hit.similarity <= 1


def test_unreadable_queries(folder: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"<html>")
    good = next(folder.rglob("*.jpg"))
    with pytest.raises(DataError, match=r"The query must be an image that can be read, but .*bad.jpg is not \(not an"):
        look(folder, bad)
    found = look(folder, [bad, good], n=2)
    assert [len(answer.hits) for answer in found.answers] == [0, 2]
    assert "looks like HTML" in str(found.answers[0].error)
    assert found.to_dict()["answers"][0]["error"] == found.answers[0].error
    with pytest.raises(DataError, match="does not exist"):
        look(folder, tmp_path / "nothing.jpg")


def test_unreadable_images_are_said(folder: Path, tmp_path: Path) -> None:
    (folder / "red" / "bad.jpg").write_bytes(b"<html>")
    found = look(folder, next(folder.rglob("blue*.jpg")))
    assert [skipped.name for skipped in found.skipped] == ["red/bad.jpg"]
    assert found.n == 18
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "bad.jpg").write_bytes(b"<html>")
    with pytest.raises(DataError, match=r"at least one readable image to search, but there is none \(bad.jpg: not an"):
        look(tmp_path / "none", next(folder.rglob("blue*.jpg")))


def test_an_index_is_written_used_and_brought_up_to_date(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, query = tmp_path / "i.index", sorted(folder.rglob("*.jpg"))[0]
    first = look(folder, query, index=place)
    assert first.notes == (f"The index {place} was written: 18 images.",)

    passes = []
    extract = similarity.extract

    def counted(examples, *arguments, **settings):
        passes.append(len(examples))
        return extract(examples, *arguments, **settings)

    for module in (collection, similarity):
        monkeypatch.setattr(module, "extract", counted)
    again = look(folder, query, index=place)
    assert again.answers == first.answers
    assert passes == [1]  # the query alone
    assert again.notes == (f"The index {place} is up to date: no image was looked at.",)

    red = sorted((folder / "red").iterdir())
    shutil.copy(folder / "blue" / sorted((folder / "blue").iterdir())[1].name, red[0])
    red[1].unlink()
    (folder / "green" / "new.jpg").write_bytes(red[2].read_bytes()[:-2] + b"\xff\xd9")
    changed = look(folder, query, index=place)
    assert changed.n == 18
    assert "was brought up to date: " in changed.notes[0]
    assert "2 gone." in changed.notes[0]
    assert changed.answers == look(folder, query).answers
    assert look(folder, query, index=place).notes == again.notes


def test_files_touched_but_not_changed_are_not_computed_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, query = tmp_path / "i.index", sorted(folder.rglob("*.jpg"))[0]
    before = look(folder, query, index=place)
    for file in folder.rglob("*.jpg"):
        file.touch()
    found = look(folder, query, index=place)
    assert found.notes == (f"The index {place} was brought up to date: 0 new or changed, 0 gone.",)
    assert found.answers == before.answers


def test_an_index_of_another_backbone(folder: Path, tmp_path: Path) -> None:
    query = next(folder.rglob("*.jpg"))
    look(folder, query, index=tmp_path / "i.index")
    with pytest.raises(BundleError, match="must have features of tf_efficientnet_lite1"):
        search(folder, query, index=tmp_path / "i.index", backbone="tf_efficientnet_lite1")


def test_many_images_have_a_graph(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("usearch")
    query = sorted(folder.rglob("*.jpg"))[0]
    exact = look(folder, query, n=4)
    monkeypatch.setattr(collection, "EXACT_UP_TO", 10)
    without = look(folder, query, n=4)
    assert without.answers == exact.answers
    assert without.notes == ("Above 10 images, --index FILE makes the next search quicker.",)
    for _ in range(2):
        found = look(folder, query, n=4, index=tmp_path / "i.index")
        assert found.method == "hnsw"
        assert [hit.name for hit in found.answers[0].hits] == [hit.name for hit in exact.answers[0].hits]
        assert [hit.similarity for hit in found.answers[0].hits] == pytest.approx(
            [hit.similarity for hit in exact.answers[0].hits], abs=1e-5
        )


def test_a_graph_needs_its_package(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collection, "EXACT_UP_TO", 10)
    monkeypatch.setattr("regraft._optional.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"needs the package usearch.*regraft\[explore\]"):
        look(folder, next(folder.rglob("*.jpg")), index=tmp_path / "i.index")


def test_plain_values(folder: Path) -> None:
    values = look(folder, sorted(folder.rglob("*.jpg"))[0], n=2).to_dict()
    assert json.loads(json.dumps(values, allow_nan=False)) == values
    assert set(values["answers"][0]["hits"][0]) == {"name", "similarity", "same", "label"}


def test_arrays_and_bytes(folder: Path) -> None:
    arrays = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)
    [answer] = search(arrays, arrays[3], 2, backbone=BACKBONE).answers
    assert answer.hits[0].same
    assert answer.hits[0].position == 3
