"""regraft serve: what it is given, and what stands in its way; a server itself runs in tests/serving."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from regraft.serving import run as running

Cli = Callable[..., Any]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return what would be served, and where, in place of serving it."""
    given: dict[str, Any] = {}

    def run(app: Any, host: str, port: int, announce: Callable[[str], None]) -> None:
        given.update(app=app, host=host, port=port)
        announce(f"http://{host}:{port}")

    monkeypatch.setattr("regraft.cli.serve.run", run)
    monkeypatch.setattr("regraft.serving.log.log_to_stderr", lambda quiet: given.update(quiet=quiet))
    monkeypatch.delenv("REGRAFT_TOKEN", raising=False)
    return given


def test_this_machine_alone_unless_told(cli: Cli, saved: Path, served: dict[str, Any]) -> None:
    ran = cli("serve", saved)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (
        "Serving model at http://127.0.0.1:8000 (how to ask: http://127.0.0.1:8000/docs); Ctrl-C stops it.\n"
    )
    assert (served["host"], served["port"], served["quiet"]) == ("127.0.0.1", 8000, False)
    assert served["app"].state.models.names() == ("model",)
    assert len(served["app"].state.models.get("model").sha256) == 64


def test_several_models_with_names(cli: Cli, saved: Path, served: dict[str, Any]) -> None:
    assert cli("serve", saved, f"other={saved}", "--quiet").code == 0
    assert served["app"].state.models.names() == ("model", "other")
    assert served["quiet"] is True
    ran = cli("serve", saved, saved)
    assert ran.code == 2 and f"two are called model; name one yourself: NAME={saved}" in ran.err


def test_limits_reach_the_app(cli: Cli, saved: Path, served: dict[str, Any]) -> None:
    options = ["--max-megabytes", 1.5, "--max-megapixels", 2, "--max-images", 3, "--max-requests", 4]
    options += ["--max-waiting-megabytes", 5, "--timeout", 6, "--read-timeout", 7, "--workers", 1]
    assert cli("serve", saved, *options).code == 0
    settings = served["app"].state.settings
    assert (settings.max_megabytes, settings.max_megapixels, settings.max_images) == (1.5, 2, 3)
    assert (settings.max_requests, settings.max_waiting_megabytes) == (4, 5)
    assert (settings.timeout, settings.read_timeout, settings.workers) == (6, 7, 1)
    assert served["app"].state.workers.count == 1


def test_other_networks_without_a_token_are_warned_of(
    cli: Cli, saved: Path, served: dict[str, Any], tmp_path: Path
) -> None:
    ran = cli("serve", saved, "--host", "0.0.0.0")
    assert ran.code == 0 and ran.err.startswith("Warning: whoever reaches 0.0.0.0 may ask")
    (tmp_path / "token").write_text("word\n")
    assert cli("serve", saved, "--host", "0.0.0.0", "--token-file", tmp_path / "token").err == ""
    assert served["app"].state.settings.token == "word"


def test_the_token_may_be_in_the_environment(
    cli: Cli, saved: Path, served: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGRAFT_TOKEN", "word")
    assert cli("serve", saved).code == 0
    assert served["app"].state.settings.token == "word"


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (["--max-images", 0], "--max-images must be a whole number of 1 or more, not 0"),
        (["--timeout", "nan"], "--timeout must be above 0"),
        (["--port", 70_000], "70000 is not in the range"),
        (["--token-file", "/no/such/file"], "cannot be read (No such file or directory)"),
        (["--token-file", "/dev/null"], "is empty"),
    ],
    ids=["images", "timeout", "port", "missing token", "empty token"],
)
def test_what_is_wrong_is_one_sentence(
    cli: Cli, saved: Path, served: dict[str, Any], arguments: list[Any], match: str
) -> None:
    ran = cli("serve", saved, *arguments)
    assert ran.code == 2 and match in ran.err and "Traceback" not in ran.err
    assert not served


def test_what_is_no_model_is_said(cli: Cli, served: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "x.regraft").write_bytes(b"noise")
    for path in (tmp_path / "x.regraft", tmp_path / "missing.regraft"):
        ran = cli("serve", path)
        assert ran.code == 1 and ran.err.startswith("Error: ") and len(ran.err.splitlines()) == 1
    assert not served


def test_defaults_are_those_from_python() -> None:
    import inspect

    assert inspect.signature(running.run).parameters["host"].default == "127.0.0.1"
