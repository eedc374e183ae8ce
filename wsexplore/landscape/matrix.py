"""Barriers between all pairs of a handful of networks."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from wsexplore.align import FRAMES, align_permutations
from wsexplore.align.checks import check_word
from wsexplore.datasets import Dataset, dataset
from wsexplore.landscape.curves import ways_of
from wsexplore.landscape.display import matrix_html
from wsexplore.landscape.ends import PathEnds, calibration_inputs, kind_of, pair_ends
from wsexplore.landscape.heights import NUMBERS, path_heights
from wsexplore.landscape.told import quoted
from wsexplore.landscape.walk import CALIBRATION, Walk, repairs_of, within
from wsexplore.population import OnStep, device_of
from wsexplore.zoo import Recipe, Zoo

PAIR = "pair"
"""The frame in which each pair is matched by itself."""


@dataclass(frozen=True, slots=True, eq=False)
class BarrierMatrix:
    """Barriers between all pairs of a handful of networks.

    Attributes:
        ids: the networks.
        aligned: whether units were matched first.
        frame: to what: "pair", the later network of each pair to the earlier; or a common frame of all, "network"
            (their medoid), "mean" or "cycle".
        repaired: what was done to the networks between: "none", "reset" or "repair".
        heights: in nats, symmetric, zero on the diagonal.
        accuracy_drops: fractions of 1, likewise.
        recipe: how the matrix was made.
    """

    ids: tuple[str, ...]
    aligned: bool
    frame: str
    repaired: str
    heights: Float[Array, "networks networks"]
    accuracy_drops: Float[Array, "networks networks"]
    recipe: Recipe

    def _repr_html_(self) -> str:
        return matrix_html(self.ids, self.heights)


def barrier_matrix(
    zoo: Zoo,
    rows: Sequence[int],
    data: str | Dataset,
    *,
    steps: int = 11,
    split: str = "test",
    align: bool = False,
    method: str = "auto",
    canonical: str = "none",
    frame: str = PAIR,
    repair: str = "none",
    calibration: int = CALIBRATION,
    seed: int = 0,
    device: str = "auto",
    on_step: OnStep | None = None,
) -> BarrierMatrix:
    """Barriers between all pairs of 2 to 30 networks, many paths judged at once; the keywords are those of `barrier`.

    Args:
        zoo: it holds the networks.
        rows: of the networks.
        data: name of a data set, or the data set.
        steps: positions on each path.
        split: "train" or "test".
        align: match units before walking.
        method: of the matching.
        canonical: representative that rescaling brings every network to first.
        frame: "pair" matches each pair by itself; "network", "mean" and "cycle" match all of them to one frame, as
            `align` does, "network" to their medoid.
        repair: of the networks between.
        calibration: samples that statistics are measured on.
        seed: of the matching, and of these samples.
        device: "auto", "cpu" or "cuda"; units are matched on the CPU.
        on_step: told the share done; it may raise to cancel.

    Raises:
        ValueError: fewer than 2 or more than 30 networks, one of them twice, an unknown frame, or what `barrier`
            refuses.
    """
    walk = Walk(steps, split, align, repair, calibration, seed, method, canonical)
    return _measured(zoo, rows, data, {"": walk}, frame, device, on_step)[""]


def barrier_matrices(
    zoo: Zoo,
    rows: Sequence[int],
    data: str | Dataset,
    *,
    steps: int = 11,
    split: str = "test",
    method: str = "auto",
    canonical: str = "none",
    frame: str = PAIR,
    calibration: int = CALIBRATION,
    seed: int = 0,
    device: str = "auto",
    on_step: OnStep | None = None,
) -> dict[str, BarrierMatrix]:
    """The barrier matrix in every way that `barrier_curves` walks, units matched once; keywords as in `barrier_matrix`.

    Raises:
        ValueError: as in `barrier_matrix`.
    """
    walks = ways_of(
        repairs_of(kind_of(zoo, rows)) if len(rows) else (),
        steps=steps,
        split=split,
        method=method,
        canonical=canonical,
        calibration=calibration,
        seed=seed,
    )
    return _measured(zoo, rows, data, walks, frame, device, on_step)


def _measured(
    zoo: Zoo,
    rows: Sequence[int],
    data: str | Dataset,
    walks: Mapping[str, Walk],
    frame: str,
    device: str,
    on_step: OnStep | None,
) -> dict[str, BarrierMatrix]:
    """A matrix for each way to walk."""
    _check(rows, frame)
    architecture = kind_of(zoo, rows)
    source, name = (dataset(data), data) if isinstance(data, str) else (data, data.name)
    target, tell = device_of(device), within(on_step, 0.1, 1.0)
    join = {walk.align: _joined(zoo, rows, walk, frame, source, within(on_step, 0.0, 0.1)) for walk in walks.values()}
    pairs = [(a, b) for a in range(len(rows)) for b in range(a + 1, len(rows))]
    together = max(1, NUMBERS // (2 * (architecture.layout.size + architecture.buffers.size)))
    heights = {way: np.zeros((len(rows), len(rows)), np.float32) for way in walks}
    drops = {way: np.zeros((len(rows), len(rows)), np.float32) for way in walks}
    for start in range(0, len(pairs), together):
        part = pairs[start : start + together]
        share = len(part) / len(pairs) / len(walks)
        ends: dict[bool, list[PathEnds]] = {}
        for place, (way, walk) in enumerate(walks.items()):
            begun = start / len(pairs) + place * share
            told = _named(within(tell, begun, begun + share), way)
            if walk.align not in ends:
                ends[walk.align] = []
                for done, pair in enumerate(part):
                    here = within(told, 0.5 * done / len(part), 0.5 * (done + 1) / len(part))
                    ends[walk.align].append(join[walk.align](*pair, here).to(target))
            inputs = None if walk.repair == "none" else calibration_inputs(source, walk.calibration, seed=walk.seed)
            found = path_heights(
                ends[walk.align], walk, source.split(walk.split), inputs=inputs, on_step=within(told, 0.5, 1.0)
            )
            for (a, b), height, drop in zip(part, *found, strict=True):
                heights[way][a, b] = heights[way][b, a] = height
                drops[way][a, b] = drops[way][b, a] = drop
    ids = tuple(str(zoo.table["id"].iloc[row]) for row in rows)
    return {
        way: BarrierMatrix(
            ids,
            walk.align,
            frame if walk.align else PAIR,
            walk.repair,
            heights[way],
            drops[way],
            _recipe(zoo, rows, ids, name, walk, frame if walk.align else PAIR),
        )
        for way, walk in walks.items()
    }


def _check(rows: Sequence[int], frame: str) -> None:
    if twice := [row for row, times in Counter(rows).items() if times > 1]:
        raise ValueError(f"a barrier matrix takes 2 to 30 different networks, row {twice[0]} is among them twice")
    if not 2 <= len(rows) <= 30:
        raise ValueError(f"a barrier matrix takes 2 to 30 different networks, got {len(rows)}")
    check_word(frame, (PAIR, *FRAMES), "frame")


def _named(on_step: OnStep, way: str) -> OnStep:
    return (lambda fraction, message: on_step(fraction, f"{way}: {message}")) if way else on_step


_Join = Callable[[int, int, OnStep], PathEnds]
"""The ends of a path, by the places of the two networks; it is told the share done."""


def _joined(zoo: Zoo, rows: Sequence[int], walk: Walk, frame: str, data: Dataset, on_step: OnStep) -> _Join:
    """What joins two of these networks; `on_step` is told how far all of them are, where they share a frame."""
    if not walk.align or frame == PAIR:
        return lambda a, b, told: pair_ends(zoo, rows[a], rows[b], **walk.matching, data=data, on_step=told)
    some = zoo.select(np.asarray(rows))
    found = align_permutations(
        some,
        method=walk.method,
        frame=frame,
        reference="medoid" if frame == "network" else 0,
        canonical=walk.canonical,
        data=data,
        seed=walk.seed,
        on_step=on_step,
    )
    moved, every = found.view(some), np.arange(len(some))
    architecture, weights, buffers = kind_of(zoo, rows), moved.rows(every), moved.buffer_rows(every)
    return lambda a, b, told: PathEnds(architecture, weights[[a, b]], buffers[[a, b]])


def _recipe(zoo: Zoo, rows: Sequence[int], ids: Sequence[str], name: str, walk: Walk, frame: str) -> Recipe:
    told = {"frame": frame} if frame != PAIR else {}
    words = "".join(f", {key}={value!r}" for key, value in told.items())
    flags = "".join(f" --{key} {value}" for key, value in told.items())
    return Recipe.of(
        "barrier_matrix",
        inputs={"zoo": zoo.fingerprint},
        arguments={"networks": list(ids), "dataset": name, **walk.arguments, **told},
        seed=walk.seed,
        cli=f"wsexplore barriers ZOO {quoted(ids)} --dataset {name} {walk.flags}{flags}",
        python=f"wx.barrier_matrix(zoo, {[int(row) for row in rows]}, {name!r}, {walk.keywords}{words})",
    )
