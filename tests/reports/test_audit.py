"""The page of an audit: self-contained, whole, and harmless whatever the names are."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from regraft.auditing.auditing import Audited
from regraft.auditing.class_balance import class_balance
from regraft.auditing.findings import Audit, Cue, Group, Leak, Order, Suspect
from regraft.data.dataset import Dataset, Skipped
from regraft.reports.audit import FIGURES, GROUPS, MEMBERS, PAGE, PAIRS, SUSPECTS, render, write

NASTY = "<b>&\"'_/"


@pytest.fixture
def faulty() -> Audited:
    """Return sixty images with every kind of fault."""
    rng = np.random.default_rng(0)
    names = tuple(f"cats/picture_{i}.png" if i else f"{NASTY}0.png" for i in range(60))
    dataset = Dataset(
        examples=[rng.integers(0, 256, (12, 16, 3), dtype=np.uint8) for _ in range(60)],
        names=names,
        labels={"label": np.arange(60) % 2},
        classes={"label": (NASTY, "dog")},
        split=np.array(["train"] * 40 + ["test"] * 20),
        name=f"pets{NASTY}",
        notes=("The class of an image is the name of its folder.",),
    )

    def group(kind, *positions):
        labels = tuple(dataset.class_names[dataset.y[i]] for i in positions)
        return Group(kind, positions, tuple(names[i] for i in positions), labels)

    audit = Audit(
        n=60,
        duplicates=(group("exact", 0, 40), group("exact", 2, 3), group("near", *range(6, 28, 2))),
        leaks=(Leak("exact", "test", 40, 0, names[40], names[0], "dog", NASTY),),
        label_errors=(
            Suspect(5, names[5], "dog", NASTY, 0.974, 0.008, True),
            Suspect(7, names[7], "dog", NASTY, 0.6, 0.4, False),
        ),
        unreadable=(Skipped(f"x{NASTY}.jpg", "empty (0 bytes)"),),
        shortcuts=(
            Cue("border", 0.93, (0.85, 0.97), 0.5, {NASTY: 0.81}, True),
            Cue("file size", 0.52, (0.4, 0.6), 0.5, {}, False),
        ),
        order=Order(0.851, (0.83, 0.87), 0.802, (0.78, 0.82), 0.049, (0.03, 0.07), True, 60),
        classes=class_balance(dataset),
        seconds=1.25,
        notes=("A note.",),
    )
    return Audited(dataset, audit)


def text_of(page: str) -> str:
    body = re.sub(r"<style>.*?</style>", "", page.split("<body>")[1], flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", body.replace("<wbr>", "")))


def test_every_fault_is_shown(faulty: Audited) -> None:
    page = render(faulty, "regraft audit pets")
    for name in ("leaks", "duplicates", "labels", "shortcuts", "order", "classes", "unreadable"):
        assert f'<section id="{name}">' in page
    text = text_of(page)
    for sentence in (
        "Neighbours are related: use --split blocks.",
        "85.1%",
        "80.2%",
        "4.9 points (95% interval 3.0 to 7.0)",
    ):
        assert sentence in text
    assert "Same bytes · different labels" in text
    assert "looks like &lt;b&gt;&amp;&#34;&#39;_/ (97%)" in text
    assert "labelled dog (1%)" in text or "labelled dog (0.8%)" in text
    assert "&lt;b&gt;&amp;&#34;&#39;_/ 81%" in text
    assert "regraft audit pets" in text
    assert "A note." in text and "name of its folder" in text


def test_only_likely_errors_are_shown_where_there_are_any(faulty: Audited) -> None:
    assert render(faulty).split('id="labels"')[1].split("</section>")[0].count("<img") == 1
    doubtful = replace(faulty, audit=replace(faulty.audit, label_errors=faulty.audit.label_errors[1:]))
    section = render(doubtful).split('id="labels"')[1].split("</section>")[0]
    assert "No label is likely to be wrong; these are the least credible ones." in section
    assert section.count("<img") == 1


def test_copies_that_leak_are_shown_once_but_contradictions_twice(faulty: Audited) -> None:
    section = render(faulty).split('id="duplicates"')[1].split("</section>")[0]
    assert section.count("Same bytes") == 1  # 2 and 3 contradict; 0 and 40 too have one label only
    assert f"and {11 - MEMBERS} more" in section
    assert section.index("different labels") < section.index("Saved anew, or alike")


def test_names_cannot_break_the_page(faulty: Audited) -> None:
    page = render(faulty)
    assert "<b>" not in page
    assert page.count("<main>") == page.count("</main>") == 1


def test_the_page_needs_nothing_else(faulty: Audited) -> None:
    page = render(faulty)
    assert not re.search(r"<script|<link|@import|url\(", page)
    assert all(source.startswith("data:image/jpeg;base64,") for source in re.findall(r'src="([^"]*)"', page))
    assert "default-src 'none'" in page


def test_sound_data_have_a_calm_page(faulty: Audited) -> None:
    even = replace(faulty.dataset, split=None, skipped=())
    sound = Audit(60, (), (), (), (), (), Order(n=60, reason="too few images"), class_balance(even))
    text = text_of(render(Audited(even, sound)))
    assert "Nothing was found that must be mended before you learn from these images." in text
    assert "Not measured: too few images." in text
    assert "the data have no test part" in text


def test_large_findings_are_cut_and_the_rest_is_counted(faulty: Audited) -> None:
    names = faulty.dataset.names
    groups = tuple(Group("exact", (1, 3), (names[1], names[3]), ("dog", "dog")) for _ in range(GROUPS + 7))
    leaks = faulty.audit.leaks * (PAIRS + 3)
    suspects = faulty.audit.label_errors[:1] * (SUSPECTS + 5)
    large = replace(faulty.audit, duplicates=groups, leaks=leaks, label_errors=suspects)
    text = text_of(render(Audited(faulty.dataset, large)))
    assert "audit.json has 7 more" in text
    assert f"the first {PAIRS} of {PAIRS + 3}, audit.json has all" in text
    assert f"{SUSPECTS} of {SUSPECTS + 5}" in text


def test_an_image_that_is_gone_leaves_a_place(faulty: Audited) -> None:
    examples = list(faulty.dataset.examples)
    examples[5] = Path("/nowhere/5.png")
    assert "can no longer be read" in render(replace(faulty, dataset=replace(faulty.dataset, examples=examples)))


def test_page_and_figures_are_written(faulty: Audited, tmp_path: Path) -> None:
    undecodable = replace(faulty.dataset, name="caf\udce9")
    write(Audited(undecodable, faulty.audit), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {PAGE, FIGURES}
    assert json.loads((tmp_path / FIGURES).read_text()) == json.loads(json.dumps(faulty.audit.to_dict()))
    (tmp_path / PAGE).read_text(encoding="utf-8")
