"""Train: choose an architecture, data, and what varies; see the cost; then watch every curve live."""

import streamlit as st

from app_pages.ask import ask
from app_pages.live import Asked, cost, running, start, watch_training, watched
from app_pages.plain import plain
from app_pages.work import lasting
from wsexplore.population import TrainingCost

LARGEST = 1e9
"""Most bytes of weights that a training here may give."""


@st.fragment(run_every=0.5)
def measuring(asked: Asked) -> None:
    """Wait until the cost is known."""
    st.caption("Measuring a few steps to tell the cost…")
    if cost(asked) is not None:
        st.rerun()


def say_cost(asked: Asked) -> bool:
    """What the training takes, or why it cannot be done; whether it can."""
    found = cost(asked)
    if found is None:
        measuring(asked)
        return True
    if not isinstance(found, TrainingCost):
        st.error(plain(f"{found[:1].upper()}{found[1:].removesuffix('.')}."))
        return False
    size = f"{found.bytes / 1e6:,.1f} MB" if found.bytes < 1e9 else f"{found.bytes / 1e9:,.1f} GB"
    rows = asked.models * len(asked.checkpoints)
    st.markdown(
        f"**About {lasting(found.seconds)}** on this machine, **{size}** of weights: {rows:,} networks from "
        f"{asked.models:,} runs."
    )
    if found.bytes > LARGEST:
        st.error(f"That is more than {LARGEST / 1e9:.0f} GB of weights; choose fewer networks or checkpoints.")
        return False
    return True


st.title("What happens when thousands learn at once?")
st.caption(
    "Many small networks train together as one program. Choose what they are, what they see and how they differ; the "
    "result is a zoo that every page can open."
)
left, right = st.columns([1.5, 1], gap="large")
asked = ask(left, right)
current = watched(asked)
if asked is not None:
    with left, st.container(border=True):
        able = say_cost(asked)
        if st.button(
            "Train",
            key="train",
            icon=":material/play_arrow:",
            type="primary",
            disabled=not able or running(current),
            help="One training at a time; the other pages stay open meanwhile.",
        ):
            start(asked)
            st.rerun()
if current is not None:
    st.divider()
    watch_training(current)
