"""Maps for a zoo that has none yet: aligned and projected once, in the background."""

import streamlit as st

from app_pages.frame import result_of, sentence
from app_pages.handles import jobs, open_alignment, open_projection
from wsexplore.embed import FEWEST, METHODS, map_zoo
from wsexplore.zoo import Zoo, keep_path


def ensure_maps(name: str, zoo: Zoo) -> None:
    """Go on where the zoo has its maps; otherwise offer to make them, saying what it costs."""
    if has_maps(name, zoo):
        return
    if len(zoo) < FEWEST:
        st.info(f"A map needs at least {FEWEST} networks, this zoo has {len(zoo)}.")
        st.stop()
    seconds = 45 + len(zoo) * max(1, zoo.architecture.layout.size // 2000) // 50
    st.info(f"This zoo has no map yet. Aligning it and fitting four maps takes about {seconds} s, once.")
    if st.button("Make the maps", type="primary", key="make-maps") or st.session_state.get("maps-of") == name:
        st.session_state["maps-of"] = name
        with sentence():
            homes = keep_path("alignments", name), keep_path("projections", name)
        job = f"maps {name} {zoo.fingerprint}"
        result_of(job, f"Mapping {name}", lambda on_step: map_zoo(zoo, *homes, on_step=on_step))
        jobs().forget(job)
        del st.session_state["maps-of"]
        st.rerun()
    st.stop()


def has_maps(name: str, zoo: Zoo) -> bool:
    """Whether every map is there, whole, and of this very zoo."""
    try:
        maps = [open_projection(name, method, frame) for method in METHODS for frame in ("raw", "aligned")]
        return {open_alignment(name).fitted_on, maps[0].fitted_on} == {zoo.fingerprint}
    except ValueError:
        return False
