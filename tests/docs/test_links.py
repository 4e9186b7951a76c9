"""No link of a page is dead: files are there, and headings that are pointed at too."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (
        *ROOT.glob("*.md"),
        *ROOT.glob("benchmarks/*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("src/**/*.md"),
    )
)
CODE = re.compile(r"^( *)```.*?^\1```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^()\s]+)\)")


def links(page: Path) -> list[str]:
    return LINK.findall(CODE.sub("", page.read_text(encoding="utf-8")))


def anchors(page: Path) -> set[str]:
    """Return the names of a page's headings, as GitHub and the site make them."""
    text = re.sub(r"^( *)```.*?^\1```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#{1,6} (.+)$", text, re.MULTILINE)
    return {re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", heading.lower()).strip()) for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    here = ROOT / page
    for link in links(here):
        if re.match(r"https?://", link):
            continue
        assert not re.match(r"[a-z]+:|/", link), f"{page}: {link} is no relative link"
        target, _, anchor = link.partition("#")
        found = (here.parent / target).resolve() if target else here
        assert found.exists(), f"{page}: there is no {target}"
        assert found.is_relative_to(ROOT), f"{page}: {target} is not of this project"
        if anchor:
            assert anchor in anchors(found), f"{page}: {target} has no heading {anchor}"


def test_every_picture_is_shown_on_some_page() -> None:
    shown = {(ROOT / page).parent / link for page in PAGES for link in links(ROOT / page)}
    there = {path for path in (ROOT / "docs" / "images").iterdir() if path.is_file()}
    assert there <= {path.resolve() for path in shown}
