"""The barrier between two classifiers, raw and aligned."""

import numpy as np
import streamlit as st

from app_pages.frame import recipe, show
from app_pages.handles import walk
from wsexplore.figures import curves_figure


def mountain(name: str, first: int, second: int, data: str) -> None:
    """How high it is on both paths, the curves, and their recipe."""
    raw, aligned = (walk(name, first, second, align, data, 25) for align in (False, True))
    middle = len(raw.alphas) // 2
    left, right = st.columns(2)
    left.metric(
        "Barrier",
        f"{aligned.height:.3f} nats",
        f"{aligned.height - raw.height:.3f} nats",
        delta_color="inverse",
        help="Largest excess of the loss over the chord; the change is against the raw path.",
    )
    right.metric(
        "Accuracy half-way",
        f"{aligned.accuracies[middle]:.1%}",
        f"{100 * (aligned.accuracies[middle] - raw.accuracies[middle]):+.1f} points",
        help="Test accuracy of the mean of the two networks.",
    )
    show(
        curves_figure(
            {"raw": (raw.alphas, raw.losses), "aligned": (aligned.alphas, aligned.losses)},
            unit="nats",
            title="test loss",
        ),
        key="barrier",
        alt=f"Loss from {raw.first} to {raw.second}: barrier {raw.height:.2f} nats raw, {aligned.height:.2f} nats "
        "aligned",
        table=raw.frame().merge(aligned.frame(), on="position", suffixes=("_raw", "_aligned")),
    )
    recipe(aligned.recipe)
    if not np.isfinite(raw.losses).all():
        st.warning("One of the networks diverged: parts of the curve are not finite.")
