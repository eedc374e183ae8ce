"""The body of one network: its layers drawn, and its weights as images and ridges."""

import math

import numpy as np
import pandas as pd
import streamlit as st

from app_pages.frame import show
from app_pages.judge import crowd
from app_pages.link import check_link
from wsexplore.figures import anatomy_figure, blocks_of, drawn, spread_figure, weight_figure
from wsexplore.nets import Architecture
from wsexplore.zoo import Zoo


def anatomy(zoo: Zoo, row: int) -> int:
    """Draw the layers from input to output; return their number."""
    kind = zoo.architecture_of(row)
    blocks = blocks_of(kind)
    largest = max(blocks, key=lambda block: block.parameters)
    show(
        anatomy_figure(blocks, kind.input_shape),
        key="anatomy",
        alt=f"{kind.name} of {len(blocks)} blocks and {kind.layout.size:,} parameters; the largest block, "
        f"{largest.path}, holds {largest.parameters / kind.layout.size:.0%} of them",
        table=pd.DataFrame(
            [
                {
                    "block": block.path,
                    "kind": block.kind,
                    "how": block.facts,
                    "output": " x ".join(map(str, block.output)),
                    "then": ", ".join(block.then),
                    "parameters": block.parameters,
                }
                for block in blocks
            ]
        ),
    )
    st.caption("Each bar is a block's share of all parameters. Point at a block to see its tensors.")
    return len(blocks)


def weights(name: str, zoo: Zoo, row: int) -> None:
    """One layer as an image, and all layers as ridges."""
    kind = zoo.architecture_of(row)
    state = {key: value.numpy() for key, value in kind.layout.unflatten(zoo.rows([row])[0]).items()}
    st.header("What it weighs", anchor=False)
    names = list(state)
    check_link("layer", names, "layer")
    left, right = st.columns([1.35, 1], gap="large")
    with left:
        layer = st.selectbox(
            "Layer", names, key="layer", bind="query-params", help="Its weights as an image; drag on it to zoom."
        )
        values = state[layer]
        shown = drawn(values)
        strongest = float(np.abs(values).max()) if values.size else 0.0
        show(
            weight_figure(values, name=layer, tile=_tile(kind, values)),
            key="weights",
            alt=f"{layer}, {' x '.join(map(str, values.shape))}, as an image; its largest weight is {strongest:.3f}",
            table=pd.DataFrame(shown.reshape(len(shown), -1)[:1000, :100]),
        )
        part = f" The first {shown.shape} of {values.shape} are drawn." if shown.size < values.size else ""
        st.caption(f"Blue is negative, red positive, white zero.{part}")
    with right:
        st.subheader("Every layer's spread", anchor=False)
        _spread(name, kind, state)


def _tile(kind: Architecture, values: np.ndarray) -> tuple[int, int] | None:
    """The shape of the image that the rows of a first layer look at, where they look at one."""
    first = kind.layout.slots[0]
    if values.shape != first.shape or values.ndim != 2 or values.shape[1] != math.prod(kind.input_shape):
        return None
    side = round(values.shape[1] ** 0.5)
    return (side, side) if side * side == values.shape[1] and side > 2 else None


def _spread(name: str, kind: Architecture, state: dict[str, np.ndarray]) -> None:
    others = crowd(name)
    slots = [slot for slot in kind.layout.slots if len(slot.shape) > 1] or list(kind.layout.slots)
    layers = {slot.name: (state[slot.name].ravel(), others[:, slot.start : slot.stop].ravel()) for slot in slots}
    figure = spread_figure(layers)
    widest = max(layers, key=lambda layer: float(layers[layer][0].std()))
    show(
        figure,
        key="spread",
        alt=f"Spread of the weights of {len(layers)} layers against the zoo's; {widest} is spread most widely",
        table=pd.DataFrame(
            [
                {"layer": layer, "weights": len(mine), "mean": mine.mean(), "std": mine.std(), "zoo_std": crowd_.std()}
                for layer, (mine, crowd_) in layers.items()
            ]
        ),
    )
    st.caption(f"Filled: this network. Dotted: {len(others):,} networks of the zoo together.")
