from collections import Counter
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest

from regraft.data.dataset import Dataset
from regraft.evaluation import strangers as module
from regraft.evaluation.strangers import strangers


def kinds(names):
    return Counter(name.split()[0] for name in names)


def dataset(**changes):
    plain = Dataset(
        examples=[b""],
        names=("a.jpg",),
        labels={"label": np.zeros(1, np.int64)},
        classes={"label": ("cat", "dog")},
        name="pets",
    )
    return replace(plain, **changes)


def test_pictures_are_pictures():
    pictures, names = strangers()
    assert len(pictures) == len(names) == len(set(names)) >= 40
    assert all(picture.dtype == np.uint8 and picture.ndim == 3 and picture.shape[2] == 3 for picture in pictures)
    assert all(picture.std() > 1 for picture in pictures)
    assert kinds(names)["temple"] == kinds(names)["flower"] == 10
    assert kinds(names)["digit"] == 20


def test_the_seed_draws_them():
    one, other, third = strangers(), strangers(), strangers(seed=1)
    assert one[1] == other[1]
    assert all((a == b).all() for a, b in zip(one[0], other[0], strict=True))
    assert one[1] != third[1]


@pytest.mark.parametrize(
    ("changes", "gone"),
    [
        ({"name": "flowers"}, "flower"),
        ({"classes": {"label": ("Temples", "churches")}}, "temple"),
        ({"names": ("images/cell0001.png",)}, "cell"),
        ({"examples": [np.zeros((300, 300), np.uint8)]}, "cell"),
    ],
)
def test_kinds_that_the_data_are_about_are_left_out(changes, gone):
    every, left = kinds(strangers(dataset())[1]), kinds(strangers(dataset(**changes))[1])
    assert set(every) >= {"temple", "flower", "digit"}
    assert left == {kind: count for kind, count in every.items() if kind != gone}


def test_solar_cells_where_they_are_installed():
    assert kinds(strangers()[1])["cell"] == (20 if find_spec("elpv_dataset") else 0)


def test_without_the_solar_cells_package(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    assert set(kinds(strangers()[1])) == {"temple", "flower", "digit"}
