"""Every command of the how-to on serving is run, in order, against servers that its own lines start."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import select
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from regraft.serving.settings import Settings

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "serve.md"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HERE = "http://127.0.0.1:8000"


class Servers:
    """The server that the page's last `regraft serve` has started; one that was there is stopped."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.process: subprocess.Popen[str] | None = None
        self.address = HERE

    def start(self, line: str) -> None:
        self.stop()
        program, *arguments = shlex.split(line)
        assert program == "regraft"
        command = [sys.executable, "-m", "regraft", *arguments, "--port", "0"]
        with self.log.open("a") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self.process.stdout is not None
        assert select.select([self.process.stdout], [], [], 120)[0]
        said = self.process.stdout.readline()
        assert " at http" in said, self.log.read_text()
        self.address = said.split(" at ")[1].split()[0]

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            assert self.process.wait(60) == 0
            assert self.process.stdout is not None
            self.process.stdout.close()


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    made = Servers(tmp_path / "log")
    yield made
    if made.process is not None:
        made.process.kill()
        made.process.wait()


def test_every_command_does_what_the_page_says(
    servers: Servers, saved: Path, colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("curl") is None:
        pytest.skip("no curl")
    monkeypatch.chdir(tmp_path)
    for name in ("flowers.regraft", "cats_dogs.regraft"):
        shutil.copyfile(saved, name)
    for name, colour in {"rose.jpg": "red", "tulip.jpg": "blue"}.items():
        shutil.copyfile(colours / colour / f"{colour}-0-0.jpg", name)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    answers: list[Any] = []
    for kind, content in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if kind == "python":
            said = io.StringIO()
            with contextlib.redirect_stdout(said):
                exec(compile(content.replace(HERE, servers.address), "page", "exec"), {})
            assert said.getvalue() == "red\n"
        for line in content.splitlines() if kind == "shell" or "regraft serve flowers.regraft\n" in content else ():
            if line.startswith("regraft serve"):
                servers.start(line)
            elif not line.startswith("pip "):
                command = line.replace(HERE, servers.address)
                done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
                if line.startswith("curl"):
                    answers.append(json.loads(done.stdout))
    servers.stop()
    assert "error" not in json.dumps(answers)
    one, several, base64, animals, models, model = answers
    assert one["model"] == "flowers" and len(one["predictions"][0]["probabilities"]) == 2
    assert [each["name"] for each in several["predictions"]] == ["rose.jpg", "tulip.jpg"]
    assert base64["predictions"][0]["label"] == "red"
    assert animals["model"] == "animals"
    assert models == {"models": ["flowers", "animals"]}
    assert model["name"] == "flowers"


def test_the_limits_are_the_defaults() -> None:
    rows = re.findall(r"^\| `--([a-z-]+)` \| (\d+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) == 7
    for name, value in rows:
        assert getattr(Settings(), name.replace("-", "_")) == int(value)


def test_the_shown_answer_has_the_shape_of_a_real_one() -> None:
    [shown] = [content for kind, content in BLOCK.findall(PAGE.read_text(encoding="utf-8")) if kind == "json"]
    from regraft.serving.schema import Predictions

    assert Predictions.model_validate_json(shown).model == "flowers"
