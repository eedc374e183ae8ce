"""The planes that can be drawn around one network and through three."""

from collections.abc import Sequence
from typing import Any, Unpack

import torch
from jaxtyping import Float
from torch import Tensor

from wsexplore.datasets import Dataset, dataset
from wsexplore.landscape.directions import plane_through, random_directions
from wsexplore.landscape.drawing import AUTO, Drawing, draw_plane
from wsexplore.landscape.ends import kind_of, pair_ends
from wsexplore.landscape.plane import Plane, Sheet, check_points
from wsexplore.landscape.subspace import Subspace
from wsexplore.landscape.told import quoted, told
from wsexplore.landscape.walk import CALIBRATION, within
from wsexplore.population import OnStep
from wsexplore.zoo import Recipe, Zoo

MARGIN = 0.2
"""Room around the networks of a plane, as a share of the distance between the outermost."""

WIDEST = 100.0
"""Largest span of a random plane."""


def random_plane(
    zoo: Zoo,
    row: int,
    data: str | Dataset,
    *,
    points: int = 51,
    span: float = 1.0,
    normalise: str = "filter",
    **drawing: Unpack[Drawing],
) -> Plane:
    """The loss around a network, along two random directions from `-span` to `span`.

    One unit is a direction as long as the network, unit by unit; see `random_directions`. With an odd number of points
    the network itself is the one in the middle.

    Args:
        zoo: it holds the network, which is read, never changed.
        row: of the network.
        data: name of a data set, or the data set.
        points: per side, 3 to 401.
        span: how far to look, in units of the directions.
        normalise: "filter", "layer" or "none".
        drawing: keywords of `Drawing`.

    Raises:
        ValueError: a row, a number or a word is out of range, or the data do not fit.
    """
    source, name = data_of(data)
    shape: Any = {"points": points, "span": span, "normalise": normalise}
    return draw_plane(random_sheet(zoo, row, name, **shape, **looked_at(drawing)), source, **drawing)


