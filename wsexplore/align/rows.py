"""One pass of matching over the networks of a zoo: cut into shards, in threads, resumable."""

import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from numpy import ndarray as Array
from safetensors.torch import load_file, save_file
from torch import Tensor

from wsexplore.align.checks import check_finite
from wsexplore.align.matching import Matching
from wsexplore.align.methods import METHODS, match
from wsexplore.align.moves import Moves
from wsexplore.datasets import Dataset
from wsexplore.engine import Ledger, Shard, run_shards
from wsexplore.engine.local import Stopped
from wsexplore.population.steps import CORES, one_thread
from wsexplore.symmetry import PermutationSpec
from wsexplore.zoo import Zoo


@dataclass(frozen=True, slots=True, eq=False)
class Matcher:
    """How the networks of a zoo are matched.

    Attributes:
        zoo: that holds them.
        spec: of its architecture.
        method: a name in `METHODS`.
        data: for methods that run the networks.
        samples: of the data, at most.
        restarts: further tries.
        seed: of the order of the groups.
        heads: how attention heads are paired.
        fixed: groups that stay in order.
        at_once: networks matched together, at most.
        ledger: where finished parts are kept, so that the work goes on after a kill.
    """

    zoo: Zoo
    spec: PermutationSpec
    method: str
    data: Dataset | None
    samples: int
    restarts: int
    seed: int
    heads: str
    fixed: tuple[str, ...]
    at_once: int
    ledger: Ledger

    def found(
        self,
        rows: Int[Array, " rows"],
        goal: Float[Tensor, " parameters"],
        moves: Moves,
        *,
        goal_buffers: Float[Tensor, " buffers"] | None = None,
        method: str | None = None,
        on_done: Callable[[float], None] = lambda done: None,
    ) -> Iterator[tuple[Int[Array, " rows"], Matching]]:
        """Match rows of the zoo, as `moves` has moved them, to one goal; part by part, in order.

        Args:
            rows: of the zoo.
            goal: weights to match.
            moves: what has been done to the networks so far; what is found comes on top.
            goal_buffers: running statistics of the goal.
            method: instead of the matcher's own.
            on_done: told about five times a second how many networks are matched, with the share of those at work; it
                may raise to cancel, and what is finished is kept.
        """
        workers = min(CORES, self.at_once)
        work = _Work(self, goal, goal_buffers, moves, method or self.method)
        size = max(1, min(self.at_once // workers, -(-len(rows) // workers), METHODS[work.method].together))
        parts = {}
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            parts[Shard({"work": work.name, "rows": [int(row) for row in part]}).name] = part
        shards = [Shard({"work": work.name, "rows": [int(row) for row in part]}) for part in parts.values()]
        done = {shard.name: 0.0 for shard in shards}

        def told(shard: Shard, words: Mapping[str, Any]) -> None:
            done[shard.name] = len(shard.arguments["rows"]) * float(words.get("share", 1.0))

        with _at_work(work), one_thread():
            run_shards(
                f"{__name__}:match_shard",
                shards,
                self.ledger,
                workers=workers,
                on_tell=told,
                on_tick=lambda: on_done(sum(done.values())),
            )
        for shard in shards:
            yield parts[shard.name], _read(self.ledger.file(shard))


@dataclass(frozen=True, slots=True, eq=False)
class _Work:
    """What all shards of one pass share, held in this process."""

    matcher: Matcher
    goal: Float[Tensor, " parameters"]
    goal_buffers: Float[Tensor, " buffers"] | None
    moves: Moves
    method: str

    @property
    def name(self) -> str:
        """Hash of all that the result depends on beside the rows."""
        hashed = hashlib.sha256(self.goal.contiguous().numpy().tobytes())
        for values in (*self.moves.permutations.values(), *self.moves.signs.values()):
            hashed.update(values.tobytes())
        m = self.matcher
        data = None if m.data is None else m.data.name
        hashed.update(
            repr(
                (m.zoo.fingerprint, self.method, self.moves.canonical, data, m.samples, m.restarts, m.seed, m.heads)
            ).encode()
        )
        hashed.update(repr(m.fixed).encode())
        return hashed.hexdigest()[:24]


_WORK: dict[str, _Work] = {}
_USERS: Counter[str] = Counter()
"""Callers that are at the same work in this moment."""
_LOCK = threading.Lock()


@contextmanager
def _at_work(work: _Work) -> Iterator[None]:
    with _LOCK:
        _WORK[work.name] = work
        _USERS[work.name] += 1
    try:
        yield
    finally:
        with _LOCK:
            _USERS[work.name] -= 1
            if not _USERS[work.name]:
                del _WORK[work.name], _USERS[work.name]


def match_shard(arguments: Mapping[str, Any], file: Path, tell: Callable[[Mapping[str, Any]], None]) -> None:
    """The shard function: match some rows and write permutations, signs and objectives.

    What is matched when the caller gives up is still written.
    """
    work = _WORK[arguments["work"]]
    matcher, zoo = work.matcher, work.matcher.zoo
    rows = torch.tensor(arguments["rows"]).numpy()
    weights, architecture = zoo.rows(rows), zoo.architecture
    ids = zoo.entries.part(["id"])["id"].iloc[rows]
    names = [f"network {name}" for name in ids]
    check_finite(weights, architecture.layout, names)
    start = work.moves.weights(weights, rows, matcher.spec, architecture)
    found = match(
        architecture,
        start,
        work.goal,
        matcher.spec,
        method=work.method,
        data=matcher.data,
        buffers=work.moves.buffers(zoo.buffer_rows(rows), rows, matcher.spec, architecture),
        reference_buffers=work.goal_buffers,
        samples=matcher.samples,
        restarts=matcher.restarts,
        seed=matcher.seed,
        signs=bool(work.moves.signs),
        heads=matcher.heads,
        fixed=matcher.fixed,
        names=names,
        on_step=lambda share, message: tell({"share": share}),
    )
    arrays = {f"group.{group}": units.to(torch.int32) for group, units in found.permutations.items()}
    arrays |= {f"sign.{name}": signs.to(torch.int8) for name, signs in found.signs.items()}
    arrays["objective"] = torch.from_numpy(found.objective[:, [0, -1]]).contiguous()
    save_file({name: array.contiguous() for name, array in arrays.items()}, file)
    with suppress(Stopped):
        tell({"share": 1.0})


def _read(file: Path) -> Matching:
    arrays = load_file(file)
    return Matching(
        {name.removeprefix("group."): a.long() for name, a in arrays.items() if name.startswith("group.")},
        arrays["objective"].numpy(),
        {name.removeprefix("sign."): a.float() for name, a in arrays.items() if name.startswith("sign.")},
    )
