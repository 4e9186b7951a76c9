"""regraft learn: a saved classifier knows one class more, whole or not at all."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from regraft.classifier import Classifier

Cli = Callable[..., Any]


def test_the_classifier_names_the_class_from_then_on(cli: Cli, changeable: Path, yellow: list[Path]) -> None:
    ran = cli("learn", changeable, "yellow", *yellow[:5])
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("Learnt 'yellow' from 5 images, in ")
    assert "remembered images of the other classes" in ran.out
    assert ran.out.endswith(f"classifier  {changeable}\n")
    shown = cli("predict", changeable, yellow[5]).out
    assert shown.split()[1] == "yellow"
    assert "## Changed since it was fitted" in Classifier.load(changeable).card


def test_a_folder_or_bytes_and_another_file(cli: Cli, changeable: Path, yellow: list[Path], tmp_path: Path) -> None:
    before = changeable.read_bytes()
    ran = cli("learn", changeable, "yellow", yellow[0].parent, "--out", tmp_path / "new.regraft", "--json")
    found = json.loads(ran.out)
    assert (found["class"], found["images"], found["out"]) == ("yellow", 6, str(tmp_path / "new.regraft"))
    assert changeable.read_bytes() == before
    assert Classifier.load(tmp_path / "new.regraft").classes == ("blue", "green", "red", "yellow")
    ran = cli("learn", changeable, "yellow", "-", "--quiet", stdin=yellow[0].read_bytes())
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert Classifier.load(changeable).learnt_classes == ("yellow",)


def test_unreadable_and_doubled_images_are_told(cli: Cli, changeable: Path, yellow: list[Path], tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"<html>")
    ran = cli("learn", changeable, "yellow", yellow[0], yellow[1], yellow[0], tmp_path / "broken.jpg")
    assert ran.code == 0
    assert "broken.jpg  not read: not an image (looks like HTML)" in ran.err
    assert "Learnt 'yellow' from 2 images" in ran.out
    assert "1 of the images given are copies of others" in ran.out


def test_wrong_uses_leave_the_file_as_it_was(cli: Cli, changeable: Path, yellow: list[Path], tmp_path: Path) -> None:
    before = changeable.read_bytes()
    (tmp_path / "broken.jpg").write_bytes(b"<html>")
    for arguments, code, words in (
        (("yellow",), 2, "Missing argument"),
        (("", yellow[0]), 2, "A class must have a name"),
        (("red", yellow[0]), 2, "but 'red' was fitted"),
        (("Red", yellow[0]), 2, "is there already as 'red'"),
        (("yellow", "-", "-"), 2, "- stands for the one image on stdin, but it is given more than once."),
        (("yellow", tmp_path / "broken.jpg"), 1, "at least one readable image of 'yellow', but there is none"),
        (("yellow", tmp_path / "absent.jpg"), 1, "absent.jpg does not exist"),
        (("yellow", yellow[0], "--cost", "0"), 2, "--cost must be a share between 0 and 1"),
        (("yellow", yellow[0], "--out", tmp_path / "no" / "m"), 1, "must be saved where files can be written"),
    ):
        ran = cli("learn", changeable, *arguments)
        assert (ran.code, ran.out) == (code, ""), arguments
        assert words in ran.err
        assert changeable.read_bytes() == before


def test_it_loads_neither_torch_nor_scikit_learn(changeable: Path, yellow: list[Path]) -> None:
    code = (
        "import sys\n"
        f"sys.argv = ['regraft', 'learn', {str(changeable)!r}, 'yellow', {str(yellow[0])!r}, '--quiet']\n"
        "from regraft.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit as ended:\n"
        "    heavy = {'torch', 'timm', 'torchvision', 'sklearn', 'scipy', 'pyarrow', 'h5py', 'pandas'}\n"
        "    print(ended.code or 0, *sorted(heavy & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["0"]


def test_explanations_know_learnt_classes(cli: Cli, changeable: Path, yellow: list[Path], tmp_path: Path) -> None:
    assert cli("learn", changeable, "yellow", *yellow[:5]).code == 0
    ran = cli("predict", changeable, yellow[5], "--explain", tmp_path / "why")
    assert ran.code == 0
    assert [path.name for path in (tmp_path / "why").iterdir()] == ["0001-5-yellow.jpg"]
