"""The encoders that there are, and how they compare."""

import pandas as pd
import streamlit as st

from app_pages.frame import show
from app_pages.handles import open_alignment, open_encoder
from wsexplore.align import align
from wsexplore.embed.reference import best_row
from wsexplore.figures import history_figure
from wsexplore.population import OnStep
from wsexplore.zoo import Zoo, shelf

HASHED = 100_000
"""Networks up to which a zoo is told from others by its content; hashing more takes seconds."""


def encoders_of(zoo: Zoo) -> list[str]:
    """Names of the encoders that read a zoo's networks; those fitted to this very zoo first."""
    found = []
    for name in sorted(shelf("encoders")):
        try:
            encoder = open_encoder(name)
            encoder.reader_of(zoo.architecture)
        except ValueError:
            continue
        found.append((len(zoo) > HASHED or zoo.fingerprint not in encoder.fitted_on, name))
    return [name for _, name in sorted(found)]


def aligned_zoo(name: str, zoo: Zoo, on_step: OnStep | None = None) -> Zoo:
    """The zoo in one frame: as it was stored with its maps, else aligned by run to its best network."""
    try:
        stored = open_alignment(name)
    except ValueError:
        stored = None
    if stored is not None and stored.fitted_on == zoo.fingerprint:
        return stored.apply(zoo, on_step=on_step)
    return align(zoo, reference=best_row(zoo), by="run", on_step=on_step)


def compared(zoo: Zoo, names: list[str]) -> None:
    """What each encoder is, and how far its training went."""
    st.header("Encoders of these networks")
    rows = []
    for name in names:
        encoder = open_encoder(name)
        best = min(encoder.history, key=lambda one: one.judged)
        rows.append(
            {
                "encoder": name,
                "latent of": encoder.config.latent_of,
                "latent": encoder.config.latent,
                "parameters": encoder.size,
                "steps": best.step,
                "error": best.loss,
                "error, kept out": best.held_out_loss,
                "networks": sum(encoder.networks),
            }
        )
    st.dataframe(pd.DataFrame(rows), hide_index=True, key="encoders")
    chosen = open_encoder(st.session_state.get("encoder", names[0]))
    show(
        history_figure(chosen.history),
        key="history",
        alt=f"Error of reconstruction by step; {chosen.history[-1].judged:.3f} at the end",
        table=pd.DataFrame(
            [{"step": one.step, "error": one.loss, "held_out": one.held_out_loss} for one in chosen.history]
        ),
    )
    if chosen.stopped:
        st.warning(f"The training ended early: {chosen.stopped}.")
