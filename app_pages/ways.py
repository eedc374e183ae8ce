"""All paths between two networks on one axis: raw, matched, repaired, rescaled, along an arc, and along a curve."""

from dataclasses import replace

import streamlit as st

from app_pages.curves import TITLES, curves_frame
from app_pages.frame import recipe, show
from app_pages.legs import STEPS, Way
from app_pages.plain import plain
from app_pages.work import result_of
from wsexplore.figures import curves_figure
from wsexplore.jobs import Progress
from wsexplore.landscape import Barrier, barrier, barrier_curves, curve_route, fit_curve, walked

TOLD = {**TITLES, "least norm, aligned": "Least norm, matched", "arc": "Raw, arc", "Bezier": "Raw, Bezier"}
"""What the metric of each path is called."""


def ways(way: Way) -> None:
    """Every way to walk between the first two networks, its barrier, and loss and accuracy beside each other."""
    title = "Walking every path"
    pair = way.networks.refs[:2], way.networks.name, way.networks.rows[:2], way.data.name, way.split
    found: dict[str, Barrier] = result_of(f"ways {pair}", title, _work(way), show=_draw(way))
    _draw(way)(found)
    lines = "\n".join(curve.recipe.python for curve in found.values())
    recipe(way.networks.recipe(replace(found["aligned"].recipe, action="barriers", cli="", python=lines)))


def _work(way: Way):
    zoo, rows, data = way.networks.zoo, way.networks.rows[:2], way.data
    options = {"steps": STEPS[1], "split": way.split}

    def work(progress: Progress) -> dict[str, Barrier]:
        def part(low: float, high: float):
            return lambda fraction, message: progress(low + (high - low) * fraction, message)

        found = barrier_curves(zoo, *rows, data, **options, on_step=part(0.0, 0.4))
        progress.partial(dict(found))
        least = barrier(zoo, *rows, data, align=True, canonical="minimum-norm", **options, on_step=part(0.4, 0.5))
        found["least norm, aligned"] = least
        found["arc"] = barrier(zoo, *rows, data, path="slerp", **options, on_step=part(0.5, 0.6))
        progress.partial(dict(found))
        curve = fit_curve(zoo, *rows, data, on_step=part(0.6, 0.95))
        repair = "reset" if "aligned + reset" in found else "none"
        found["Bezier"] = walked(curve_route(zoo, curve, data, repair=repair, **options))
        return found

    return work


def _draw(way: Way):
    def draw(found: dict[str, Barrier]) -> None:
        raw = found["naive"].height
        for row in range(0, len(found), 4):
            some = list(found.items())[row : row + 4]
            for cell, (name, curve) in zip(st.columns(4), some, strict=False):
                cell.metric(
                    TOLD[name],
                    f"{curve.height:.3f} nats",
                    None if name == "naive" else f"{curve.height - raw:.3f} nats",
                    delta_color="inverse",
                    help=f"Barrier in the {way.split} loss, ± {curve.standard_error:.3f}; the change is against raw.",
                )
        for cell, measure in zip(st.columns(2), ("loss", "accuracy"), strict=True):
            values = {name: curve.losses if measure == "loss" else curve.accuracies for name, curve in found.items()}
            with cell:
                show(
                    curves_figure(
                        {name: (curve.alphas, values[name]) for name, curve in found.items()},
                        unit="nats" if measure == "loss" else "fraction of 1",
                        title=f"{way.split} {measure}",
                        height=420,
                    ),
                    key=f"paths-{measure}",
                    alt=f"{way.split.title()} {measure} from {way.networks.ids[0]} to {way.networks.ids[1]}: barrier "
                    + ", ".join(f"{curve.height:.2f} nats {name}" for name, curve in found.items()),
                    table=curves_frame(found),
                )
        missing = [TITLES[name].lower() for name in TITLES if name not in found]
        none = f" These networks have nothing for: {', '.join(missing)}." if missing else ""
        st.caption(plain(f"The same two ends, joined in {len(found)} ways; the dotted line is the chord.{none}"))

    return draw
