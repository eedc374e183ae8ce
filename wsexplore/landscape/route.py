"""The way from one network to another: its ends, how it is walked, and on what it is judged."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from wsexplore.datasets import Dataset, Split, dataset
from wsexplore.landscape.ends import PathEnds, calibration_inputs, pair_ends, path_networks
from wsexplore.landscape.told import quoted
from wsexplore.landscape.walk import Walk
from wsexplore.population import OnStep, device_of
from wsexplore.zoo import Recipe, Zoo


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """A path between two networks, ready to be walked.

    Attributes:
        ends: of the path, and its bends.
        walk: steps, split and repair.
        data: what networks are judged on, and what statistics are measured on.
        names: ids of the two networks.
        recipe: of the barrier along it.
        aligned: whether the second network's units were matched to the first's.
        python: lines that make this route, as `route`.
    """

    ends: PathEnds
    walk: Walk
    data: Dataset
    names: tuple[str, str]
    recipe: Recipe
    aligned: bool
    python: str = ""

    @property
    def samples(self) -> Split:
        """What the networks are judged on.

        Raises:
            ValueError: there are none.
        """
        samples = self.data.split(self.walk.split)
        if not len(samples):
            raise ValueError(f"the {self.walk.split} split of {self.data.name} is empty; choose another split")
        return samples

    def networks(
        self, alphas: Float[Tensor, " steps"], *, on_step: OnStep | None = None
    ) -> tuple[Float[Tensor, "steps parameters"], Float[Tensor, "steps buffers"]]:
        """Weights and running statistics at these positions, repaired as the walk says.

        Raises:
            ValueError: there is nothing that the repair could be done to.
        """
        walk, inputs = self.walk, None
        if walk.repair != "none":
            inputs = calibration_inputs(self.data, walk.calibration, seed=walk.seed)
        return path_networks(self.ends, alphas, repaired=walk.repair, inputs=inputs, on_step=on_step)


def route_of(
    zoo: Zoo,
    first: int,
    second: int,
    data: str | Dataset,
    walk: Walk,
    *,
    device: str = "auto",
    on_step: OnStep | None = None,
) -> Route:
    """The way that the keywords of a walk describe; units are matched here.

    Args:
        zoo: it holds both networks.
        first: row of the network at 0.
        second: row of the network at 1.
        data: name of a data set, or the data set.
        walk: the keywords.
        device: where the networks are judged; units are matched on the CPU.
        on_step: told the share of the matching; it may raise to cancel.

    Raises:
        ValueError: as in `pair_ends`.
    """
    source, name = (dataset(data), data) if isinstance(data, str) else (data, data.name)
    target = device_of(device)
    ends = pair_ends(zoo, first, second, **walk.matching, data=source, on_step=on_step).along(walk.path)
    names = names_of(zoo, (first, second))
    recipe = barrier_recipe(zoo, (first, second), name, walk)
    python = f"route = wx.route_of(zoo, {first}, {second}, {name!r}, wx.{walk!r})"
    return Route(ends.to(target), walk, source, names, recipe, walk.align, python)


def names_of(zoo: Zoo, rows: tuple[int, int]) -> tuple[str, str]:
    """Ids of two networks."""
    first, second = (str(zoo.table["id"].iloc[row]) for row in rows)
    return first, second


def barrier_recipe(zoo: Zoo, rows: tuple[int, int], data: str, walk: Walk) -> Recipe:
    """Of a path that the keywords of a walk describe."""
    first, second = names_of(zoo, rows)
    return Recipe.of(
        "barrier",
        inputs={"zoo": zoo.fingerprint},
        arguments={"first": first, "second": second, "dataset": data, **walk.arguments},
        seed=walk.seed,
        cli=f"wsexplore barrier ZOO {quoted((first, second))} --dataset {data} {walk.flags}",
        python=f"wx.barrier(zoo, {rows[0]}, {rows[1]}, {data!r}, {walk.keywords})",
    )
