"""Sampling for many requests at once, with bytes that do not depend on the company."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from wsexplore.generate.flow import WeightFlow, standard_noise
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
        weights: one network per row.
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
        asked = self.request
        return self.flow.as_zoo(
            self.weights, seed=asked.seed, steps=asked.steps, solver=asked.solver, temperature=asked.temperature
        )


class FlowSampler:
    """Samples the flows of a shelf in blocks of a fixed number of networks.

    The noise of network i is drawn from the request's seed and from i. A block is filled with networks of any requests
    that share flow, solver and steps, and with zeros where they are too few, so every kernel sees the same shapes
    whoever else asks, on the CPU with one thread. A network's numbers depend on no other row of its block. So the
    same request gives the same bytes on one kind of device, however it was batched; another kind of processor may
    round differently.

    Args:
        device: "cpu", "cuda" or "auto".
        warm: flows held in memory.
        folders: where flows lie by name; by default what ships and what the user keeps.
        limits: of one request.
    """

    def __init__(
        self,
        *,
        device: str = "auto",
        warm: int = WARM,
        folders: Folders = lambda: shelf("flows"),
        limits: Limits = Limits(),  # noqa: B008 (frozen)
    ):
        self.shelf, self.limits = FlowShelf(device=device, warm=warm, folders=folders), limits

    def want(self, request: SampleRequest) -> Wanted:
        """The request with the facts of its flow, once it is known to be within the limits.

        Raises:
            UnknownFlow: there is no such flow.
            BrokenFlow: it cannot be read.
            ValueError: the request asks for too much, or to be judged by a flow that names no data set.
        """
        facts = self.shelf.facts(request.flow)
        self.limits.check(request, facts.parameters)
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
        line, total, done = Line(), sum(request.n for request in requests), 0
        for each in batch:
            line.add(each)
        while (first := line.first()) is not None:
            pieces = line.take(self.shelf.load(first.facts).block)
            taken, steps = sum(len(piece.rows) for piece in pieces), first.request.steps

            def told(step: int, before: int = done, taken: int = taken, steps: int = steps) -> None:
                if on_step is not None:
                    on_step((before + taken * step / steps) / total, f"{before:,} of {total:,} networks")

            self.run(pieces, told)
            done += taken
        return [Sampled.of(each) for each in batch]

    def run(self, pieces: Sequence[Piece], on_step: Callable[[int], None] | None = None) -> None:
        """Sample one block and hand its networks to their requests.

        Args:
            pieces: of requests that share a setting; together no more networks than a block has.
            on_step: told the number of steps done; it may raise to cancel.

        Raises:
            BrokenFlow: the flow cannot be read.
        """
        loaded = self.shelf.load(pieces[0].wanted.facts)
        asked, flow = pieces[0].wanted.request, loaded.flow
        noise, place = torch.zeros(loaded.block, loaded.facts.parameters), 0
        for piece in pieces:
            request, stop = piece.wanted.request, place + len(piece.rows)
            drawn = standard_noise(piece.rows, noise.shape[1], seed=request.seed)
            noise[place:stop] = drawn * (request.temperature * flow.scale)
            place = stop
        with single_threaded():
            state = integrate(
                loaded.network, noise.to(loaded.device), steps=asked.steps, solver=asked.solver, on_step=on_step
            )
            weights, place = flow.coordinates.decode(state.cpu()), 0
        for piece in pieces:
            piece.wanted.fill(piece.rows, weights[place : place + len(piece.rows)], flow)
            place += len(piece.rows)
