"""The report of an adaptation."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from regraft.data.dataset import TASK, Dataset
from regraft.domains.adapt import adapt
from regraft.domains.adapted import Adapted, Related
from regraft.relations.learnt import Relations
from regraft.reports.adaptation import map_of, named, render, write

TINY = {"backbone": "test_resnet", "weights": "none", "image_size": 32, "engine": "torch"}


def domain(light: int, seed: int, name: str) -> Dataset:
    rng = np.random.default_rng(seed)
    y = np.arange(24) % 3
    colours = np.array([[40, 60, 200], [50, 170, 60], [200, 50, 40]])
    pixels = np.clip(colours[y, None, None] + light + rng.normal(0, 60, (24, 24, 28, 3)), 0, 255).astype(np.uint8)
    classes = ("blue", "<b>green</b>", "red")
    return Dataset(list(pixels), tuple(f"{name}{i}" for i in y), {TASK: y}, {TASK: classes}, name=name)


@pytest.fixture(scope="module")
def adapted() -> Adapted:
    return adapt(domain(0, 0, "day"), domain(-40, 1, "night"), method="center,coral", **TINY)  # type: ignore[arg-type]


def test_the_page_holds_the_figures(adapted: Adapted) -> None:
    page = render(adapted)
    for name in ("source-only", "center", "coral"):
        assert f">{name.replace('-', '-')}</bdi>" in page
    for attempt in adapted.attempts:
        assert f"{100 * (attempt.accuracy or 0):.1f}%" in page
        assert f"{attempt.scores.mixture:.3f}" in page
    assert adapted.choice.rule in page
    assert "best by the target's labels" in page
    assert page.count("✓ kept") == 1
    assert adapted.sentences[0] in page.replace("&#39;", "'")


def test_it_stands_alone_and_escapes(adapted: Adapted) -> None:
    page = render(adapted)
    assert "<b>green</b>" not in page
    assert not re.search(r"(?:src|href)=[\"'](?!data:|#)", page)
    assert "default-src 'none'" in page


def test_warnings_are_shown(adapted: Adapted) -> None:
    page = render(replace(adapted, warnings=("Open set: the target has pink.",)))
    assert "Open set: the target has pink." in page
    assert "Open set" not in render(adapted)


def test_without_labels_of_the_target(adapted: Adapted) -> None:
    attempts = tuple(
        replace(each, accuracy=None, accuracy_ci95=None, gain=None, gain_ci95=None) for each in adapted.attempts
    )
    page = render(
        replace(
            adapted, attempts=attempts, evaluation=None, source_only=None, oracle=None, measured=np.zeros(0, np.intp)
        )
    )
    assert "Accuracy on the target" not in page
    assert "The target has no labels to measure on" in page


def test_the_map_has_both_domains(adapted: Adapted) -> None:
    picture = map_of(adapted)
    assert picture.startswith("<svg")
    assert "source (24)" in picture and "target (24)" in picture


def test_what_the_target_is_named(adapted: Adapted) -> None:
    rows = list(csv.DictReader(io.StringIO(named(adapted))))
    assert [row["image"] for row in rows] == list(adapted.target.names)
    best = adapted.probabilities.argmax(axis=1)
    assert [row["label"] for row in rows] == [adapted.classifier.classes[c] for c in best]
    assert [float(row["probability"]) for row in rows] == pytest.approx(adapted.probabilities.max(axis=1), abs=1e-6)


def test_links_tell_in_what_the_target_is_named(adapted: Adapted) -> None:
    other = np.eye(3)[(adapted.probabilities.argmax(axis=1) + 1) % 3]
    relations = Relations(adapted.classifier.classes, (), 0.0, None, "none")
    rows = csv.DictReader(io.StringIO(named(replace(adapted, related=Related(relations, (), other, None, None, None)))))
    assert [row["label"] for row in rows] == [adapted.classifier.classes[c] for c in other.argmax(axis=1)]


def test_files(adapted: Adapted, tmp_path: Path) -> None:
    write(adapted, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"report.html", "domains.svg", "adapt.json", "predictions.csv"}
    assert json.loads((tmp_path / "adapt.json").read_text())["method"] == adapted.method
