"""What the networks along a route say: the samples that make the barrier, and every sample's answer on the way."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from jaxtyping import Int
from numpy import ndarray as Array

from wsexplore.landscape.attribution import Attribution, attribute
from wsexplore.landscape.picked import class_names
from wsexplore.landscape.route import Route
from wsexplore.population import OnStep, logits_of
from wsexplore.zoo import Recipe


def explained(route: Route, alpha: float, *, on_step: OnStep | None = None) -> Attribution:
    """What every sample adds to the excess of the loss over the chord at one place of a route.

    Args:
        route: from one network to another.
        alpha: the place, 0 to 1; `Barrier.alpha_at_height` is where the barrier stands.
        on_step: told that statistics are measured; it may raise to cancel.

    Raises:
        ValueError: the place is not between the ends, or the data do not fit.
    """
    if not 0 <= alpha <= 1:
        raise ValueError(f"a place on a path lies between 0 and 1, got {alpha}")
    weights, buffers = route.networks(torch.tensor([0.0, alpha, 1.0]), on_step=on_step)
    recipe = replace(
        route.recipe,
        action="explained",
        arguments={**route.recipe.arguments, "alpha": alpha},
        cli=f"{route.recipe.cli} --explain --at {alpha}",
        python=f"{route.python}\nwx.explained(route, {alpha})" if route.python else "",
    )
    found = attribute(
        route.ends.architecture,
        weights,
        alpha,
        route.samples,
        buffers=buffers,
        names=route.names,
        classes=tuple(route.data.classes),
        recipe=recipe,
    )
    if not np.isfinite(found.excess).any():
        raise ValueError(
            f"no sample has a finite excess at {alpha:g}: the weights there explode; choose another place, or other "
            "networks"
        )
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Decisions:
    """The class that every network on a path says for every sample.

    Attributes:
        alphas: positions on the path.
        samples: rows of the split, ordered by true class and, within it, by how long the answer is right.
        targets: their true classes.
        answers: classes said.
        classes: names.
        recipe: how this was made.
    """

    alphas: Array
    samples: Int[Array, " samples"]
    targets: Int[Array, " samples"]
    answers: Int[Array, "steps samples"]
    classes: tuple[str, ...]
    recipe: Recipe

    @property
    def changing(self) -> float:
        """Share of the samples whose answer is not the same everywhere on the path."""
        return float((self.answers != self.answers[0]).any(0).mean())

    def frame(self) -> pd.DataFrame:
        """A row per sample: its class, the answers at the ends, and the share of the path that is right."""
        names = np.asarray(self.classes)
        return pd.DataFrame(
            {
                "sample": self.samples,
                "class": names[self.targets],
                "said_first": names[self.answers[0]],
                "said_second": names[self.answers[-1]],
                "share_right": (self.answers == self.targets).mean(0),
            }
        )


def decisions(route: Route, *, on_step: OnStep | None = None) -> Decisions:
    """The decisions of the networks along a route, on every sample of its split.

    Raises:
        ValueError: the data do not fit, or there is nothing that the repair could be done to.
    """
    samples, alphas = route.samples, route.walk.alphas
    weights, buffers = route.networks(alphas, on_step=on_step)
    said = torch.cat(
        [
            logits_of(route.ends.architecture, one[None], samples.inputs, buffers=held[None]).argmax(2).cpu()
            for one, held in zip(weights, buffers, strict=True)
        ]
    ).numpy()
    targets = samples.targets.numpy()
    order = np.lexsort((-(said == targets).mean(0), targets))
    names = class_names(route.data.classes, route.ends.architecture.forward(weights[:1], samples.inputs[:1]).shape[-1])
    recipe = replace(
        route.recipe, action="decisions", cli="", python=f"{route.python}\nwx.decisions(route)" if route.python else ""
    )
    return Decisions(alphas.numpy(), order, targets[order], said[:, order], names, recipe)
