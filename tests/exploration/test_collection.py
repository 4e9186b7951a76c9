"""The features of a collection, with an index and without."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from regraft.backbones.lookup import get_backbones
from regraft.errors import BundleError, DataError
from regraft.exploration.collection import Collection, digest_of
from regraft.exploration.images import Images, read_images

LITE0 = get_backbones("tf_efficientnet_lite0")


def test_features_and_entries_are_in_the_order_of_the_images(colours: Path, tmp_path: Path) -> None:
    found = read_images(colours)
    broken = Images([*found.examples, b"text"], (*found.names, "bad"), (*(found.labels or ()), None), "pets")
    collection = Collection(broken, LITE0, "auto", None)
    assert collection.open(None) == []
    assert [entry.name for entry in collection.index.entries] == list(broken.names)
    assert (collection.index.entries[-1].digest, collection.index.entries[-1].reason[:12]) == ("", "not an image")
    assert collection.index.features.shape[0] == 18
    last = Collection(read_images(found.examples[-1]), LITE0, "auto", None)
    last.open(None)
    assert np.array_equal(last.index.features[0], collection.index.features[-1])


def test_an_image_that_becomes_readable_is_computed(tmp_path: Path, colours: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(min(colours.rglob("*.jpg")).read_bytes())
    (tmp_path / "b.jpg").write_bytes(b"<html>")
    place = tmp_path / "i.index"
    first = Collection(read_images(tmp_path), LITE0, "auto", None)
    first.open(place)
    (tmp_path / "b.jpg").write_bytes(max(colours.rglob("*.jpg")).read_bytes())
    second = Collection(read_images(tmp_path), LITE0, "auto", None)
    assert "1 new or changed, 0 gone" in second.open(place)[0]
    assert (len(first.index.features), len(second.index.features)) == (1, 2)


def test_an_unwritable_place(colours: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="The index must be saved where files can be written"):
        Collection(read_images(colours), LITE0, "auto", None).open(tmp_path / "no" / "i.index")


def test_nothing_readable() -> None:
    with pytest.raises(DataError, match="at least one readable image to search"):
        Collection(Images([b"text"], ("bad",), None, "pets"), LITE0, "auto", None).open(None)


def test_digests() -> None:
    assert digest_of(b"") == ""
    assert len(digest_of(b"x")) == 64
