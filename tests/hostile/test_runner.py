"""The runner finds what it looks for: a process that crashes, hangs, eats memory, stammers, or writes elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("soundfile")

from hostile import processes, runner
from hostile.archive_bombs import OUTSIDE
from hostile.corpus import hostile
from hostile.entrances import is_reason, is_sentence, tried
from hostile.processes import Home, Worker, judged
from hostile.runner import run
from regraft.errors import DataError

SCRIPT = """
import ctypes, json, sys, time, pathlib
print(json.dumps("ready"), flush=True)
for line in sys.stdin:
    name = json.loads(line)[0]
    if "segfault" in name: ctypes.string_at(0)
    if "sleep" in name: time.sleep(60)
    if "eat" in name: held = b"x" * 400_000_000; time.sleep(60)
    if "stray" in name: pathlib.Path("regraft-outside.txt").write_text("x")
    if "remove" in name: pathlib.Path(name).unlink()
    peak = 9999 if "much" in name else 10
    print(json.dumps({"outcome": "answered", "said": "", "seconds": 0.01, "peak_mb": peak}), flush=True)
"""


@pytest.fixture
def misbehaving(tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that asks a process which does what a file's name says."""
    (tmp_path / "entrances.py").write_text(SCRIPT)
    monkeypatch.setattr(processes, "__file__", str(tmp_path / "processes.py"))
    monkeypatch.setattr(processes, "FATAL_MB", 300.0)
    worker = Worker("predict", home)

    def ask(name: str, seconds: float = 5.0) -> Any:
        path = home.data / name
        path.write_bytes(b"x")
        return runner._asked(worker, path, name, "jpeg", home, seconds)

    yield ask
    worker.close()


@pytest.mark.parametrize(
    ("name", "outcome", "words"),
    [
        ("segfault", "crash", "the process ended with -11"),
        ("sleep", "hang", "took more than"),
        ("eat", "memory", "held "),
        ("much", "memory", "held 9,999 MB"),
        ("stray", "outside", f"{OUTSIDE}.txt"),
        ("remove", "outside", "changed or removed the user's file"),
    ],
)
def test_a_fault_is_laid_to_its_file(misbehaving: Any, name: str, outcome: str, words: str) -> None:
    found = misbehaving(name, 0.3 if name == "sleep" else 5.0)
    assert (found.outcome, found.fault) == (outcome, True)
    assert words in found.said
    if outcome not in ("outside",):
        assert misbehaving("well").outcome == "answered"  # the next file has a process again


def test_a_fault_in_a_mixed_folder_is_found_by_halving(
    home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    files = [file for file in (hostile(number) for number in range(60)) if file.kind == "jpeg"][:6]
    guilty = files[4].name

    class Fit:
        name = "fit"

        def ask(self, folder: Path, seconds: float) -> tuple[str, str, float, float]:
            there = any(path.name == guilty for path in folder.rglob("*"))
            return ("traceback", "ZeroDivisionError", 0.1, 1.0) if there else ("answered", "", 0.1, 1.0)

        def close(self) -> None:
            pass

    monkeypatch.setattr(runner, "Worker", lambda name, home: Fit())
    found = {outcome.file: outcome.outcome for outcome in run(files, home, ("fit",), keep=tmp_path / "kept")}
    assert found == {file.name: "traceback" if file.name == guilty else "answered" for file in files}


@pytest.mark.parametrize(
    ("status", "answer", "outcome"),
    [
        (200, b'{"predictions": []}', "answered"),
        (422, b'{"error": {"message": "An image must be readable, but this is not."}}', "refused"),
        (422, b'{"error": {"message": "KeyError"}}', "wordless"),
        (500, b'{"error": {"message": "The server could not do this, and says so."}}', "status"),
        (503, b'{"error": {"message": "The server has too much to do, so come again."}}', "status"),
        (200, b"<html>", "wordless"),
    ],
)
def test_what_an_answer_over_http_is(status: int, answer: bytes, outcome: str) -> None:
    assert judged(status, answer)[0] == outcome


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("The file a.zip cannot be unpacked; copy it anew.", True),
        ("The file a.zip cannot be unpacked", False),
        ("Damaged.", False),
        ("the archive cannot be unpacked: [Errno 17] File exists.", False),
        ("Traceback (most recent call last): and so on.", False),
        ("it is of another kind: OSError('x') was raised.", False),
        ("two lines are\nno sentence at all.", False),
        ("the file ends twice over here..", False),
        ("", False),
    ],
)
def test_what_a_sentence_is(text: str, sentence: bool) -> None:
    assert is_sentence(text) == sentence


def test_what_a_reason_is() -> None:
    assert is_reason("truncated JPEG file (its end is missing)")
    assert not is_reason("struct.error")
    assert not is_reason("<_io.BytesIO object at 0x7f>")


def test_what_comes_of_an_entrance() -> None:
    def raising(error: Exception) -> Any:
        def entrance(paths: list[Path]) -> tuple[str, str]:
            raise error

        return entrance

    assert tried(lambda paths: ("answered", ""), []) == ("answered", "")
    assert tried(lambda paths: ("unreadable", "cut off"), []) == ("unreadable", "cut off")
    assert tried(lambda paths: ("unreadable", "?"), []) == ("wordless", "?")
    assert tried(raising(DataError("the table t.csv has no rows.")), [])[0] == "refused"
    assert tried(raising(DataError("no rows")), []) == ("wordless", "no rows")
    outcome, said = tried(raising(MemoryError("x")), [])
    assert (outcome, said.split(" at ")[0]) == ("traceback", "MemoryError: x")
