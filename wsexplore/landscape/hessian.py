"""The Hessian of the loss of one network as an operator: its products with vectors, never the matrix."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from wsexplore.landscape.gradients import Graph, graph_of, sample_bytes
from wsexplore.landscape.objective import Objective
from wsexplore.population.budget import TOGETHER
from wsexplore.population.steps import threads_for

MEMORY = {"cpu": 512 << 20, "cuda": 4 << 30}
"""Bytes that the graphs of gradients may take, where the caller does not say."""

BLOCK = 32
"""Vectors that go through one graph together, at most; more were measured to gain nothing."""

OnPart = Callable[[], None]
"""Called after each part of the work; it may raise to cancel."""


@dataclass(frozen=True, slots=True, eq=False)
class HessianOperator:
    r"""$v \mapsto Hv$ with $H = \nabla^2_\theta L$, the second derivatives of the mean loss of one network.

    Products are exact up to rounding: each is a second backward pass through the graph of the gradient (Pearlmutter
    1994). That was measured against `jvp` of `grad` and against `linearize`; it was the fastest or close to it on all
    families, and every operation that has forward derivatives has this, too. Samples are cut into parts whose graphs
    fit in memory. If all fit together they are kept, else each call builds them anew, one after the other.

    Where a rectified unit is at its bend, the second derivative is taken as that of the side that torch chooses. A
    function of the user's own whose gradient is computed outside torch counts as linear, which nothing can notice.

    Attributes:
        objective: the loss.
        parts: samples that go together.
        graphs: of each part, or none where they are not kept.
        block: vectors that go through a graph together.
        loss: mean over the samples, in the unit of the objective.
        gradient: of the mean loss.
    """

    objective: Objective
    parts: tuple[slice, ...]
    graphs: tuple[Graph, ...]
    block: int
    loss: float
    gradient: Float[Tensor, " parameters"]

    @property
    def size(self) -> int:
        """Number of parameters."""
        return self.objective.weights.numel()

    def __call__(
        self, vectors: Float[Tensor, "vectors parameters"], *, on_part: OnPart = lambda: None
    ) -> Float[Tensor, "vectors parameters"]:
        """The products with these vectors, one per row, summed over the parts in double precision.

        Args:
            vectors: on the device and of the type of the weights.
            on_part: called after each part of the samples with each block of vectors; it may raise to cancel.

        Raises:
            ValueError: an operation cannot be differentiated twice, or the products overflow.
        """
        with threads_for(self.size):
            return self._products(vectors, on_part)

    def _products(self, vectors: Float[Tensor, "vectors parameters"], on_part: OnPart) -> Tensor:
        total = torch.zeros_like(vectors, dtype=torch.float64) if len(self.parts) > 1 else None
        found = vectors
        for place in range(len(self.parts)):
            graph = self.graphs[place] if self.graphs else graph_of(self.objective, self.parts[place])
            pieces = []
            for some in torch.split(vectors, self.block):
                pieces.append(graph.products(some))
                on_part()
            found = torch.cat(pieces)
            total = None if total is None else total.add_(found)
        products = (found if total is None else total) / len(self.objective)
        if not products.isfinite().all():
            raise ValueError(
                f"second derivatives of the loss of network {self.objective.network} are too large for "
                f"{str(vectors.dtype).removeprefix('torch.')}"
            )
        return products.to(vectors.dtype)

    @torch.no_grad()
    def loss_at(self, weights: Float[Tensor, " parameters"], *, on_part: OnPart = lambda: None) -> float:
        """The mean loss of the same samples at other weights, summed over the parts in double precision."""
        total = 0.0
        for part in self.parts:
            total += float(self.objective.total(weights, part))
            on_part()
        return total / len(self.objective)


def hessian_of(objective: Objective, *, memory: int | None = None, on_part: OnPart = lambda: None) -> HessianOperator:
    """The Hessian of the mean loss, where the weights of the network are.

    Args:
        objective: the loss.
        memory: bytes that the graphs of gradients may take; a single sample is taken in any case.
        on_part: called after each part of the samples; it may raise to cancel.

    Raises:
        ValueError: the loss is not finite, or cannot be differentiated twice.
    """
    device, count = objective.weights.device.type, len(objective)
    held = MEMORY[device] if memory is None else memory
    sample = max(1, sample_bytes(objective.architecture, device) * objective.weights.element_size() // 4)
    pieces = math.ceil(count / max(1, held // (4 * sample)))
    size = math.ceil(count / pieces)
    parts = tuple(slice(start, min(start + size, count)) for start in range(0, count, size))
    kept, graphs = count * sample <= held // 2, list[Graph]()
    loss, gradient = 0.0, torch.zeros_like(objective.weights, dtype=torch.float64)
    for part in parts:
        graph = graph_of(objective, part)
        loss += float(graph.loss) / count
        gradient += graph.gradient.detach() / count
        graphs += [graph] if kept else []
        on_part()
    if not math.isfinite(loss) or not gradient.isfinite().all():
        raise ValueError(
            f"the loss of network {objective.network} or its gradient is not finite on these samples (loss {loss}), so "
            "it has no curvature"
        )
    block = min(BLOCK, max(1, TOGETHER[device] // (sample * size)))
    return HessianOperator(objective, parts, tuple(graphs), block, loss, gradient.to(objective.weights.dtype))
