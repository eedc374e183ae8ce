"""The flows that were fitted to networks of one zoo, beside each other."""

from dataclasses import dataclass
from time import perf_counter

import pandas as pd
import streamlit as st

from app_pages.fit_kinds import kind_of
from app_pages.frame import show
from app_pages.handles import jobs, open_flow, open_zoo, version_of
from app_pages.link import check_link
from app_pages.plain import plain
from wsexplore.figures.fitting import best_check, fits_figure, flows_figure
from wsexplore.generate import FitStep, WeightFlow
from wsexplore.jobs import Progress
from wsexplore.zoo import Zoo, select_rows, shelf

TIMED = 100
"""Networks whose sampling is timed."""

ORDER = ("flow", "kind", "accuracy", "zoo_accuracy", "held_out_loss", "dispersion", "seconds", "parameters")
"""First columns of the table."""


@dataclass(frozen=True, slots=True)
class FlowFacts:
    """What the table says of a flow.

    Attributes:
        row: columns of the table by name.
        history: its checks.
        fingerprint: its content.
    """

    row: dict[str, str | int | float | None]
    history: tuple[FitStep, ...]
    fingerprint: str


@st.cache_data(max_entries=256, show_spinner="Looking at the flows…")
def _facts(flow: str, version: float, zoo: str, zoo_version: float) -> FlowFacts | None:
    """A flow, if it was fitted to networks of this zoo.

    Raises:
        ValueError: it cannot be opened.
    """
    opened, fitted = open_zoo(zoo), open_flow(flow)
    part = _part(opened, fitted)
    if part is None:
        return None
    best = best_check(fitted.history)
    told = "test_accuracy" in part.columns and part.table["test_accuracy"].notna().any()
    row: dict[str, str | int | float | None] = {
        "flow": flow,
        "kind": kind_of(fitted.config),
        "accuracy": None if best is None else best.accuracy,
        "zoo_accuracy": float(part.table["test_accuracy"].mean()) if told else None,
        "held_out_loss": None if best is None else best.held_out_loss,
        "dispersion": None if best is None else best.dispersion,
        "parameters": fitted.size,
        "weights": fitted.architecture.layout.size,
        "networks": fitted.networks,
        "where": fitted.where,
        "conditions": ", ".join(column.name for column in fitted.listens.columns),
        "steps": None if best is None else best.step,
    }
    return FlowFacts(row, fitted.history, fitted.fingerprint)


def _part(zoo: Zoo, flow: WeightFlow) -> Zoo | None:
    """The networks that the flow was fitted to, if they are of this zoo."""
    if zoo.architecture.layout.size != flow.architecture.layout.size:
        return None
    try:
        part = zoo.select(select_rows(zoo.table, flow.where)) if flow.where else zoo
    except ValueError:
        return None
    return part if len(part) == flow.networks and part.fingerprint == flow.fitted_on else None


def compare(name: str) -> None:
    """The table of all flows of this zoo, how good their samples are, and the histories of those that are picked."""
    st.header("Flows of this zoo", anchor=False)
    found: dict[str, FlowFacts] = {}
    strange = []
    for flow in sorted(shelf("flows")):
        try:
            facts = _facts(flow, version_of("flows", flow), name, version_of("zoos", name))
        except (ValueError, OSError):
            strange.append(flow)
            continue
        if facts is not None:
            found[flow] = facts
    if strange:
        st.caption(plain(f"Left out, as they cannot be opened: {', '.join(strange)}."))
    if not found:
        st.info("No flow on the shelf was fitted to networks of this zoo yet. Fit one, and keep it under a name.")
        return
    waiting = _table(found)
    if waiting:
        _await(waiting)


