"""Which noise belongs to which network of a training batch."""

import torch
from jaxtyping import Float
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from wsexplore.generate.tokens import REST, UnitTokens


def orbit_coupling(
    noise: Float[Tensor, "models parameters"],
    data: Float[Tensor, "models parameters"],
    weight: Float[Tensor, " parameters"],
    tokens: UnitTokens,
) -> Float[Tensor, "models parameters"]:
    """Each noise with its units permuted to lie closest to its network: the exact best assignment per group.

    Squared distances count each coordinate with its `weight`, which must be the same for all units of a group.
    Straighter paths follow, so a sampler needs fewer steps. An equivariant velocity sees a pair and its permutations
    as one, and the permuted noise, under a further uniform permutation of both, is Gaussian again: the law that is
    learnt, up to the order of units, is the same as without.

    Raises:
        ValueError: a parameter lies in two tokens; permuting one group would then move another group's tokens.
    """
    if not tokens.exclusive:
        raise ValueError(
            "noise can be matched to networks only where no parameter belongs to two groups; use coupling independent"
        )
    matched = []
    for block, source, target in zip(tokens.blocks, tokens.split(noise), tokens.split(data * weight), strict=True):
        if block.name == REST or block.units == 1:
            matched.append(source)
            continue
        similarity = (target @ source.transpose(1, 2)).cpu().numpy()
        rows = [torch.from_numpy(linear_sum_assignment(one, maximize=True)[1]) for one in similarity]
        order = torch.stack(rows).to(source.device)
        matched.append(source.gather(1, order.unsqueeze(2).expand_as(source)))
    return tokens.join(matched)


def transport_coupling(
    noise: Float[Tensor, "models state"],
    data: Float[Tensor, "models state"],
    weight: Float[Tensor, " state"],
) -> Float[Tensor, "models state"]:
    """The noises of a batch in the order that brings them closest to its networks (Tong et al. 2024, section 3.2).

    Between two batches of equal size and equal weights the optimal transport plan is an assignment, which is found
    exactly.
    """
    similarity = ((data * weight) @ noise.T).cpu().numpy()
    order = torch.from_numpy(linear_sum_assignment(similarity, maximize=True)[1])
    return noise[order.to(noise.device)]
