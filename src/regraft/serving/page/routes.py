"""The page's own addresses: its files, its state, and what can be asked of it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from regraft.errors import RegraftError, UsageError
from regraft.runs import MODEL, REPORT
from regraft.serving.page.guard import POLICY
from regraft.serving.page.workshop import AUDIT, ONNX, Workshop

STATIC = Path(__file__).parent / "static"

KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

REPORT_POLICY = "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'; frame-ancestors 'self'"

MOST_FILES = 1000
"""In one request; the page sends a few at a time."""

LARGEST_FILE = 256 * 2**20
"""Bytes of one photo at most."""

MOST_JSON = 65536
"""Bytes of a request without files."""


def page_app(workshop: Workshop) -> Any:
    """Return the page as an ASGI application.

    Parameters
    ----------
    workshop : Workshop
        What it shows and works on.
    """
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import FileResponse, JSONResponse, Response
    from starlette.routing import Route

    Answer = Callable[[Any], Awaitable[Any]]

    def route(path: str, method: str, work: Answer) -> Route:
        async def endpoint(request: Any) -> Any:
            try:
                answer = await work(request)
            except RegraftError as error:
                return JSONResponse({"error": str(error)}, 400)
            except OSError as error:
                said = f"The system refused: {error.strerror or error} ({error.filename or 'no file'})."
                return JSONResponse({"error": said}, 500)
            if isinstance(answer, Response):
                return answer
            return JSONResponse(answer, headers={"cache-control": "no-store"})

        return Route(path, endpoint, methods=[method])

    def changing(change: Callable[..., Any], *needs: str) -> Answer:
        """Return what takes the path's parts and the texts it needs, and answers with the state after a change."""

        async def work(request: Any) -> Any:
            given = await _json(request, needs)
            await run_in_threadpool(change, **request.path_params, **given)
            return await run_in_threadpool(workshop.state)

        return work

    def static(name: str) -> Answer:
        headers = {"content-security-policy": POLICY, "cache-control": "no-cache", "x-content-type-options": "nosniff"}

        async def work(request: Any) -> Any:
            return FileResponse(STATIC / name, media_type=KINDS[Path(name).suffix], headers=headers)

        return work

    def download(name: str) -> Answer:
        async def work(request: Any) -> Any:
            path = workshop.file(name)
            if path.suffix == ".html" and "download" not in request.query_params:
                headers = {"content-security-policy": REPORT_POLICY, "cache-control": "no-store"}
                return FileResponse(path, media_type="text/html", headers=headers)
            return FileResponse(path, filename=name, headers={"cache-control": "no-store"})

        return work

    async def state(request: Any) -> Any:
        return await run_in_threadpool(workshop.state)

    async def small(request: Any) -> Any:
        jpeg = await run_in_threadpool(workshop.small, request.path_params["photo_id"])
        return Response(jpeg, media_type="image/jpeg", headers={"cache-control": "private, max-age=3600"})

    async def add_photos(request: Any) -> Any:
        class_id, refused = request.path_params["class_id"], []
        async with request.form(max_files=MOST_FILES) as form:
            for file in form.getlist("photos"):
                name, raw = await _file(file)
                reason = await run_in_threadpool(workshop.photos.add, class_id, name, raw)
                if reason is not None:
                    refused.append({"name": name, "reason": reason})
        return {"refused": refused, "state": await run_in_threadpool(workshop.state)}

    async def try_it(request: Any) -> Any:
        async with request.form(max_files=1) as form:
            name, raw = await _file(form.get("photo"))
        return await run_in_threadpool(workshop.name_photo, name, raw)

    photos = workshop.photos
    routes = [
        route("/", "GET", static("index.html")),
        *(route(f"/page/{path.name}", "GET", static(path.name)) for path in STATIC.iterdir() if path.suffix in KINDS),
        route("/page/state", "GET", state),
        route("/page/classes", "POST", changing(photos.add_class, "name")),
        route("/page/classes/{class_id}", "PATCH", changing(photos.rename, "name")),
        route("/page/classes/{class_id}", "DELETE", changing(photos.remove_class)),
        route("/page/classes/{class_id}/photos", "POST", add_photos),
        route("/page/photos/{photo_id}", "GET", small),
        route("/page/photos/{photo_id}", "PATCH", changing(photos.move, "name")),
        route("/page/photos/{photo_id}", "DELETE", changing(photos.remove)),
        route("/page/folder", "POST", changing(workshop.open_folder, "path")),
        route("/page/folder", "DELETE", changing(workshop.close_folder)),
        route("/page/audit", "POST", changing(workshop.start_audit)),
        route("/page/fit", "POST", changing(workshop.start_fit)),
        route("/page/onnx", "POST", changing(workshop.start_onnx)),
        route("/page/try", "POST", try_it),
        *(route(f"/page/files/{name}", "GET", download(name)) for name in (AUDIT, REPORT, MODEL, ONNX)),
    ]
    return Starlette(routes=routes)


async def _json(request: Any, needs: tuple[str, ...]) -> dict[str, str]:
    """Return a request's JSON: an object of the texts that are needed, or nothing."""
    raw = b""
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > MOST_JSON:
            raise UsageError(f"What is asked must be said in {MOST_JSON:,} bytes, but came in more; shorten it.")
    try:
        given = json.loads(raw) if raw else {}
    except ValueError:
        given = None
    if not isinstance(given, dict) or set(given) != set(needs) or not all(isinstance(v, str) for v in given.values()):
        wanted = ", ".join(needs) or "nothing"
        raise UsageError(f"What is asked must be JSON with {wanted}, but it is something else; load the page again.")
    return given


async def _file(file: Any) -> tuple[str, bytes]:
    """Return the name and the content of a file that was sent."""
    if file is None or isinstance(file, str):
        raise UsageError("A photo must be sent as a file, but none came; choose one.")
    name = file.filename or "photo"
    if file.size is not None and file.size > LARGEST_FILE:
        raise UsageError(
            f"A photo may have {LARGEST_FILE // 2**20} MB at most, but {name} has {file.size // 2**20}; "
            "make it smaller."
        )
    return name, await file.read()
