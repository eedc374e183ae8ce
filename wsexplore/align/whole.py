"""A whole zoo aligned: every network matched to one of them, to the mean of all, or all at once."""

from collections.abc import Callable, Collection
from numbers import Integral
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int
from numpy import ndarray as Array

from wsexplore.align.alignment import FRAMES, MEMORY, Alignment, common_kind, networks_within, spec_of_zoo
from wsexplore.align.beside import work_beside
from wsexplore.align.checks import check_canonical, check_word
from wsexplore.align.fixed import without
from wsexplore.align.medoid import medoid
from wsexplore.align.methods import METHODS, Case
from wsexplore.align.moves import Moves, moved_networks, represented
from wsexplore.align.rows import Matcher
from wsexplore.align.universe import to_cycle, to_mean
from wsexplore.datasets import Dataset, dataset
from wsexplore.engine import Ledger
from wsexplore.population import OnStep
from wsexplore.zoo import Recipe, Zoo

MEDOID = "medoid"


def align_permutations(
    zoo: Zoo,
    *,
    method: str = "auto",
    frame: str = "network",
    reference: int | str = 0,
    by: str = "network",
    canonical: str = "none",
    data: str | Dataset | None = None,
    samples: int = 1000,
    restarts: int = 0,
    seed: int = 0,
    heads: str = "exact",
    fixed: Collection[str] = (),
    memory: int = MEMORY,
    work: str | Path | None = None,
    on_step: OnStep | None = None,
) -> Alignment:
    """Match every network of a zoo to one of them, to their mean, or all to a common order.

    Args:
        zoo: any population.
        method: a name in `METHODS`.
        frame: "network" matches to one reference; "mean" goes on from there to the mean of the aligned networks until
            it is at rest (MergeMany); "cycle" finds all orders at once (C2M3), then goes on to the mean, too.
        reference: row of the network to match, or "medoid" for the one closest to all others.
        by: "network" matches every checkpoint for itself; "run" matches the last checkpoint of each run and gives its
            permutation to the earlier ones, so that trajectories stay whole. Then `after` may lie below `before` for
            an earlier checkpoint.
        canonical: representative that rescaling brings each network to first: "none", "minimum-norm" or "unit-norm".
        data: name of a data set, or the data set, for methods that run the networks; its training split is used.
        samples: of the data, at most.
        restarts: further tries from other starts, for methods that climb from one.
        seed: of the order in which groups are visited.
        heads: how attention heads are paired: "exact", or "spectral" as TransFusion does.
        fixed: groups that stay in order and keep their signs.
        memory: bytes that networks may take while they are matched; it changes nothing in the result. The
            permutations, 4 bytes per unit, come on top.
        work: folder in which finished parts are kept, so that the same call goes on after a kill, and which the caller
            removes; by default a temporary one.
        on_step: told the share done; it may raise to cancel.

    Raises:
        ValueError: a word or a group is unknown, a number is out of range, data are missing or do not fit, one network
            takes more memory or has weights that are not finite, or networks of several activations shall be rescaled.
    """
    check_word(method, METHODS, "matching method")
    check_word(frame, FRAMES, "frame")
    check_canonical(canonical)
    if by not in ("network", "run"):
        raise ValueError(f"zoos are aligned by network or by run, got {by!r}")
    if len(zoo) == 0:
        raise ValueError("the zoo is empty, so there is nothing to align")
    spec, alike = spec_of_zoo(zoo)
    if canonical != "none" and not alike:
        raise ValueError("the networks of this zoo have several activations, so they cannot be rescaled alike")
    source = dataset(data) if isinstance(data, str) else data
    tell = on_step or (lambda fraction, message: None)
    at_once = networks_within(zoo, spec, memory)
    matched, takes = _matched_rows(zoo, by)
    if frame == "cycle" and len(matched) > at_once:
        raise ValueError(
            f"the frame 'cycle' holds all {len(matched):,} networks in memory and {at_once:,} fit; give it more "
            "memory, choose fewer networks, or the frame 'mean'"
        )
    first = _row(reference)
    ids, some = zoo.entries.part(["id"])["id"], int(matched[0]) if first is None else first
    trained = zoo.rows([some])
    stay = tuple(sorted({fixed} if isinstance(fixed, str) else set(fixed)))
    Case(
        zoo.architecture,
        trained,
        torch.nan_to_num(trained[0]),
        without(spec, stay),
        method,
        source,
        samples=samples,
        restarts=restarts,
        seed=seed,
        heads=heads,
        names=[f"network {ids.iloc[some]}"],
    )
    if first is None:
        first = medoid(
            zoo,
            spec,
            matched,
            seed=seed,
            signs=alike,
            form=canonical,
            heads=heads,
            fixed=stay,
            on_step=lambda f, m: tell(0.1 * f, m),
        )
        trained = zoo.rows([first])
    goal = represented(trained, spec, zoo.architecture, canonical)[0]
    name = str(ids.iloc[first])
    recipe = _recipe(zoo, method, frame, name, by, canonical, source, samples, restarts, heads, stay, seed, first)
    every = zoo if by == "network" else zoo.select(matched)
    moves = Moves.none(len(every), spec, signs=alike, canonical=canonical)
    with Ledger.open(Path(work) if work is not None else None, recipe.to_dict()) as ledger:
        matcher = Matcher(every, spec, method, source, samples, restarts, seed, heads, stay, at_once, ledger)
        low, high = 0.1 * (reference == MEDOID), 0.8 if frame == "network" else 0.3
        _to_network(matcher, moves, goal, zoo.buffer_rows([first])[0], lambda f, m: tell(low + (high - low) * f, m))
        if frame != "network":
            find = to_mean if frame == "mean" else to_cycle
            goal = find(matcher, moves, lambda f, m: tell(0.3 + 0.5 * f, m))
    moves = moves if by == "network" else moves.take(takes)
    before, after = np.empty(len(zoo), np.float32), np.empty(len(zoo), np.float32)
    aim = goal.double()
    for rows, weights, moved, _ in moved_networks(zoo, moves, spec, at_once):
        raw = represented(weights, spec, zoo.architecture, canonical)
        before[rows], after[rows] = (raw.double() @ aim).numpy(), (moved.double() @ aim).numpy()
        tell(0.8 + 0.2 * (int(rows[-1]) + 1) / len(zoo), f"compared {int(rows[-1]) + 1:,} of {len(zoo):,} networks")
    return Alignment(
        moves.permutations,
        before,
        after,
        goal.numpy(),
        name if frame == "network" else frame,
        method,
        zoo.fingerprint,
        recipe,
        moves.signs,
        canonical,
        frame,
        heads,
        stay,
        common_kind(zoo),
    )