def random_sheet(
    zoo: Zoo,
    row: int,
    data: str,
    *,
    points: int = 51,
    span: float = 1.0,
    normalise: str = "filter",
    split: str = "test",
    statistics: str = AUTO,
    calibration: int = CALIBRATION,
    seed: int = 0,
) -> Sheet:
    """What `random_plane` draws on; keywords as there.

    Raises:
        ValueError: a row, a number or a word is out of range.
    """
    architecture, grid = kind_of(zoo, [row]), torch.linspace(-span, span, check_points(points))
    if points % 2:
        grid[points // 2] = 0.0
    if not 0 < span <= WIDEST:
        raise ValueError(f"a plane reaches from 0 to {WIDEST:g} units of its directions, got span {span:g}")
    weights, buffers = zoo.rows([row]), zoo.buffer_rows([row])
    axes = random_directions(weights[0], architecture.layout, normalise=normalise, seed=seed)
    network = str(zoo.table["id"].iloc[row])
    options = {"points": points, "span": span, "normalise": normalise}
    options |= judged_by(split, statistics, calibration)
    return Sheet(
        "random",
        Subspace(architecture, torch.cat([weights, axes]), still(buffers)),
        grid,
        grid,
        {"filter": "filter norms", "layer": "layer norms", "none": "norms of the network"}[normalise],
        weights,
        buffers,
        ((network, "network"),),
        plane_recipe("random_plane", zoo, [row], [network], data, options, seed),
    )


def networks_plane(
    zoo: Zoo,
    rows: Sequence[int],
    data: str | Dataset,
    *,
    points: int = 51,
    align: bool = False,
    method: str = "auto",
    canonical: str = "none",
    **drawing: Unpack[Drawing],
) -> Plane:
    """The plane through three networks, in true L2 distance (Garipov et al., NeurIPS 2018, arXiv:1802.10026).

    Args:
        zoo: it holds all three; `concat` joins networks of several zoos.
        rows: of the three. The first is the origin, the second lies on the horizontal axis.
        data: name of a data set, or the data set.
        points: per side.
        align: match the units of the second and the third to the first's before.
        method: of the matching, a name in `METHODS`.
        canonical: "none", "minimum-norm" or "unit-norm", what rescaling brings all of them to first.
        drawing: keywords of `Drawing`; the seed is that of the matching, too.

    Raises:
        ValueError: there are not three different networks of one kind, they lie on one line, or what `random_plane`
            refuses.
    """
    source, _ = data_of(data)
    on_step = drawing.get("on_step")
    drawing["on_step"] = within(on_step, 0.1, 1.0)
    shape: Any = {"points": points, "align": align, "method": method, "canonical": canonical}
    shape |= {"on_step": within(on_step, 0.0, 0.1)}
    return draw_plane(networks_sheet(zoo, rows, data, **shape, **looked_at(drawing)), source, **drawing)


def networks_sheet(
    zoo: Zoo,
    rows: Sequence[int],
    data: str | Dataset,
    *,
    points: int = 51,
    align: bool = False,
    method: str = "auto",
    canonical: str = "none",
    split: str = "test",
    statistics: str = AUTO,
    calibration: int = CALIBRATION,
    seed: int = 0,
    on_step: OnStep | None = None,
) -> Sheet:
    """What `networks_plane` draws on; keywords as there.

    Raises:
        ValueError: as there.
    """
    if len(rows) != 3:
        raise ValueError(f"this plane goes through three networks, got {len(rows)}")
    architecture, names = kind_of(zoo, rows), [str(zoo.table["id"].iloc[row]) for row in rows]
    if len(set(rows)) < 3:
        raise ValueError(f"this plane goes through three different networks, got {', '.join(names)}")
    source, name = data_of(data)
    ends = [
        pair_ends(
            zoo,
            rows[0],
            row,
            align=align,
            method=method,
            canonical=canonical,
            data=source,
            seed=seed,
            on_step=on_step,
        )
        for row in rows[1:]
    ]
    networks = torch.cat([ends[0].weights, ends[1].weights[1:]])
    buffers = torch.cat([ends[0].buffers, ends[1].buffers[1:]])
    options: dict[str, Any] = {"points": points, "align": align}
    options |= {"method": method} if method != "auto" else {}
    options |= {"canonical": canonical} if canonical != "none" else {}
    options |= judged_by(split, statistics, calibration)
    return through(
        "networks",
        Subspace(architecture, networks, buffers),
        points,
        tuple((network, "network") for network in names),
        plane_recipe("networks_plane", zoo, list(rows), names, name, options, seed),
    )


def through(
    kind: str,
    networks: Subspace,
    points: int,
    names: tuple[tuple[str, str], ...],
    recipe: Recipe,
    line: Float[Tensor, "places parameters"] | None = None,
) -> Sheet:
    """A square sheet around three networks, with room on all sides, and a line on it.

    Raises:
        ValueError: the three lie on one line.
    """
    weights, buffers = networks.vectors, networks.statistics
    axes, places = plane_through(weights)
    drawn = places if line is None else torch.cat([places, (line - weights[0]) @ axes.T])
    low, high = drawn.min(0).values, drawn.max(0).values
    half = float((high - low).max()) * (0.5 + MARGIN)
    middle = ((low + high) / 2).tolist()
    moves = buffers[1:] - buffers[0]
    statistics = torch.cat([buffers[:1], torch.linalg.solve(places[1:].double(), moves.double()).float()])
    xs, ys = (torch.linspace(centre - half, centre + half, check_points(points)) for centre in middle)
    subspace = Subspace(networks.architecture, torch.cat([weights[:1], axes]), statistics)
    paths = {} if line is None else {"learned curve": ((line - weights[0]) @ axes.T).numpy()}
    return Sheet(kind, subspace, xs, ys, "L2 distance", weights, buffers, names, recipe, paths=paths)


def looked_at(drawing: Drawing) -> dict[str, Any]:
    """The keywords of a drawing of which the recipe tells."""
    return {key: value for key, value in drawing.items() if key in ("split", "statistics", "calibration", "seed")}


def judged_by(split: str, statistics: str, calibration: int) -> dict[str, Any]:
    """How a plane is judged, for a recipe; the calibration where it is not the usual one."""
    more = {} if calibration == CALIBRATION else {"calibration": calibration}
    return {"split": split, "statistics": statistics, **more}


def still(buffers: Float[Tensor, "1 buffers"]) -> Float[Tensor, "3 buffers"]:
    """Running statistics that do not change along two directions."""
    return torch.cat([buffers, torch.zeros(2, buffers.shape[1])])


def data_of(data: str | Dataset) -> tuple[Dataset, str]:
    """The data set, and the name that a recipe calls it by."""
    return (dataset(data), data) if isinstance(data, str) else (data, data.name)


def plane_recipe(
    action: str, zoo: Zoo, rows: Sequence[int], names: Sequence[str], data: str, options: dict[str, Any], seed: int
) -> Recipe:
    """Of a random plane, of one through networks, or of a trajectory, whose row is the number of the run."""
    words, flags = told(options)
    kind = action.removesuffix("_plane")
    first = repr([int(row) for row in rows]) if kind == "networks" else str(int(rows[0]))
    asked = {"random": f" {quoted(names)}", "networks": f" {quoted(names)}", "trajectory": f" --run {rows[0]}"}[kind]
    return Recipe.of(
        action,
        inputs={"zoo": zoo.fingerprint},
        arguments={"networks": list(names), "dataset": data, **options},
        seed=seed,
        cli=f"wsexplore landscape plane ZOO{asked} --dataset {data} {flags} --seed {seed}",
        python=f"wx.{action}(zoo, {first}, {data!r}, {words}, seed={seed})",
    )
