"""Long work on a page: what it will cost, how far it is, what is there so far, and the way on after a cancel."""

from collections.abc import Callable
from time import monotonic, sleep, thread_time
from typing import Any, Literal

import streamlit as st

from app_pages.handles import jobs
from app_pages.link import here
from app_pages.plain import plain
from wsexplore.jobs import Status, Work
from wsexplore.zoo import Recipe

Show = Callable[[Any], None]
"""Draws a partial result."""

LIMIT = 60.0
"""Seconds of work that a page begins unasked."""

PAUSED = ":material/pause_circle:"
ENDED = {"cancelled": "was cancelled", "interrupted": "was interrupted, as the app ended,"}

OFTEN, RARELY = 0.5, 5.0
"""Seconds between two looks at a job, at least, and between two drawings of its partial result, at most."""

SHARE = 0.05
"""Of the time that drawing a partial result may take."""

MOMENT = 0.4
"""Seconds that the page waits for a cancelled job before it says that it is stopping."""


def result_of(
    name: str,
    title: str,
    work: Work,
    *,
    recipe: Recipe | None = None,
    cost: float | None = None,
    show: Show | None = None,
) -> Any:
    """The result of a background job, started once per `name`; until it is there the page shows how far it is.

    The job goes on when the page is left, and its result is there on return, for every visitor, and after a restart of
    the app where it can be kept.

    Args:
        name: says all that the result depends on.
        title: what is done, in a few words.
        work: is called with a `wsexplore.jobs.Progress`.
        recipe: how the result can be had without the app.
        cost: seconds that it will take.
        show: draws what `progress.partial` was given so far, again whenever there is more; what a cancelled, failed or
            interrupted job left is drawn too.
    """
    facts: dict[str, Any] = {"name": name, "recipe": recipe, "cost": cost, "link": here()}
    job = jobs().start(title, work, **facts)
    if (status := jobs().status(job)) is None:
        st.rerun()
    if status.state == "done":
        return status.result
    if not status.ended:
        watch(job, show)
        st.stop()
    if (way := _way_on(status, show)) is not None:
        if way == "anew":
            jobs().forget(job)
        jobs().start(title, work, again=True, **facts)
        st.rerun()
    st.stop()


def watch(job: str, show: Show | None = None, *, before: str = "") -> None:
    """How far a job is, a button that cancels it, and what is there so far; when it ends, the page is drawn anew.

    `before` is what the page says as long as nothing is there.
    """
    _progress(job)
    if show is not None:
        every = _wanted(job)
        st.fragment(_so_far, run_every=every)(job, show, before, every)


@st.fragment(run_every=OFTEN)
def _progress(job: str) -> None:
    status = jobs().status(job)
    if status is None or status.ended:
        st.rerun()
        return
    left, right = st.columns([5, 1], vertical_alignment="bottom")
    left.progress(status.fraction, plain(f"{status.title}: {told(status)}"))
    right.button(
        "Cancel", key=f"cancel-{job}", disabled=status.stopping, width="stretch", on_click=_cancel, args=(job,)
    )


def _cancel(job: str) -> None:
    """Cancel, and give the work the moment that it needs, so that its end is seen at once."""
    jobs().cancel(job)
    until = monotonic() + MOMENT
    while monotonic() < until and (status := jobs().status(job)) is not None and not status.ended:
        sleep(0.02)


def _so_far(job: str, show: Show, before: str, every: float) -> None:
    """The partial result; where its drawing takes long, the page is drawn anew once to draw it less often."""
    if (status := jobs().status(job)) is None or status.partial is None:
        if before:
            st.caption(before)
        return
    began = thread_time()
    show(status.partial)
    took = st.session_state.get(f"drawing-{job}", (0.0, 0.0))
    st.session_state[f"drawing-{job}"] = (took[1], thread_time() - began)
    if _wanted(job) > 2 * every:
        st.rerun()


def _wanted(job: str) -> float:
    """Seconds between two drawings of a partial result; the quicker of the last two tells, as the first one loads."""
    took = min(st.session_state.get(f"drawing-{job}", (0.0, 0.0)))
    return float(min(max(took / SHARE, OFTEN), RARELY))


def told(status: Status) -> str:
    """How far a job is, in words."""
    if status.state == "waiting":
        return "waiting for its turn"
    if status.stopping:
        return "stopping"
    return f"{status.message or 'starting'} ({lasting(status.seconds)}{_left(status)})"


def ask_first(name: str, cost: float, limit: float = LIMIT) -> bool:
    """Whether a job may begin: it is quick, there is something of it already, or the visitor has said so.

    Otherwise the page says what it costs and offers a button. The answer holds for the job of this `name`.
    """
    agreed: set[str] = st.session_state.setdefault("agreed", set())
    status = jobs().status(jobs().id_of(name))
    there = status is not None and (not status.ended or status.state == "done" or status.partial is not None)
    if cost <= limit or name in agreed or there:
        return True
    st.info(f"This takes about {lasting(cost)} on this machine.", icon=":material/hourglass_top:")
    if not st.button("Compute it anyway", type="primary", key=f"agree-{jobs().id_of(name)}"):
        return False
    agreed.add(name)
    return True


def lasting(seconds: float) -> str:
    """A duration in words: 3 s, 4 min, 1 h 10 min."""
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{round(hours / 24)} days"
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def lost(status: Status, what: str) -> None:
    """Say why an ended job has no result, where it cannot go on from its middle."""
    if status.state == "failed":
        st.error(plain(f"{status.error[:1].upper()}{status.error[1:].removesuffix('.')}."))
    else:
        st.info(f"The {what} {ENDED[status.state]} at {status.fraction:.0%}. It can only start anew.", icon=PAUSED)


def _left(status: Status) -> str:
    """How long it will still take, once that can be told from what was done."""
    if status.cost is None and status.seconds < LIMIT / 6:
        return ""
    if status.fraction >= 0.05 and status.seconds >= 3:
        left = status.seconds * (1 - status.fraction) / status.fraction
    elif status.cost is not None:
        left = status.cost - status.seconds
    else:
        return ""
    return f", about {lasting(left)} left" if left >= 1 else ""


def _way_on(status: Status, show: Show | None) -> Literal["on", "anew"] | None:
    """What an ended job without a result left behind, and which way on the visitor chooses."""
    kept = status.partial is not None
    if status.state == "failed":
        st.error(plain(f"{status.title}: {status.error.removesuffix('.')}."))
    else:
        when = "Cancelled" if status.state == "cancelled" else "Interrupted by the end of the app"
        more = "; what was done is kept" if kept else ""
        st.info(f"**{plain(status.title)}.** {when} at {status.fraction:.0%}{more}.", icon=PAUSED)
    with st.container(horizontal=True):
        label = "Go on" if kept and status.state != "failed" else "Try again"
        on = st.button(label, key=f"again-{status.id}", type="primary" if kept else "secondary")
        anew = kept and st.button("Start anew", key=f"anew-{status.id}", type="tertiary")
    if kept and show is not None:
        show(status.partial)
    return "on" if on else "anew" if anew else None