def _row(reference: object) -> int | None:
    """The row that is asked for, `None` where it is the medoid's."""
    if reference == MEDOID:
        return None
    if not isinstance(reference, Integral) or isinstance(reference, bool):
        raise ValueError(f"the reference is the row of a network, or 'medoid', got {reference!r}")
    return int(reference)


def _to_network(
    matcher: Matcher, moves: Moves, goal: torch.Tensor, goal_buffers: torch.Tensor, tell: Callable[[float, str], None]
) -> None:
    count = len(matcher.zoo)

    def done(networks: float) -> None:
        tell(networks / count, f"matched {int(networks + 1e-6):,} of {count:,} networks")

    for rows, found in matcher.found(np.arange(count), goal, moves, goal_buffers=goal_buffers, on_done=done):
        moves.put(rows, found)


def _recipe(
    zoo: Zoo,
    method: str,
    frame: str,
    name: str,
    by: str,
    canonical: str,
    data: Dataset | None,
    samples: int,
    restarts: int,
    heads: str,
    fixed: Collection[str],
    seed: int,
    row: int,
) -> Recipe:
    """How the alignment was made; what is as by default is left out."""
    options: dict[str, object] = {"method": method, "reference": name, "by": by}
    more = {
        "frame": (frame, "network"),
        "canonical": (canonical, "none"),
        "restarts": (restarts, 0),
        "heads": (heads, "exact"),
    }
    options |= {key: value for key, (value, usual) in more.items() if value != usual}
    if METHODS[method].needs_data and data is not None:
        options |= {"data": data.name} | ({"samples": samples} if samples != 1000 else {})
    flags = " ".join(f"--{key} {value}" for key, value in options.items())
    if fixed:
        options["fixed"], flags = list(fixed), f"{flags} --fixed {','.join(fixed)}"
    keywords = ", ".join(f"{key}={row if key == 'reference' else repr(value)}" for key, value in options.items())
    return Recipe.of(
        "align",
        inputs={"zoo": zoo.fingerprint},
        arguments=options,
        seed=seed,
        cli=f"wsexplore align ZOO {flags} --seed {seed} --out ALIGNED",
        python=f"wx.align(zoo, {keywords}, seed={seed})",
    )


