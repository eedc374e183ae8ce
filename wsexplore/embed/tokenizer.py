"""Weights of one architecture to standardised tokens, and back."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from wsexplore.align import match_population, spec_of
from wsexplore.embed.reference import best_row
from wsexplore.embed.tokens import RowTokens
from wsexplore.nets import Architecture, Layout
from wsexplore.symmetry import PermutationSpec, permute_weights, random_permutation
from wsexplore.zoo import Zoo

SMALLEST = 1e-6
"""Spread below which a parameter counts as constant; it is then centred, not scaled."""


@dataclass(frozen=True, slots=True, eq=False)
class Tokenizer:
    """How an encoder reads the networks of one architecture.

    Attributes:
        architecture: of the networks.
        spec: its permutation symmetry.
        tokens: where the entries of each token lie.
        mean: of each parameter's entries over the zoo, one value per parameter tensor.
        spread: their standard deviation likewise.
        reference: the network that others are aligned to before they are read.
    """

    architecture: Architecture
    spec: PermutationSpec
    tokens: RowTokens
    mean: Float[Tensor, " parameters"]
    spread: Float[Tensor, " parameters"]
    reference: Float[Tensor, " parameters"]

    @classmethod
    def of(cls, zoo: Zoo, weights: Float[Tensor, "models parameters"], size: int) -> "Tokenizer":
        """Standardised by `weights`, rows of `zoo`; the reference is its network of the best test accuracy, or first.

        Weights and biases of a layer are standardised apart, so that the squared error counts each tensor alike
        whatever its scale: the layer-wise normalised loss of the papers.
        """
        architecture = zoo.architecture
        spec, layout = spec_of(architecture), architecture.layout
        mean, spread = _standard(weights, layout)
        reference = zoo.rows([best_row(zoo)])[0].clone()
        return cls(architecture, spec, RowTokens.of(spec, layout, size or None), mean, spread, reference)

    def read(self, weights: Float[Tensor, "models parameters"]) -> Float[Tensor, "models tokens size"]:
        """Standardised tokens."""
        return self.tokens.split((weights - self.mean) / self.spread)

    def write(self, tokens: Float[Tensor, "models tokens size"]) -> Float[Tensor, "models parameters"]:
        """Weights of standardised tokens."""
        return self.tokens.join(tokens) * self.spread + self.mean

    def align(self, weights: Float[Tensor, "models parameters"]) -> Float[Tensor, "models parameters"]:
        """The same functions with their units in the order of the reference."""
        found = match_population(weights, self.reference, self.spec, self.architecture.layout)
        return found.apply(weights, self.spec, self.architecture.layout)

    def orders(self, count: int, seed: int) -> Int[Tensor, "count parameters"]:
        """Random orders of the units, each as the place that every parameter is taken from."""
        places = torch.arange(self.tokens.parameters, dtype=torch.float64).expand(count, -1)
        random = random_permutation(self.spec, seed=seed, models=count)
        return permute_weights(places, random, self.spec, self.architecture.layout).long()

    def to(self, device: torch.device) -> "Tokenizer":
        """The same with its tensors on `device`."""
        held = {name: getattr(self.tokens, name).to(device) for name in ("gather", "mask", "position", "scatter")}
        moved = {name: getattr(self, name).to(device) for name in ("mean", "spread", "reference")}
        return replace(self, tokens=replace(self.tokens, **held), **moved)


def _standard(weights: Tensor, layout: Layout) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of every parameter tensor, at each of its entries."""
    mean, spread = torch.zeros(layout.size), torch.ones(layout.size)
    for slot in layout.slots:
        values = weights[:, slot.start : slot.stop]
        if values.numel():
            mean[slot.start : slot.stop] = values.mean()
            deviation = values.std(correction=0)
            spread[slot.start : slot.stop] = deviation if deviation > SMALLEST else 1.0
    return mean, spread
