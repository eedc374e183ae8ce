"""Fields that a flow draws, as pictures, and the nearest networks of the zoo beside them."""

import numpy as np
import streamlit as st

from app_pages.draw import DrawSettings
from app_pages.frame import recipe, show
from app_pages.handles import open_flow, open_zoo, version_of
from app_pages.keep import take_along
from wsexplore.align import spec_of
from wsexplore.figures import gallery_figure
from wsexplore.generate.nearest import nearest
from wsexplore.population import pictures_of
from wsexplore.zoo import Zoo

SIDE = 32
"""Pixels along each side of a picture."""

SHOWN = 36
"""Most pictures drawn of either kind."""


@st.cache_resource(max_entries=16, show_spinner="Drawing fields…")
def _drawn(
    flow: str, zoo: str, versions: tuple[float, float], settings: DrawSettings
) -> tuple[Zoo, tuple[np.ndarray, np.ndarray]]:
    """The samples, and the pictures of the first of them and of the nearest networks that the flow was fitted on."""
    fitted, opened = open_flow(flow), open_zoo(zoo)
    part = opened.select(fitted.where) if fitted.where else opened
    fresh = fitted.sample(settings.count, seed=settings.seed, steps=settings.steps, temperature=settings.temperature)
    found = nearest(fresh.weights, part.weights, spec_of(part.architecture), part.architecture.layout)
    ids = part.table["id"].to_numpy()[found.row]
    table = fresh.table.assign(nearest=ids, nearest_distance=found.distance.astype(float))
    shown = np.arange(min(SHOWN, len(fresh)))
    pictures = (
        pictures_of(fresh, shown, height=SIDE, width=SIDE).numpy(),
        pictures_of(part, found.row[shown], height=SIDE, width=SIDE).numpy(),
    )
    return fresh.with_table(table), pictures


def drawn_fields(flow: str, zoo: str, settings: DrawSettings) -> None:
    """The pictures of the samples and, in the same places, of their nearest networks."""
    versions = (version_of("flows", flow), version_of("zoos", zoo))
    fresh, (own, near) = _drawn(flow, zoo, versions, settings)
    shown = len(own)
    for title, pictures, column, key in (
        ("Drawn", own, "id", "drawn-fields"),
        ("The nearest that were trained", near, "nearest", "near-fields"),
    ):
        st.subheader(title)
        show(
            gallery_figure(pictures, fresh.table[column].iloc[:shown].astype(str).tolist()),
            key=key,
            alt=f"{shown} fields as pictures: {title.lower()}",
            table=fresh.table[["id", "nearest", "nearest_distance"]],
        )
    st.caption(
        f"{shown} of {len(fresh)} samples. Where a picture is the one below it in the same place, the flow repeats "
        f"what it has seen. Median distance to the nearest network: {fresh.table['nearest_distance'].median():.2f}."
    )
    recipe(fresh.recipe)
    take_along(fresh, f"{flow}-drawn-{settings.seed}")
