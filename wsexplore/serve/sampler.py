"""Sampling for many requests at once, with bytes that do not depend on the company."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count

import torch
from jaxtyping import Float
from torch import Tensor

from wsexplore.generate import WeightFlow
from wsexplore.generate.solver import integrate
from wsexplore.population import OnStep
from wsexplore.serve.flows import WARM, FlowShelf, Folders
from wsexplore.serve.line import Line, Piece, Wanted
from wsexplore.serve.request import Limits, SampleRequest
from wsexplore.serve.threads import single_threaded
from wsexplore.zoo import Zoo, shelf


@dataclass(frozen=True, slots=True, eq=False)
class Sampled:
    """Networks that were asked for.

    Attributes:
        request: what was asked for.
        flow: that made them.
        weights: one network per row; network by network and step by step for a trajectory.
    """

    request: SampleRequest
    flow: WeightFlow
    weights: Float[Tensor, "models parameters"]

    @classmethod
    def of(cls, wanted: Wanted) -> "Sampled":
        """A request that is done."""
        assert wanted.flow is not None
        return cls(wanted.request, wanted.flow, wanted.weights)

    def zoo(self) -> Zoo:
        """The networks with their table and recipe, before they are judged.

        Raises:
            ValueError: a weight is not finite.
        """
        with single_threaded():
            return self.flow.as_zoo(self.weights, seed=self.request.seed, **self.request.chosen())


class FlowSampler:
    """Samples the flows of a shelf in blocks of a few sizes whose kernels round alike.

    The noise of network i is drawn from the request's seed and from i. A block is filled with networks of any requests
    that share flow, solver, steps and guidance, whatever they ask for, and up to the next size that was seen to give a
    network the same bits at every place (`agreeing_sizes`), on the CPU with one thread. A network's numbers depend on
    no other row of its block. So the same request gives the same bytes on one kind of device, however it was batched;
    another kind of processor may round differently.

    Args:
        device: "cpu", "cuda" or "auto".
        warm: flows held in memory.
        folders: where flows lie by name; by default what ships and what the user keeps.
        limits: of one request.
        block: most networks that run together; by default, and at most, what the device takes. One that is smaller
            than every size whose kernels round alike gives bytes of its own (`FlowShelf`).
    """

    def __init__(
        self,
        *,
        device: str = "auto",
        warm: int = WARM,
        folders: Folders = lambda: shelf("flows"),
        limits: Limits = Limits(),  # noqa: B008 (frozen)
        block: int | None = None,
    ):
        self.shelf, self.limits = FlowShelf(device=device, warm=warm, folders=folders, block=block), limits

    def want(self, request: SampleRequest) -> Wanted:
        """The request with the facts of its flow, once it is known to be within the limits.

        Raises:
            UnknownFlow: there is no such flow.
            BrokenFlow: it cannot be read.
            ValueError: the request asks for too much, for what the flow does not listen to, or to be judged by a flow
                that names no data set or whose networks are no classifiers.
        """
        facts = self.shelf.facts(request.flow)
        request = request.settled(facts.steps)
        self.limits.check(request, facts.parameters)
        if request.condition:
            facts.listens.asked(request.condition, 1)
        if request.judge and facts.architecture.task != "classify":
            raise ValueError(
                f"the networks of {request.flow!r} are no classifiers and have no accuracy; leave judge out"
            )
        if request.judge and not facts.manifest.get("dataset"):
            raise ValueError(f"the flow {request.flow!r} names no data set to judge its networks on; leave judge out")
        return Wanted(request, facts)

    def sample_batch(self, requests: Sequence[SampleRequest], *, on_step: OnStep | None = None) -> list[Sampled]:
        """The networks of every request, in order.

        Args:
            requests: any; those that share flow, solver and steps run together.
            on_step: told the share done after each step of the solver; it may raise to cancel.

        Raises:
            UnknownFlow: a flow is unknown; nothing was sampled.
            BrokenFlow: a flow cannot be read.
            ValueError: a request asks for too much, or all of them together for more than `limits.memory`.
        """
        batch = [self.want(request) for request in requests]
        size = sum(self.limits.check(each.request, each.facts.parameters) for each in batch)
        if size > self.limits.memory:
            raise ValueError(f"the requests ask for {size:,} bytes together, at most {self.limits.memory:,} are held")
        line, total, done = Line(), sum(each.request.n for each in batch), 0
        for each in batch:
            line.add(each)
        while (first := line.first()) is not None:
            pieces = line.take(self.shelf.load(first.facts).block)
            taken, steps = sum(len(piece.rows) for piece in pieces), first.request.steps_taken

            def told(step: int, before: int = done, taken: int = taken, steps: int = steps) -> None:
                if on_step is not None:
                    on_step((before + taken * step / steps) / total, f"{before:,} of {total:,} networks")

            self.run(pieces, told)
            done += taken
        return [Sampled.of(each) for each in batch]

    def run(self, pieces: Sequence[Piece], on_step: Callable[[int], None] | None = None) -> int:
        """Sample one block and hand its networks to their requests.

        Returns:
            The size of the block, with the places that nobody filled.

        Args:
            pieces: of requests that share a setting; together no more networks than a block has.
            on_step: told the number of steps done; it may raise to cancel.

        Raises:
            BrokenFlow: the flow cannot be read.
        """
        loaded = self.shelf.load(pieces[0].wanted.facts)
        asked, flow = pieces[0].wanted.request, loaded.flow
        size = loaded.size(sum(len(piece.rows) for piece in pieces))
        for piece in pieces:
            piece.wanted.open(loaded.facts.parameters)
        whole = [piece.wanted.request.trajectory for piece in pieces]
        points = count()
        with single_threaded(), torch.inference_mode():
            noise, wishes = (part.to(loaded.device) for part in _filled(flow, pieces, size))
            state = integrate(
                flow.field(loaded.network, wishes, asked.guidance),
                noise,
                end=flow.end,
                steps=asked.steps_taken,
                solver=asked.solver,
                tolerance=asked.tolerance,
                on_step=on_step,
                on_state=(lambda state: _kept(flow, state, pieces, whole, next(points))) if any(whole) else None,
            )
            if not all(whole):
                _kept(flow, state, pieces, [not each for each in whole], 0)
        for piece in pieces:
            piece.wanted.close(piece.rows, flow)
        return size


def _kept(flow: WeightFlow, state: Tensor, pieces: Sequence[Piece], which: Sequence[bool], point: int) -> None:
    """Hand a point of the way to the requests of some pieces."""
    weights, place = flow.decode(state.cpu()), 0
    for piece, wants in zip(pieces, which, strict=True):
        if wants:
            piece.wanted.put(piece.rows, point, weights[place : place + len(piece.rows)])
        place += len(piece.rows)


def _filled(flow: WeightFlow, pieces: Sequence[Piece], size: int) -> tuple[Tensor, Tensor]:
    """Noise and conditions of a block; places that nobody fills repeat the first.

    Noise that is made with a matrix product, which rounds by its shape, is drawn row by row.
    """
    noise, wishes, filled = [], [], 0
    for piece in pieces:
        request, rows = piece.wanted.request, piece.rows
        parts = [rows] if flow.source.kind == "gaussian" else [range(row, row + 1) for row in rows]
        noise += [flow.noise(part, seed=request.seed, temperature=request.temperature) for part in parts]
        wishes.append(flow.listens.asked(request.condition, len(rows)))
        filled += len(rows)
    empty = size - filled
    return torch.cat(noise + [noise[0][:1]] * empty), torch.cat(wishes + [wishes[0][:1]] * empty)
