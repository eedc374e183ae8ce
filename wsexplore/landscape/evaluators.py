"""Ways to judge many networks of a subspace, and the choice among them by measurement.

None is the fastest everywhere: batching a small CNN on a CPU can be slower than a loop, and the first layer of a
perceptron is affine in the coordinates, so that it takes one product per vector instead of one per network. So the
candidates are run on a few networks once per architecture, and the fastest one does the rest.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from time import perf_counter, thread_time
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from wsexplore.datasets import Split
from wsexplore.landscape.subspace import Subspace
from wsexplore.nets import ACTIVATIONS, Architecture
from wsexplore.population import score
from wsexplore.population.budget import NUMBER, cut_for
from wsexplore.population.evaluate import MEMORY
from wsexplore.population.stack import networks_per_shard
from wsexplore.population.steps import threads_for

IN_CACHE = {"cpu": 2 << 20, "cuda": 256 << 20}
"""Bytes of one layer's activations that go together: what a core keeps close, measured on perceptrons."""

FIRST_LAYER = 64 << 20
"""Bytes that the first layers of all vectors may take."""

TRIED, TRIED_ON, PATIENCE = 16, 1024, 0.5
"""Networks and samples on which the candidates are timed, and seconds after which a candidate is not run again."""


class Sums(NamedTuple):
    """What was counted over some samples.

    Attributes:
        loss: sum of the cross-entropies, in nats; not finite where a network is broken.
        hits: samples classified correctly.
    """

    loss: Float[Tensor, " points"]
    hits: Float[Tensor, " points"]


Evaluator = Callable[[Subspace, Tensor, Tensor | None, Split], Sums]
"""Sums over a split for the networks at some coordinates, with running statistics of their own or mixed ones."""


