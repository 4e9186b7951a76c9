"""The page and the HTTP API on one server: what is not the page's is the API's."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from regraft.serving.page.guard import Guard
from regraft.serving.page.routes import page_app
from regraft.serving.page.warming import Warming
from regraft.serving.page.workshop import Workshop

MODEL_NAME = "page"
"""What the API calls the classifier that was trained on the page."""


class Site:
    """The page and the API as one ASGI application.

    Parameters
    ----------
    page, api : ASGI application
        The page answers / and what lies below /page; the server's start and end are the API's.
    """

    def __init__(self, page: Any, api: Any) -> None:
        self.page, self.api = page, api
        self.state = api.state

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        of_page = scope["type"] == "http" and (scope["path"] == "/" or scope["path"].startswith("/page/"))
        await (self.page if of_page else self.api)(scope, receive, send)


@contextmanager
def site(*, local: bool) -> Iterator[Any]:
    """Make the page, with the API beside it, and yield it; its photos are forgotten at the end.

    Parameters
    ----------
    local : bool
        Whether only this machine can reach it. If others can, folders of this machine cannot be opened.
    """
    from regraft.serving.api import create_app
    from regraft.serving.settings import Settings

    root = Path(tempfile.mkdtemp(prefix="regraft-page-"))
    api = create_app({}, Settings(quiet=True))
    workshop = Workshop(root, folders=local, ready=Warming(), trained=partial(api.state.models.add, MODEL_NAME))
    try:
        yield Guard(Site(page_app(workshop), api), local)
    finally:
        workshop.close()
        shutil.rmtree(root, ignore_errors=True)
