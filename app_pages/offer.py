"""What a flow offers where it is hosted: what it listens to, what it was fitted on, and what it runs on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from app_pages.handles import open_zoo, version_of
from app_pages.plain import plain
from app_pages.seat import Seat
from wsexplore.generate import STEPS
from wsexplore.generate.conditions import Column, Conditions
from wsexplore.zoo import Zoo, item, read_manifest, shelf


@dataclass(frozen=True, slots=True)
class Offer:
    """A flow, as its host describes it.

    Attributes:
        name: of the flow there.
        address: of the host; empty for this process.
        parameters: weights of one network.
        networks: how many it was fitted on.
        fitted_on: fingerprint of these.
        where: the predicate that chose them from a larger zoo.
        held_out: ids of those that were kept out of the fit.
        dataset: name of their data set; empty where they have none in common.
        columns: what a sample can ask for.
        steps: of the solver, unless a sample says otherwise.
        made: when it was made, so that another flow of the same name is another.
        device: what it runs on, "cpu" or "cuda".
        warm: whether it is in memory.
        queue: requests that wait or run.
    """

    name: str
    address: str
    parameters: int
    networks: int
    fitted_on: str
    where: str
    held_out: tuple[str, ...]
    dataset: str
    columns: tuple[Column, ...]
    steps: int
    made: str
    device: str
    warm: bool
    queue: int

    @classmethod
    def of(cls, seat: Seat, name: str) -> "Offer":
        """What the host tells of a flow.

        Raises:
            ValueError: it has none of this name, or tells something else than a sampler does.
            OSError: it does not answer.
            RuntimeError: it cannot read the flow.
        """
        told: Mapping[str, Any] = seat.ask(lambda client: client.describe(name))
        try:
            if not seat.address:
                told = {"held_out": _held_out(name), **told}
            recipe = told.get("recipe") or {}
            return cls(
                name=name,
                address=seat.address,
                parameters=int(told["parameters"]),
                networks=int(told.get("networks") or 0),
                fitted_on=str(told.get("fitted_on") or ""),
                where=str(told.get("where") or ""),
                held_out=tuple(map(str, told.get("held_out") or ())),
                dataset=str(told.get("dataset") or ""),
                columns=Conditions.from_list(list(told.get("listens") or [])).columns,
                steps=int(told.get("steps") or STEPS),
                made=f"{told.get('fingerprint') or recipe} {_stamp(seat, name)}",
                device=str(told.get("device") or "cpu"),
                warm=bool(told.get("warm")),
                queue=int(told.get("queue") or 0),
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"the host describes the flow {name!r} otherwise than a sampler does ({error})") from None

    @property
    def key(self) -> str:
        """Says which flow of which host this is, whatever that host is doing."""
        return f"{self.address} {self.name} {self.fitted_on} {self.made}"

    def home(self) -> tuple[str, Zoo]:
        """The zoo that it was fitted on, by name and handle.

        Raises:
            ValueError: it is not on this shelf.
        """
        names = sorted(shelf("zoos"), key=lambda name: name != self.name)
        stamps = tuple((name, version_of("zoos", name)) for name in names)
        found = _home(self.fitted_on, self.where, stamps)
        if not found:
            raise ValueError(f"the zoo that {self.name} was fitted on is not here; keep it beside the flow")
        return found, open_zoo(found)

    def state(self) -> str:
        """What it runs on and how busy that is, in a few words."""
        runs = {"cpu": "a CPU", "cuda": "a GPU"}.get(self.device, self.device)
        here = "here" if not self.address else "there"
        warm = "in memory" if self.warm else "cold: the first sample loads it"
        waits = "nobody waits" if not self.queue else f"{self.queue:,} request{'s' * (self.queue > 1)} before yours"
        return f"{runs} {here} · {warm} · {waits}"


def say_offer(offer: Offer) -> None:
    """The facts of the flow, in the sidebar."""
    st.sidebar.caption(f"fitted on {offer.networks:,} networks of {offer.parameters:,} weights")
    st.sidebar.caption(f":material/memory: {plain(offer.state())}")


def flow_there(seat: Seat, usual: str) -> str:
    """The flow, chosen among those of a server; here it is the one that the sidebar's picker names.

    Raises:
        ValueError: the server has none.
        OSError: it does not answer.
    """
    if not seat.address:
        return usual
    names = [str(one.get("name")) for one in seat.ask(lambda client: client.flows()) if not one.get("problem")]
    if not names:
        raise ValueError(f"{seat.address} has no flow that can be read")
    at = names.index(usual) if usual in names else 0
    help = "The flows of the server. Those of this machine are picked above."
    return str(st.sidebar.selectbox("Flow there", names, index=at, key="flow_there", help=help))


@st.cache_data(max_entries=64, show_spinner="Looking for the flow's zoo…")
def _home(fitted_on: str, where: str, zoos: tuple[tuple[str, float], ...]) -> str:
    for name, _ in zoos:
        try:
            zoo = open_zoo(name)
            part = zoo.select(where) if where else zoo
        except ValueError:
            continue
        if part.fingerprint == fitted_on:
            return name
    return ""


def _held_out(name: str) -> list[str]:
    """The networks that a flow of this shelf was not fitted on; a host need not tell them."""
    return [str(one) for one in read_manifest(item("flows", name), "flow").get("held_out") or []]


def _stamp(seat: Seat, name: str) -> float:
    return 0.0 if seat.address else version_of("flows", name)
