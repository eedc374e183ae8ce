"""Classifiers judged on test samples: accuracy, overlap of errors, and what they say together."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Int
from numpy import ndarray as Array

from wsexplore.datasets import Split
from wsexplore.generate.judge.answers import Answers, Ensemble, answers_of, ensemble_of
from wsexplore.generate.judge.overlap import Overlap, overlap_of
from wsexplore.zoo import Zoo

POINT = 0.01
"""Distance from the zoo's mean accuracy that counts as close: one point."""

RIVALS = 5000
"""Networks of the zoo that errors are compared with, at most."""


@dataclass(frozen=True, slots=True, eq=False)
class Classified:
    """What is known of one population of classifiers."""

    answers: Answers
    overlap: Overlap
    ensemble: Ensemble


@dataclass(frozen=True, slots=True, eq=False)
class Classifiers:
    """How classifiers are judged.

    Attributes:
        split: test samples.
        errors: of the networks of the zoo.
        rows: which of the zoo these are: all up to 5,000, then as many, evenly chosen.
        together: networks of each ensemble, at most.
        device: where they run.
        seed: of the random errors that overlaps are compared with.
    """

    split: Split
    errors: Bool[Array, "models samples"]
    rows: Int[Array, " models"]
    together: int
    device: str
    seed: int

    @classmethod
    def of(cls, zoo: Zoo, split: Split, *, together: int, device: str = "cpu", seed: int = 0) -> "Classifiers":
        """Run the zoo once, so that the errors of others can be compared with its own."""
        rows = np.unique(np.linspace(0, len(zoo) - 1, RIVALS).round().astype(np.int64))
        errors = answers_of(zoo.select(rows), split, device=device).wrong
        return cls(split, errors, rows, together, device, seed)

    def see(self, networks: Zoo, left_out: list[Int[Array, " _"]] | None = None) -> Classified:
        """Judge networks; `left_out` are rows of the zoo that do not count for each, like itself."""
        answers = answers_of(networks, self.split, together=self.together, device=self.device)
        places = None if left_out is None else [np.flatnonzero(np.isin(self.rows, rows)) for rows in left_out]
        overlap = overlap_of(answers.wrong, self.errors, left_out=places, seed=self.seed)
        asked = min(self.together, len(networks))
        return Classified(answers, overlap, ensemble_of(answers.together, self.split.targets, asked))

    def columns(self, seen: Classified, own: Classified) -> dict[str, float]:
        """Accuracy beside that of the zoo."""
        accuracy = seen.answers.accuracy
        return {
            "mean_accuracy": float(accuracy.mean()),
            "std_accuracy": float(accuracy.std(ddof=1)) if len(accuracy) > 1 else float("nan"),
            "best_accuracy": float(accuracy.max()),
            "within_a_point": float((accuracy >= own.answers.accuracy.mean() - POINT).mean()),
        }

    def compared(self, seen: Classified, judged: Classified) -> dict[str, float]:
        r"""By how much the judged networks are better than these, with its standard error.

        The error counts the choice of networks and the choice of test samples:
        $s^2 = s_1^2/n_1 + s_2^2/n_2 + s_d^2/T$, where $s_d$ is the spread over the $T$ test samples of the difference
        of the two populations' rates of error on each. It is rather too large than too small.
        """
        one, other = judged.answers.accuracy, seen.answers.accuracy
        apart = seen.answers.item_errors - judged.answers.item_errors
        squares = sum(float(np.var(part, ddof=1)) / len(part) for part in (one, other, apart) if len(part) > 1)
        return {"difference": float(one.mean() - other.mean()), "difference_error": squares**0.5}

    def more_columns(self, seen: Classified) -> dict[str, float]:
        """Overlap of errors, and the ensemble."""
        overlap, ensemble = seen.overlap, seen.ensemble
        defined = np.isfinite(overlap.seen)
        found, expected = overlap.seen[defined], overlap.expected[defined]
        return {
            "overlap": float(found.mean()) if len(found) else float("nan"),
            "overlap_expected": float(expected.mean()) if len(found) else float("nan"),
            "faultless": overlap.faultless,
            "ensemble_models": ensemble.networks,
            "ensemble_accuracy": ensemble.accuracy,
            "ensemble_ece": ensemble.ece,
            "ensemble_nll": ensemble.nll,
            "ensemble_brier": ensemble.brier,
        }

    def per_network(self, seen: Classified) -> dict[str, Any]:
        """Columns with a number for each network."""
        return {
            "test_accuracy": seen.answers.accuracy,
            "test_loss": seen.answers.loss,
            "errors": seen.answers.wrong.sum(1),
            "overlap": seen.overlap.seen,
            "overlap_expected": seen.overlap.expected,
        }
