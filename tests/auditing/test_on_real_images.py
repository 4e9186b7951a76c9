"""Faults planted in real photos, and faults that real sets have."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from regraft.auditing.auditing import Audited, audit
from regraft.data.dataset import Dataset
from regraft.data.sources import read_source

BACKBONE = "tf_efficientnet_lite0"

Plant = Callable[[Path], None]


@pytest.fixture(scope="module")
def flowers(real_data: Path) -> Dataset:
    return read_source(real_data / "flowers")


@pytest.fixture(scope="module")
def sound(flowers: Dataset) -> Audited:
    return audit(flowers, backbone=BACKBONE)


def test_flowers_are_nearly_sound(sound: Audited) -> None:
    found = sound.audit
    assert found.sentences() == []
    assert found.superfluous <= 1  # one photo is there twice
    assert not any(cue.found for cue in found.shortcuts)  # that sunflowers are yellow is no shortcut
    assert len(found.likely_errors) < 30


def test_flipped_labels_come_first(flowers: Dataset) -> None:
    rng = np.random.default_rng(3)
    flipped = rng.permutation(len(flowers))[: len(flowers) // 20]
    y = flowers.y.copy()
    y[flipped] = (y[flipped] + rng.integers(1, 5, len(flipped))) % 5
    found = audit(replace(flowers, labels={"label": y}), backbone=BACKBONE).audit
    first = [suspect.position for suspect in found.label_errors[: len(flowers) // 10]]
    assert np.isin(flipped, first).mean() >= 0.9
    assert np.isin(first[:50], flipped).mean() >= 0.6
    assert any("labels" in sentence and "look wrong" in sentence for sentence in found.sentences())


def test_copies_across_the_split_are_found(flowers: Dataset, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    folder, planted = _with_split(flowers, tmp_path / "flowers", rng)
    kinds = {}
    for i, (source, target) in enumerate(planted):
        kinds[target.relative_to(folder).as_posix()] = "exact" if i < 7 else "near"
        if i < 7:
            shutil.copy(source, target)
            continue
        image = cv2.imread(str(source))
        if i < 14:
            scale = rng.uniform(0.4, 1.5)
            image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(target), image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 96))])
    found = audit(folder, backbone=BACKBONE).audit
    leaked = {leak.name: leak.kind for leak in found.leaks}
    assert {name: kind for name, kind in leaked.items() if name in kinds} == kinds
    assert len(set(leaked) - set(kinds)) <= 1
    assert "are also in the training part (7" in found.sentences()[0] or "(8 of them" in found.sentences()[0]


def test_a_class_with_a_painted_border_is_found(flowers: Dataset, tmp_path: Path) -> None:
    chosen = np.concatenate([np.flatnonzero(flowers.y == c)[:60] for c in range(5)])
    for i in chosen:
        image = cv2.imread(str(flowers.examples[i]))
        if flowers.y[i] == 2:
            image = cv2.copyMakeBorder(image[8:-8, 8:-8], 8, 8, 8, 8, cv2.BORDER_CONSTANT, value=(30, 30, 220))
        path = tmp_path / flowers.class_names[flowers.y[i]] / Path(flowers.names[i]).name
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), image)
    found = audit(tmp_path, backbone=BACKBONE).audit
    [border] = [cue for cue in found.shortcuts if cue.name == "border"]
    assert border.found
    assert list(border.gives_away) == [flowers.class_names[2]]
    assert border.gives_away[flowers.class_names[2]] > 0.9
    assert found.sentences()[0].startswith("Border alone gives away ")


def test_solar_cells_come_in_the_order_of_their_modules() -> None:
    elpv = pytest.importorskip("elpv_dataset")
    folder = Path(elpv.__file__).parent / "data"
    rows = [line.split() for line in (folder / "labels.csv").read_text().splitlines() if line.strip()]
    examples = [folder / row[0] for row in rows]
    found = audit(examples, ["defective" if float(row[1]) >= 0.5 else "sound" for row in rows], backbone=BACKBONE).audit
    assert found.order.related
    assert found.order.gap_ci95 is not None
    assert found.order.gap_ci95[0] > 0.01
    assert any("Neighbouring examples are related" in sentence for sentence in found.sentences())
    assert found.superfluous < 0.1 * len(rows)  # they all look alike, and neighbouring slices of silicon very much so


@pytest.mark.parametrize("name", ["cats_dogs", "hotdog", "dog_breeds"])
def test_other_sets_of_photos_have_no_such_fault(real_data: Path, name: str) -> None:
    found = audit(real_data / name, backbone=BACKBONE).audit
    assert (found.duplicates, found.leaks) == ((), ())
    assert not any(cue.found for cue in found.shortcuts)
    assert not found.order.related


@pytest.mark.parametrize(("name", "leaks"), [("signs", 15), ("cat_h5", 1)])
def test_two_published_sets_do_leak(real_data: Path, name: str, leaks: int) -> None:
    found = audit(real_data / name, backbone=BACKBONE).audit
    assert sum(leak.kind == "exact" for leak in found.leaks) == leaks
    assert found.order.related == (name == "signs")


def _with_split(flowers: Dataset, folder: Path, rng: np.random.Generator) -> tuple[Path, list[tuple[Path, Path]]]:
    """Link the flowers into train and test; return 20 pairs of a training image and where a copy of it shall leak."""
    test = np.zeros(len(flowers), bool)
    test[rng.permutation(len(flowers))[:200]] = True
    for example, name, is_test in zip(flowers.examples, flowers.names, test, strict=True):
        link = folder / ("test" if is_test else "train") / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(Path(example).resolve())
    pairs = []
    for i in rng.choice(np.flatnonzero(~test), 20, replace=False):
        name = Path(flowers.names[i])
        pairs.append((Path(flowers.examples[i]), folder / "test" / name.parent / f"copy-{name.stem}.jpg"))
    return folder, pairs
