"""The barrier: how much worse the networks between two others are."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray as Array

from wsexplore.datasets import Dataset
from wsexplore.landscape.attribution import attribute
from wsexplore.landscape.display import barrier_html
from wsexplore.landscape.kinds import STRAIGHT
from wsexplore.landscape.route import Route, route_of
from wsexplore.landscape.walk import CALIBRATION, Walk, within
from wsexplore.population import OnStep, score
from wsexplore.zoo import Recipe, Zoo


@dataclass(frozen=True, slots=True, eq=False)
class Barrier:
    """Loss and accuracy along a path between two networks.

    Attributes:
        first: id of the network at 0.
        second: id of the network at 1.
        aligned: whether the second's units were matched to the first's.
        repaired: what was done to the networks between: "none", "reset" or "repair".
        alphas: positions on the path.
        losses: mean cross-entropy at each position, in nats.
        accuracies: at each position, fractions of 1.
        standard_error: of the height over the samples that the networks were judged on, at the place where it is
            largest, in nats; not a number for a single sample.
        accuracy_error: of the largest fall of the accuracy, likewise, as a fraction of 1.
        path: "straight", "slerp", or "bezier" or "chain" with learned bends.
        recipe: how the curve was made.
    """

    first: str
    second: str
    aligned: bool
    repaired: str
    alphas: Float[Array, " steps"]
    losses: Float[Array, " steps"]
    accuracies: Float[Array, " steps"]
    standard_error: float
    accuracy_error: float
    path: str
    recipe: Recipe

    @property
    def excess(self) -> Float[Array, " steps"]:
        """Loss above the chord, the straight line between the losses of the two ends, in nats."""
        return above_chord(self.alphas, self.losses)

    @property
    def height(self) -> float:
        """Largest excess of the loss over the chord, in nats; never negative."""
        return float(self.excess.max())

    @property
    def alpha_at_height(self) -> float:
        """Where on the path the excess is largest, 0 to 1."""
        return float(self.alphas[int(self.excess.argmax())])

    @property
    def accuracy_drop(self) -> float:
        """Largest fall of the accuracy below the chord between the ends, as a fraction of 1; never negative."""
        return float(above_chord(self.alphas, -self.accuracies).max())

    @property
    def alpha_at_drop(self) -> float:
        """Where on the path the accuracy lies lowest under the chord, 0 to 1."""
        return float(self.alphas[int(above_chord(self.alphas, -self.accuracies).argmax())])

    def frame(self) -> pd.DataFrame:
        """Position, loss (nats), excess over the chord (nats) and accuracy, a row per step."""
        columns = {"position": self.alphas, "loss": self.losses, "excess": self.excess, "accuracy": self.accuracies}
        return pd.DataFrame(columns)

    def _repr_html_(self) -> str:
        return barrier_html(self.first, self.second, self.aligned, self.repaired, self.alphas, self.losses, self.height)


def above_chord(alphas: Float[Array, " steps"], values: Float[Array, " steps"]) -> Float[Array, " steps"]:
    """What a curve lies above the straight line between its ends; infinite where it is not finite and its ends are."""
    chord = np.interp(alphas, [0, 1], [values[0], values[-1]])
    lost = ~np.isfinite(values) & np.isfinite(chord)
    above: Float[Array, " steps"] = np.where(lost, np.inf, np.where(lost, 0, values) - chord)
    return above


def barrier(
    zoo: Zoo,
    first: int,
    second: int,
    data: str | Dataset,
    *,
    steps: int = 25,
    split: str = "test",
    align: bool = False,
    method: str = "auto",
    canonical: str = "none",
    path: str = STRAIGHT,
    repair: str = "none",
    calibration: int = CALIBRATION,
    seed: int = 0,
    device: str = "auto",
    on_step: OnStep | None = None,
) -> Barrier:
    r"""Loss and accuracy along $(1-\alpha)\theta_A + \alpha\theta_B$, or along the arc between the two.

    The barrier is the largest excess over the chord between the end losses (Frankle et al. 2020; Entezari et al. 2022).
    The two ends are judged as they are, with their own running statistics. Between them running statistics are mixed
    like weights, unless a repair finds them anew.

    Args:
        zoo: it holds both networks.
        first: row of the network at 0.
        second: row of the network at 1.
        data: name of a data set, or the data set; methods that run the networks match on its training split.
        steps: positions, both ends included.
        split: "train" or "test", what the networks are judged on.
        align: match the second network's units to the first's before walking.
        method: of the matching, a name in `METHODS`.
        canonical: bring both networks to a representative of their rescalings first, matched or not: "none",
            "minimum-norm" or "unit-norm".
        path: "straight" or "slerp"; for a path with learned bends see `fit_curve`.
        repair: of the networks between: "none", "reset" (running statistics estimated anew) or "repair" (REPAIR:
            every channel as the two ends have it on average).
        calibration: samples of the training split that statistics are measured on.
        seed: of the matching, and of the choice of these samples.
        device: "auto", "cpu" or "cuda"; units are matched on the CPU.
        on_step: told the share done; it may raise to cancel.

    Raises:
        ValueError: fewer than 2 steps, a row out of range, networks of two kinds, data that do not fit, an unknown
            word, a method without `align`, or nothing in the networks that the repair could be done to.
    """
    walk = Walk(steps, split, align, repair, calibration, seed, method, canonical, path)
    route = route_of(zoo, first, second, data, walk, device=device, on_step=within(on_step, 0.0, 0.5))
    return walked(route, on_step=within(on_step, 0.5, 1.0))


def walked(route: Route, *, on_step: OnStep | None = None) -> Barrier:
    """The barrier along a route.

    Args:
        route: from one network to another.
        on_step: told the share done; it may raise to cancel.

    Raises:
        ValueError: the data do not fit, or there is nothing that the repair could be done to.
    """
    walk, architecture, passes = route.walk, route.ends.architecture, 0

    def on_part() -> None:
        nonlocal passes
        passes += 1
        if on_step is not None:
            on_step(0.5, f"judged networks on the path, pass {passes:,}")

    weights, buffers = route.networks(walk.alphas, on_step=on_step)
    scores = score(architecture, weights, route.samples, buffers=buffers, on_part=on_part)
    alphas, losses = walk.alphas.numpy(), scores.loss.numpy()
    accuracies, last = scores.accuracy.numpy(), len(alphas) - 1
    errors = []
    for curve in (losses, -accuracies):
        top = [0, int(above_chord(alphas, curve).argmax()), last]
        terms = attribute(architecture, weights[top], float(alphas[top[1]]), route.samples, buffers=buffers[top])
        errors.append(terms.standard_error if curve is losses else terms.accuracy_error)
    return Barrier(
        *route.names,
        aligned=route.aligned,
        repaired=walk.repair,
        alphas=alphas,
        losses=losses,
        accuracies=accuracies,
        standard_error=errors[0],
        accuracy_error=errors[1],
        path=route.ends.kind,
        recipe=route.recipe,
    )
