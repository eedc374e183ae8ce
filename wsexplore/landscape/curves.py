"""The four curves of a path: raw, aligned, and aligned with statistics repaired."""

from wsexplore.align import repaired_layers, running_layers
from wsexplore.datasets import Dataset, dataset
from wsexplore.landscape.barrier import Barrier, walked
from wsexplore.landscape.walk import CALIBRATION, Walk, pair_ends
from wsexplore.nets import Architecture
from wsexplore.population import OnStep, device_of
from wsexplore.zoo import Zoo


def barrier_curves(
    zoo: Zoo,
    first: int,
    second: int,
    data: str | Dataset,
    *,
    steps: int = 25,
    split: str = "test",
    calibration: int = CALIBRATION,
    seed: int = 0,
    device: str = "auto",
    on_step: OnStep | None = None,
) -> dict[str, Barrier]:
    """What alignment takes off a barrier, and what repaired statistics take off the rest; keywords as in `barrier`.

    Returns:
        "naive" and "aligned"; "aligned + reset" where the networks have running statistics; "aligned + REPAIR" where
        they have layers that it can correct.

    Raises:
        ValueError: as in `barrier`.
    """
    source, name = (dataset(data), data) if isinstance(data, str) else (data, data.name)
    target, architecture = device_of(device), zoo.architecture_of(first)
    kinds = {"naive": (False, "none"), "aligned": (True, "none"), **_repairs(architecture)}
    curves: dict[str, Barrier] = {}

    def tell(fraction: float, message: str) -> None:
        if on_step is not None:
            on_step((len(curves) + fraction) / len(kinds), f"{list(kinds)[len(curves)]}: {message}")

    for kind, (align, repair) in kinds.items():
        walk = Walk(steps, split, align, repair, calibration, seed)
        if kind in ("naive", "aligned"):
            tell(0.0, "matching units" if align else "reading weights")
            ends = pair_ends(zoo, first, second, align=align, seed=seed).to(target)
        curves[kind] = walked(zoo, (first, second), source, name, ends, walk, on_step=tell)
    return curves


def _repairs(architecture: Architecture) -> dict[str, tuple[bool, str]]:
    """The repairs that there is something for in these networks."""
    found = {"aligned + reset": (True, "reset")} if running_layers(architecture) else {}
    try:
        layers = repaired_layers(architecture)
    except ValueError:
        layers = ()
    return {**found, "aligned + REPAIR": (True, "repair")} if layers else found
