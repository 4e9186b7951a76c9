"""Features as a file: what is written is what is read back, and nothing of the user's is overwritten."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from regraft.errors import UsageError
from regraft.features import tables
from regraft.features.tables import check_feature_file, write_features

NAMES = ["a.jpg", "b/é.jpg", "c\udce9.jpg"]  # the last is no UTF-8 on disk
PRINTED = ["a.jpg", "b/é.jpg", r"c\udce9.jpg"]
VALUES = np.arange(12, dtype=np.float32).reshape(3, 4) / 7
LABELS = ["x", "y", "x"]


def test_parquet(tmp_path):
    write_features(tmp_path / "f.parquet", NAMES, VALUES, LABELS)
    table = pq.read_table(tmp_path / "f.parquet")
    assert table.column_names == ["image", "label", "features"]
    assert table["image"].to_pylist() == PRINTED
    assert table["label"].to_pylist() == LABELS
    assert np.array_equal(np.array(table["features"].to_pylist(), np.float32), VALUES)


def test_npz(tmp_path):
    write_features(tmp_path / "f.npz", NAMES, VALUES, LABELS)
    with np.load(tmp_path / "f.npz", allow_pickle=False) as arrays:
        assert sorted(arrays) == ["features", "images", "labels"]
        assert arrays["images"].tolist() == PRINTED
        assert arrays["labels"].tolist() == LABELS
        assert np.array_equal(arrays["features"], VALUES)


def test_without_labels(tmp_path):
    write_features(tmp_path / "f.npz", NAMES, VALUES)
    write_features(str(tmp_path / "f.parquet"), NAMES, VALUES)
    assert sorted(np.load(tmp_path / "f.npz")) == ["features", "images"]
    assert pq.read_table(tmp_path / "f.parquet").column_names == ["image", "features"]


def test_features_that_are_no_block_of_memory(tmp_path):
    write_features(tmp_path / "f.parquet", NAMES, np.asfortranarray(VALUES))
    found = pq.read_table(tmp_path / "f.parquet")["features"].to_pylist()
    assert np.array_equal(np.array(found, np.float32), VALUES)


def test_an_existing_file_is_never_overwritten(tmp_path):
    (tmp_path / "f.npz").write_text("mine")
    with pytest.raises(UsageError, match=r"must be a new file, but .*f.npz exists"):
        write_features(tmp_path / "f.npz", NAMES, VALUES)
    assert (tmp_path / "f.npz").read_text() == "mine"


@pytest.mark.parametrize(("name", "got"), [("f.csv", "'.csv'"), ("f", "'nothing'")])
def test_other_endings_are_refused(name, got, tmp_path):
    with pytest.raises(UsageError, match=f"must end in .parquet or .npz, not {got}"):
        check_feature_file(tmp_path / name)


def test_a_folder_that_is_missing(tmp_path):
    with pytest.raises(UsageError, match=r"must be in an existing folder, but there is no .*new; make it first"):
        check_feature_file(tmp_path / "new" / "f.npz")


def test_a_file_that_could_not_be_finished_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(tables, "_write_parquet", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_features(tmp_path / "f.parquet", NAMES, VALUES)
    assert list(tmp_path.iterdir()) == []
