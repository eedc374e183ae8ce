"""Maps of a zoo: which are there, whether they are of this very zoo, and how the others are made in the background."""

import streamlit as st

from app_pages.frame import sentence
from app_pages.handles import jobs, open_alignment, open_encoder, open_projection, version_of
from app_pages.link import here
from app_pages.pick import data_of
from app_pages.plain import plain
from app_pages.work import lasting, lost, result_of, watch
from wsexplore.datasets import Dataset
from wsexplore.embed import EMBEDDINGS, FEWEST, LARGE, SAMPLE, Projection, add_map, map_name, map_zoo
from wsexplore.jobs import Progress
from wsexplore.zoo import Zoo, keep_path
from wsexplore.zoo.trash import is_kept

TITLES = {"pca": "PCA", "umap": "UMAP", "tsne": "t-SNE"}
AT_ONCE = 100_000
"""Networks up to which a map is compared with its zoo before it is drawn; above, in the background."""


def ensure_maps(name: str, zoo: Zoo) -> None:
    """Go on where the zoo has its maps; otherwise offer to make them, saying what it costs."""
    if has_maps(name, zoo):
        return
    if len(zoo) < FEWEST:
        st.info(f"A map needs at least {FEWEST} networks, this zoo has {len(zoo)}.")
        st.stop()
    seconds = 45 + len(zoo) * max(1, zoo.architecture.layout.size // 2000) // 50
    count = "four" if len(zoo) <= LARGE else "two"
    st.info(f"This zoo has no map yet. Aligning it and fitting {count} maps takes about {lasting(seconds)}, once.")
    if st.button("Make the maps", type="primary", key="make-maps") or st.session_state.get("maps-of") == name:
        st.session_state["maps-of"] = name
        with sentence():
            homes = keep_path("alignments", name), keep_path("projections", name)
        told = f"maps {name} {zoo.fingerprint}"
        result_of(told, f"Mapping {name}", lambda progress: map_zoo(zoo, *homes, on_step=progress), cost=seconds)
        jobs().forget(jobs().id_of(told))
        del st.session_state["maps-of"]
        st.rerun()
    st.stop()


def has_maps(name: str, zoo: Zoo) -> bool:
    """Whether the maps by PCA and the alignment are there, whole, and of this very zoo."""
    try:
        maps = [open_projection(name, "pca", frame) for frame in ("raw", "aligned")]
        return all(len(found.points) == len(zoo) for found in maps) and _belongs(
            name, zoo, {open_alignment(name).fitted_on, maps[0].fitted_on}
        )
    except ValueError:
        return False


def _belongs(name: str, zoo: Zoo, fitted_on: set[str]) -> bool:
    """Whether maps are of this zoo; a large one is believed until its fingerprint is known, a few seconds later."""
    if len(zoo) <= AT_ONCE:
        return fitted_on == {zoo.fingerprint}
    told = f"fingerprint {name} {version_of('zoos', name)}"
    job = jobs().start("Fingerprint", lambda progress: zoo.fingerprint, name=told, quiet=True)
    status = jobs().status(job)
    known = status.result if status is not None and status.state == "done" else None
    return len(fitted_on) == 1 and known in (None, *fitted_on)


def stored_map(name: str, zoo: Zoo, embedding: str, method: str, dims: int = 2, encoder: str = "") -> Projection | None:
    """A map that is there, of this very zoo and, of latents, of the encoder of this name."""
    part = _part(embedding, method, dims, encoder)
    for kind in ("maps", "projections"):
        try:
            if kind == "projections":
                found = open_projection(name, method, part.removeprefix(f"{method}-"))
            else:
                found = _kept(name, part, (keep_path(kind, name) / part / "manifest.json").stat().st_mtime)
        except (ValueError, OSError):
            continue
        whole = len(found.points) == len(zoo) and found.dims == dims
        told = found.recipe.inputs.get("of")
        if whole and (told is None or _belongs(name, zoo, {told})):
            return found
    return None


@st.cache_resource(max_entries=16, show_spinner=False)
def _kept(name: str, part: str, version: float) -> Projection:
    return Projection.open(keep_path("maps", name) / part)


def _part(embedding: str, method: str, dims: int, encoder: str) -> str:
    """Name of a map's folder; one of latents belongs to an encoder's content, not to its name."""
    return map_name(embedding, method, dims, open_encoder(encoder) if embedding == "encoder" else None)


def map_or_offer(
    name: str, zoo: Zoo, embedding: str, method: str, dims: int = 2, encoder: str = ""
) -> Projection | None:
    """A map; where it is not there yet, the offer to make it or how far its making is, and `None`.

    `encoder` is the name of the one whose latents are laid out, where the embedding is that of latents.
    """
    found = stored_map(name, zoo, embedding, method, dims, encoder)
    if found is not None:
        return found
    part = _part(embedding, method, dims, encoder)
    title = f"{TITLES[method]} of the {EMBEDDINGS[embedding]}" + (" in space" if dims == 3 else "")
    told = f"map {name} {version_of('zoos', name)} {part}"
    status = jobs().status(jobs().id_of(told))
    if status is None:
        st.info(plain(f"There is no {title} yet. {_said(zoo, method, dims)}"))
        if st.button("Make this map", type="primary", key=f"make-{part}"):
            with sentence():
                _start(told, title, name, zoo, embedding, method, dims, encoder)
            st.rerun()
    elif not status.ended:
        watch(status.id)
    elif status.state == "done":
        jobs().forget(status.id)
        st.rerun()
    else:
        lost(status, f"making of the {title}")
        if st.button("Try again", key=f"again-{part}"):
            jobs().forget(status.id)
            st.rerun()
    return None


def _start(told: str, title: str, name: str, zoo: Zoo, embedding: str, method: str, dims: int, encoder: str) -> None:
    """Queue the making of a map; a shipped zoo's lie beside those that ship, as `maps`."""
    home = keep_path("projections" if is_kept(name) else "maps", name)
    path = home / _part(embedding, method, dims, encoder)
    settings = {"method": method, "dims": dims, "data": data_for(zoo, embedding)}
    settings["alignment"] = open_alignment(name) if embedding in ("aligned", "encoder") else None
    settings["encoder"] = open_encoder(encoder) if embedding == "encoder" else None

    def work(progress: Progress) -> None:
        add_map(zoo, embedding, path, **settings, on_step=progress)

    jobs().start(title, work, name=told, cost=_cost(zoo, method, dims), link=here())


def _cost(zoo: Zoo, method: str, dims: int) -> float:
    """Seconds that making a map takes."""
    reading = 2 + len(zoo) * zoo.architecture.layout.size / 2e7
    layout = {"pca": 1.0, "umap": 20 + len(zoo) / 800, "tsne": 5 + min(len(zoo), SAMPLE) / 100 * (dims - 1) ** 1.5}
    return reading + layout[method]


def _said(zoo: Zoo, method: str, dims: int) -> str:
    """What making a map takes, in a sentence or two."""
    told = f"It takes about {lasting(_cost(zoo, method, dims))} on this machine, once."
    if method != "tsne":
        return told
    limit = f" so it shows {SAMPLE:,} of {len(zoo):,}" if len(zoo) > SAMPLE else ""
    return f"{told} t-SNE cannot place networks that it was not fitted on,{limit or ' also no later ones'}."


def data_for(zoo: Zoo, embedding: str) -> Dataset | None:
    """What an embedding asks the networks about; fields answer on a grid of their own."""
    return data_of(zoo) if embedding == "function" and zoo.architecture.task != "field" else None
