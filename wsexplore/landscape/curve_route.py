"""The way along a learned curve."""

from wsexplore.datasets import Dataset, dataset
from wsexplore.landscape.bend import Curve
from wsexplore.landscape.route import Route
from wsexplore.landscape.told import told
from wsexplore.landscape.walk import CALIBRATION, Walk
from wsexplore.population import device_of
from wsexplore.zoo import Recipe, Zoo


def curve_route(
    zoo: Zoo,
    curve: Curve,
    data: str | Dataset,
    *,
    steps: int = 25,
    split: str = "test",
    repair: str = "none",
    calibration: int = CALIBRATION,
    seed: int = 0,
    device: str = "auto",
) -> Route:
    """The way along a learned curve, to be walked like any other; keywords as in `barrier`.

    Raises:
        ValueError: the zoo does not hold both ends, or a keyword is out of range.
    """
    source, name = (dataset(data), data) if isinstance(data, str) else (data, data.name)
    walk = Walk(steps, split, False, repair, calibration, seed)
    repaired = "".join(f" --{key} {value}" for key, value in walk.chosen.items())
    words, _ = told({"steps": steps, "split": split, **walk.chosen, "seed": seed})
    recipe = Recipe.of(
        "curve_barrier",
        inputs={"zoo": zoo.fingerprint, **curve.recipe.inputs},
        arguments={"curve": curve.recipe.arguments, "dataset": name, **walk.arguments},
        seed=seed,
        cli=f"{curve.recipe.cli} --split {split} --steps {steps}{repaired}",
        python=f"curve = {curve.recipe.python}\nwx.walked(wx.curve_route(zoo, curve, {name!r}, {words}))",
    )
    ends = curve.path(zoo).to(device_of(device))
    python = f"curve = {curve.recipe.python}\nroute = wx.curve_route(zoo, curve, {name!r}, {words})"
    return Route(ends, walk, source, (curve.first, curve.second), recipe, curve.aligned, python)
