"""Samples that must fall into a region of a map: drawn in rounds until enough of them do."""

from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np

from app_pages.draw import DrawSettings
from app_pages.handles import open_alignment, open_projection
from app_pages.seat import Seat
from app_pages.turn import in_turn, turn_lines
from wsexplore.embed import Selection, rows_in, selection_text
from wsexplore.population import OnStep
from wsexplore.zoo import Recipe, Zoo, concat

ROUND = 64
"""Networks of a round, at least; each round is as large as all before, up to `LARGEST`."""

LARGEST = 500

WATCHED = "rk4"
"""Follows the ways of samples of the adaptive solver, whose steps differ from network to network."""

TRIED = 4000
"""Networks drawn for a region, at most."""

MAPS = {
    "aligned-pca": ("pca", "aligned"),
    "raw-pca": ("pca", "raw"),
    "aligned-umap": ("umap", "aligned"),
    "raw-umap": ("umap", "raw"),
}
"""Maps of weights on which new networks can be placed, and the method and the frame of each."""


@dataclass(frozen=True, slots=True, eq=False)
class Within:
    """The region that samples must fall into.

    Attributes:
        map: a key of `MAPS`.
        selection: the region; an empty one holds everything.
    """

    map: str = "aligned-pca"
    selection: Selection = field(default_factory=Selection)

    def __str__(self) -> str:
        return f"{self.map} {selection_text(self.selection)}" if self.selection else self.map


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What is asked of a host.

    Attributes:
        seat: the host.
        flow: its name there.
        settings: what is drawn.
        judged: whether the host tests the networks.
    """

    seat: Seat
    flow: str
    settings: DrawSettings
    judged: bool

    def networks(self, count: int, seed: int, on_step: OnStep, *, trajectory: bool = False) -> Zoo:
        """New networks, or all points of their ways; those of the adaptive solver are followed by `WATCHED`."""
        asked: dict[str, Any] = {**self.settings.request(), "seed": seed, "trajectory": trajectory}
        if trajectory and self.settings.solver == "adaptive":
            asked["solver"] = WATCHED
        if not self.settings.turn:
            return self._sampled(count, asked, on_step)

        def one(own: int, pair: tuple[str, str], tell: OnStep) -> Zoo:
            return self._sampled(own, {**asked, "condition": {**asked["condition"], pair[0]: pair[1]}}, tell)

        request = {name: value for name, value in asked.items() if name not in ("seed", "trajectory")}
        return in_turn(one, self.settings.turn, count, on_step, seed=seed, request=request)

    def _sampled(self, count: int, asked: dict[str, Any], on_step: OnStep) -> Zoo:
        return self.seat.client.sample(self.flow, count, judge=self.judged, on_step=on_step, **asked)


def sampled(
    asked: Asked, home: str, source: Zoo, within: Within, on_step: OnStep
) -> tuple[Zoo, np.ndarray, np.ndarray, float]:
    """The samples inside the region, their places, the places of the others, and the seconds of sampling.

    The first round has the seed of the settings, each further one the next seed. Rounds end when there are enough
    networks, or `TRIED` were drawn.

    Raises:
        ValueError: nothing that was drawn fell inside.
    """
    wanted = asked.settings.count
    if not within.selection:
        began = perf_counter()
        fresh = asked.networks(wanted, asked.settings.seed, on_step)
        return fresh, places_of(fresh, home, source, within.map), np.empty((0, 2), np.float32), perf_counter() - began
    kept: list[Zoo] = []
    places: list[np.ndarray] = []
    outside: list[np.ndarray] = []
    sizes: list[int] = []
    seconds, tried, held = 0.0, 0, 0
    while held < wanted and tried < TRIED:
        size = min(max(ROUND, wanted, tried), LARGEST, TRIED - tried)
        done = max(tried / TRIED, held / wanted)
        said = f"{held:,} of {wanted:,} inside, {tried:,} drawn"
        began = perf_counter()
        fresh = asked.networks(size, asked.settings.seed + len(sizes), _fixed(on_step, done, said))
        seconds += perf_counter() - began
        where = places_of(fresh, home, source, within.map)
        rows = rows_in(where, within.selection)[: wanted - held]
        last = int(rows[-1]) + 1 if held + len(rows) == wanted else size
        left = np.setdiff1d(np.arange(last), rows)
        kept.append(fresh.select(rows))
        places.append(where[rows])
        outside.append(where[left])
        tried, held = tried + last, held + len(rows)
        sizes.append(size)
    if held == 0:
        raise ValueError(
            f"none of {tried:,} networks fell inside the region; the flow does not reach it, so choose a larger one, "
            "or one where networks lie"
        )
    full = [zoo for zoo in kept if len(zoo)]
    joined = full[0] if len(full) == 1 else concat(full)
    found = joined.with_table(joined.table.assign(run=np.arange(held)))
    return _told(found, asked, within, sizes), np.concatenate(places), np.concatenate(outside), seconds


def places_of(zoo: Zoo, home: str, source: Zoo, on: str) -> np.ndarray:
    """Where new networks lie on a map of the zoo `source`, whose name is `home`."""
    method, frame = MAPS[on]
    weights = open_alignment(home).place(zoo.weights, zoo.architecture) if frame == "aligned" else zoo.weights
    return open_projection(home, method, frame).place(weights.numpy(), source)


def _fixed(on_step: OnStep, done: float, said: str) -> OnStep:
    """Says the same at every step of a round, so that it can be cancelled inside."""
    return lambda share, message: on_step(done, said)


def share_of(on_step: OnStep, start: float, width: float) -> OnStep:
    """What part of the work tells, as a share of the whole."""
    return lambda fraction, message: on_step(start + width * fraction, message or "sampling")


def _told(zoo: Zoo, asked: Asked, within: Within, sizes: list[int]) -> Zoo:
    """The networks with the recipe of all rounds."""
    settings, (method, frame) = asked.settings, MAPS[within.map]
    request = {name: value for name, value in settings.request().items() if name != "seed"}
    called = ", ".join(f"{name}={value!r}" for name, value in request.items())
    placed = "alignment.place(drawn.weights, drawn.architecture)" if frame == "aligned" else "drawn.weights"
    one = "in_turn(n, " if settings.turn else "flow.sample(n, seed="
    many = "" if settings.turn else f", {called}"
    lines = [
        *(turn_lines(settings.turn, request) if settings.turn else ()),
        f"sizes = {sizes}",
        f"rounds = [{one}{settings.seed} + k{many}) for k, n in enumerate(sizes)]",
        "drawn = wx.concat(rounds) if len(rounds) > 1 else rounds[0]",
        f"places = projection.place({placed}.numpy(), zoo)  # the zoo's {method} map of {frame} weights",
        f"inside = rows_in(places, parse_selection({selection_text(within.selection)!r}))[:{settings.count}]",
        "drawn.select(inside)",
    ]
    recipe = Recipe.of(
        "sample_inside",
        inputs=dict(zoo.recipe.inputs),
        arguments={"models": len(zoo), "drawn": sum(sizes), "map": within.map, **request},
        seed=settings.seed,
        python="\n".join(lines),
    )
    return Zoo.from_weights(zoo.architecture, zoo.weights, zoo.table, recipe, zoo.buffers)
