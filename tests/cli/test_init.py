"""The command line as a whole: it answers at once, says what is wrong in one sentence, and its exit codes mean it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import click
import pytest

import regraft
from regraft import cli as package
from regraft.errors import BundleError, DataError, UsageError

Cli = Callable[..., Any]


def test_help_names_every_command(cli: Cli) -> None:
    shown = cli("--help")
    assert shown.code == 0
    for name, summary in package.COMMANDS.items():
        assert f"  {name} " in shown.out
        assert summary in shown.out
    assert cli("-h").out == shown.out
    assert cli("--version").out.split()[-1] == regraft.__version__


@pytest.mark.parametrize("command", package.COMMANDS)
def test_every_command_explains_itself(cli: Cli, command: str) -> None:
    shown = cli(command, "--help")
    assert shown.code == 0
    assert shown.out.startswith(f"Usage: regraft {command}")


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom regraft.cli import main\nsys.argv[1:] = ['--help']\n"
        "try: main()\nexcept SystemExit: pass\n"
        "heavy = {'numpy', 'cv2', 'PIL', 'rich', 'torch', 'timm', 'openvino', 'sklearn', 'scipy', 'pyarrow', 'h5py'}\n"
        "print('loaded:', *sorted(heavy & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "loaded:"


def test_a_misspelt_command_is_guessed(cli: Cli) -> None:
    ran = cli("fitt", "data")
    assert (ran.code, ran.out) == (2, "")
    assert "No such command 'fitt'. Did you mean 'fit'?" in ran.err
    assert "Did you mean" not in cli("xyzzy").err


@pytest.mark.parametrize("arguments", [(), ("fit",), ("predict", "m.regraft"), ("fit", "x", "--no-such"), ("cache",)])
def test_a_wrong_use_ends_with_2(cli: Cli, arguments: tuple[str, ...]) -> None:
    ran = cli(*arguments)
    assert ran.code == 2
    assert "Usage: regraft" in ran.err + ran.out


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (UsageError("--x must be y."), 2, "Error: --x must be y.\n"),
        (DataError("The data are bad."), 1, "Error: The data are bad.\n"),
        (BundleError("caf\udce9.regraft is damaged."), 1, "Error: caf\\udce9.regraft is damaged.\n"),
        (
            KeyboardInterrupt(),
            1,
            "\nError: Interrupted; only a training's checkpoints are left behind.\n",
        ),
        (click.Abort(), 1, "Error: Interrupted; only a training's checkpoints are left behind.\n"),
        (PermissionError(13, "Permission denied", "a.csv"), 1, "Error: The system refused: Permission denied (a.csv)."),
        (OSError("odd"), 1, "Error: The system refused: odd (no file)."),
        (MemoryError(), 1, "Error: The machine must have more free memory than is left; use fewer images or a small"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_what_goes_wrong_is_one_sentence_and_no_traceback(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, words: str
) -> None:
    @click.command("table")
    def command() -> None:
        raise error

    monkeypatch.setattr("regraft.cli.table.command", command)
    ran = cli("table")
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith(words)


@pytest.mark.skipif(os.name == "nt", reason="pipes break differently on Windows")
def test_a_reader_that_goes_away_is_no_drama() -> None:
    read, write = os.pipe()
    os.close(read)
    ran = subprocess.run(
        [sys.executable, "-m", "regraft", "cache", "info"], stdout=write, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(write)
    assert ran.returncode == 1
    assert "Traceback" not in ran.stderr
