"""The packages of the extra `serve`, asked for at once and by name."""

from __future__ import annotations

from regraft._optional import import_or_raise

NEEDED = ("fastapi", "uvicorn", "httptools", "python_multipart", "prometheus_client", "fastapi_offline")


def check_packages() -> None:
    """Raise UsageError unless all that a server needs is installed."""
    for module in NEEDED:
        import_or_raise(module, extra="serve")
