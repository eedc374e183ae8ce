"""What goes over HTTP, word by word; FastAPI documents it from here."""

from typing import Annotated, Any, Literal

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.exceptions import HTTPException

from wsexplore.generate import SOLVER, STEPS, TOLERANCE
from wsexplore.generate.told import OPEN
from wsexplore.serve.request import HIGHEST_SEED, LEAST_TOLERANCE, LONGEST_NAME, SampleRequest


class SampleBody(BaseModel):
    """Which networks to sample. The same body gives the same bytes on one kind of device."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"flow": "digits-mlp", "n": 16, "seed": 7}]},
    )

    flow: Annotated[
        str, Field(min_length=1, max_length=LONGEST_NAME, description="Name of a flow.", examples=["digits-mlp"])
    ]
    n: Annotated[int, Field(ge=1, description="Number of networks.", examples=[16])] = 16
    seed: Annotated[
        int,
        Field(
            ge=0,
            le=HIGHEST_SEED,
            description="Of the noise. Network i depends on the seed and on i, not on n.",
            examples=[7],
        ),
    ] = 0
    steps: Annotated[
        int | None,
        Field(ge=1, description="Equal steps of the solver; null for those of the flow.", examples=[STEPS]),
    ] = None
    solver: Annotated[
        Literal["euler", "midpoint", "heun", "rk4", "adaptive"],
        Field(
            description="euler evaluates the velocity once per step, midpoint and heun twice, rk4 four times, adaptive "
            "as often as it needs.",
            examples=[SOLVER],
        ),
    ] = "euler"
    temperature: Annotated[
        float,
        Field(
            ge=0,
            le=1e6,
            strict=False,
            allow_inf_nan=False,
            description="Factor on the spread of the noise; 0 gives one network n times.",
            examples=[1.0],
        ),
    ] = 1.0
    judge: Annotated[
        bool,
        Field(description="Measure loss and accuracy of every network on the data set of the flow.", examples=[False]),
    ] = False

    condition: Annotated[
        dict[str, int | Annotated[float, Field(allow_inf_nan=False)] | str],
        Field(description="What is asked for, by column that the flow listens to.", examples=[{"test_accuracy": 0.97}]),
    ] = {}
    guidance: Annotated[
        float,
        Field(
            ge=0,
            le=1e3,
            strict=False,
            allow_inf_nan=False,
            description="How strongly it is asked: 0 not at all, 1 as learnt; any other number evaluates twice.",
            examples=[OPEN],
        ),
    ] = OPEN
    trajectory: Annotated[
        bool,
        Field(description="Also give the networks at every step of the solver, steps + 1 for each.", examples=[False]),
    ] = False
    tolerance: Annotated[
        float,
        Field(
            ge=LEAST_TOLERANCE,
            le=1,
            strict=False,
            allow_inf_nan=False,
            description="Of the adaptive solver: root mean square error per step, where states have unit variance.",
            examples=[TOLERANCE],
        ),
    ] = TOLERANCE

    def request(self) -> SampleRequest:
        """The same as the sampler takes it."""
        return SampleRequest(**self.model_dump())


async def asked_of(request: Request) -> SampleRequest:
    """The request in the body of an HTTP request.

    Raises:
        RequestValidationError: it is not JSON, or a field is out of range.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise HTTPException(422, f"the body must be sent as application/json, got {kind[:40] or 'nothing'}")
    try:
        return SampleBody.model_validate_json(await request.body()).request()
    except ValidationError as error:
        found = error.errors(include_url=False)
        raise RequestValidationError([{**each, "loc": ("body", *each["loc"])} for each in found]) from None


class Problem(BaseModel):
    """Why there is no answer, in one sentence."""

    detail: Annotated[str, Field(examples=["n must be at most 10,000, got 1000000000"])]


class Brief(BaseModel):
    """A flow in a few words."""

    name: Annotated[str, Field(description="Its name.", examples=["digits-mlp"])]
    architecture: Annotated[
        dict[str, Any] | None, Field(description="Name and config of the networks that it makes.")
    ] = None
    parameters: Annotated[int | None, Field(description="Weights of one network.", examples=[2410])] = None
    dataset: Annotated[str | None, Field(description="Data set of the networks it was fitted on.")] = None
    networks: Annotated[int | None, Field(description="How many networks it was fitted on.")] = None
    warm: Annotated[bool, Field(description="Whether it is in memory; the first request to a cold one waits longer.")]
    problem: Annotated[str | None, Field(description="Why it cannot be read, if so.")] = None


class Told(BaseModel):
    """Limits of this server."""

    networks: Annotated[int, Field(description="Most networks of one request.", examples=[10_000])]
    direct: Annotated[int, Field(description="Most networks of POST /v1/samples; ask for more as a job.")]
    steps: Annotated[int, Field(description="Most steps of the solver.")]
    queue: Annotated[int, Field(description="Most requests that wait or run.")]


class Flows(BaseModel):
    """What can be sampled here."""

    flows: list[Brief]
    limits: Told
    device: Annotated[str, Field(description="cpu or cuda.", examples=["cpu"])]
    jobs: Annotated[bool, Field(description="Whether POST /v1/jobs is served.")]
    version: Annotated[str, Field(description="Of wsexplore.")]


class Slot(BaseModel):
    """A parameter."""

    name: str
    shape: list[int]


class Description(Brief):
    """Everything known of a flow, and what it costs here."""

    config: Annotated[dict[str, Any], Field(description="Size of the velocity network and how it was trained.")]
    steps: Annotated[int, Field(description="Of the solver, unless a request says otherwise.")]
    listens: Annotated[list[dict[str, Any]], Field(description="Columns that a request can ask for, and their values.")]
    layout: Annotated[list[Slot], Field(description="Parameters of one network, in order.")]
    recipe: Annotated[dict[str, Any], Field(description="How the flow was made.")]
    fitted_on: Annotated[str | None, Field(description="Fingerprint of the zoo.")]
    where: Annotated[str | None, Field(description="SQL predicate that chose its networks from a larger zoo.")]
    held_out: Annotated[list[str], Field(description="Ids of the zoo's networks that were kept out of the fit.")]
    device: Annotated[str, Field(description="What it runs on here: cpu or cuda.")]
    queue: Annotated[int, Field(description="Requests that wait or run.")]
    seconds_per_network: Annotated[
        float | None, Field(description="Measured, with the usual steps and full blocks; null before it is loaded.")
    ]
    workers: Annotated[int, Field(description="Blocks that run at the same time.")]
    seconds_waiting: Annotated[float, Field(description="Until those who wait now have been taken, about.")]
    blocks: Annotated[
        dict[str, float],
        Field(description="Measured seconds of one evaluation by the number of networks in a block."),
    ]


class JobTold(BaseModel):
    """Where a job is."""

    id: Annotated[str, Field(description="Names the job; cannot be guessed.")]
    state: Annotated[Literal["waiting", "running", "done", "failed"], Field(description="Where it is.")]
    progress: Annotated[float, Field(description="Share done, 0 to 1, counted in steps of the solver.")]
    message: Annotated[str, Field(description="The same in words.", examples=["128 of 2,000 networks"])]
    seconds_left: Annotated[float | None, Field(description="About; null before anything was measured.")]
    detail: Annotated[str | None, Field(description="Why it failed, if so.")] = None


class Ready(BaseModel):
    """Whether requests are taken."""

    status: Annotated[str, Field(examples=["ready"])]
