"""What a plane depends on, what it costs, and the work behind each kind."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app_pages.gathered import Gathered
from wsexplore.datasets import Dataset
from wsexplore.jobs import Progress, Work
from wsexplore.landscape import (
    Plane,
    Sheet,
    cost_of,
    curve_cost,
    curve_plane,
    fit_curve,
    networks_plane,
    random_plane,
    random_sheet,
    trajectory_plane,
)


@dataclass(frozen=True, slots=True)
class AskedPlane:
    """All that a plane depends on.

    Attributes:
        kind: a value of `KINDS`.
        networks: that it is about.
        data: what networks are judged on.
        options: keywords of the plane and of its drawing.
    """

    kind: str
    networks: Gathered
    data: Dataset
    options: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Of the job."""
        networks = self.networks
        return f"plane {self.kind} {networks.name} {networks.rows} {self.data.name} {dict(self.options)}"

    @property
    def title(self) -> str:
        """Of the job."""
        return f"Drawing {self.options['points']} x {self.options['points']} networks"


def plane_cost(asked: AskedPlane) -> float:
    """Seconds that it will take; that depends on the number of points, not on where they lie."""
    row, options = asked.networks.rows[0], asked.options
    sheet: Sheet = random_sheet(asked.networks.zoo, row, asked.data.name, points=options["points"])
    drawing = cost_of(sheet, asked.data, split=options["split"], statistics=options["statistics"])
    return drawing + (curve_cost(asked.networks.zoo, row, asked.data) if asked.kind == "curve" else 0.0)


def _around(asked: AskedPlane) -> Work:
    networks = asked.networks

    def work(progress: Progress) -> Plane:
        return random_plane(networks.zoo, networks.rows[0], asked.data, **asked.options, **_watched(progress))

    return work


def _three(asked: AskedPlane) -> Work:
    networks = asked.networks

    def work(progress: Progress) -> Plane:
        return networks_plane(networks.zoo, networks.rows, asked.data, **asked.options, **_watched(progress))

    return work


def _training(asked: AskedPlane) -> Work:
    networks = asked.networks
    run = int(networks.zoo.table["run"].iloc[networks.rows[0]])

    def work(progress: Progress) -> Plane:
        return trajectory_plane(networks.zoo, run, asked.data, **asked.options, **_watched(progress))

    return work


def _curve(asked: AskedPlane) -> Work:
    networks, options = asked.networks, dict(asked.options)
    align = options.pop("align")

    def work(progress: Progress) -> Plane:
        def learning(fraction: float, message: str) -> None:
            progress(0.4 * fraction, message)

        def drawing(fraction: float, message: str) -> None:
            progress(0.4 + 0.6 * fraction, message)

        curve = fit_curve(networks.zoo, *networks.rows, asked.data, align=align, on_step=learning)
        return curve_plane(networks.zoo, curve, asked.data, **options, **{**_watched(progress), "on_step": drawing})

    return work


def _watched(progress: Progress) -> dict[str, Any]:
    return {"on_step": progress, "on_partial": progress.partial, "earlier": progress.earlier}


WORK: Mapping[str, Callable[[AskedPlane], Work]] = {
    "around": _around,
    "three": _three,
    "training": _training,
    "curve": _curve,
}
"""The work behind each kind of plane."""
