"""The four curves of a path: raw, matched, matched with statistics measured anew, matched with REPAIR."""

import pandas as pd
import streamlit as st

from app_pages.frame import recipe, show
from app_pages.matched import curves
from app_pages.pair import Pair
from app_pages.plain import plain
from wsexplore.figures import curves_figure
from wsexplore.landscape import Barrier

TITLES = {
    "naive": "Raw",
    "aligned": "Matched",
    "aligned + reset": "Matched, reset",
    "aligned + REPAIR": "Matched, REPAIR",
}
"""What the metric of each curve is called."""


def all_paths(pair: Pair, split: str) -> None:
    """Every way to walk between two classifiers, its barrier, and loss and accuracy beside each other."""
    found = curves(pair, split)
    raw = found["naive"].height
    for cell, (name, curve) in zip(st.columns(len(found)), found.items(), strict=True):
        cell.metric(
            TITLES[name],
            f"{curve.height:.3f} nats",
            None if name == "naive" else f"{curve.height - raw:.3f} nats",
            delta_color="inverse",
            help=f"Barrier in the {split} loss; the change is against the raw path.",
        )
    for cell, measure in zip(st.columns(2), ("loss", "accuracy"), strict=True):
        values = {name: curve.losses if measure == "loss" else curve.accuracies for name, curve in found.items()}
        with cell:
            show(
                curves_figure(
                    {name: (curve.alphas, values[name]) for name, curve in found.items()},
                    unit="nats" if measure == "loss" else "fraction of 1",
                    title=f"{split} {measure}",
                    height=360,
                ),
                key=f"paths-{measure}",
                alt=f"{split.title()} {measure} from {pair.ids[0]} to {pair.ids[1]}: barrier "
                + ", ".join(f"{curve.height:.2f} nats {name}" for name, curve in found.items()),
                table=curves_frame(found),
            )
    missing = [TITLES[name].lower() for name in TITLES if name not in found]
    none = f" These networks have nothing for: {', '.join(missing)}." if missing else ""
    st.caption(plain(f"The same two ends, joined in {len(found)} ways; the dotted line is the chord.{none}"))
    recipe(list(found.values())[-1].recipe)


def curves_frame(found: dict[str, Barrier]) -> pd.DataFrame:
    """A row per position, loss and accuracy of each path."""
    columns = {"position": next(iter(found.values())).alphas}
    for name, curve in found.items():
        columns |= {f"loss_{name}": curve.losses, f"accuracy_{name}": curve.accuracies}
    return pd.DataFrame(columns)
