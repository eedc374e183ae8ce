"""Where a barrier comes from: its exact decomposition over the samples."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from numpy import ndarray as Array
from torch import Tensor

from wsexplore.datasets import Split
from wsexplore.landscape.picked import class_names
from wsexplore.nets import Architecture
from wsexplore.population import logits_of
from wsexplore.zoo import Recipe


@dataclass(frozen=True, slots=True, eq=False)
class Attribution:
    r"""What every sample adds to the excess of the loss over the chord, at one place of a path.

    With logits $z_A, z_B$ of the ends, their mean $\bar z = (1-\alpha) z_A + \alpha z_B$ and $z_\gamma$ of the network
    between, the excess of a sample with class $y$ is exactly $D - J - E_y$:
    $D = \mathrm{LSE}(z_\gamma) - \mathrm{LSE}(\bar z)$ (`confidence`),
    $J = (1-\alpha)\,\mathrm{LSE}(z_A) + \alpha\,\mathrm{LSE}(z_B) - \mathrm{LSE}(\bar z) \ge 0$ (`disagreement`, what
    averaging the answers of the ends would win) and $E_y = z_{\gamma,y} - \bar z_y$ (`true_logit`), where LSE is the
    logarithm of the sum of exponentials. Their means over the samples add up to the excess of the mean loss.

    Attributes:
        first: id of the network at 0.
        second: id of the network at 1.
        alpha: place on the path.
        targets: true classes.
        answers: classes said by the first network, the one between, and the second.
        excess: of the loss over the chord, in nats.
        confidence: D, in nats.
        disagreement: J, in nats.
        true_logit: E_y.
        classes: names.
        recipe: how this was made.
    """

    first: str
    second: str
    alpha: float
    targets: Int[Array, " samples"]
    answers: Int[Array, "3 samples"]
    excess: Float[Array, " samples"]
    confidence: Float[Array, " samples"]
    disagreement: Float[Array, " samples"]
    true_logit: Float[Array, " samples"]
    classes: tuple[str, ...]
    recipe: Recipe

    @property
    def mean(self) -> float:
        """The excess of the mean loss over the chord at this place, in nats."""
        return float(self.excess.mean())

    @property
    def standard_error(self) -> float:
        """Of that mean over the samples, in nats; not a number for a single sample."""
        return standard_error(self.excess)

    @property
    def accuracy_error(self) -> float:
        """Standard error of the fall of the accuracy below the chord at this place, a fraction of 1."""
        first, between, second = (self.answers == self.targets).astype(float)
        return standard_error((1 - self.alpha) * first + self.alpha * second - between)

    def top(self, count: int = 10) -> Int[Array, " samples"]:
        """The samples that cost most, the worst first."""
        return np.argsort(-self.excess, kind="stable")[:count]

    @property
    def concentration(self) -> float:
        """Smallest share of the samples whose excesses add up to half of the positive ones; not a number without."""
        rising = np.sort(np.maximum(self.excess, 0))[::-1].cumsum()
        if not rising[-1] > 0:
            return float("nan")
        return float((np.searchsorted(rising, rising[-1] / 2) + 1) / len(rising))

    def frame(self) -> pd.DataFrame:
        """A row per sample: class, answers, and the terms in nats."""
        names = np.asarray(self.classes)
        said = {
            f"said_by_{who}": names[row] for who, row in zip(("first", "between", "second"), self.answers, strict=True)
        }
        terms = {name: getattr(self, name) for name in ("excess", "confidence", "disagreement", "true_logit")}
        return pd.DataFrame({"sample": np.arange(len(self.targets)), "class": names[self.targets], **said, **terms})

    def by_class(self) -> pd.DataFrame:
        """A row per true class: its samples, their mean excess, what they add to the whole, accuracies.

        Excesses and their standard errors are in nats, accuracies of the three networks fractions of 1.
        """
        rows = []
        for number, name in enumerate(self.classes):
            here = self.targets == number
            if not here.any():
                continue
            right = (self.answers[:, here] == number).mean(1)
            rows.append(
                {
                    "class": name,
                    "samples": int(here.sum()),
                    "excess": float(self.excess[here].mean()),
                    "standard_error": standard_error(self.excess[here]),
                    "adds": float(self.excess[here].sum() / len(self.targets)),
                    "accuracy_first": float(right[0]),
                    "accuracy_between": float(right[1]),
                    "accuracy_second": float(right[2]),
                }
            )
        return pd.DataFrame(rows)


def standard_error(values: Float[Array, " samples"]) -> float:
    """Of the mean of these values; not a number for fewer than two."""
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")


def attribute(
    architecture: Architecture,
    networks: Float[Tensor, "3 parameters"],
    alpha: float,
    samples: Split,
    *,
    buffers: Float[Tensor, "3 buffers"] | None = None,
    names: tuple[str, str] = ("first", "second"),
    classes: tuple[str, ...] = (),
    recipe: Recipe | None = None,
) -> Attribution:
    """The decomposition for three networks: the first end, the one between, the second end.

    Args:
        architecture: of all three.
        networks: their weights.
        alpha: place of the one between, 0 to 1.
        samples: that they are judged on.
        buffers: their running statistics.
        names: of the ends.
        classes: names; by default numbers.
        recipe: how the path was made.

    Raises:
        ValueError: there are no samples, or they do not fit.
    """
    if not len(samples):
        raise ValueError("the split is empty; a barrier is explained by one sample or more")
    logits = logits_of(architecture, networks, samples.inputs, buffers=buffers).double()
    targets = samples.targets.to(logits.device)
    first, between, second = logits
    mean = torch.lerp(first, second, float(alpha))
    sums = torch.stack([values.logsumexp(1) for values in (first, between, second, mean)])
    confidence = sums[1] - sums[3]
    disagreement = torch.lerp(sums[0], sums[2], float(alpha)) - sums[3]
    rises = (between - mean).gather(1, targets.unsqueeze(1)).squeeze(1)
    terms = (confidence - disagreement - rises, confidence, disagreement, rises)
    excess, confident, disagreed, true = (term.float().cpu().numpy() for term in terms)
    return Attribution(
        *names,
        alpha=float(alpha),
        targets=targets.cpu().numpy(),
        answers=logits.argmax(2).cpu().numpy(),
        excess=excess,
        confidence=confident,
        disagreement=disagreed,
        true_logit=true,
        classes=class_names(classes, logits.shape[2]),
        recipe=recipe or Recipe.of("attribute"),
    )
