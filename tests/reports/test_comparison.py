"""The comparison's page and picture: all figures there, nothing loaded from elsewhere, no name taken for markup."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from html import escape
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from regraft.comparison import Comparison, Row
from regraft.comparison.verdict import compared
from regraft.data.dataset import Dataset
from regraft.evaluation.metrics import evaluate
from regraft.reports.comparison import Scale, p_value, picture, render, write
from regraft.result import Attempt, Epoch

Make = Callable[..., Comparison]


def epochs(attempt: str, losses: tuple[float, ...]) -> tuple[Epoch, ...]:
    return tuple(Epoch(attempt, "all", n + 1, v, v + 0.1, 1 - v, 1e-3, 9.0) for n, v in enumerate(losses))


def row(name: str, dataset: Dataset, right: int, **result: Any) -> Row:
    index, k = dataset.part("test"), len(dataset.class_names)
    truth = dataset.y[index]
    said = np.where(np.arange(len(truth)) < right, truth, (truth + 1) % k)
    probabilities = np.full((len(truth), k), 0.2 / (k - 1))
    probabilities[np.arange(len(truth)), said] = 0.8
    test = evaluate(truth, probabilities, dataset.class_names)
    found = {"dataset": dataset, "test_index": index, "test_probabilities": probabilities, "n_test": len(truth)}
    found |= {"evaluations": {"test": test}, "history": (), "attempts": (), **result}
    return Row(
        name,
        130.0,
        backbone="toy_net+other",
        trainable=12345,
        val_accuracy=right / 50,
        val_ci95=(right / 50 - 0.1, right / 50 + 0.1),
        accuracy=test.accuracy,
        ci95=test.accuracy_ci95,
        f1=test.macro_f1,
        auc=test.roc_auc,
        result=SimpleNamespace(**found),  # type: ignore[arg-type]
    )


@pytest.fixture
def make() -> Make:
    """Return a function that makes a comparison on 40 test images."""

    def comparison(classes: tuple[str, ...] = ("cat", "dog"), name: str = "pets", **changes: Any) -> Comparison:
        dataset = Dataset(
            examples=[None] * 200,
            names=tuple(f"pet {i}" for i in range(200)),
            labels={"label": np.arange(200) % len(classes)},
            classes={"label": classes},
            split=np.repeat(["train", "test"], [160, 40]),
            name=name,
            notes=("Found in folders.",),
        )
        attempts = (Attempt("first", 0.5, 1.0, 50, 1, 1.0), Attempt("second", 0.7, 1.0, 50, 1, 1.0, True))
        history = epochs("first", (0.9, 0.8)) + epochs("second", (0.6, 0.4, 0.2))
        rows = [
            row("probe", dataset, 38),
            row("finetune", dataset, 36, history=history, attempts=attempts),
            row("scratch", dataset, 22, history=epochs("only", (0.7, math.nan, 0.5))),
            Row("finetune-all", 3.0, error="No <stage> of that name."),
        ]
        found = compared(rows, dataset, "given", seed=5, seconds=300.0, command="regraft compare pets")
        return replace(found, **changes)

    return comparison


def test_the_page_has_every_figure(make: Make) -> None:
    found = make()
    page = render(found)
    assert f'id="verdict">{found.verdict.text}' in page
    assert 'That is <bdi class="name">probe</bdi> against <bdi class="name">scratch</bdi>' in page
    for each in found.rows[:3]:
        assert f'<th class="text" scope="row"><bdi class="name">{each.strategy}</bdi>' in page
        assert f"{each.f1:.3f}" in page
        assert f"{100 * each.ci95[0]:.1f} to {100 * each.ci95[1]:.1f}" in page
        assert f"<td>{escape(p_value(each.p_value))}</td></tr>" in page
    assert 'Failed: <bdi class="name">No &lt;stage&gt; of that name.</bdi>' in page
    assert page.count("✓ best on validation") == 1
    assert "12,345" in page
    assert "2 min 10 s" in page
    assert "regraft compare pets" in page
    assert "Found in folders." in page
    for note in found.notes:
        assert note.replace("'", "&#39;") in page


def test_it_needs_nothing_else(make: Make) -> None:
    for text in (render(make()), picture(make())):
        assert not re.search(r'(src|href)="(?!data:)', text)
        assert "url(" not in text
        assert "<script" not in text


def test_curves_are_those_of_the_chosen_training(make: Make) -> None:
    page = render(make())
    assert page.count("<h3>") >= 5
    assert "best 80%" in page, "of the second attempt, which was chosen"
    assert "best 0.300" in page
    assert "nan" not in page
    assert page.count("<figure>") == 2 + 2 + 1
    nothing = render(make(rows=make().rows[:1]))
    assert "While they learned" not in nothing
    assert nothing.count("<figure>") == 1


def test_the_picture_stands_alone(make: Make) -> None:
    found = make()
    root = ElementTree.fromstring(picture(found))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"probe", "finetune", "scratch"} <= set(texts)
    assert "95.0%" in texts
    assert "ROC curves of the best and the worst" in texts
    best = f"probe: AUC {found.rows[0].auc:.3f}"
    assert best in texts
    bands = [e for e in root.iter("{http://www.w3.org/2000/svg}rect") if e.get("class") == "band"]
    scale = Scale(0.3)
    low, high = found.rows[0].ci95 or (0, 0)
    assert float(bands[0].get("x") or 0) == pytest.approx(360 * scale(low), abs=0.06)
    assert float(bands[0].get("width") or 0) == pytest.approx(360 * (scale(high) - scale(low)), abs=0.06)


def test_many_classes_have_the_mean_curve(make: Make) -> None:
    page = render(make(("a", "b", "c", "d")))
    assert "the mean over the classes" in page
    ElementTree.fromstring(picture(make(("a", "b", "c", "d"))))


def test_without_curves_there_is_no_plot(make: Make) -> None:
    found = make()
    rows = []
    for each in found.rows:
        if each.result is not None:
            empty = replace(each.result.evaluations["test"], curves={}, roc_auc=None)
            each = replace(
                each, auc=None, result=SimpleNamespace(**{**vars(each.result), "evaluations": {"test": empty}})
            )
        rows.append(each)
    found = replace(found, rows=tuple(rows))
    assert "How well the confidence sorts" not in render(found)
    root = ElementTree.fromstring(picture(found))
    assert root.get("width") == "620"


def test_names_are_no_markup(make: Make, tmp_path: Path) -> None:
    odd = make(("<b>&", "x"), name="a<script>\x01caf\udce9")
    write(odd, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"comparison.html", "comparison.svg", "comparison.json"}
    page = (tmp_path / "comparison.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "a&lt;script&gt;" in page
    ElementTree.parse(tmp_path / "comparison.svg")
    plain = json.loads((tmp_path / "comparison.json").read_text())
    assert plain == json.loads(json.dumps(odd.to_dict()))


def test_a_verdict_without_a_pair(make: Make) -> None:
    found = make()
    alone = compared(found.rows[:1], found.dataset, "cross-validation", seed=0, seconds=1.0)
    page = render(alone)
    assert "Whether transfer pays cannot be said" in page
    assert "each the best of its kind" not in page
    assert "in the same folds" in page


def test_p_values() -> None:
    assert [p_value(value) for value in (None, 0.0004, 0.0123, 1.0)] == ["–", "< 0.001", "0.012", "1.000"]


def test_the_scale_has_round_ticks() -> None:
    assert [tick.text for tick in Scale(0.7).ticks] == ["70%", "80%", "90%", "100%"]
    assert [tick.text for tick in Scale(0.1).ticks] == ["20%", "40%", "60%", "80%", "100%"]
    assert Scale(0.5)(0.75) == 0.5
