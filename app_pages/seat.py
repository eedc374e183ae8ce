"""Where networks are made: in this process, or by a server that was named and connected to."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from app_pages.link import check_link
from app_pages.plain import plain
from wsexplore.serve import SamplerClient
from wsexplore.settings import settings

PATIENCE = 8.0
"""Seconds after which a page no longer waits for what a server tells of itself."""

PLACES = {"here": "This process", "server": "A server"}


@dataclass(frozen=True, slots=True, eq=False)
class Seat:
    """Where networks are made.

    Attributes:
        address: of the server; empty for this process.
        client: asks there.
    """

    address: str
    client: SamplerClient

    def ask(self, question: Callable[[SamplerClient], Any]) -> Any:
        """What it tells of itself, within `PATIENCE`.

        Raises:
            OSError: it does not answer in time, or not as a sampler does.
            ValueError: it knows nothing of the kind.
        """
        return question(self.client) if not self.address else _in_time(lambda: question(self.client), self.address)


def choose_seat() -> Seat:
    """The choice in the sidebar.

    A server is asked only once its visitor has pressed the button: the address may come from a link. The token stays
    in the session, and is forgotten with the address.
    """
    check_link("by", list(PLACES.values()), "a place of")
    with st.sidebar:
        place = st.segmented_control(
            "Made by",
            list(PLACES),
            default="here",
            required=True,
            key="by",
            bind="query-params",
            format_func=PLACES.__getitem__,
            help="Networks are made in the process of this app, or by a server that `wsexplore serve` started, perhaps "
            "on a machine with a GPU. The same request gives the same networks on one kind of device.",
        )
        if place == "here":
            return _here()
        seat = _server()
    return seat or _here()


def _here() -> Seat:
    return Seat("", _local(settings().user))


def _server() -> Seat | None:
    """The server that the visitor connected to; `None` where there is none, or it does not answer."""
    with st.form("server-form", border=False):
        address = st.text_input(
            "Address",
            key="host",
            bind="query-params",
            placeholder="http://127.0.0.1:8000",
            help="Of a server that `wsexplore serve` started.",
        ).strip()
        token = st.text_input(
            "Token", type="password", key="token", help="What the server asks for. It is in no link and in no recipe."
        )
        pressed = st.form_submit_button("Connect", icon=":material/cable:", width="stretch")
    if pressed:
        _connect(address, token)
    seat: Seat | None = st.session_state.get("server-seat")
    if said := st.session_state.get("server-said"):
        st.error(plain(said))
    if seat is None:
        st.caption("Not connected yet, so networks are made by this process.")
    elif seat.address != address:
        st.session_state.pop("server-seat").client.close()
        st.caption("Another address than before: press Connect.")
        return None
    return seat


def _connect(address: str, token: str) -> None:
    """Ask the server for its flows, and keep it where it answers."""
    if (old := st.session_state.pop("server-seat", None)) is not None:
        old.client.close()
    st.session_state["server-said"] = ""
    try:
        seat = Seat(address, SamplerClient.http(address, token=token or None, patience=PATIENCE))
        seat.ask(lambda client: client.flows())
    except (OSError, ValueError, RuntimeError) as error:
        text = str(error).removesuffix(".")
        st.session_state["server-said"] = f"{text[:1].upper()}{text[1:]}."
    else:
        st.session_state["server-seat"] = seat


def _in_time(question: Callable[[], Any], address: str) -> Any:
    """The answer to a question, asked in a thread that is left behind where it takes too long."""
    found: dict[str, Any] = {}

    def asked() -> None:
        try:
            found["answer"] = question()
        except Exception as error:  # raised again below, in the thread of the page
            found["error"] = error

    thread = threading.Thread(target=asked, name="asking", daemon=True)
    thread.start()
    thread.join(PATIENCE)
    if "error" in found:
        raise found["error"]
    if "answer" not in found:
        raise TimeoutError(f"{address} has not answered for {PATIENCE:.0f} s; check the address, or ask again later")
    return found["answer"]


@st.cache_resource(max_entries=2, show_spinner=False, on_release=lambda client: client.close())
def _local(home: Path) -> SamplerClient:
    """The sampler of this process, for all visitors; what it holds depends on where the user's flows lie."""
    return SamplerClient.local()


@contextmanager
def heard() -> Iterator[None]:
    """Turn what a host cannot do into one sentence on the page, and the way on."""
    try:
        yield
    except (ValueError, OSError, RuntimeError) as error:
        text = str(error).removesuffix(".")
        st.error(plain(f"{text[:1].upper()}{text[1:]}."))
        if isinstance(error, OSError) and st.session_state.get("server-seat") is not None:
            st.caption("Choose *This process* in the sidebar to go on without the server, or connect again.")
        st.stop()
