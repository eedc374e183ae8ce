"""A fit that is done: its numbers, its curves, and the flow under a name, as a file, on the Sample page."""

import shutil
import zipfile
from io import BytesIO
from pathlib import Path

import streamlit as st

from app_pages.fitting import AskedFit, Heard, frame_of, growing
from app_pages.frame import recipe, sentence
from app_pages.handles import jobs, open_flow
from app_pages.plain import plain
from app_pages.work import lasting
from wsexplore.figures.fitting import best_check
from wsexplore.generate import WeightFlow
from wsexplore.jobs import Status
from wsexplore.settings import settings
from wsexplore.zoo import keep_path, shelf


@st.cache_resource(max_entries=4, show_spinner="Loading the flow…")
def _fitted(folder: Path, written: float) -> WeightFlow:
    return WeightFlow.open(folder)


def fitted(asked: AskedFit, status: Status) -> None:
    """What came of a fit, and where it goes."""
    manifest = asked.home / "flow" / "manifest.json"
    if not manifest.is_file():
        st.error("The flow of this fit is no longer on the disk.")
        st.button("Forget this fit", key="forget-fit", on_click=_forget, args=(asked, status.id))
        return
    with sentence():
        flow = _fitted(manifest.parent, manifest.stat().st_mtime)
    heard: Heard = (status.partial[0] if status.partial else {}, flow.history)
    best = best_check(flow.history)
    cells = st.columns(4)
    if best is not None:
        if best.accuracy is not None:
            zoo = heard[0].get("zoo")
            gap = None if zoo is None else f"{100 * (best.accuracy - zoo):+.1f} points against the zoo"
            cells[0].metric("Accuracy of samples", f"{best.accuracy:.1%}", gap, help="Mean over 64 at the best check.")
        else:
            cells[0].metric(
                "Spread of samples", f"{best.dispersion:.2f}", help="Over the spread of the zoo; 1 is right."
            )
        lost = best.held_out_loss if best.held_out_loss is not None else best.loss
        cells[1].metric("Held-out loss" if best.held_out_loss is not None else "Loss", f"{lost:.3f}")
    cells[2].metric("Parameters", f"{flow.size:,}", help="Of the velocity network.")
    cells[3].metric("Time", lasting(status.seconds), help=f"For {flow.history[-1].step:,} steps.")
    if flow.stopped and best is not None:
        st.info(
            f"It ended early, at step {flow.history[-1].step:,} of {flow.config.steps:,}: {plain(flow.stopped)}. "
            "Going on would serve the networks that it learns from, not others like them. The flow is that of step "
            f"{best.step:,}, the best check.",
            icon=":material/front_hand:",
        )
    growing(heard, flow.config.steps, live=False)
    with st.popover("Table and download", icon=":material/table_chart:", type="tertiary", key="checks-more"):
        frame = frame_of(heard)
        st.dataframe(frame, hide_index=True, key="checks")
        st.download_button(
            "CSV", lambda: frame.to_csv(index=False), "fit.csv", "text/csv", key="checks-csv", on_click="ignore"
        )
    recipe(flow.recipe)
    _take(asked, flow, status.id)


def _take(asked: AskedFit, flow: WeightFlow, job: str) -> None:
    """A form that keeps the flow, a download, and the way to the Sample page."""
    left, right = st.columns([1.4, 1], gap="large")
    with left.form("keep-flow", border=False):
        into = st.text_input("Keep it as", _free_name(asked.zoo), key="keep-flow-name", help="Pages then offer it.")
        replace = st.checkbox(
            "Replace a flow of this name", key="keep-flow-over", help="One that you kept. What ships is never replaced."
        )
        if st.form_submit_button("Keep", icon=":material/save:"):
            with sentence():
                _keep(flow, into.strip(), replace=replace)
    with right, st.container(gap="small"):
        st.space("small")
        st.download_button(
            "Download the flow",
            lambda: _zipped(asked.home / "flow"),
            f"{asked.zoo}-{asked.config.kind}.zip",
            "application/zip",
            key="download-flow",
            icon=":material/download:",
            on_click="ignore",
            help="A folder of safetensors and a manifest. Unpacked, `wx.WeightFlow.open` and the commands read it.",
        )
        for name in _kept_as(flow):
            st.page_link(
                "app_pages/sample.py",
                label=f"Draw networks from {plain(name)}",
                icon=":material/casino:",
                query_params={"flow": name},
            )
        st.button(
            "Forget this fit",
            key="forget-fit",
            type="tertiary",
            icon=":material/delete:",
            help="Its curves and its flow; what was kept under a name stays.",
            on_click=_forget,
            args=(asked, job),
        )


def _keep(flow: WeightFlow, name: str, *, replace: bool) -> None:
    """Write the flow to the shelf.

    Raises:
        ValueError: the name is taken, or is none.
    """
    path = keep_path("flows", name)
    if name in shelf("flows") and not (replace and path.is_dir()):
        ships = "" if path.is_dir() else ", which ships with wsexplore"
        way = "tick the box to replace it, or choose another name" if path.is_dir() else "choose another name"
        raise ValueError(f"there is already a flow called {name}{ships}; {way}")
    flow.save(path)
    st.success(plain(f"Kept as {name}."))


def _kept_as(flow: WeightFlow) -> list[str]:
    """Names under which this very flow is on the shelf."""
    found = []
    for name in sorted(shelf("flows")):
        try:
            if open_flow(name).fingerprint == flow.fingerprint:
                found.append(name)
        except ValueError:
            continue
    return found


def _free_name(zoo: str) -> str:
    """The first of `zoo-own`, `zoo-own-2` ... that no flow has."""
    taken, number, free = shelf("flows"), 1, f"{zoo}-own"[:60]
    while free in taken:
        number += 1
        free = f"{zoo[:50]}-own-{number}"
    return free


def _zipped(folder: Path) -> bytes:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as whole:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            whole.write(file, f"flow/{file.relative_to(folder)}")
    return packed.getvalue()


def _forget(asked: AskedFit, job: str) -> None:
    jobs().forget(job)
    shutil.rmtree(settings().user / "fits" / job, ignore_errors=True)