def affine(subspace: Subspace, coordinates: Tensor, buffers: Tensor | None, samples: Split) -> Sums:
    r"""Perceptrons: the first layer is $\sum_k c_k (W_k x + b_k)$, so every product with the inputs is done once.

    The other layers are batched products, samples last, so that activations and cross-entropies run along memory.
    """
    architecture, device = subspace.architecture, subspace.vectors.device
    widest, vectors = max(architecture.config["widths"][1:]), len(subspace.vectors)
    inputs, targets = samples.inputs.to(device).flatten(1), samples.targets.to(device)
    size = max(1, FIRST_LAYER // (NUMBER * widest * vectors))
    total = Sums(*torch.zeros(2, len(coordinates), dtype=torch.float64, device=device))
    for seen, truth in zip(torch.split(inputs, size), torch.split(targets, size), strict=True):
        first = _first_layers(subspace, seen)
        together = max(1, IN_CACHE[device.type] // (NUMBER * widest * len(seen)))
        rooms = [first.new_empty(together, width, len(seen)) for width in architecture.config["widths"][1:]]
        judged = [_judged(_logits(subspace, first, some, rooms), truth) for some in torch.split(coordinates, together)]
        total.loss.add_(torch.cat([part.loss for part in judged]))
        total.hits.add_(torch.cat([part.hits for part in judged]))
    return total


def _first_layers(subspace: Subspace, inputs: Tensor) -> Float[Tensor, "vectors units samples"]:
    """What the first layer of every vector gives."""
    parts = subspace.architecture.layout.unflatten(subspace.vectors)
    weight, bias = parts["layers.0.weight"], parts["layers.0.bias"]
    return torch.baddbmm(bias.unsqueeze(2), weight, inputs.T.expand(len(weight), -1, -1))


def _logits(
    subspace: Subspace, first: Tensor, coordinates: Tensor, rooms: Sequence[Tensor]
) -> Float[Tensor, "points classes samples"]:
    """Written to the last of the rooms, one for each layer: fresh memory for every few networks takes twice as long."""
    architecture, count = subspace.architecture, len(coordinates)
    parts, activation = architecture.layout.unflatten(subspace.vectors), _activation(architecture)
    column = coordinates.T[:, :, None, None]
    x = torch.mul(column[0], first[0], out=rooms[0][:count])
    for share, part in zip(column[1:], first[1:], strict=True):
        x.addcmul_(share, part)
    for layer, room in enumerate(rooms[1:], start=1):
        weight = torch.einsum("pk,koi->poi", coordinates, parts[f"layers.{layer}.weight"])
        bias = coordinates @ parts[f"layers.{layer}.bias"]
        x = torch.baddbmm(bias.unsqueeze(2), weight, activation(x), out=room[:count])
    return x


def _activation(architecture: Architecture) -> Callable[[Tensor], Tensor]:
    name = architecture.config["activation"]
    return torch.relu_ if name == "relu" else ACTIVATIONS[name]()


def _judged(logits: Float[Tensor, "points classes samples"], targets: Tensor) -> Sums:
    """Sums over the samples. Of equal logits the first class counts as said; `argmax` is slow along this axis."""
    picked, top = logits.gather(1, targets.expand(len(logits), 1, -1)).squeeze(1), logits.amax(1)
    right = picked >= top
    if (((logits == top.unsqueeze(1)).sum(1) > 1) & right).any():
        right = logits.argmax(1) == targets
    losses = logits.sub_(top.unsqueeze(1)).exp_().sum(1).log_().add_(top).sub_(picked)
    return Sums(losses.double().sum(1), right.double().sum(1))


def stacked(subspace: Subspace, coordinates: Tensor, buffers: Tensor | None, samples: Split) -> Sums:
    """The networks as a stack, as the architecture runs populations."""
    held = subspace.buffers(coordinates) if buffers is None else buffers
    scores = score(subspace.architecture, subspace.weights(coordinates), samples, buffers=held)
    count = len(samples)
    return Sums(scores.loss.double() * count, (scores.accuracy.double() * count).round())


def loop(subspace: Subspace, coordinates: Tensor, buffers: Tensor | None, samples: Split) -> Sums:
    """One plain module after the other."""
    architecture, device = subspace.architecture, subspace.vectors.device
    weights = subspace.weights(coordinates)
    held = subspace.buffers(coordinates) if buffers is None else buffers
    module = architecture.module(weights[0].cpu(), held[0].cpu()).to(device)
    places = [*module.named_parameters(), *module.named_buffers()]
    size = cut_for(architecture, device.type, MEMORY).samples
    inputs = samples.inputs.to(device).reshape(len(samples), *architecture.input_shape)
    parts = list(zip(torch.split(inputs, size), torch.split(samples.targets.to(device), size), strict=True))
    judged = []
    for network, statistics in zip(weights, held, strict=True):
        values = {**architecture.layout.unflatten(network), **architecture.buffers.unflatten(statistics)}
        for name, place in places:
            if name in values:
                place.copy_(values[name])
        sums = [_judged(module(x).T.unsqueeze(0), truth) for x, truth in parts]
        judged.append(Sums(sum(part.loss for part in sums), sum(part.hits for part in sums)))  # type: ignore[arg-type]
    return Sums(torch.cat([part.loss for part in judged]), torch.cat([part.hits for part in judged]))


EVALUATORS: Mapping[str, Evaluator] = {"affine": affine, "stacked": stacked, "loop": loop}
"""The candidates by name."""


def candidates(architecture: Architecture, device: str = "cpu") -> tuple[str, ...]:
    """Names of the ways that these networks can be judged; a stack only where several of them run together."""
    plain = architecture.name == "mlp" and architecture.config["norm"] == "none"
    first = ("affine",) if plain and len(architecture.config["widths"]) > 2 else ()
    return (*first, *(("stacked",) if networks_per_shard(architecture, device) > 1 else ()), "loop")


FEWEST: Mapping[str, int] = {"affine": 8, "stacked": 16, "loop": 1}
"""Networks below which a way to judge them is slower than it can be."""


class Choice(NamedTuple):
    """The fastest evaluator.

    Attributes:
        name: in `EVALUATORS`.
        seconds: that it takes for one network and one sample.
        tried: the same of every candidate.
    """

    name: str
    seconds: float
    tried: dict[str, float]


def choose(subspace: Subspace, samples: Split) -> Choice:
    """The evaluator that was the fastest for this architecture with about so many samples, timed once per process."""
    with threads_for(subspace.architecture.layout.size):
        return _chosen(_Trial(subspace, samples))


class _Trial:
    """A question that is the same for all subspaces of one architecture, device and magnitude of samples."""

    def __init__(self, subspace: Subspace, samples: Split):
        self.subspace, self.samples = subspace, samples
        device = subspace.vectors.device.type
        self._key = (subspace.architecture, device, len(subspace.vectors), len(samples).bit_length())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Trial) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def forget(self) -> None:
        """Keep the question, which a cache holds, and give up the networks."""
        del self.subspace, self.samples


@lru_cache(maxsize=128)
@torch.no_grad()
def _chosen(trial: _Trial) -> Choice:
    subspace, device = trial.subspace, trial.subspace.vectors.device
    samples = Split(trial.samples.inputs[:TRIED_ON], trial.samples.targets[:TRIED_ON])
    coordinates = torch.full((TRIED, len(subspace.vectors)), 1 / len(subspace.vectors), device=device)
    tried = {
        name: _seconds(EVALUATORS[name], subspace, coordinates, samples)
        for name in candidates(subspace.architecture, device.type)
    }
    trial.forget()
    best = min(tried, key=lambda name: tried[name])
    return Choice(best, tried[best], tried)


def _seconds(evaluator: Evaluator, subspace: Subspace, coordinates: Tensor, samples: Split) -> float:
    """Of one network on one sample, the least of a few runs, after one that may build and compile.

    On a CPU it is the time that this thread was given, so that other work on the machine does not disturb the choice.
    """
    held, times = subspace.buffers(coordinates), list[float]()
    evaluator(subspace, coordinates, held, Split(samples.inputs[:2], samples.targets[:2]))
    clock = thread_time if coordinates.device.type == "cpu" else perf_counter
    while len(times) < 5 and sum(times) < PATIENCE:
        begun = clock()
        evaluator(subspace, coordinates, held, samples).loss.cpu()
        times.append(clock() - begun)
    return min(times) / len(coordinates) / max(1, len(samples))
