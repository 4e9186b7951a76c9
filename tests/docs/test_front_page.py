"""What the READMEs promise: figures that agree, two languages that say the same, and a first hour of ten minutes."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ENGLISH = (ROOT / "README.md").read_text(encoding="utf-8")
CHINESE = (ROOT / "README.zh-CN.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\| (?!what|项目|-)(.+?) \|$", re.MULTILINE)
FIRST = ("README.md", "docs/tutorials/images.md", "docs/how-to/own-data.md")
WORDS_A_MINUTE = 200


def rows(text: str) -> list[list[str]]:
    return [row.split(" | ") for row in ROW.findall(BLOCK.sub("", text)) if not set(row) <= set("-| ")]


def figures(text: str) -> list[tuple[str, str, str]]:
    """Return what was measured, the figure and the command; "the same" is the command above."""
    found: list[tuple[str, str, str]] = []
    for what, figure, command in rows(text):
        same = command.startswith("the same")
        found.append((what, figure, found[-1][2] if same else command))
    return found


def test_figures_are_those_of_the_docs() -> None:
    known = figures((ROOT / "docs" / "explanation" / "figures.md").read_text(encoding="utf-8").split("## What")[0])
    shown = figures(ENGLISH)
    assert 8 <= len(shown) <= 12
    for figure in shown:
        assert figure in known


def test_both_have_the_same_code() -> None:
    plain = [
        [re.sub(r"(^|\s+)# .*", "", block, flags=re.MULTILINE) for block in BLOCK.findall(text)]
        for text in (ENGLISH, CHINESE)
    ]
    assert plain[0] == plain[1]
    assert len(plain[0]) >= 4


def test_both_explain_the_same_lines() -> None:
    explained = [
        [" # " in line for block in BLOCK.findall(text) for line in block.splitlines()] for text in (ENGLISH, CHINESE)
    ]
    assert explained[0] == explained[1]


def test_both_have_the_same_figures() -> None:
    numbers = [
        [sorted(re.findall(r"\d[\d,.]*\d|\d", " ".join(row))) for row in rows(text)] for text in (ENGLISH, CHINESE)
    ]
    assert numbers[0] == numbers[1]
    assert [row[-1] for row in rows(ENGLISH)] == [row[-1] for row in rows(CHINESE)]


def test_both_have_the_same_links() -> None:
    links = [sorted(re.findall(r"\]\(([^()\s]+)\)", text)) for text in (ENGLISH, CHINESE)]
    assert "README.zh-CN.md" in links[0] and "README.md" in links[1]
    assert [each for each in links[0] if "README" not in each] == [each for each in links[1] if "README" not in each]


def test_both_have_as_many_headings() -> None:
    levels = [re.findall(r"^#+", BLOCK.sub("", text), re.MULTILINE) for text in (ENGLISH, CHINESE)]
    assert levels[0] == levels[1]


def test_the_first_pages_are_read_in_ten_minutes() -> None:
    """Words of text, tables and code alike; what is drawn of lines and bars is no word, nor where a link leads."""
    texts = [re.sub(r"\]\([^)]*\)", "]", (ROOT / name).read_text(encoding="utf-8")) for name in FIRST]
    words = [word for text in texts for word in text.split() if re.search(r"\w", word)]
    assert len(words) <= 10 * WORDS_A_MINUTE
    for name in FIRST[1:]:
        assert f"({name})" in ENGLISH