def _matched_rows(zoo: Zoo, by: str) -> tuple[Int[Array, " matched"], Int[Array, " models"]]:
    """Rows to match, and for each network the place among them whose permutation it takes."""
    if by == "network":
        return np.arange(len(zoo)), np.arange(len(zoo))
    table = zoo.entries.part(["run", "epoch"])
    last = table.sort_values("epoch", kind="stable").groupby("run").tail(1).sort_index()
    place = {run: index for index, run in enumerate(last["run"])}
    return last.index.to_numpy(), np.array([place[run] for run in table["run"]])


def align(
    zoo: Zoo,
    *,
    method: str = "auto",
    frame: str = "network",
    reference: int | str = 0,
    by: str = "network",
    canonical: str = "none",
    data: str | Dataset | None = None,
    samples: int = 1000,
    restarts: int = 0,
    seed: int = 0,
    heads: str = "exact",
    fixed: Collection[str] = (),
    out: str | Path | None = None,
    memory: int | None = None,
    on_step: OnStep | None = None,
) -> Zoo:
    """A zoo of the same functions whose units are in the order of one reference network; see `align_permutations`.

    Args:
        zoo: any population.
        method: a name in `METHODS`.
        frame: "network", "mean" or "cycle".
        reference: row of the network to match, or "medoid".
        by: "network" or "run".
        canonical: "none", "minimum-norm" or "unit-norm".
        data: for methods that run the networks.
        samples: of the data, at most.
        restarts: further tries.
        seed: of the order in which groups are visited.
        heads: "exact" or "spectral".
        fixed: groups that stay in order.
        out: folder to write; the networks are then read, matched and written chunk by chunk, and what is matched is
            kept beside it until all is done, so that the same call goes on after a kill.
        memory: bytes that networks may take meanwhile. The table and the permutations come on top.
        on_step: told the share done; it may raise to cancel.

    Raises:
        ValueError: as in `align_permutations`, or the aligned weights take more memory and there is no `out`.
        OSError: the disk is full.
    """
    size = 4 * len(zoo) * (zoo.architecture.layout.size + zoo.architecture.buffers.size)
    if out is None and memory is not None and size > memory:
        raise ValueError(
            f"the aligned networks take {size / (1 << 20):,.1f} MiB, more than the memory; give out=, a folder to "
            "which they are written as they are aligned"
        )
    bound = MEMORY if memory is None else memory
    tell = on_step or (lambda fraction, message: None)
    with work_beside(out) as work:
        found = align_permutations(
            zoo,
            method=method,
            frame=frame,
            reference=reference,
            by=by,
            canonical=canonical,
            data=data,
            samples=samples,
            restarts=restarts,
            seed=seed,
            heads=heads,
            fixed=fixed,
            memory=bound,
            work=work,
            on_step=lambda f, m: tell(0.8 * f, m),
        )
        return found.apply(zoo, out=out, memory=bound, on_step=lambda f, m: tell(0.8 + 0.2 * f, m))
