"""Handles to what lies on disk, and cached results; every argument is a name, a number or a time stamp."""

import hashlib
from pathlib import Path

import streamlit as st

import wsexplore
from wsexplore.align import Alignment
from wsexplore.embed import Encoder, Projection
from wsexplore.generate import WeightFlow
from wsexplore.jobs import Jobs
from wsexplore.settings import settings
from wsexplore.zoo import Zoo, item, shelf


def version_of(kind: str, name: str, part: str = "") -> float:
    """When an item was written, so that a cache notices a new one.

    Raises:
        ValueError: it does not exist.
    """
    manifest = item(kind, name) / part / "manifest.json"
    if not manifest.is_file():
        raise ValueError(f"{part or name} is not among the {kind} of {name}")
    return manifest.stat().st_mtime


def stamp(kind: str, name: str, part: str = "") -> float:
    """When an item was written, 0 where there is none: for the name of a job that depends on it."""
    try:
        return version_of(kind, name, part)
    except ValueError:
        return 0.0


@st.cache_resource(max_entries=8, show_spinner="Opening the zoo…")
def _zoo(name: str, version: float) -> Zoo:
    return Zoo.open(item("zoos", name))


def open_zoo(name: str) -> Zoo:
    """A zoo by name."""
    return _zoo(name, version_of("zoos", name))


@st.cache_resource(max_entries=16, show_spinner=False)
def _projection(zoo: str, part: str, version: float) -> Projection:
    return Projection.open(item("projections", zoo) / part)


def open_projection(zoo: str, method: str, frame: str) -> Projection:
    """A stored map of a zoo."""
    part = f"{method}-{frame}"
    return _projection(zoo, part, version_of("projections", zoo, part))


@st.cache_resource(max_entries=4, show_spinner=False)
def _alignment(zoo: str, version: float) -> Alignment:
    return Alignment.open(item("alignments", zoo))


def open_alignment(zoo: str) -> Alignment:
    """The stored permutations of a zoo."""
    return _alignment(zoo, version_of("alignments", zoo))


@st.cache_resource(max_entries=4, show_spinner="Loading the flow…")
def _flow(name: str, version: float) -> WeightFlow:
    return WeightFlow.open(item("flows", name))


def open_flow(name: str) -> WeightFlow:
    """A flow by name."""
    return _flow(name, version_of("flows", name))


@st.cache_resource(max_entries=4, show_spinner="Loading the encoder…")
def _encoder(name: str, version: float) -> Encoder:
    return Encoder.open(item("encoders", name))


def open_encoder(name: str) -> Encoder:
    """An encoder by name."""
    return _encoder(name, version_of("encoders", name))


@st.cache_data(max_entries=64, show_spinner="Looking for the flow's zoo…")
def _source(flow: str, version: float, zoos: tuple[tuple[str, float], ...]) -> str:
    fitted = open_flow(flow)
    for name, _ in zoos:
        try:
            zoo = open_zoo(name)
            part = zoo.select(fitted.where) if fitted.where else zoo
        except ValueError:
            continue
        if part.fingerprint == fitted.fitted_on:
            return name
    raise ValueError(f"the zoo that {flow} was fitted on is not here; keep it beside the flow")


def source_of(flow: str) -> str:
    """Name of the zoo that a flow was fitted on.

    Raises:
        ValueError: it is not on the shelf.
    """
    names = sorted(shelf("zoos"), key=lambda name: name != flow)
    stamps = tuple((name, version_of("zoos", name)) for name in names)
    return _source(flow, version_of("flows", flow), stamps)


def jobs() -> Jobs:
    """The one pool of background workers; what it did is found again after a restart, by the same code."""
    return _jobs(settings().user / "jobs")


@st.cache_resource(max_entries=4, show_spinner=False, on_release=lambda pool: pool.close())
def _jobs(home: Path) -> Jobs:
    return Jobs(home=home, stamp=_code())


def _code() -> str:
    """A digest of the code that makes results: another version, or a line that was changed, makes others."""
    digest = hashlib.sha256()
    for folder in (Path(wsexplore.__file__).parent, Path(__file__).parent):
        for file in sorted(folder.rglob("*.py")):
            digest.update(f"{file.relative_to(folder)} {file.stat().st_size}\n".encode() + file.read_bytes())
    return digest.hexdigest()[:16]
