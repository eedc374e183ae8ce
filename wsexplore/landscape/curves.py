"""The four curves of a path: raw, aligned, and aligned with statistics repaired."""

from wsexplore.datasets import Dataset, dataset
from wsexplore.landscape.barrier import Barrier, walked
from wsexplore.landscape.ends import pair_ends
from wsexplore.landscape.route import Route, barrier_recipe, names_of
from wsexplore.landscape.walk import CALIBRATION, Walk, repairs_of, within
from wsexplore.population import OnStep, device_of
from wsexplore.zoo import Zoo

RAW = "naive"
"""What the curve of the networks as they were trained is called."""

WAYS = {"none": "aligned", "reset": "aligned + reset", "repair": "aligned + REPAIR"}
"""What the aligned curves are called, by their repair."""


def barrier_curves(
    zoo: Zoo,
    first: int,
    second: int,
    data: str | Dataset,
    *,
    steps: int = 25,
    split: str = "test",
    method: str = "auto",
    canonical: str = "none",
    calibration: int = CALIBRATION,
    seed: int = 0,
    device: str = "auto",
    on_step: OnStep | None = None,
) -> dict[str, Barrier]:
    """What alignment takes off a barrier, and what repaired statistics take off the rest; keywords as in `barrier`.

    Units are matched once. The first curve is of the networks as they were trained, at the scales that they have.

    Returns:
        "naive" and "aligned"; "aligned + reset" where the networks have running statistics; "aligned + REPAIR" where
        they have layers that it can correct.

    Raises:
        ValueError: as in `barrier`.
    """
    walks = ways_of(
        repairs_of(zoo.architecture_of(first)) if 0 <= first < len(zoo) else (),
        steps=steps,
        split=split,
        method=method,
        canonical=canonical,
        calibration=calibration,
        seed=seed,
    )
    source, name = (dataset(data), data) if isinstance(data, str) else (data, data.name)
    target = device_of(device)
    curves: dict[str, Barrier] = {}

    def tell(fraction: float, message: str) -> None:
        if on_step is not None:
            on_step((len(curves) + fraction) / len(walks), f"{list(walks)[len(curves)]}: {message}")

    for kind, walk in walks.items():
        if kind in (RAW, WAYS["none"]):
            found = pair_ends(zoo, first, second, **walk.matching, data=source, on_step=within(tell, 0.0, 0.5))
            ends = found.to(target)
        recipe = barrier_recipe(zoo, (first, second), name, walk)
        route = Route(ends, walk, source, names_of(zoo, (first, second)), recipe, walk.align)
        curves[kind] = walked(route, on_step=within(tell, 0.5, 1.0))
    return curves


def ways_of(
    repairs: tuple[str, ...], *, steps: int, split: str, method: str, canonical: str, calibration: int, seed: int
) -> dict[str, Walk]:
    """Every way to walk: raw, aligned, and aligned with each of these repairs.

    Raises:
        ValueError: a keyword is out of range, or a word is unknown.
    """
    walks = {RAW: Walk(steps, split, False, "none", calibration, seed)}
    for repair in ("none", *repairs):
        walks[WAYS[repair]] = Walk(steps, split, True, repair, calibration, seed, method, canonical)
    return walks
