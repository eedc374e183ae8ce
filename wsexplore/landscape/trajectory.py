"""The plane along a training."""

from typing import Unpack

import numpy as np
import torch

from wsexplore.datasets import Dataset
from wsexplore.landscape.directions import principal_directions
from wsexplore.landscape.drawing import AUTO, Drawing, draw_plane
from wsexplore.landscape.ends import kind_of
from wsexplore.landscape.plane import Plane, Sheet, check_points
from wsexplore.landscape.planes import MARGIN, data_of, judged_by, looked_at, plane_recipe, still
from wsexplore.landscape.subspace import Subspace
from wsexplore.landscape.walk import CALIBRATION
from wsexplore.zoo import Zoo


def trajectory_plane(zoo: Zoo, run: int, data: str | Dataset, *, points: int = 51, **drawing: Unpack[Drawing]) -> Plane:
    """The plane that holds most of a training's way, around its last checkpoint.

    Every checkpoint is marked with the loss that it has itself, which differs from that of its shadow on the plane, and
    with its distance from the plane.

    Args:
        zoo: it holds three checkpoints or more of the run.
        run: its number, as in the table.
        data: name of a data set, or the data set.
        points: per side.
        drawing: keywords of `Drawing`.

    Raises:
        ValueError: the run has fewer than three checkpoints here, or what `random_plane` refuses.
    """
    source, name = data_of(data)
    return draw_plane(trajectory_sheet(zoo, run, name, points=points, **looked_at(drawing)), source, **drawing)


def trajectory_sheet(
    zoo: Zoo,
    run: int,
    data: str,
    *,
    points: int = 51,
    split: str = "test",
    statistics: str = AUTO,
    calibration: int = CALIBRATION,
    seed: int = 0,
) -> Sheet:
    """What `trajectory_plane` draws on; keywords as there.

    Raises:
        ValueError: as there.
    """
    table = zoo.entries.part(["id", "run", "epoch"])
    rows = np.flatnonzero(table["run"].to_numpy() == run)
    if len(rows) < 3:
        raise ValueError(f"run {run} has {len(rows)} checkpoints in this zoo; a trajectory's plane needs three or more")
    rows = rows[np.argsort(table["epoch"].to_numpy()[rows], kind="stable")]
    architecture, names = kind_of(zoo, rows.tolist()), table["id"].iloc[rows].astype(str).tolist()
    weights, buffers = zoo.rows(rows), zoo.buffer_rows(rows)
    axes, shares = principal_directions(weights)
    places = (weights - weights[-1]) @ axes.T
    half = float((places.max(0).values - places.min(0).values).max()) * (0.5 + MARGIN)
    middle = ((places.max(0).values + places.min(0).values) / 2).tolist()
    xs, ys = (torch.linspace(centre - half, centre + half, check_points(points)) for centre in middle)
    options = {"points": points, **judged_by(split, statistics, calibration)}
    epochs = table["epoch"].iloc[rows].tolist()
    return Sheet(
        "trajectory",
        Subspace(architecture, torch.cat([weights[-1:], axes]), still(buffers[-1:])),
        xs,
        ys,
        "L2 distance",
        weights,
        buffers,
        tuple((f"{network}, epoch {epoch}", "checkpoint") for network, epoch in zip(names, epochs, strict=True)),
        plane_recipe("trajectory_plane", zoo, [run], [names[-1]], data, options, seed),
        explained=shares,
        paths={"training": places.numpy()},
    )
