"""Maps for a zoo that has none yet: aligned and projected once, in the background."""

from pathlib import Path

import streamlit as st

from app_pages.frame import result_of, sentence
from app_pages.handles import jobs
from wsexplore.align import align_permutations
from wsexplore.embed import METHODS, fit_projection
from wsexplore.population import OnStep
from wsexplore.zoo import Zoo, keep_path, shelf


def ensure_maps(name: str, zoo: Zoo) -> None:
    """Go on where the zoo has its maps; otherwise offer to make them, saying what it costs."""
    if name in shelf("projections") and name in shelf("alignments"):
        return
    if len(zoo) < 3:
        st.info(f"A map needs at least 3 networks, this zoo has {len(zoo)}.")
        st.stop()
    seconds = 45 + len(zoo) // 50
    st.info(f"This zoo has no map yet. Aligning it and fitting four maps takes about {seconds} s, once.")
    if st.button("Make the maps", type="primary", key="make-maps") or st.session_state.get("maps-of") == name:
        st.session_state["maps-of"] = name
        with sentence():
            homes = keep_path("alignments", name), keep_path("projections", name)
        job = f"maps {name} {zoo.fingerprint}"
        result_of(job, f"Mapping {name}", lambda on_step: make_maps(zoo, *homes, on_step))
        jobs().forget(job)
        del st.session_state["maps-of"]
        st.rerun()
    st.stop()


def make_maps(zoo: Zoo, alignments: Path, projections: Path, on_step: OnStep) -> None:
    """Align a zoo by run to its best network, and store every map of its raw and aligned weights."""
    best = int(zoo.table["test_accuracy"].idxmax()) if "test_accuracy" in zoo.table else 0
    alignment = align_permutations(zoo, reference=best, by="run", on_step=lambda f, m: on_step(0.3 * f, m))
    frames = {"raw": zoo, "aligned": alignment.apply(zoo)}
    for place, (frame, method) in enumerate((frame, method) for frame in frames for method in METHODS):
        on_step(0.3 + 0.17 * place, f"{method} of the {frame} weights")
        fit_projection(frames[frame], method=method).save(projections / f"{method}-{frame}")
    alignment.save(alignments)
