"""A whole zoo aligned: every network matched to one of them, chunk by chunk."""

from pathlib import Path

import numpy as np
from jaxtyping import Int
from numpy import ndarray as Array

from wsexplore.align.alignment import MEMORY, METHODS, Alignment, moved_networks, networks_within, spec_of
from wsexplore.population import OnStep
from wsexplore.zoo import Recipe, Zoo, check_target


def align_permutations(
    zoo: Zoo,
    *,
    method: str = "weights",
    reference: int = 0,
    by: str = "network",
    seed: int = 0,
    memory: int = MEMORY,
    on_step: OnStep | None = None,
) -> Alignment:
    """Match every network of a zoo to one of them.

    Args:
        zoo: any population.
        method: a name in `METHODS`.
        reference: row of the network to match.
        by: "network" matches every checkpoint for itself; "run" matches the last checkpoint of each run and gives its
            permutation to the earlier ones, so that trajectories stay whole. Then `after` may lie below `before` for
            an earlier checkpoint.
        seed: of the order in which groups are visited.
        memory: bytes that networks may take while they are matched; it changes nothing in the result. The
            permutations, 4 bytes per unit, come on top.
        on_step: told the share done; it may raise to cancel.

    Raises:
        ValueError: the method or `by` is unknown, the row is out of range, or one network takes more memory.
    """
    if method not in METHODS:
        raise ValueError(f"matching method {method!r} is unknown; choose one of {', '.join(METHODS)}")
    if by not in ("network", "run"):
        raise ValueError(f"zoos are aligned by network or by run, got {by!r}")
    goal = zoo.rows([reference])[0]
    spec, layout = spec_of(zoo.architecture), zoo.architecture.layout
    size = networks_within(zoo, spec, memory)
    matched, takes = _matched_rows(zoo, by)
    units = {group: np.empty((len(matched), count), np.int32) for group, count in spec.sizes.items()}
    for start in range(0, len(matched), size):
        rows = matched[start : start + size]
        found = METHODS[method](zoo.rows(rows), goal, spec, layout, seed=seed).permutations
        for group in spec.groups:
            units[group][start : start + len(rows)] = found[group].numpy()
        if on_step is not None:
            done = start + len(rows)
            on_step(done / len(matched), f"matched {done:,} of {len(matched):,} networks")
    units = {group: part[takes] for group, part in units.items()} if by == "run" else units
    before, after = np.empty(len(zoo), np.float32), np.empty(len(zoo), np.float32)
    for rows, weights, moved, _ in moved_networks(zoo, units, spec, size):
        before[rows], after[rows] = (weights @ goal).numpy(), (moved @ goal).numpy()
    name = str(zoo.entries.part(["id"])["id"].iloc[reference])
    recipe = Recipe.of(
        "align",
        inputs={"zoo": zoo.fingerprint},
        arguments={"method": method, "reference": name, "by": by},
        seed=seed,
        cli=f"wsexplore align ZOO --method {method} --reference {name} --by {by} --seed {seed} --out ALIGNED",
        python=f"wx.align(zoo, method={method!r}, reference={reference}, by={by!r}, seed={seed})",
    )
    return Alignment(units, before, after, goal.numpy(), name, method, zoo.fingerprint, recipe)


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
    method: str = "weights",
    reference: int = 0,
    by: str = "network",
    seed: int = 0,
    out: str | Path | None = None,
    memory: int | None = None,
    on_step: OnStep | None = None,
) -> Zoo:
    """A zoo of the same functions whose units are in the order of one reference network; see `align_permutations`.

    Args:
        zoo: any population.
        method: a name in `METHODS`.
        reference: row of the network to match.
        by: "network" or "run".
        seed: of the order in which groups are visited.
        out: folder to write; the networks are then read, matched and written chunk by chunk.
        memory: bytes that networks may take meanwhile. The table and the permutations come on top.
        on_step: told the share done; it may raise to cancel.

    Raises:
        ValueError: as in `align_permutations`, or the aligned weights take more memory and there is no `out`.
        OSError: the disk is full.
    """
    size = 4 * len(zoo) * (zoo.architecture.layout.size + zoo.architecture.buffers.size)
    if out is not None:
        check_target(out)
    elif memory is not None and size > memory:
        raise ValueError(
            f"the aligned networks take {size / (1 << 20):,.1f} MiB, more than the memory; give out=, a folder to "
            "which they are written as they are aligned"
        )
    bound = MEMORY if memory is None else memory
    tell = on_step or (lambda fraction, message: None)
    found = align_permutations(
        zoo, method=method, reference=reference, by=by, seed=seed, memory=bound, on_step=lambda f, m: tell(0.8 * f, m)
    )
    return found.apply(zoo, out=out, memory=bound, on_step=lambda f, m: tell(0.8 + 0.2 * f, m))
