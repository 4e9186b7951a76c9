"""Images divided into clusters, from files to figures."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import regraft
from regraft.errors import DataError, UsageError
from regraft.exploration import clustering
from regraft.exploration.clustering import cluster, divide
from regraft.exploration.images import Images

BACKBONE = "tf_efficientnet_lite0"


def images_of(n: int, labels=None) -> Images:
    return Images([None] * n, tuple(f"{i}.jpg" for i in range(n)), labels, "made up")


def test_groups_are_found_and_compared_with_labels(grouped) -> None:
    values, group = grouped()
    found = divide(images_of(90, tuple("abc"[g] for g in group)), values)
    assert found.k == 3
    assert found.asked is None
    assert found.agreement is not None
    assert found.agreement.ari == 1.0
    assert np.bincount(found.assignment)[1:].tolist() == [40, 30, 20]
    assert [g["classes"] for g in found.to_dict()["groups"]] == [{"a": 40}, {"b": 30}, {"c": 20}]


def test_labels_take_no_part(grouped) -> None:
    values, group = grouped(spread=0.6)
    with_labels = divide(images_of(90, tuple("abc"[g] for g in group)), values)
    without = divide(images_of(90), values)
    assert np.array_equal(with_labels.assignment, without.assignment)
    assert without.agreement is None


def test_central_images_are_nearer_to_their_centre(grouped) -> None:
    values, _ = grouped(spread=0.6)
    found = divide(images_of(90), values, 3)
    for number in (1, 2, 3):
        ranked = found.closeness[found.members(number)]
        assert (np.diff(ranked) <= 0).all()
    assert (found.margin > 0).mean() > 0.9
    assert found.closeness.max() <= 1 + 1e-5


@pytest.mark.parametrize(("n", "k"), [(1, 1), (2, 1), (2, 2), (3, 2), (7, 7)])
def test_few_images(n: int, k: int) -> None:
    values = np.random.default_rng(0).uniform(size=(n, 40)).astype(np.float32)
    found = divide(images_of(n), values, k)
    assert found.k == k
    assert np.isfinite(found.places).all()
    assert np.isfinite(found.margin).all()


def test_copies_cannot_fill_more_clusters_than_differ() -> None:
    values = np.repeat(np.random.default_rng(0).uniform(size=(3, 40)).astype(np.float32), 5, axis=0)
    found = divide(images_of(15), values, 6)
    assert found.k == 3
    assert found.sentences()[0] == "15 images lie in 3 clusters, not 6: no more of them differ."


def test_only_so_many_are_on_the_map(grouped, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clustering, "MOST", 30)
    found = divide(images_of(90), grouped()[0], 3)
    assert np.isfinite(found.places).all(axis=1).sum() == 30
    assert found.notes == ("The map shows 30 of the 90 images, drawn at random.",)


def test_a_folder_of_images(colours: Path) -> None:
    said: list[str] = []
    found = regraft.cluster(colours, clusters="3", backbone=BACKBONE, announce=said.append)
    assert found.k == 3
    assert found.agreement is not None
    assert found.agreement.ari == 1.0
    assert found.backbone == BACKBONE
    assert found.seconds > 0
    assert said == ["18 images, with labels to compare with."]


def test_unreadable_images_are_left_out_and_said(colours: Path, tmp_path: Path) -> None:
    for file in sorted(colours.rglob("*.jpg"))[:12]:
        shutil.copy(file, tmp_path)
    for i in range(3):
        (tmp_path / f"bad{i}.jpg").write_bytes(b"<html>")
    found = cluster(tmp_path, clusters=2, backbone=BACKBONE)
    assert len(found) == len(found.images.examples) == 12
    assert "3 of 15 images cannot be read and are left out, such as bad0.jpg" in found.sentences()[-1]
    with pytest.raises(UsageError, match="which is 12, 3 more cannot be read, not 13; ask for fewer"):
        cluster(tmp_path, clusters=13, backbone=BACKBONE)


def test_no_readable_image(tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"<html>")
    with pytest.raises(DataError, match=r"at least one readable image, but there is none \(bad.jpg: not an image"):
        cluster(tmp_path, clusters=1, backbone=BACKBONE)


def test_more_clusters_than_images(colours: Path) -> None:
    with pytest.raises(UsageError, match="at most the number of readable images, which is 18, not 19"):
        cluster(colours, clusters=19, backbone=BACKBONE)


@pytest.mark.parametrize("clusters", [0, -1, "0", "many", 2.5, "2.5", None, float("nan"), float("inf")])
def test_numbers_that_are_none(clusters: object, colours: Path) -> None:
    with pytest.raises(UsageError, match="--clusters must be auto or a whole number above 0, not "):
        cluster(colours, clusters=clusters, backbone=BACKBONE)  # type: ignore[arg-type]


def test_one_image_alone(colours: Path) -> None:
    one = next(colours.rglob("*.jpg"))
    assert cluster(one, clusters=1, backbone=BACKBONE).sentences() == ["1 image lies in 1 cluster, as asked for."]
    with pytest.raises(DataError, match=r"at least 10 readable images .* but there are 1; say it yourself"):
        cluster(one, backbone=BACKBONE)


def test_cats_and_dogs_are_told_apart(real_data: Path, tmp_path: Path) -> None:
    for name in ("cats", "dogs"):
        for file in sorted((real_data / "cats_dogs" / "train" / name).iterdir())[:60]:
            shutil.copy(file, tmp_path / file.name)
    found = cluster(tmp_path, backbone=BACKBONE, label_from_name=True)
    assert found.k == 2
    assert found.agreement is not None
    assert found.agreement.nmi >= 0.8
