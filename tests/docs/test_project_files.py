"""The files that others' programs read: how to cite, and what has changed."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_citation_has_what_cff_asks_for() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert cited["cff-version"] == "1.2.0"
    assert cited["message"] and cited["title"] == "Regraft"
    assert cited["type"] == "software"
    assert cited["authors"] == [{"name": "The Regraft authors"}]
    assert cited["license"] == PROJECT["license"]
    assert str(cited["version"]) == PROJECT["version"]
    known = {"cff-version", "message", "title", "abstract", "type", "version", "license", "authors", "keywords"}
    assert set(cited) <= known


def test_changes_are_kept_in_the_usual_form() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    releases = re.findall(r"^## \[(.+?)\]", text, re.MULTILINE)
    assert releases[0] == "Unreleased"
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", release) for release in releases[1:])
    kinds = set(re.findall(r"^### (.+)$", text, re.MULTILINE))
    assert kinds and kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert PROJECT["version"] in text


def test_changes_name_every_command() -> None:
    from regraft.cli import COMMANDS

    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    for name in COMMANDS:
        assert re.search(rf"`(regraft )?{name}\b", text), f"CHANGELOG.md does not tell of regraft {name}"
