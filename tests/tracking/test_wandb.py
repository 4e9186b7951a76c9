"""Weights & Biases, of which nobody has logged in: files, and no word to a server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("wandb")


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let nobody be logged in, and any connection fail."""
    import wandb

    wandb.teardown()
    for name in ("WANDB_MODE", "WANDB_API_KEY", "WANDB_DIR", "WANDB_PROJECT", "WANDB_IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    yield
    wandb.teardown()


def test_the_run_is_kept_in_files(log: Callable[..., str], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    where = Path(log("wandb"))
    assert where.parent == tmp_path / "logs" / "wandb"
    assert where.name.startswith("offline-run-")
    [record] = where.glob("run-*.wandb")
    content = record.read_bytes()
    for words in (b"colours-1", b"regraft", b"centroid", b"scratch/val_loss", b"test/accuracy", b"deep/report.html"):
        assert words in content
    kept = {path.relative_to(where / "files").as_posix() for path in (where / "files").rglob("*") if path.is_file()}
    assert {"config.yaml", "deep/report.html"} <= kept
    assert not (where / "files" / "deep" / "report.html").is_symlink()
    assert "wandb:" not in capfd.readouterr().err


def test_the_users_mode_is_heeded(log: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path / "mine"))
    log("wandb")
    assert not (tmp_path / "logs").exists()
    assert not list(tmp_path.rglob("run-*.wandb"))
