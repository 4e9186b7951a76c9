"""regraft forget: a saved classifier knows one class less."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from regraft.classifier import Classifier

Cli = Callable[..., Any]


def test_a_class_is_taken_away(cli: Cli, changeable: Path, colours: Path) -> None:
    ran = cli("forget", changeable, "green")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("Forgot 'green', and the features of 6 images; 2 classes are left.")
    assert ran.out.endswith(f"classifier  {changeable}\n")
    assert Classifier.load(changeable).classes == ("blue", "red")
    assert cli("predict", changeable, colours / "red" / "red-0-0.jpg").out.split()[1] == "red"


def test_what_was_learnt_is_taken_back(cli: Cli, changeable: Path, yellow: list[Path], tmp_path: Path) -> None:
    before = Classifier.load(changeable)
    assert cli("learn", changeable, "yellow", *yellow, "--quiet").code == 0
    found = json.loads(cli("forget", changeable, "yellow", "--json", "--out", tmp_path / "new.regraft").out)
    assert (found["class"], found["images"], found["classes"]) == ("yellow", 6, ["blue", "green", "red"])
    assert found["out"] == str(tmp_path / "new.regraft")
    assert Classifier.load(changeable).learnt_classes == ("yellow",)
    after = Classifier.load(tmp_path / "new.regraft")
    assert (after.classes, after.growth) == (before.classes, None)
    assert after.memory is not None and before.memory is not None
    assert after.memory.rows.tolist() == before.memory.rows.tolist()


def test_wrong_uses_leave_the_file_as_it_was(cli: Cli, changeable: Path) -> None:
    before = changeable.read_bytes()
    for arguments, code, words in (
        (("gren",), 2, "but has no 'gren': did you mean 'green'?"),
        (("",), 2, "it has blue, green, red."),
        (("green", "--out", changeable.parent), 1, "must be saved where files can be written"),
    ):
        ran = cli("forget", changeable, *arguments)
        assert (ran.code, ran.out) == (code, ""), arguments
        assert words in ran.err
        assert changeable.read_bytes() == before
    assert cli("forget", changeable, "green", "--quiet").out == ""
    ran = cli("forget", changeable, "red")
    assert (ran.code, ran.err.count("Two classes or more must be left")) == (2, 1)
