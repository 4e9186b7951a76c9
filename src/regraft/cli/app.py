"""regraft app: a web page for photos in, a tried classifier out."""

from __future__ import annotations

import threading
import webbrowser
from contextlib import suppress

import click

from regraft._optional import import_or_raise
from regraft.cli.options import say
from regraft.serving.run import LOOPBACK, run


@click.command("app")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen; others reach 0.0.0.0 too.")
@click.option("--port", type=click.IntRange(0, 65535), default=7860, show_default=True, help="0: any that is free.")
@click.option("--no-browser", is_flag=True, help="Do not open the page in the browser.")
def command(host: str, port: int, no_browser: bool) -> None:
    """Open a web page: drop photos in, check them, train, try the classifier, download it.

    Everything stays on this machine; photos and classifier are forgotten at the end, and what was downloaded stays.
    """
    for module in ("fastapi", "uvicorn", "python_multipart"):
        import_or_raise(module, extra="app")
    from regraft.serving.page.site import site

    local = host in LOOPBACK

    def announce(address: str) -> None:
        say(f"The page is at {address} (Ctrl-C ends it).")
        if not local:
            say("Whoever reaches this address can use the page; folders of this machine cannot be opened from it.")
        if not no_browser:
            # Some browsers run in the terminal, and the page must be answered meanwhile.
            threading.Thread(target=_open, args=(address,), daemon=True).start()

    with site(local=local) as page:
        run(page, host, port, announce=announce)


def _open(address: str) -> None:
    with suppress(webbrowser.Error):
        webbrowser.open(address)
