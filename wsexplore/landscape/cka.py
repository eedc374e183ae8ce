"""Linear CKA: how alike two sets of features of the same samples are, up to rotation, reflection and scale."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray as Array
from torch import Tensor

from wsexplore.align.activations import DEAD
from wsexplore.align.checks import check_word
from wsexplore.nets import Architecture
from wsexplore.population import OnStep
from wsexplore.population.budget import cut_for
from wsexplore.population.evaluate import MEMORY

ESTIMATORS = ("unbiased", "biased")
"""Of the dependence that CKA is made of."""

FEWEST = 4
"""Samples that the unbiased estimator needs."""


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What one layer gave to some samples, in the smaller of two forms.

    Attributes:
        features: centred, in double precision, where there are fewer of them than samples.
        gram: else the centred inner products of all pairs of samples as one vector of length 1; see `centred_gram`.
    """

    features: Float[Tensor, "samples features"] | None
    gram: Float[Tensor, " pairs"] | None

    @classmethod
    def of(cls, values: Float[Tensor, "samples features"], *, estimator: str) -> "Answers":
        """Of features that lie in memory."""
        if values.shape[1] < len(values):
            return cls(centred(values), None)
        return cls(None, centred_gram(values.double() @ values.double().T, estimator=estimator))

    def as_gram(self, estimator: str) -> Float[Tensor, " pairs"]:
        """The second form."""
        if self.gram is not None:
            return self.gram
        assert self.features is not None
        return centred_gram(self.features @ self.features.T, estimator=estimator)


def centred(values: Float[Tensor, "samples features"]) -> Float[Tensor, "samples features"]:
    """Features with mean 0 in double precision; exactly 0 where they are the same for every sample up to rounding."""
    exact = values.double()
    mean = exact.mean(0)
    rest = exact - mean
    dead = rest.square().sum() <= len(values) * DEAD**2 * mean.square().sum()
    return torch.where(dead, 0.0, rest)


def centred_gram(gram: Float[Tensor, "samples samples"], *, estimator: str) -> Float[Tensor, " pairs"]:
    r"""Inner products of all pairs of samples, centred, as one vector of length 1; the CKA is the product of two.

    Biased: $HKH$ with $H = I - 11^\top/n$. Unbiased: with diagonals left out, $K_{ij} - \frac{r_i + r_j}{n-2} +
    \frac{s}{(n-1)(n-2)}$ for $i \ne j$, $r$ the sums of rows and $s$ of all (Szekely and Rizzo 2014, "Partial distance
    correlation", equation 2.4), whose products are those of $\mathrm{HSIC}_1$. Pairs come once; those of two samples
    count twice, so they are multiplied by the root of 2. Not a number where all samples are alike.

    Args:
        gram: of features that need not be centred; it is used up.
        estimator: one of `ESTIMATORS`.
    """
    count, kernel = len(gram), gram.double()
    if estimator == "biased":
        rows = kernel.mean(1)
        kernel.sub_(rows.unsqueeze(0)).sub_(rows.unsqueeze(1)).add_(rows.mean())
    else:
        kernel.fill_diagonal_(0.0)
        rows = kernel.sum(1) / (count - 2)
        kernel.sub_(rows.unsqueeze(0)).sub_(rows.unsqueeze(1)).add_(rows.sum() / (count - 1))
        kernel.fill_diagonal_(0.0)
    kernel.diagonal().div_(2**0.5)
    row, column = torch.triu_indices(count, count, device=kernel.device)
    pairs = kernel[row, column]
    unit: Tensor = pairs / torch.linalg.vector_norm(pairs)
    return unit.float()


