"""Fit: a generator of networks, fitted to a zoo as a job, watched while it learns, and compared with others."""

import streamlit as st

from app_pages.encoders import encoders_of
from app_pages.fit_cost import FitCost
from app_pages.fit_kinds import chosen_kind
from app_pages.fit_networks import asked_conditions, asked_networks, tested_on
from app_pages.fit_settings import asked_config
from app_pages.fitted import fitted
from app_pages.fitting import AskedFit, cost, growing, tidy, work_of
from app_pages.flows import compare
from app_pages.handles import jobs, open_encoder
from app_pages.link import check_link, here
from app_pages.pick import current_zoo
from app_pages.plain import plain
from app_pages.work import lasting, result_of
from wsexplore.datasets import Dataset
from wsexplore.zoo import Zoo


def ask(name: str, zoo: Zoo) -> tuple[AskedFit, Zoo] | None:
    """The fit that the widgets describe, and its networks; nothing where they do not, and the page says why."""
    try:
        where, part = asked_networks(zoo)
        kind = chosen_kind()
        encoder = _encoder(zoo) if kind == "latent" else ""
        conditions = asked_conditions(part.table)
        config, seed = asked_config(kind, conditions)
        encoded = open_encoder(encoder).fingerprint if encoder else ""
        return AskedFit(name, zoo.fingerprint, where, config, seed, encoder, encoded), part
    except (ValueError, OSError) as error:
        text = str(error)
        st.error(plain(f"{text[:1].upper()}{text[1:].removesuffix('.')}."))
        return None


def _encoder(zoo: Zoo) -> str:
    """The encoder of a latent flow.

    Raises:
        ValueError: none reads these networks.
    """
    known = encoders_of(zoo)
    if not known:
        raise ValueError("no encoder reads these networks; train one on the page Represent, or choose another kind")
    check_link("encoder", known, "encoder")
    chosen: str = st.selectbox("Encoder", known, key="encoder", bind="query-params", help="Whose latents are learnt.")
    return chosen


@st.fragment(run_every=0.5)
def measuring(asked: AskedFit, part: Zoo, tested: bool) -> None:
    """Wait until the cost is known."""
    st.caption("Timing a few steps to tell the cost…")
    if cost(asked, part, tested=tested) is not None:
        st.rerun()


def say_cost(asked: AskedFit, part: Zoo, *, tested: bool) -> tuple[bool, float | None]:
    """What the fit takes, or why it cannot be done; whether it can, and the seconds as far as they are known."""
    found = cost(asked, part, tested=tested)
    if found is None:
        measuring(asked, part, tested)
        return True, None
    if not isinstance(found, FitCost):
        st.error(plain(f"{found[:1].upper()}{found[1:].removesuffix('.')}."))
        return False, None
    size = f"{found.bytes / 1e6:,.0f} MB" if found.bytes < 1e9 else f"{found.bytes / 1e9:,.1f} GB"
    st.markdown(
        f"**About {lasting(found.seconds)}** on this machine, less where it stops early, and **{size}** of memory."
    )
    st.caption(
        f"{lasting(found.start)} to prepare, {asked.config.steps:,} steps of {1000 * found.step:,.0f} ms, 20 checks of "
        f"{found.check:.1f} s. The velocity network has {found.parameters:,} parameters."
    )
    if any(not status.ended for status in jobs().listed()):
        st.caption(
            "Other work is under way, as the sidebar tells. It slows this down, and was running when it was timed."
        )
    return True, found.seconds


def begin(asked: AskedFit, part: Zoo, zoo: Zoo, data: Dataset | None) -> None:
    """The cost and the button; then the fit, until it is done."""
    status = jobs().status(jobs().id_of(asked.name))
    if status is None:
        with st.container(border=True):
            able, seconds = say_cost(asked, part, tested=data is not None)
            if not st.button(
                "Fit the flow",
                key="fit",
                type="primary",
                icon=":material/play_arrow:",
                disabled=not able,
                help="It goes on when the page is left, can be cancelled, and goes on from its last check after that.",
            ):
                return
        tidy()
        jobs().start(asked.title, work_of(asked, zoo, data), name=asked.name, cost=seconds, link=here())
        st.rerun()
    st.divider()
    work, steps = work_of(asked, zoo, data), asked.config.steps
    result_of(asked.name, asked.title, work, cost=status.cost, show=lambda heard: growing(heard, steps))
    status = jobs().status(jobs().id_of(asked.name))
    if status is not None:
        fitted(asked, status)


name, zoo = current_zoo()
st.title("Can the shape of a zoo be learnt?")
st.caption(
    "A flow learns to carry noise to the weights of trained networks. Choose the networks and a kind of flow; watch "
    "its loss on networks that it never saw, and how well what it samples does."
)
chosen = ask(name, zoo)
place = st.container()
with st.container():
    st.divider()
    compare(name)
if chosen is not None:
    asked, part = chosen
    data = tested_on(part)
    with place:
        if isinstance(data, str):
            st.caption(
                plain(f"No live accuracy: {data}. The loss and the spread of samples are measured all the same.")
            )
        begin(asked, part, zoo, data if isinstance(data, Dataset) else None)
