"""What the commands share: a default is stated once, and a bar is shown to people only."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any

import click
import pytest

from regraft import pipeline
from regraft.bulk.running import embed_shards, predict_shards
from regraft.classifier import Classifier
from regraft.cli import advise, audit, compare, embed, evaluate, fit, generalize, predict, rank
from regraft.cli.options import duration, print_json, progress_bar, say
from regraft.errors import UsageError
from regraft.finetuning.settings import Training

RUN = {"out", "log", "config", "quiet", "as_json"}
"""Options of a command that writes a run, which its function does not take."""


@pytest.mark.parametrize(
    ("command", "function", "also"),
    [
        (fit.command, pipeline.fit, {*RUN, "label_columns", "task_kinds", "weighting"}),
        (compare.command, compare.compare, RUN),
        (evaluate.command, pipeline.evaluate, {"model", "quiet", "as_json"}),
        (embed.command, embed_shards, {"out", "quiet", "as_json"}),
        (audit.command, audit.audit, {*RUN, "fix_out"}),
        (advise.command, advise.advise, {"quiet", "as_json"}),
        (rank.command, rank.rank, {"quiet", "as_json"}),
        (generalize.command, generalize.generalize, RUN),
        (predict.command, predict_shards, {"out", "top", "explain", "as_csv", "quiet", "as_json", "sources"}),
    ],
    ids=["fit", "compare", "evaluate", "embed", "audit", "advise", "rank", "generalize", "predict"],
)
def test_options_and_defaults_are_those_of_the_function(
    command: click.Command, function: Callable[..., Any], also: set[str]
) -> None:
    signature = dict(inspect.signature(function).parameters)
    if "training" in signature:
        # The command has an option for each of its settings.
        del signature["training"]
        signature |= inspect.signature(Training).parameters
    own = {parameter.name: parameter for parameter in command.params if parameter.name not in also}
    for name, parameter in own.items():
        assert name in signature
        if isinstance(parameter, click.Option):
            assert parameter.get_default(click.Context(command)) == signature[name].default
    python_only = {
        "out",
        "checkpoints",
        "report",
        "labels",
        "progress",
        "announce",
        "command",
        "classifier",
        "self",
        "sources",
    }
    # What `predict` takes as its sources is the data of what writes a folder.
    assert set(signature) - python_only - ({"data"} if function is predict_shards else set()) == set(own)


@pytest.mark.parametrize(
    ("many", "few"), [(embed_shards, pipeline.embed), (predict_shards, Classifier.predict)], ids=["embed", "predict"]
)
def test_many_examples_are_done_with_the_same_defaults_as_few(
    many: Callable[..., Any], few: Callable[..., Any]
) -> None:
    ours, theirs = inspect.signature(many).parameters, inspect.signature(few).parameters
    shared = set(ours) & set(theirs) - {"data"}
    assert "engine" in shared
    assert {name: ours[name].default for name in shared} == {name: theirs[name].default for name in shared}


def test_names_that_are_no_utf8_can_be_printed(capsys: pytest.CaptureFixture[str]) -> None:
    say("caf\udce9")
    say("to the side", to_stderr=True)
    print_json({"name": "caf\udce9 ä"})
    printed = capsys.readouterr()
    assert printed.out == 'caf\\udce9\n{\n "name": "caf\\udce9 \\u00e4"\n}\n'
    assert printed.err == "to the side\n"


def test_a_bar_is_shown_on_a_terminal_only(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with progress_bar("features", quiet=False) as progress:
        assert progress is None
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with progress_bar("features", quiet=True) as progress:
        assert progress is None
    with progress_bar("features", quiet=False) as progress:
        assert progress is not None
        progress(3, 7)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "features" in printed.err
    assert "3/7" in printed.err
    assert "/s" in printed.err


BUDGET = click.Option(["--budget"])


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("5m", 300), ("1h", 3600), ("1.5 H", 5400), (" 0.5m ", 30), (None, None)],
)
def test_times(text: str | None, seconds: float | None) -> None:
    assert duration(None, BUDGET, text) == seconds


@pytest.mark.parametrize("text", ["0", "0s", "", "m", "-5m", "5 min", "5m5", "1e3", "nan", "٣", "9" * 400])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"--budget must be a time above 0, such as 90s, 5m or 1\.5h, not "):
        duration(None, BUDGET, text)
