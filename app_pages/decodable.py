"""The decodable map: a plane of latents, where every point is a network that can be had."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st
import torch

from app_pages.encoders import aligned_zoo, python_of
from app_pages.frame import recipe, sentence, show
from app_pages.keep import take_along
from app_pages.pick import data_of
from app_pages.plain import plain
from app_pages.work import result_of
from wsexplore.datasets import Dataset
from wsexplore.embed import Encoder, LatentPlane
from wsexplore.figures import plane_figure
from wsexplore.generate.nearest import nearest
from wsexplore.population import OnStep, evaluate
from wsexplore.zoo import Recipe, Zoo

ACROSS = 25
"""Places of the grid along each axis."""
OWN = 100
"""Networks of the zoo whose own nearest distance says what is near."""
STEP = 10
"""Networks that are matched between two chances to cancel."""


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """A plane with what its grid decodes into.

    Attributes:
        plane: of latents.
        aligned: the zoo in the frame of the encoder.
        x: places along the first axis.
        y: places along the second.
        accuracy: of the decoded networks, rows by y.
        own: median distance of some networks to their nearest of another run.
    """

    plane: LatentPlane
    aligned: Zoo
    x: np.ndarray
    y: np.ndarray
    accuracy: np.ndarray
    own: float


def decodable(name: str, zoo: Zoo, encoder: Encoder, called: str) -> None:
    """The map by the encoder of a name, and the network of the point that was clicked."""
    if zoo.architecture.task == "field":
        st.info("This map is coloured by accuracy, and these networks are fields; open a zoo of classifiers.")
        st.stop()
    if encoder.reader_of(zoo.architecture).architecture.buffers.size:
        st.info("Decoded networks with running statistics need data before they run; see the part Sampling.")
        st.stop()
    data = data_of(zoo)
    with sentence():
        ground: Ground = result_of(
            f"plane {zoo.fingerprint} {encoder.fingerprint}",
            "Decoding the plane",
            lambda progress: _ground(name, zoo, encoder, data, progress),
        )
    share = ground.plane.projection.variance
    chart = st.container()
    st.text_input(
        "Point",
        key="at",
        bind="query-params",
        placeholder="click on the map, or type coordinates: 1.5,-2",
        help="A point of the plane as text: it travels in the link, and it is the keyboard's way to choose one.",
    )
    try:
        at = _parsed(st.session_state.get("at") or "", ground)
    except ValueError as error:
        st.warning(plain(f"{str(error)[:1].upper()}{str(error)[1:]}; the map marks its best point instead."))
        at = _parsed("", ground)
    table, best = zoo.table, np.unravel_index(ground.accuracy.argmax(), ground.accuracy.shape)
    own = table["test_accuracy"].to_numpy(np.float64) if "test_accuracy" in table else np.full(len(table), np.nan)
    with chart:
        show(
            plane_figure(
                ground.x,
                ground.y,
                ground.accuracy,
                ground.plane.points,
                own,
                table["id"].tolist(),
                labels=(f"latent 1 ({share[0]:.0%} of variance)", f"latent 2 ({share[1]:.0%} of variance)"),
                chosen=at,
            ),
            key="plane",
            alt=f"Accuracy of {ground.accuracy.size} networks decoded from a plane of latents, at best "
            f"{ground.accuracy.max():.3f} at {ground.x[best[1]]:.2f}, {ground.y[best[0]]:.2f}",
            table=pd.DataFrame(
                {
                    "x": np.tile(ground.x, len(ground.y)),
                    "y": np.repeat(ground.y, len(ground.x)),
                    "accuracy": ground.accuracy.ravel(),
                }
            ),
            on_select=_keep_point,
            selection_mode="points",
        )
        st.caption(
            f"The ground is what {ground.accuracy.size} points decode into; the marks are trained networks. A mark "
            "that differs from its ground shows what two directions leave out."
            + ("" if np.isfinite(own).all() else " Hollow marks were never judged.")
        )
    _network(name, zoo, called, ground, at, data)


def _ground(name: str, zoo: Zoo, encoder: Encoder, data: Dataset, on_step: OnStep) -> Ground:
    aligned = aligned_zoo(name, zoo, lambda f, m: on_step(0.2 * f, m))
    on_step(0.2, "encoding")
    plane = LatentPlane.of(encoder, aligned, on_step=lambda f, m: on_step(0.2 + 0.3 * f, m))
    x, y = plane.grid(ACROSS)
    across, down = np.meshgrid(x, y)
    decoded = []
    for row in range(len(y)):
        on_step(0.5 + 0.2 * row / len(y), "decoding")
        decoded.append(plane.decode(np.stack([across[row], down[row]], 1)))
    made = Zoo.from_weights(plane.architecture, torch.cat(decoded))
    scores = evaluate(made, data, on_step=lambda f, m: on_step(0.7 + 0.1 * f, m))["test_accuracy"].to_numpy()
    own = _own_distance(plane, aligned, lambda f, m: on_step(0.8 + 0.2 * f, m))
    return Ground(plane, aligned, x, y, scores.reshape(len(y), len(x)), own)


def _own_distance(plane: LatentPlane, aligned: Zoo, on_step: OnStep) -> float:
    """How far networks lie from the nearest of another run."""
    runs = aligned.table["run"].to_numpy()
    rows = np.random.default_rng(0).permutation(len(aligned))[:OWN]
    reader = plane.encoder.reader_of(plane.architecture)
    weights, distances = aligned.weights, []
    for start in range(0, len(rows), STEP):
        on_step(start / len(rows), "measuring distances")
        some = rows[start : start + STEP]
        same = [np.flatnonzero(runs == runs[row]) for row in some]
        found = nearest(aligned.rows(some), weights, reader.spec, plane.architecture.layout, left_out=same)
        distances.append(found.distance)
    apart = np.concatenate(distances)
    finite = apart[np.isfinite(apart)]
    return float(np.median(finite)) if len(finite) else float("nan")


def _keep_point() -> None:
    """Write the clicked point into the text field, which is also its place in the link."""
    if points := st.session_state["plane"]["selection"]["points"]:
        st.session_state["at"] = f"{points[0]['x']:.4g},{points[0]['y']:.4g}"


def _parsed(text: str, ground: Ground) -> tuple[float, float]:
    """The point of the text, or the best of the grid.

    Raises:
        ValueError: the text is no pair of numbers.
    """
    if not text.strip():
        row, column = np.unravel_index(ground.accuracy.argmax(), ground.accuracy.shape)
        return float(ground.x[column]), float(ground.y[row])
    try:
        x, y = (float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"a point is two numbers like 1.5,-2, got {text[:40]!r}") from None
    if not np.isfinite([x, y]).all() or max(abs(x), abs(y)) > 1e6:
        raise ValueError(f"a point is two finite numbers like 1.5,-2, got {text[:40]!r}")
    return x, y


def _network(name: str, zoo: Zoo, called: str, ground: Ground, at: tuple[float, float], data: Dataset) -> None:
    """The network that a point decodes into: how good, and how new."""
    plane = ground.plane
    weights = plane.decode(np.array([at]))
    made = Recipe.of(
        "decode",
        inputs={"encoder": plane.encoder.fingerprint, "zoo": ground.aligned.fingerprint},
        arguments={"x": at[0], "y": at[1]},
        python=f"{python_of(name, zoo, called)}\n"
        f"weights = LatentPlane.of(encoder, aligned).decode(np.array([[{at[0]!r}, {at[1]!r}]]))",
    )
    table = pd.DataFrame({"id": [f"point-{at[0]:.3g}-{at[1]:.3g}"], "run": [0], "epoch": [0], "dataset": [data.name]})
    fresh = Zoo.from_weights(plane.architecture, weights, table=table, recipe=made)
    accuracy = float(evaluate(fresh, data)["test_accuracy"].iloc[0])
    reader = plane.encoder.reader_of(plane.architecture)
    near = nearest(weights, ground.aligned.weights, reader.spec, plane.architecture.layout)
    neighbour = str(ground.aligned.table["id"].iloc[int(near.row[0])])
    novelty = float(near.distance[0]) / ground.own
    st.subheader("The network of this point")
    cells = st.columns(3)
    cells[0].metric("Test accuracy", f"{accuracy:.1%}", help="Of the decoded network; nobody trained it.")
    cells[1].metric("Nearest network", neighbour, help="Of the zoo, whatever the order of units.")
    cells[2].metric(
        "Novelty",
        f"{novelty:.2f}",
        help="Its distance to the nearest network, over the median distance of trained networks of different runs.",
    )
    st.page_link(
        "app_pages/network.py",
        label=f"Look at {plain(neighbour)}",
        icon=":material/hub:",
        query_params={"zoo": name, "a": neighbour},
    )
    scored = fresh.with_table(fresh.table.assign(test_accuracy=accuracy, novelty=novelty, nearest=neighbour))
    recipe(made)
    take_along(scored, f"{name}-point")
