"""The keywords of a barrier: how the path is walked, how its ends are matched, how what lies between is repaired."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from wsexplore.align import METHODS, repaired_layers, running_layers
from wsexplore.align.checks import check_canonical, check_word
from wsexplore.landscape.kinds import FIXED, LEARNED, STRAIGHT
from wsexplore.nets import Architecture
from wsexplore.population import OnStep

REPAIRS = ("none", "reset", "repair")
"""What is done to the networks between: nothing, running statistics estimated anew, or REPAIR."""

CALIBRATION = 1000
"""Samples of the training split that statistics are measured on."""


@dataclass(frozen=True, slots=True)
class Walk:
    """The keywords of a barrier, checked.

    Attributes:
        steps: positions, both ends included.
        split: "train" or "test".
        align: whether the second network's units are matched to the first's.
        repair: one of `REPAIRS`.
        calibration: samples for it, drawn from the training split.
        seed: of the matching, and of the samples drawn.
        method: of the matching, a name in `METHODS`.
        canonical: "none", "minimum-norm" or "unit-norm", what both networks are brought to first.
        path: "straight" or "slerp".
    """

    steps: int
    split: str
    align: bool
    repair: str
    calibration: int
    seed: int
    method: str = "auto"
    canonical: str = "none"
    path: str = STRAIGHT

    def __post_init__(self) -> None:
        if not 2 <= self.steps <= 1001:
            raise ValueError(f"a path takes 2 to 1,001 steps, got {self.steps}")
        check_word(self.repair, REPAIRS, "repair")
        if self.calibration < 2:
            raise ValueError(f"statistics are measured on 2 or more samples, got calibration {self.calibration}")
        check_word(self.method, METHODS, "matching method")
        check_canonical(self.canonical)
        if self.path in LEARNED:
            raise ValueError(f"the bends of a {self.path} path are learned; fit one with fit_curve")
        check_word(self.path, FIXED, "path")
        if self.method != "auto" and not self.align:
            raise ValueError(f"matching method {self.method!r} matches units only where the path is aligned; align it")

    @property
    def alphas(self) -> Float[Tensor, " steps"]:
        """Positions on the path, 0 to 1."""
        return torch.linspace(0, 1, self.steps)

    @property
    def matching(self) -> dict[str, Any]:
        """The keywords that say how the ends are brought together."""
        return {"align": self.align, "method": self.method, "canonical": self.canonical, "seed": self.seed}

    @property
    def chosen(self) -> dict[str, Any]:
        """The keywords that are not as by default, beside those that are always told."""
        found: dict[str, Any] = {"method": self.method} if self.method != "auto" else {}
        found |= {"canonical": self.canonical} if self.canonical != "none" else {}
        found |= {"path": self.path} if self.path != STRAIGHT else {}
        return found if self.repair == "none" else {**found, "repair": self.repair, "calibration": self.calibration}

    @property
    def arguments(self) -> dict[str, Any]:
        """For a recipe."""
        return {"split": self.split, "steps": self.steps, "align": self.align, **self.chosen}

    @property
    def keywords(self) -> str:
        """As Python."""
        told = {"steps": self.steps, "split": self.split, "align": self.align, **self.chosen, "seed": self.seed}
        return ", ".join(f"{name}={value!r}" for name, value in told.items())

    @property
    def flags(self) -> str:
        """As options of the command."""
        words = [f"--split {self.split} --steps {self.steps}", *(["--align"] if self.align else [])]
        words += [f"--{name} {value}" for name, value in self.chosen.items()]
        return " ".join([*words, f"--seed {self.seed}"])


def repairs_of(architecture: Architecture) -> tuple[str, ...]:
    """The repairs that there is something for in these networks: "reset", "repair", both or none."""
    found = ("reset",) if running_layers(architecture) else ()
    try:
        layers = repaired_layers(architecture)
    except ValueError:
        layers = ()
    return (*found, "repair") if layers else found


def within(on_step: OnStep | None, low: float, high: float) -> OnStep:
    """Tells of a part of the work as a share of all of it; what it tells may raise to cancel."""

    def tell(fraction: float, message: str) -> None:
        if on_step is not None:
            on_step(low + (high - low) * fraction, message)

    return tell
