"""Does a generator repeat what it was fitted on: distances of samples beside those of networks it never saw."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array
from scipy.stats import ks_2samp, mannwhitneyu

SURE = 0.01
"""The p-value below which a difference counts."""

COPY = 0.5
"""A sample nearer than this share of the smallest distance between networks of the zoo is a copy."""

CLOSE = 0.9
"""A median distance below this share of that of unseen networks is memorisation, not a small difference."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Distances of samples to the training networks beside those of networks that the generator was not fitted on.

    Attributes:
        unseen: what the samples are compared with: "held-out networks", or "networks of the zoo, each left out once".
        networks: how many of these.
        samples: number of samples.
        median: of the samples' distances.
        unseen_median: of the others' distances.
        nearer: chance that a random sample is nearer to the training networks than a random unseen one; 0.5 where there
            is no difference (the area under the ROC curve).
        p_nearer: of the one-sided Mann-Whitney test that samples are nearer.
        p_differ: of the two-sided Kolmogorov-Smirnov test that the distances differ at all.
        closest: the smallest distance of a sample.
        copies: samples nearer than half the smallest distance between two networks of the zoo.
        asked: whether the samples were asked to differ from the zoo. Then nearness alone is no sign of memorisation:
            a lower temperature brings samples nearer too.
    """

    unseen: str
    networks: int
    samples: int
    median: float
    unseen_median: float
    nearer: float
    p_nearer: float
    p_differ: float
    closest: float
    copies: int
    asked: bool = False

    @property
    def memorises(self) -> bool:
        """Whether samples are copies, or were to be like the zoo and are nearer to it than unseen networks.

        Nearer means surely, and by more than a tenth in the median.
        """
        return self.copies > 0 or (not self.asked and self.p_nearer < SURE and self.median < CLOSE * self.unseen_median)

    @property
    def sentence(self) -> str:
        """What the test says, to be read aloud."""
        sizes = f"{self.median:.3g} against {self.unseen_median:.3g} in the median"
        if self.copies:
            said = f"{self.copies} of {self.samples} samples are copies of training networks"
            return f"{said}. Distances to the training networks are {sizes}: it memorises."
        if self.memorises:
            return f"Samples are nearer to the training networks than {self.unseen} are ({sizes}): it memorises."
        if self.asked and self.p_nearer < SURE:
            return (
                f"Samples are nearer to the training networks than {self.unseen} are ({sizes}), which may come of what "
                "was asked for, and none is a copy."
            )
        if self.p_nearer < SURE:
            return (
                f"Samples are a little nearer to the training networks than {self.unseen} are ({sizes}), and none is a "
                "copy."
            )
        return (
            f"Samples are no nearer to the training networks than {self.unseen} are ({sizes}): no sign of memorisation."
        )


def memory_of(
    samples: Float[Array, " samples"],
    unseen: Float[Array, " networks"],
    own: Float[Array, " own"],
    *,
    held_out: bool,
    asked: bool = False,
) -> Memory:
    """The test of `Memory`.

    Args:
        samples: distances of the samples to their nearest training networks.
        unseen: the same of networks that were not fitted on.
        own: distances of training networks to their nearest others, which say what a copy is.
        held_out: whether `unseen` was kept out of the fit; otherwise they are training networks, each compared with the
            others.
        asked: whether the samples were asked to differ from the zoo.
    """
    test = mannwhitneyu(samples, unseen, alternative="less")
    return Memory(
        "held-out networks" if held_out else "networks of the zoo, each left out once,",
        len(unseen),
        len(samples),
        float(np.median(samples)),
        float(np.median(unseen)),
        1 - float(test.statistic) / (len(samples) * len(unseen)),
        float(test.pvalue),
        float(ks_2samp(samples, unseen).pvalue),
        float(samples.min()),
        int((samples < COPY * own.min()).sum()),
        asked,
    )