def _table(found: dict[str, FlowFacts]) -> list[str]:
    """Everything that is known of the flows; the jobs that are still to tell how quickly they sample."""
    jobs_of = {name: _timing(name, facts) for name, facts in found.items()}
    states = {name: jobs().status(job) if job else None for name, job in jobs_of.items()}
    seconds = {name: one.result if one is not None and one.state == "done" else None for name, one in states.items()}
    frame = pd.DataFrame([{**facts.row, "seconds": seconds[name]} for name, facts in found.items()])
    numbers = {
        "accuracy": ("accuracy of samples", "%.1f %%", "Mean test accuracy of 64 samples at the best check."),
        "zoo_accuracy": ("of its networks", "%.1f %%", "Mean test accuracy of the networks that it was fitted to."),
        "held_out_loss": ("held-out loss", "%.3f", "On networks kept out; compares flows of one kind only."),
        "dispersion": ("dispersion", "%.2f", "Spread of samples over that of the zoo; 1 is right."),
        "parameters": ("parameters", "localized", "Of the velocity network."),
        "weights": ("weights", "localized", "Of each network that it makes."),
        "networks": ("fitted on", "localized", "Networks, those kept out among them."),
        "steps": ("best step", "localized", "Optimiser steps behind the network that samples."),
        "seconds": (f"s per {TIMED}", "%.2f", f"Seconds to sample {TIMED} networks on this machine, measured now."),
    }
    config = {
        key: st.column_config.NumberColumn(title, format=form, help=help)
        for key, (title, form, help) in numbers.items()
    }
    percent = {name: 100 * frame[name].astype(float) for name in ("accuracy", "zoo_accuracy")}
    order = [*ORDER, *(name for name in frame if name not in ORDER)]
    st.dataframe(frame.assign(**percent), hide_index=True, key="flows-table", column_config=config, column_order=order)
    if frame["accuracy"].notna().any():
        good = frame.loc[frame["accuracy"].astype(float).idxmax()]
        show(
            flows_figure(frame),
            key="flows-accuracy",
            alt=f"Mean test accuracy of samples of {len(frame)} flows beside that of their networks: the best is "
            f"{good['flow']} with {good['accuracy']:.1%}",
            table=frame,
        )
    if len(found) > 1:
        _overlaid(found)
    return [job for name, job in jobs_of.items() if job and (one := states[name]) is not None and not one.ended]


def _overlaid(found: dict[str, FlowFacts]) -> None:
    """The histories of two flows or more in one figure."""
    names = list(found)
    check_link("flows", names, "flow")
    chosen = st.multiselect(
        "Histories of",
        names,
        names[:4],
        key="flows",
        bind="query-params",
        help="Laid over each other; pick two or more.",
    )
    if len(chosen) < 2:
        st.caption("Pick two flows or more to lay their histories over each other.")
        return
    kinds = {str(found[name].row["kind"]) for name in chosen}
    show(
        fits_figure({name: found[name].history for name in chosen}),
        key="histories",
        alt=f"Held-out loss and accuracy of samples by step of {', '.join(chosen)}",
        table=pd.DataFrame(
            [
                {
                    "flow": name,
                    "step": one.step,
                    "loss": one.loss,
                    "held_out_loss": one.held_out_loss,
                    "dispersion": one.dispersion,
                    "accuracy": one.accuracy,
                }
                for name in chosen
                for one in found[name].history
            ]
        ),
    )
    if len(kinds) > 1:
        st.caption(
            f"Losses of different kinds ({', '.join(sorted(kinds))}) do not compare: each is a share of its own "
            "coordinates. Accuracies do."
        )


def _timing(name: str, facts: FlowFacts) -> str:
    """The job that times the sampling of a flow; none begins while other work would slow it down."""
    told = f"pace {facts.fingerprint}"
    job = jobs().id_of(told)
    if jobs().status(job) is not None:
        return job
    if any(not status.ended for status in jobs().listed()):
        return ""
    flow = open_flow(name)

    def work(progress: Progress) -> float:
        begun = perf_counter()
        flow.sample(TIMED, on_step=progress)
        return perf_counter() - begun

    return jobs().start(f"Timing {name}", work, name=told, quiet=True)


@st.fragment(run_every=0.5)
def _await(waiting: list[str]) -> None:
    """Draw the page anew once the seconds are known."""
    st.caption("Timing how quickly they sample…")
    states = [jobs().status(job) for job in waiting]
    if all(one is None or one.ended for one in states):
        st.rerun()