def cka_matrix(
    first: Sequence[Answers], second: Sequence[Answers], *, estimator: str
) -> Float[Array, "first_layers second_layers"]:
    r"""CKA of every layer of one network with every layer of another.

    $\mathrm{CKA}(K, L) = \mathrm{HSIC}(K, L) / \sqrt{\mathrm{HSIC}(K, K)\,\mathrm{HSIC}(L, L)}$ with $K = XX^\top$,
    $L = YY^\top$ (Kornblith et al. 2019). Biased, with centred features, $\mathrm{HSIC} \propto \|X^\top Y\|_F^2$.
    Unbiased,
    $$\mathrm{HSIC}_1(K, L) = \tfrac{1}{n(n-3)}\Big[\mathrm{tr}(\tilde K\tilde L) + \tfrac{1^\top\tilde K 1\,1^\top
    \tilde L 1}{(n-1)(n-2)} - \tfrac{2}{n-2} 1^\top\tilde K\tilde L 1\Big],$$ the tilde sets diagonals to 0 (Song et al.
    2012, equation 5; Nguyen et al. 2021, "Do wide and deep networks learn the same things?", equation 3). Of centred
    features the bracket is $\|X^\top Y\|_F^2 - \tfrac{n}{n-2}\, a^\top b + \tfrac{1^\top a\,1^\top b}{(n-1)(n-2)}$ with
    $a_i = \|x_i\|^2$, $b_i = \|y_i\|^2$.

    Args:
        first: of the same samples as `second`, and with the same estimator.
        second: likewise.
        estimator: one of `ESTIMATORS`.

    Returns:
        0 to 1 if biased. Unbiased -1 to 1, around 0 for features that have nothing to do with each other. Not a number
        where a layer gives the same to all samples, or what is not finite.
    """
    found = np.full((len(first), len(second)), np.nan)
    norms = [[max(0.0, _narrow(each, each, estimator)) ** 0.5 for each in side] for side in (first, second)]
    for (i, one), (j, other) in product(enumerate(first), enumerate(second)):
        if one.gram is not None and other.gram is not None:
            found[i, j] = float(one.gram @ other.gram)
        elif one.features is not None and other.features is not None and norms[0][i] * norms[1][j] > 0:
            found[i, j] = _narrow(one, other, estimator) / (norms[0][i] * norms[1][j])
    for sides, target in (((first, second), found), ((second, first), found.T)):
        narrow, wide = sides
        if any(each.gram is not None for each in wide):
            for i, one in enumerate(narrow):
                if one.features is not None:
                    gram = one.as_gram(estimator)
                    for j, other in enumerate(wide):
                        if other.gram is not None:
                            target[i, j] = float(gram @ other.gram)
    return found.clip(-1, 1)


def _narrow(one: Answers, other: Answers, estimator: str) -> float:
    """What CKA divides by its norms, of two layers in their first form; 0 for the second form."""
    if one.features is None or other.features is None:
        return 0.0
    products = (one.features.T @ other.features).square().sum()
    if estimator == "biased":
        return float(products)
    count = len(one.features)
    a, b = (each.square().sum(1) for each in (one.features, other.features))
    return float(products - count / (count - 2) * (a @ b) + a.sum() * b.sum() / ((count - 1) * (count - 2)))


@torch.no_grad()
def logits_cka(
    architecture: Architecture,
    weights: Float[Tensor, "models parameters"],
    inputs: Float[Tensor, "samples ..."],
    buffers: Float[Tensor, "models buffers"] | None = None,
    *,
    estimator: str = "biased",
    memory: int = MEMORY,
    on_step: OnStep | None = None,
) -> float:
    r"""Mean linear CKA of the logits over all pairs of networks: how alike several runs of one recipe answer.

    Biased by default, as Yang et al. 2021, "Taxonomizing local versus global structure in neural network loss
    landscapes", take it: $\|X^\top Y\|_F^2 / (\|X^\top X\|_F \|Y^\top Y\|_F)$ of centred logits. It costs one forward
    pass and products of classes times classes.

    Args:
        architecture: of all networks.
        weights: one network per row, two or more.
        inputs: samples that all networks see, two or more; four or more without bias.
        buffers: running statistics, one network per row; by default those before the first batch.
        estimator: one of `ESTIMATORS`; see `cka_matrix`.
        memory: bytes that activations may take; the logits, 8 bytes each, come on top.
        on_step: told the share done; it may raise to cancel.

    Returns:
        0 to 1, or slightly less than 0 without bias. Pairs with a network that diverged, or that answers the same to
        everything, are left out; not a number where none is left.

    Raises:
        ValueError: there are too few networks or samples, the estimator is unknown, or weights or inputs do not fit.
    """
    check_word(estimator, ESTIMATORS, "estimator of CKA")
    least = FEWEST if estimator == "unbiased" else 2
    if len(weights) < 2 or len(inputs) < least:
        raise ValueError(
            f"the CKA of logits takes two or more networks and {least} or more samples, got {len(weights)} networks "
            f"and {len(inputs)} samples"
        )
    if weights.shape[1] != architecture.layout.size:
        raise ValueError(
            f"a {architecture.name} of this kind has {architecture.layout.size:,} parameters, these networks have "
            f"{weights.shape[1]:,}; compare networks of one architecture"
        )
    cut = cut_for(architecture, weights.device.type, memory)
    answers = []
    for rows in torch.split(torch.arange(len(weights)), cut.networks):
        held = None if buffers is None else buffers[rows].to(weights.device)
        parts = (part.to(weights.device) for part in torch.split(inputs, cut.samples))
        logits = torch.cat([architecture.forward(weights[rows], part, buffers=held) for part in parts], dim=1)
        answers += [Answers(centred(each), None) for each in logits]
        if on_step is not None:
            on_step(len(answers) / len(weights), f"ran {len(answers):,} of {len(weights):,} networks")
    pairs = cka_matrix(answers, answers, estimator=estimator)[np.triu_indices(len(answers), 1)]
    finite = pairs[np.isfinite(pairs)]
    return float(finite.mean()) if len(finite) else float("nan")
