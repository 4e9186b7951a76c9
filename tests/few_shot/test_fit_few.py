"""`fit --shots`: a few images of each class are learnt from, and everything else a fit gives is there as well."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import regraft
from regraft.errors import DataError, UsageError
from regraft.reports import html

TINY: dict[str, Any] = {"backbone": "test_resnet", "weights": "none"}
Draw = Callable[..., Path]


def test_a_head_for_a_few_images(colours: Path) -> None:
    result = regraft.fit(colours, shots=3, backbone="tf_efficientnet_lite0")
    assert result.classifier.head == "prototype"
    assert (len(result.dataset.part("train")), result.evaluations["test"].n) == (9, 9)
    assert result.evaluations["test"].accuracy == 1
    assert {candidate.name for candidate in result.candidates} == {"prototype", "logistic", "centroid"}
    assert result.settings["shots"] == 3
    assert "mirror" in result.settings["views"]
    assert result.evidence.control is not None
    assert ", chosen by leaving each training image out." in html.render(result)
    assert "3 images of each class were drawn to learn from, and 9 others are the test" in result.dataset.notes


def test_one_image_of_each_class(colours: Path, tmp_path: Path) -> None:
    result = regraft.fit(colours, shots=1, backbone="tf_efficientnet_lite0")
    assert (result.candidates, result.settings["views"]) == ((), ["framing"])
    assert any("With one example of each class nothing could be held out" in note for note in result.evidence.notes)
    regraft.write_run(result, tmp_path / "run")  # report, card and bundle have nothing held out to show
    again = regraft.Classifier.load(tmp_path / "run" / "model.regraft")
    np.testing.assert_allclose(again.predict_proba(colours), result.classifier.predict_proba(colours))


def test_the_labels_of_the_test_choose_nothing(tmp_path: Path, draw_classes: Draw) -> None:
    folder = draw_classes(tmp_path / "data", 5)
    dataset = regraft.read_source(folder)
    first = regraft.fit(dataset, shots=2, **TINY)
    learnt = {first.dataset.names[i] for i in first.dataset.part("train")}
    labels = [
        dataset.class_names[y] if name in learnt else dataset.class_names[(y + 1) % 3]
        for name, y in zip(dataset.names, dataset.y, strict=True)
    ]
    split = np.where([name in learnt for name in dataset.names], "train", "test")
    lied = regraft.read_source([Path(e) for e in dataset.examples], labels=labels).with_split(split)
    second = regraft.fit(lied, shots=2, **TINY)
    for name, tensor in first.classifier.tensors.items():
        np.testing.assert_array_equal(tensor, second.classifier.tensors[name])


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"shots": 0}, UsageError, "--shots must be a number of examples a class from 1 up, not 0"),
        ({"shots": 6}, DataError, "6 images a class .* 'blue' has 6, of which one must be left to test on"),
        ({"shots": 2, "strategy": "auto"}, UsageError, "--shots is for a head on frozen features, but --strategy is"),
        ({"shots": 2, "head": "mlp"}, UsageError, "--head must be one of prototype, logistic, centroid or knn"),
    ],
)
def test_what_is_refused(colours: Path, settings: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        regraft.fit(colours, **TINY, **settings)


@pytest.fixture(scope="module")
def pile(tmp_path_factory: pytest.TempPathFactory, draw_classes: Draw) -> Path:
    """Return a folder of 30 images of the classes of `colours`, without labels."""
    drawn = draw_classes(tmp_path_factory.mktemp("drawn"), 10, seed=50)
    folder = tmp_path_factory.mktemp("pile")
    for path in drawn.rglob("*.jpg"):
        path.rename(folder / path.name)
    return folder


def test_images_without_labels_are_learnt_from_or_not_and_that_is_said(colours: Path, pile: Path) -> None:
    said: list[str] = []
    result = regraft.fit(colours, shots=3, unlabelled=pile, announce=said.append, **TINY)
    taught = result.taught
    assert taught is not None and (taught.unlabelled, taught.copies) == (30, 0)
    assert f"Unlabelled: {taught.sentence()}" in said
    assert result.to_dict()["unlabelled"]["sentence"] == taught.sentence()
    assert taught.sentence() in html.render(result)
    assert taught.sentence() in result.classifier.card
    # These are so easy that nothing is left to gain, and the head for a few images is as it would be without them.
    assert not taught.kept
    alone = regraft.fit(colours, shots=3, **TINY)
    for name, tensor in alone.classifier.tensors.items():
        np.testing.assert_array_equal(tensor, result.classifier.tensors[name])


def test_images_without_labels_that_cannot_be_used(colours: Path, pile: Path, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("no image")
    with pytest.raises(DataError, match=r"The examples without labels must be readable, but of 1 none is \(.*a.jpg"):
        regraft.fit(colours, unlabelled=tmp_path, **TINY)
    with pytest.raises(UsageError, match="--unlabelled must have 2 labelled examples a class or more"):
        regraft.fit(colours, shots=1, unlabelled=pile, **TINY)
    with pytest.raises(UsageError, match="--unlabelled is for a head on frozen features, but --strategy is scratch"):
        regraft.fit(colours, strategy="scratch", unlabelled=pile)


def test_the_command(cli: Callable[..., Any], colours: Path, tmp_path: Path) -> None:
    ran = cli("fit", colours, "--shots", 2, "--head", "centroid", "--out", tmp_path / "run", *_options(TINY))
    assert (ran.code, ran.err) == (0, "")
    assert "Note: 2 images of each class were drawn to learn from, and 12 others are the test." in ran.out
    assert (tmp_path / "run" / "report.html").is_file()


def _options(settings: dict[str, Any]) -> list[str]:
    return [part for name, value in settings.items() for part in (f"--{name}", value)]
