"""The sampler behind HTTP."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import FastAPI, Path, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException
from starlette.routing import Route

from wsexplore.serve.answer import GONE, SMALL, Streamed, headers_of
from wsexplore.serve.guard import Guard
from wsexplore.serve.host import Host
from wsexplore.serve.kept import Job
from wsexplore.serve.measures import Measures
from wsexplore.serve.refusals import SamplerFailed
from wsexplore.serve.request import SampleRequest
from wsexplore.serve.sentences import add_sentences, may
from wsexplore.serve.ticket import Ticket
from wsexplore.serve.wire import MEDIA_TYPE, Encoded
from wsexplore.serve.words import Description, Flows, JobTold, Ready, SampleBody, asked_of
from wsexplore.version import VERSION

Name = Annotated[str, Path(description="Name of a flow.", examples=["digits-mlp"], max_length=240)]
JobId = Annotated[str, Path(description="Id of a job, as POST /v1/jobs gave it.", max_length=64)]


def create_app(host: Host, *, token: str | None = None, jobs: bool = True) -> FastAPI:
    """The HTTP application around a host, which it closes when it ends.

    Args:
        host: the sampler and its queue.
        token: what callers must know; without it only this machine is served.
        jobs: whether long requests may be jobs; a cluster, where the next call may reach another replica, has none.

    Raises:
        ValueError: the token is empty or not ASCII.
    """
    if token is not None and (not token.strip() or not token.isascii()):
        raise ValueError("the token must be ASCII letters and not empty; set WSEXPLORE_SERVE_TOKEN to another")

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await asyncio.get_running_loop().run_in_executor(None, host.close)

    app = FastAPI(
        title="wsexplore sampler",
        version=VERSION,
        summary="New networks on demand from flows over weights.",
        description=(
            "Networks come as one safetensors file: parameters by name, stacked over networks; the metadata hold "
            "architecture, recipe, table and metrics as JSON. The same request gives the same bytes on one kind of "
            "device, however it was batched. Errors are one sentence in `detail`."
        ),
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    measures = Measures(host)
    app.add_middleware(Guard, token=token, most=host.limits.body, on_request=measures.on_request)
    add_sentences(app)
    _add_state(app, host, measures, jobs)
    _add_samples(app, host, jobs)
    if jobs:
        _add_jobs(app, host)
    return app


def _add_state(app: FastAPI, host: Host, measures: Measures, jobs: bool) -> None:
    @app.get("/healthz", summary="The process runs and its workers live", tags=["state"], response_model=Ready)
    async def healthz() -> Response:
        well = host.batcher.closing or host.batcher.alive == host.batcher.workers
        return JSONResponse({"status": "well" if well else "a worker is missing"}, 200 if well else 503)

    @app.get("/readyz", summary="Requests are taken", tags=["state"], response_model=Ready)
    async def readyz() -> Response:
        ready = not host.batcher.closing and host.batcher.queue < host.limits.queue
        return JSONResponse({"status": "ready" if ready else "not now"}, 200 if ready else 503)

    @app.get("/metrics", summary="Prometheus text", tags=["state"], response_class=PlainTextResponse)
    async def metrics() -> Response:
        return Response(measures.text(), media_type=CONTENT_TYPE_LATEST)

    @app.get("/v1/flows", summary="What can be sampled", tags=["flows"], response_model=Flows, responses=may(401))
    async def flows() -> dict[str, Any]:
        return {
            "flows": await _aside(host.flows),
            "limits": host.limits_told(),
            "device": host.sampler.shelf.device.type,
            "jobs": jobs,
            "version": VERSION,
        }

    @app.get(
        "/v1/flows/{name}",
        summary="One flow, and what it costs",
        tags=["flows"],
        response_model=Description,
        responses=may(401, 404, 500),
    )
    async def describe(name: Name) -> dict[str, Any]:
        found: dict[str, Any] = await _aside(lambda: host.describe(name))
        return found


def _add_samples(app: FastAPI, host: Host, jobs: bool) -> None:
    async def direct(request: Request) -> Response:
        request.scope["route"] = route
        return await answered(await asked_of(request), request)

    @app.post(
        "/v1/samples",
        summary="Sample networks, answered at once",
        tags=["samples"],
        response_class=Response,
        responses={200: _FILE, **may(401, 404, 408, 413, 422, 429, 500, 503, 504)},
    )
    async def sample(body: SampleBody, request: Request) -> Response:
        return await answered(body.request(), request)

    async def answered(asked: SampleRequest, request: Request) -> Response:
        limits, each = host.limits, f" with {asked.points:,} points of a trajectory each" if asked.trajectory else ""
        if asked.networks > limits.direct:
            most, more = min(limits.direct, limits.networks) // asked.points, limits.networks // asked.points
            other = "ask several times" if most else "choose fewer steps"
            if jobs and more:
                other = f"ask for up to {more:,} with POST /v1/jobs"
            if not most:
                one = f"one network{each.removesuffix(' each')}"
                raise ValueError(f"{one} is more than the {limits.direct:,} networks of a direct answer; {other}")
            raise ValueError(f"n must be at most {most:,}{each} for a direct answer, got {asked.n:,}; {other}")
        ticket = await _accepted(host, asked)
        try:
            if not await _done(ticket, request, host.limits.patience):
                ticket.cancel()
                return Response(status_code=GONE)
            return await _answer(host, ticket, keep=False)
        except BaseException:
            ticket.cancel()
            raise

    # FastAPI documents the route and this one serves it: its reading of a body costs as much as the rest of the answer.
    route = Route("/v1/samples", direct, methods=["POST"])
    app.router.routes.insert(0, route)


def _add_jobs(app: FastAPI, host: Host) -> None:
    def job_of(name: str) -> Job:
        job = host.jobs.get(name)
        if job is None:
            raise HTTPException(404, "there is no such job; it was deleted, fetched or its time is over")
        return job

    @app.post(
        "/v1/jobs",
        summary="Sample many networks, to be fetched later",
        tags=["jobs"],
        status_code=202,
        response_model=JobTold,
        responses=may(401, 404, 408, 413, 422, 429, 503),
    )
    async def start(body: SampleBody, response: Response) -> dict[str, Any]:
        asked = body.request()
        host.jobs.check_room()
        job = host.jobs.add(await _accepted(host, asked))
        response.headers["location"] = f"/v1/jobs/{job.id}"
        return _told(host, job)

    @app.get("/v1/jobs/{job}", summary="Where a job is", tags=["jobs"], response_model=JobTold, responses=may(401, 404))
    async def state(job: JobId) -> dict[str, Any]:
        return _told(host, job_of(job))

    @app.get(
        "/v1/jobs/{job}/result",
        summary="The networks of a job; once, for then it is forgotten",
        tags=["jobs"],
        response_class=Response,
        responses={200: _FILE, **may(401, 404, 409, 500)},
    )
    async def result(job: JobId) -> Response:
        found = job_of(job)
        if not found.ticket.future.done():
            raise HTTPException(409, f"the job is not finished: {found.ticket.message}; ask again later")
        return await _answer(host, found.ticket, keep=True, on_sent=lambda: host.jobs.drop(found))

    @app.delete("/v1/jobs/{job}", summary="Cancel a job and forget it", tags=["jobs"], status_code=204)
    async def cancel(job: JobId) -> Response:
        host.jobs.drop(job_of(job))
        return Response(status_code=204)


def _told(host: Host, job: Job) -> dict[str, Any]:
    ticket = job.ticket
    error = ticket.future.exception() if ticket.future.done() else None
    return {
        "id": job.id,
        "state": job.state,
        "progress": ticket.progress,
        "message": ticket.message,
        "seconds_left": 0.0 if ticket.future.done() else host.batcher.seconds_left(ticket),
        "detail": None if error is None else str(error),
    }


async def _accepted(host: Host, asked: SampleRequest) -> Ticket:
    """Put a request in the queue; aside where files have to be read for it."""
    if host.sampler.shelf.is_known(asked.flow):
        return host.batcher.submit(asked)
    ticket: Ticket = await _aside(lambda: host.batcher.submit(asked))
    return ticket


async def _done(ticket: Ticket, request: Request, patience: float) -> bool:
    """Wait for the networks; whether the caller still does.

    Raises:
        HTTPException: it took too long.
    """

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    done, left = asyncio.wrap_future(ticket.future), asyncio.ensure_future(gone())
    done.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
    both: set[asyncio.Future[Any]] = {done, left}
    try:
        await asyncio.wait(both, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
    finally:
        left.cancel()
    if done.done():
        return True
    if left.done():
        return False
    raise HTTPException(504, f"the networks took more than {patience:.0f} s; ask for fewer, or with POST /v1/jobs")


async def _answer(host: Host, ticket: Ticket, *, keep: bool, on_sent: Callable[[], None] = lambda: None) -> Response:
    sampled = ticket.result(0.0)
    try:
        if ticket.size <= SMALL and not sampled.request.judge and not sampled.flow.architecture.buffers.size:
            encoded: Encoded = host.finish(sampled)
        else:
            encoded = await _aside(lambda: host.finish(sampled), host.finishers)
    except ValueError as error:
        raise SamplerFailed(str(error)) from None
    seconds = (ticket.until or time.monotonic()) - ticket.since
    headers = headers_of(f"{sampled.request.flow}-{sampled.request.seed}.safetensors", seconds)
    if encoded.size <= SMALL and not keep:
        ticket.release()
        return Response(bytes(encoded), media_type=MEDIA_TYPE, headers=headers)
    return Streamed(encoded, ticket, headers, host.limits.patience, keep=keep, on_sent=on_sent)


def _aside(work: Callable[[], Any], pool: Executor | None = None) -> Awaitable[Any]:
    """Run in a thread, so that others are served meanwhile."""
    return asyncio.get_running_loop().run_in_executor(pool, work)


_FILE: dict[str, Any] = {
    "description": "A safetensors file. `Server-Timing` says how long the sampling took.",
    "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
}
