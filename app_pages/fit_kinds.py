"""The kinds of flow that can be fitted: what each is, when it is good, what it costs."""

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from app_pages.link import check_link
from wsexplore.generate import VARIANTS, FlowConfig


@dataclass(frozen=True, slots=True)
class Kind:
    """What a card says.

    Attributes:
        title: in a word or two.
        what: it is.
        good: when it is good.
        cost: what it takes.
    """

    title: str
    what: str
    good: str
    cost: str


KINDS: Mapping[str, Kind] = {
    "tokens": Kind(
        "Tokens",
        "A transformer that reads a network unit by unit: incoming weights, bias, outgoing weights.",
        "Networks with one hidden layer need no alignment, as each counts as all its permutations.",
        "The slowest step of all, and few parameters.",
    ),
    "raw": Kind(
        "Plain, raw",
        "The reference's network (DeepWeightFlow) on the whole vector of weights, as trained.",
        "Shows what the symmetry of the units costs. A wide network can make up for some of it.",
        "Quick steps. Its first and last layer grow with the networks.",
    ),
    "aligned": Kind(
        "Plain, aligned",
        "The same, once every network is matched to one of them: the published method.",
        "For numbers beside the paper's, and for deep networks whose units lie in several groups.",
        "The alignment first, then quick steps.",
    ),
    "preconditioned": Kind(
        "Preconditioned",
        "Starts as the Gaussian of the aligned zoo, in its principal basis, and learns the rest.",
        "Good from the first step on, and for large networks: it sees no more numbers than there are networks.",
        "The alignment and a decomposition first.",
    ),
    "latent": Kind(
        "Latent",
        "The preconditioned flow on the latents of an encoder of weights.",
        "Where an encoder decodes these networks well. Its samples are at most as good as what it decodes.",
        "An encoder that reads these networks.",
    ),
}


def chosen_kind() -> str:
    """The kind that is picked on its card; it lives in the link."""
    check_link("kind", list(VARIANTS), "a kind of flow")
    kind = st.query_params.get("kind", next(iter(VARIANTS)))
    kind = kind if kind in VARIANTS else next(iter(VARIANTS))
    with st.grid("auto", min_column_width=160):
        for name, card in KINDS.items():
            with st.container(border=True, height="stretch", key=f"kind-{name}", gap="small"):
                st.markdown(f"**{card.title}**")
                st.markdown(card.what)
                st.caption(card.good)
                st.caption(f"**Cost.** {card.cost}")
                st.space("stretch")
                st.button(
                    "Chosen" if name == kind else "Choose",
                    key=f"choose-{name}",
                    icon=":material/check:" if name == kind else None,
                    disabled=name == kind,
                    width="stretch",
                    on_click=_choose,
                    args=(name,),
                )
    return kind


def kind_of(config: FlowConfig) -> str:
    """The title of the kind that a flow is of."""
    if config.kind == "plain":
        raw = config.frame == "raw" or (config.frame == "auto" and config.augment)
        return KINDS["raw" if raw else "aligned"].title
    return KINDS[config.kind].title


def _choose(kind: str) -> None:
    st.query_params["kind"] = kind
