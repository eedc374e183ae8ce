"""Gradients of a loss that can be differentiated once more."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from wsexplore.landscape.objective import Objective
from wsexplore.nets import Architecture


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """The gradient of the sum of the losses of some samples, with what it takes to differentiate it again.

    Attributes:
        architecture: of the network.
        weights: the leaf of the graph.
        loss: the sum.
        gradient: of the sum.
    """

    architecture: Architecture
    weights: Float[Tensor, " parameters"]
    loss: Float[Tensor, ""]
    gradient: Float[Tensor, " parameters"]

    def products(self, vectors: Float[Tensor, "vectors parameters"]) -> Float[Tensor, "vectors parameters"]:
        """Products of the Hessian of the sum with these vectors.

        Raises:
            ValueError: an operation cannot be differentiated twice.
        """
        with _refusing(self.architecture):
            if len(vectors) > 1 and _batches(self.architecture, vectors.device.type):
                return self.together(vectors)
            return torch.stack([self.alone(vector) for vector in vectors])

    def alone(self, vector: Float[Tensor, " parameters"]) -> Float[Tensor, " parameters"]:
        """The gradient of the slope along one vector."""
        return torch.autograd.grad(self.gradient @ vector, self.weights, retain_graph=True)[0]

    def together(self, vectors: Float[Tensor, "vectors parameters"]) -> Float[Tensor, "vectors parameters"]:
        """The same for a block of vectors in one pass, by `vmap`."""
        return torch.autograd.grad(self.gradient, self.weights, vectors, retain_graph=True, is_grads_batched=True)[0]


def graph_of(objective: Objective, part: slice) -> Graph:
    """Loss and gradient of some samples.

    Attention is written out for it, because its fused kernels have no second derivatives; so are torch's own recurrent
    layers on a GPU.

    Raises:
        ValueError: the loss does not depend on the weights, or an operation cannot be differentiated twice.
    """
    architecture = objective.architecture
    with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH), _plain_recurrence(objective.module):
        weights = objective.weights.detach().clone().requires_grad_()
        loss = objective.total(weights, part)
        if not loss.requires_grad:
            raise ValueError(f"the outputs of this {architecture.name} are cut off from its weights")
        with _refusing(architecture):
            (gradient,) = torch.autograd.grad(loss, weights, create_graph=True)
    if not gradient.requires_grad:
        raise ValueError(f"the gradient of this {architecture.name} is cut off from its weights")
    if architecture.family.concrete:
        _refuse_dead_ends(architecture, loss, gradient)
    return Graph(architecture, weights, loss.detach(), gradient)


@lru_cache(maxsize=64)
def sample_bytes(architecture: Architecture, device: str) -> int:
    """Bytes that one more sample adds to a graph in single precision.

    Found from two tiny graphs: what grows with the number of samples belongs to a sample.
    """
    counts = []
    for samples in (2, 3):
        objective = _tiny(architecture, device, samples)
        held = {objective.inputs.untyped_storage().data_ptr(): objective.inputs.nbytes}

        def note(tensor: Tensor, held: dict[int, int] = held) -> Tensor:
            storage = tensor.untyped_storage()
            held[storage.data_ptr()] = storage.nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            graph = graph_of(objective, slice(0, samples))
        counts.append(sum(held.values()))
        del graph
    return max(1, counts[1] - counts[0])


@lru_cache(maxsize=64)
def _batches(architecture: Architecture, device: str) -> bool:
    """Whether a block of vectors can go through a graph at once, with the same products as one after the other."""
    graph = graph_of(_tiny(architecture, device, 2), slice(0, 2))
    draw = torch.Generator().manual_seed(0)
    vectors = torch.randn(2, graph.weights.numel(), generator=draw).to(device)
    with _refusing(architecture):
        alone = torch.stack([graph.alone(vector) for vector in vectors])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            together = graph.together(vectors)
    except Exception:  # what vmap raises depends on the operator that it lacks
        return False
    return torch.allclose(together, alone, rtol=1e-3, atol=1e-4 * float(alone.abs().max()))


def _tiny(architecture: Architecture, device: str, samples: int) -> Objective:
    """The loss of a fresh network on a few made-up samples."""
    weights, inputs = architecture.initial_weights(seed=0), architecture.example_input(samples).to(device)
    module = architecture.module(weights).to(device)
    with torch.no_grad():
        outputs = module(inputs)
    targets = torch.zeros_like(outputs) if architecture.task == "field" else torch.zeros_like(outputs[:, 0]).long()
    return Objective("", architecture, architecture.layout, module, weights.to(device), inputs, targets, "test")


@contextmanager
def _refusing(architecture: Architecture) -> Iterator[None]:
    """Says in one sentence which operation has no second derivative."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, NotImplementedError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"the loss of this {architecture.name} cannot be differentiated twice: {reason}") from error


@contextmanager
def _plain_recurrence(module: nn.Module) -> Iterator[None]:
    """Keeps torch's own recurrent layers off cuDNN."""
    if not any(isinstance(part, nn.RNNBase) and part.weight_hh_l0.is_cuda for part in module.modules()):
        yield
        return
    with torch.backends.cudnn.flags(enabled=False):
        yield


def _refuse_dead_ends(architecture: Architecture, loss: Tensor, gradient: Tensor) -> None:
    """Look for operations that torch itself knows to have no second derivative.

    A backward pass that does not need them goes round them in silence, and the products would lack their part.
    """
    if any("Error" in name or "NotImplemented" in name for name in _operations(gradient)):
        own = sorted({name.removesuffix("Backward") for name, node in _operations(loss).items() if _is_users(node)})
        raise ValueError(
            f"the loss of this {architecture.name} cannot be differentiated twice: the gradient of "
            f"{', '.join(own) or 'an operation'} has no derivative"
        )


def _operations(tensor: Tensor) -> dict[str, Any]:
    """The operations of a graph by name."""
    found: dict[str, Any] = {}
    waiting, seen = [tensor.grad_fn], {tensor.grad_fn}
    while waiting:
        node = waiting.pop()
        if node is None:
            continue
        found[node.name()] = node
        fresh = {after for after, _ in node.next_functions} - seen
        seen |= fresh
        waiting += fresh
    return found


def _is_users(node: Any) -> bool:
    return isinstance(node, torch.autograd.function.BackwardCFunction)
