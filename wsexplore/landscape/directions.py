"""Directions that planes are drawn along."""

import torch
from jaxtyping import Float
from torch import Tensor

from wsexplore.align.checks import check_word
from wsexplore.nets import Layout

NORMALISATIONS = ("filter", "layer", "none")
"""What a random direction is scaled to: the norm of every unit's incoming weights, of every parameter, of all."""

TINY = 1e-10


def random_directions(
    weights: Float[Tensor, " parameters"], layout: Layout, *, count: int = 2, normalise: str = "filter", seed: int = 0
) -> Float[Tensor, "count parameters"]:
    r"""Gaussian directions as long as the network itself, unit by unit.

    With "filter" every filter $d_f$ of a direction becomes $d_f \|w_f\| / \|d_f\|$, and parameters of one axis
    (biases, normalisations) stay where they are (Li et al., "Visualizing the Loss Landscape of Neural Nets", NeurIPS
    2018, arXiv:1712.09913, section 4). "layer" scales whole parameters, "none" the direction as a whole; both move
    every parameter. Two directions are orthogonal on average, not exactly.

    Args:
        weights: of the network.
        layout: of its parameters.
        count: of directions.
        normalise: one of `NORMALISATIONS`.
        seed: of the draw.

    Raises:
        ValueError: the normalisation is unknown.
    """
    check_word(normalise, NORMALISATIONS, "normalisation")
    drawn = torch.randn(count, len(weights), generator=torch.Generator().manual_seed(seed))
    if normalise == "none":
        scaled: Tensor = drawn * (weights.norm() / drawn.norm(dim=1, keepdim=True))
        return scaled
    parts = layout.unflatten(drawn)
    for name, own in layout.unflatten(weights).items():
        part = parts[name]
        if normalise == "layer":
            part.mul_(own.norm() / (part.flatten(1).norm(dim=1) + TINY).view(-1, *[1] * own.dim()))
        elif own.dim() < 2:
            part.zero_()
        else:
            lengths = part.flatten(2).norm(dim=2) + TINY
            part.mul_((own.flatten(1).norm(dim=1) / lengths).view(count, len(own), *[1] * (own.dim() - 1)))
    return layout.flatten(parts)


def plane_through(
    networks: Float[Tensor, "3 parameters"],
) -> tuple[Float[Tensor, "2 parameters"], Float[Tensor, "3 2"]]:
    r"""Orthonormal axes of the plane through three networks, and their coordinates on it, in true L2 distance.

    The first network is the origin, the second lies on the first axis.

    Raises:
        ValueError: two of them are the same point, or all lie on one line.
    """
    first, second = (networks[1:].double() - networks[0].double()).unbind()
    length = first.norm()
    if not torch.isfinite(networks).all():
        raise ValueError("a plane goes through three networks with finite weights; one of these has others")
    if length <= 1e-7 * networks[0].norm():
        raise ValueError("the first and the second network have the same weights; a plane needs three different points")
    across = first / length
    rest = second - (second @ across) * across
    rest = rest - (rest @ across) * across
    height = rest.norm()
    if height <= 1e-6 * max(float(second.norm()), float(length)):
        raise ValueError("the three networks lie on one line; a plane needs three points that do not")
    axes = torch.stack([across, rest / height])
    places = torch.stack([torch.zeros(2, dtype=torch.float64), torch.stack([length, length * 0]), second @ axes.T])
    return axes.float(), places.float()


def principal_directions(
    checkpoints: Float[Tensor, "checkpoints parameters"],
) -> tuple[Float[Tensor, "2 parameters"], tuple[float, float]]:
    """The two directions that hold most of a trajectory around its last checkpoint, and the share that each holds.

    Singular vectors of the differences to the last checkpoint, not centred (Li et al. 2018, section 7). The signs are
    such that the trajectory comes from positive coordinates.

    Raises:
        ValueError: the checkpoints span no plane.
    """
    moved = checkpoints[:-1].double() - checkpoints[-1].double()
    if not torch.isfinite(moved).all():
        raise ValueError("a trajectory's plane needs checkpoints with finite weights; one of these has others")
    left, sizes, right = torch.linalg.svd(moved, full_matrices=False)
    if len(sizes) < 2 or sizes[1] <= 1e-7 * sizes[0]:
        raise ValueError("a trajectory's plane needs three checkpoints or more that do not lie on one line")
    signs = torch.where(left[0, :2] < 0, -1.0, 1.0)
    shares = (sizes**2 / (sizes**2).sum())[:2].tolist()
    return (right[:2] * signs.unsqueeze(1)).float(), (shares[0], shares[1])
