"""The plane in which a learned curve lies."""

from typing import Unpack

import torch

from wsexplore.datasets import Dataset
from wsexplore.landscape.bend import Curve
from wsexplore.landscape.drawing import AUTO, Drawing, draw_plane
from wsexplore.landscape.plane import Plane, Sheet
from wsexplore.landscape.planes import data_of, judged_by, looked_at, through
from wsexplore.landscape.subspace import Subspace
from wsexplore.landscape.told import told
from wsexplore.landscape.walk import CALIBRATION
from wsexplore.zoo import Recipe, Zoo


def curve_plane(zoo: Zoo, curve: Curve, data: str | Dataset, *, points: int = 51, **drawing: Unpack[Drawing]) -> Plane:
    """The plane through both ends of a learned curve and its bend, in which the curve with one bend lies.

    Args:
        zoo: it holds both ends.
        curve: with one bend; of several, the plane goes through the middle one.
        data: name of a data set, or the data set.
        points: per side.
        drawing: keywords of `Drawing`.

    Raises:
        ValueError: the zoo does not hold both ends, or what `random_plane` refuses.
    """
    source, name = data_of(data)
    return draw_plane(curve_sheet(zoo, curve, name, points=points, **looked_at(drawing)), source, **drawing)


def curve_sheet(
    zoo: Zoo,
    curve: Curve,
    data: str,
    *,
    points: int = 51,
    split: str = "test",
    statistics: str = AUTO,
    calibration: int = CALIBRATION,
    seed: int = 0,
) -> Sheet:
    """What `curve_plane` draws on; keywords as there.

    Raises:
        ValueError: as there.
    """
    ends, middle = curve.path(zoo), len(curve.bends) // 2
    weights = torch.cat([curve.ends, curve.bends[middle : middle + 1]])
    buffers = torch.cat([curve.statistics, curve.statistics.mean(0, keepdim=True)])
    options = {"points": points, **judged_by(split, statistics, calibration)}
    words, flags = told(options)
    recipe = Recipe.of(
        "curve_plane",
        inputs={"zoo": zoo.fingerprint, **curve.recipe.inputs},
        arguments={"curve": curve.recipe.arguments, "dataset": data, **options},
        seed=seed,
        cli=f"{curve.recipe.cli} --plane {flags}",
        python=f"curve = {curve.recipe.python}\nwx.curve_plane(zoo, curve, {data!r}, {words}, seed={seed})",
    )
    names = ((curve.first, "network"), (curve.second, "network"), ("bend", "bend"))
    line = curve.networks(torch.linspace(0, 1, 101))
    return through("curve", Subspace(ends.architecture, weights, buffers), points, names, recipe, line)
