"""The app: predictions over HTTP, what the models are, and how the server does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from regraft import __version__
from regraft.classifier import Classifier
from regraft.errors import RegraftError
from regraft.serving import schema
from regraft.serving.admission import Door
from regraft.serving.answers import as_json
from regraft.serving.body import ClientGone, read_body
from regraft.serving.documents import add_pages, document
from regraft.serving.examples import read_examples
from regraft.serving.facts import facts
from regraft.serving.gate import Gate
from regraft.serving.jobs import Example, Job, Said, Workers
from regraft.serving.metrics import CONTENT_TYPE, Metrics
from regraft.serving.models import Model, Models, Served
from regraft.serving.refusals import Refused, code_of, refusal
from regraft.serving.settings import Settings

DESCRIPTION = "Names images, texts or recordings with classifiers that Regraft has fitted."

LARGE = 262_144
"""Bytes of a body that are taken apart in another thread, so that the others are answered meanwhile."""

Name = Annotated[str | None, Query(description="One of /v1/models; default: the first.", min_length=1, max_length=200)]
Top = Annotated[int | None, Query(description="How many classes to tell for each.", ge=1, le=1_000_000)]
Coverage = Annotated[
    float | None,
    Query(
        description="Also tell the classes that cannot be ruled out, such that this share of the sets holds the truth.",
        gt=0,
        lt=1,
    ),
]


def create_app(models: Mapping[str, Model], settings: Settings | None = None) -> FastAPI:
    """Return the app that serves models.

    Parameters
    ----------
    models : dict of str to Classifier or Tasks
        By the names they are asked for with; the first is meant where a request names none. There may be none yet:
        `app.state.models.add` adds one at any time.
    settings : Settings, optional
        What is allowed.

    Raises
    ------
    BundleError, WeightsError
        If a model's networks cannot be run.
    """
    settings = settings or Settings()
    registry, door, workers = Models(settings), Door(settings), Workers(settings.workers)
    for name, model in models.items():
        registry.add(name, model)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        workers.close()

    app = FastAPI(
        title="Regraft",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    metrics = Metrics(lambda: workers.waiting, lambda: door.inside, lambda: door.held)
    app.state.models, app.state.settings, app.state.door = registry, settings, door
    app.state.workers, app.state.metrics = workers, metrics
    _add_routes(app)
    add_pages(app)
    app.add_middleware(Gate, token=settings.token, metrics=metrics)
    for kind, handler in ((Refused, _refused), (RequestValidationError, _invalid), (HTTPException, _http)):
        app.add_exception_handler(kind, handler)
    app.openapi = lambda: document(app, registry, settings)
    return app


def _errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": schema.Error} for status in (*statuses, 401, 500)}


def _add_routes(app: FastAPI) -> None:
    state = app.state

    @app.post(
        "/v1/predict",
        summary="Name the class of images, texts or recordings",
        response_model=schema.Predictions,
        responses=_errors(400, 404, 408, 409, 413, 415, 422, 503, 504),
    )
    async def predict(request: Request, model: Name = None, top: Top = None, coverage: Coverage = None) -> Response:
        served = state.models.get(model)
        _check_coverage(served, coverage)
        told = request.scope.get("regraft", {})
        told["model"] = served.name
        with state.door.enter() as place:
            headers = request.headers
            body = await read_body(request.receive, headers.get("content-length"), state.door, place)
            told["bytes"] = len(body)
            asked = (headers.get("content-type"), headers.get("content-encoding"), served.modality)
            examples = await _taken_apart(body, *asked, state.settings.max_images)
            told["images"] = len(examples)
            del body
            place.start()
            said = await _said(state.workers, Job(served, examples, coverage), request, state.settings.timeout)
        unread = [each for each in said if each.error is not None]
        state.metrics.examples.labels(served.name).inc(len(said))
        state.metrics.unreadable.labels(served.name).inc(len(unread))
        if len(unread) == len(said):
            raise _unreadable(unread)
        answer = {"model": served.name, "predictions": [each.to_dict(top) for each in said]}
        return as_json(answer)

    @app.get(
        "/v1/model",
        summary="Tell what a model is",
        response_model=schema.ModelFacts,
        responses=_errors(404, 422),
    )
    async def model_facts(model: Name = None) -> Response:
        return as_json(facts(state.models.get(model), state.settings))

    @app.get("/v1/models", summary="List the models", response_model=schema.ModelList, responses=_errors())
    async def model_list() -> Response:
        return as_json({"models": list(state.models.names())})

    @app.get(
        "/healthz",
        summary="Tell whether requests are taken",
        response_model=schema.Health,
        responses={503: {"model": schema.Health}},
    )
    async def health() -> Response:
        draining = state.door.draining
        said = {"status": "draining" if draining else "ready", "models": len(state.models.names())}
        return as_json(said, 503 if draining else 200)

    @app.get(
        "/metrics",
        summary="Tell what was counted, in Prometheus' format",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **_errors()},
    )
    async def counted() -> Response:
        return Response(state.metrics.page(), headers={"Content-Type": CONTENT_TYPE})


def _check_coverage(served: Served, coverage: float | None) -> None:
    """Raise Refused unless a model can give sets of a coverage."""
    if coverage is None:
        return
    if not isinstance(served.model, Classifier):
        raise Refused(
            409,
            "no-sets",
            f"coverage must be asked of a classifier, but {served.name} has several tasks; leave it out.",
        )
    try:
        served.model.check_coverage(coverage)
    except RegraftError as error:
        raise Refused(409, "no-sets", str(error).replace("--coverage", "coverage")) from None


async def _taken_apart(body: bytes, *asked: Any) -> list[Example]:
    if len(body) < LARGE:
        return read_examples(body, *asked)
    return await asyncio.to_thread(read_examples, body, *asked)


async def _said(workers: Workers, job: Job, request: Request, seconds: float) -> list[Said]:
    """Return what is said of a job's examples, unless it takes too long or the client leaves."""
    workers.submit(job)
    gone = asyncio.ensure_future(_left(request.receive))
    try:
        await asyncio.wait((job.done, gone), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if job.done.done():
            return job.done.result()
        if gone.done():
            raise ClientGone
        raise Refused(
            504,
            "too-long",
            f"A request must be answered within {seconds:g} seconds, but was not; send fewer examples, or come again.",
        )
    finally:
        gone.cancel()
        if not job.done.done():
            workers.cancel(job)
            job.done.cancel()


async def _left(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _unreadable(unread: list[Said]) -> Refused:
    first = unread[0]
    things = "The example" if len(unread) == 1 else f"At least one of the {len(unread):,} examples"
    return Refused(
        422,
        "unreadable",
        f"{things} must be readable, but {first.name} is not: {first.error}.",
        details=[{"name": each.name, "error": each.error or ""} for each in unread],
    )


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return as_json(error.to_dict(), error.status, error.headers)


async def _invalid(request: Request, error: Exception) -> Response:
    """Answer to what FastAPI refuses: one sentence of the first thing that is wrong."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where, what = ".".join(map(str, first["loc"][1:])), str(first["msg"])
    came = repr(first.get("input"))[:100]
    message = f"{where}: {what[:1].lower()}{what[1:]}, but {came} came; see /docs."
    return as_json(refusal(422, "invalid", message), 422)


async def _http(request: Request, error: Exception) -> Response:
    """Answer to what Starlette refuses: a path or a method that is not there."""
    assert isinstance(error, HTTPException)
    told = {
        404: "The path must be one that /docs lists, but this one is not there; check the address.",
        405: f"The method must be one that this path has, not {request.method[:16]}; the header Allow names it.",
    }
    message = told.get(error.status_code, f"{error.detail}.")
    return as_json(refusal(error.status_code, code_of(error.status_code), message), error.status_code, error.headers)
