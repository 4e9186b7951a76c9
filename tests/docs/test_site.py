"""The site builds without a warning, has what the program has, and takes nothing from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

pytest.importorskip("mkdocs")
pytest.importorskip("material")
pytest.importorskip("mkdocstrings")

ROOT = Path(__file__).parents[2]


class Page(HTMLParser):
    """What a page loads by itself, and the names that can be pointed at."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.names: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        self.names.add(given.get("id", ""))
        if tag in ("script", "img", "iframe", "source", "video", "audio", "embed"):
            self.loads.append(given.get("src", ""))
        if tag == "link" and given.get("rel") not in ("canonical", "next", "prev"):
            self.loads.append(given.get("href", ""))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the site, built as `make docs` builds it."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    built = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    assert "WARNING" not in built.stderr
    return folder


def test_nothing_comes_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 20
    for page in pages:
        for load in Page(page.read_text(encoding="utf-8")).loads:
            assert not re.match(r"(https?:)?//", load), f"{page.name} loads {load}"
    for sheet in site.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        assert not re.search(r"@import|url\(['\"]?(https?:)?//", text), sheet.name


def test_every_command_has_its_section_and_options(site: Path) -> None:
    import click

    from regraft.cli import COMMANDS, regraft

    page = (site / "reference" / "command-line.html").read_text(encoding="utf-8")
    names = Page(page).names
    for name in COMMANDS:
        assert f"regraft-{name}" in names
        command = regraft.get_command(click.Context(regraft), name)
        assert command is not None
        for option in command.params:
            if isinstance(option, click.Option) and not option.hidden:
                assert all(f"<code>{each}</code>" in page for each in option.opts)


def test_every_public_name_is_in_the_reference(site: Path) -> None:
    import regraft

    names = Page((site / "reference" / "python.html").read_text(encoding="utf-8")).names
    assert {f"regraft.{name}" for name in regraft.__all__ if name not in ("__version__", "RegraftError")} <= names
    assert "regraft.errors.RegraftError" in names


def test_every_network_head_and_method_is_in_the_reference(site: Path) -> None:
    from regraft.adaptation import NAMES
    from regraft.backbones.registry import VOUCHED
    from regraft.heads import HEADS
    from regraft.recipes.recipe import names

    page = (site / "reference" / "methods.html").read_text(encoding="utf-8")
    for name in (*NAMES, *HEADS, *names(), *(backbone.name for backbone in VOUCHED)):
        assert f"<code>{name}</code>" in page
