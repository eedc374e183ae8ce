"""Represent: an encoder of weights, what its latents tell and keep, new networks from them, and how to train one."""

import streamlit as st

from app_pages.decodable import decodable
from app_pages.decoded import reconstruction, sampling
from app_pages.encode import training
from app_pages.encoders import compared, encoders_of
from app_pages.frame import recipe, sentence
from app_pages.handles import open_encoder
from app_pages.link import check_link
from app_pages.pick import current_zoo
from app_pages.probed import probes
from wsexplore.embed import Encoder

PARTS = ("Map", "Probes", "Reconstruction", "Sampling", "Train")

name, zoo = current_zoo()
st.title("What do the weights alone tell?")
st.caption(
    "An encoder reads a network as a sequence of tokens, a row of weights each, and turns it into a point. From the "
    "point alone we predict how well the network does, and decode it back into a network that works."
)
check_link("part", PARTS, "part")
known = encoders_of(zoo)
part = st.segmented_control(
    "Part",
    PARTS,
    default="Map" if known else "Probes",
    required=True,
    key="part",
    bind="query-params",
    label_visibility="collapsed",
)
encoder: Encoder | None = None
chosen = ""
if known:
    check_link("encoder", known, "encoder")
    chosen = st.sidebar.selectbox(
        "Encoder",
        known,
        key="encoder",
        bind="query-params",
        help="Hyper-representations that read this zoo's networks.",
    )
    with sentence():
        encoder = open_encoder(chosen)
    st.sidebar.caption(f"{encoder.size:,} parameters, {encoder.config.latent} numbers per latent")

if part == "Train":
    training(name, zoo)
    if known:
        compared(zoo, known)
elif part == "Probes":
    probes(name, zoo, encoder)
elif encoder is None:
    st.info("No encoder reads the networks of this zoo yet. Train one in the part Train; it takes a few minutes.")
elif part == "Map":
    decodable(name, zoo, encoder, chosen)
elif part == "Reconstruction":
    reconstruction(name, zoo, encoder)
else:
    sampling(name, zoo, encoder, chosen)
if encoder is not None:
    recipe(encoder.recipe)
