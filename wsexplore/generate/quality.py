"""Is a generator any good: its networks beside the zoo's own, beside unseen ones, and beside the controls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Shaped
from numpy import ndarray as Array

from wsexplore.datasets import Dataset, dataset
from wsexplore.embed.magnitude import Magnitude
from wsexplore.generate.display import quality_html
from wsexplore.generate.flow import WeightFlow
from wsexplore.generate.judge.asked import wishes_of
from wsexplore.generate.judge.bench import Bench
from wsexplore.generate.judge.memory import Memory, memory_of
from wsexplore.generate.judge.recipes import quality_recipe
from wsexplore.generate.judge.tables import distances_of, magnitudes_of, networks_of, reached_of, rows_of
from wsexplore.generate.judge.tuning import Tuning, tuning_curves
from wsexplore.generate.judge.words import AT, NOVEL, findings, verdict
from wsexplore.population import OnStep
from wsexplore.zoo import Recipe, Zoo

__all__ = ["NOVEL", "QualityReport", "quality", "verdict"]

FEWEST = 8
"""Networks kept out of the fit that samples are compared with, at least; with fewer the zoo's own serve."""


@dataclass(frozen=True, slots=True, eq=False)
class QualityReport:
    """A generator beside the zoo it was fitted on, networks it never saw, and the controls.

    Attributes:
        frame: a row per generator: "zoo", "flow" (or the name given), "held_out" where networks were kept out of the
            fit, each of `CONTROLS`, and each of `MATCHED` with "_matched" behind its name. `quality` tells the columns.
        per_sample: a row per sample: `id`, what `networks` tells of it, `nearest` (id), `distance`.
        verdict: what the numbers say, in sentences.
        findings: the same by topic: "quality", "novelty", "controls", "spread", "coverage", "errors", "together",
            "summary", "asked" in front where samples were asked to differ from the zoo, and "fitted" where the flow was
            fitted on other networks.
        memory: the test of memorisation.
        networks: a row per network of every generator: `generator`, `id`, `distance`, `cosine`; of classifiers
            `test_accuracy`, `test_loss` (nats), `errors`, `overlap`, `overlap_expected`; of fields `confidence` and
            `class`.
        distances: to the nearest training network: `population` ("samples", "held out", "zoo") and `distance`.
        reached: a row per training network: `id`, `samples` whose nearest it is, `distance` of the nearest of these.
        reliability: of the ensembles, a row per generator and bin: `generator`, `confidence`, `accuracy`, `samples`.
        classes: of fields, a row per generator and class: `generator`, `class`, `pictures`, `share`.
        magnitudes: of the placed networks of each generator, in the zoo's first principal coordinates.
        tuning: what `tuning_curves` gives, where it was asked for.
        classifier: test accuracy of the classifier that judged fields.
        recipe: how this was made.
    """

    frame: pd.DataFrame
    per_sample: pd.DataFrame
    verdict: str
    findings: dict[str, str]
    memory: Memory
    networks: pd.DataFrame
    distances: pd.DataFrame
    reached: pd.DataFrame
    reliability: pd.DataFrame
    classes: pd.DataFrame
    magnitudes: dict[str, Magnitude]
    tuning: pd.DataFrame | None
    classifier: float | None
    recipe: Recipe

    def to_dict(self) -> dict[str, Any]:
        """JSON values; `None` where a number is not finite."""
        memory = {name: getattr(self.memory, name) for name in Memory.__dataclass_fields__}
        facts: dict[str, Any] = {
            "verdict": self.verdict,
            "findings": self.findings,
            "generators": _records(self.frame),
            "memory": {**memory, "memorises": self.memory.memorises},
            "samples": _records(self.per_sample),
            "reliability": _records(self.reliability),
            "classes": _records(self.classes),
            "recipe": self.recipe.to_dict(),
        }
        if self.classifier is not None:
            facts["classifier_accuracy"] = self.classifier
        return facts if self.tuning is None else {**facts, "tuning": _records(self.tuning)}

    def _repr_html_(self) -> str:
        return quality_html(self.frame, self.verdict)


def quality(
    generator: WeightFlow | Zoo,
    zoo: Zoo,
    data: str | Dataset,
    *,
    models: int = 100,
    seed: int = 0,
    reference: int = 0,
    name: str = "flow",
    held_out: Zoo | Sequence[str] | None = None,
    tuning: Tuning | None = None,
    device: str = "cpu",
    asked: Mapping[str, Any] | None = None,
    on_step: OnStep | None = None,
) -> QualityReport:
    """How good, how new and how varied a flow's networks are, or networks from anywhere, beside zoo and controls.

    The zoo is aligned to one of its networks by weight matching, and so are other networks, unless they lie nearer to
    the aligned zoo as they are. Distances are those of `nearest`. The controls are fitted to the aligned zoo, without
    what was kept out, and judged twice: as they are, and scaled to the median distance of the samples
    (`matched_scale`). The zoo's own numbers are those of `models` random networks of it; networks of the same run do
    not count as their neighbours.

    Columns of the report's table, for all networks: `generator`, `models`, `matched`, `scale` (of the control),
    `nearest_distance` (median distance to the nearest network of the zoo, modulo permutation), `closest_distance` (the
    smallest of these: a copy has 0), `own_distance` (the median between networks of the zoo), `novelty` (ratio of the
    medians), `nearest_cosine` (median of the largest cosines, see `Ground.cosine`), `dispersion` (spread of the aligned
    samples over that of the aligned zoo), `reached` (different nearest networks over networks), `coverage`, `density`,
    `mmd`, `mmd_p` (see `Coverage`; of `compared_with` networks, which in the zoo's row are not among the real ones),
    `magnitude` (area under the curve to a common scale), `difference` and `difference_error` (by how much the samples
    are better than this row).

    Of classifiers: `mean_accuracy`, `std_accuracy`, `best_accuracy`, `within_a_point` (share at most 0.01 below the
    zoo's mean, or above it), `overlap` (mean over networks with errors of the largest overlap of errors, see
    `Overlap`), `overlap_expected` (of as many random errors on equally hard samples), `faultless` (networks without
    errors, for which there is none), and of an ensemble of `ensemble_models` networks, equally many but where fewer
    were kept out, `ensemble_accuracy`, `ensemble_ece` (15 bins), `ensemble_nll` (nats) and `ensemble_brier`.

    Of fields: `accepted` (share of pictures that a classifier of real images gives a class with confidence 0.9 or
    more), `classes` (that occur among these), `class_entropy` (1: all as frequent), `frechet` with `frechet_error`
    (distance of its features to real test images, see `FieldJudge`), `frechet_floor` (of equally many other real
    images) and `frechet_own` (of the zoo's fields). The zoo's row is of fields of test images that the distance is not
    measured to.

    Args:
        generator: a flow, which is sampled, or generated networks, which are judged as they are.
        zoo: the networks the generator was fitted on, with or without those kept out.
        data: the data set to judge by.
        models: networks per generator.
        seed: of the samples, the controls and every other choice.
        reference: row of the zoo, without what was kept out, that everything is aligned to.
        name: what the generator is called in the report: "flow", "encoder".
        held_out: networks like the zoo's that the generator was not fitted on, or ids of such in the zoo; by default
            those that the flow names. At least 8; otherwise the zoo's networks, each compared with the others, serve.
            Networks of the zoo that are of the same run do not count as their neighbours.
        tuning: also train samples, networks of the zoo, the matched Gaussian and fresh ones further.
        device: where networks run: "auto", "cpu" or "cuda".
        asked: how samples were asked to differ from the zoo, like `{"temperature": 0.5, "condition": {"lr": 0.01},
            "region": True}`; by default what the table of samples says, without a region. The verdict begins with it,
            and does not lay at the flow's door what it may explain.
        on_step: told the share done; it may raise to cancel.

    Raises:
        ValueError: the architectures differ, the networks kept out are not in the zoo, fields shall be trained further,
            `asked` is not understood, or there are fewer than 2 networks or runs of the zoo.
    """
    if tuning is not None and zoo.architecture.task == "field":
        raise ValueError("fields have no classes to be trained further for; judge them without further training")
    wishes = wishes_of(generator if isinstance(generator, Zoo) else None, asked)
    source = dataset(data) if isinstance(data, str) else data
    tell = on_step or (lambda fraction, message: None)
    whole = 0.6 if tuning else 1.0
    samples = generator.sample(models, seed=seed) if isinstance(generator, WeightFlow) else generator
    fitted, unseen = _split(generator, zoo, held_out)
    bench = Bench.of(samples, fitted, source, models=models, reference=reference, seed=seed, device=device)
    tell(0.2 * whole, "aligned the zoo")
    judged = {"zoo": bench.own()}
    tell(0.3 * whole, "judged the zoo")
    judged[name] = flow = bench.of_networks(samples)
    kept = unseen.select(range(min(models, len(unseen)))) if unseen is not None else None
    if kept is not None:
        judged["held_out"] = bench.unseen(kept)
    for control in bench.controls(judged[name], lambda done, message: tell((0.4 + 0.5 * done) * whole, message)):
        judged[control.name] = control.judged
    magnitudes = magnitudes_of(judged, bench.together, seed)
    frame = rows_of(judged, name, bench, magnitudes)
    beside = judged["held_out" if kept is not None else "zoo"].near.distance
    own = judged["zoo"].near.distance
    memory = memory_of(flow.near.distance, beside, own, held_out=kept is not None, asked=bool(wishes))
    said = findings(frame, memory, wishes)
    if isinstance(generator, WeightFlow) and generator.fitted_on != zoo.fingerprint:
        said["fitted"] = "The flow was fitted on other networks than these."
    tell(whole, "judged every generator")
    curves = None
    if tuning is not None:
        starts = {one: judged[one].networks for one in (name, "zoo", f"gaussian{AT}") if one in judged}
        curves = tuning_curves(
            starts,
            source.name,
            tuning,
            seed=seed,
            on_step=lambda done, message: tell(whole + (1 - whole) * done, message),
        )
    networks = networks_of(judged, bench)
    kind = "flow" if isinstance(generator, WeightFlow) else "networks"
    ids = fitted.table["id"].to_numpy()
    return QualityReport(
        frame=frame,
        per_sample=_per_sample(networks, name, ids[flow.near.row]),
        verdict=" ".join(said.values()),
        findings=said,
        memory=memory,
        networks=networks,
        distances=distances_of(judged, name),
        reached=reached_of(flow, ids),
        reliability=bench.reliability(judged),
        classes=bench.classes(judged),
        magnitudes=magnitudes,
        tuning=curves,
        classifier=bench.classifier,
        recipe=quality_recipe(
            kind,
            {kind: generator.fingerprint, "zoo": zoo.fingerprint},
            data=source.name,
            models=models,
            seed=seed,
            reference=reference,
            name=name,
            held_out=held_out,
            tuning=tuning,
            device=device,
            asked=asked,
        ),
    )


def _split(generator: WeightFlow | Zoo, zoo: Zoo, held_out: Zoo | Sequence[str] | None) -> tuple[Zoo, Zoo | None]:
    """The networks that were fitted on, and those that were kept out where there are enough."""
    if isinstance(held_out, Zoo):
        if held_out.architecture.layout != zoo.architecture.layout:
            raise ValueError("the networks kept out are of another architecture than the zoo's")
        return zoo, held_out if len(held_out) >= FEWEST else None
    named = getattr(generator, "held_out", ()) if held_out is None else held_out
    inside = np.isin(zoo.table["id"].to_numpy(), list(named))
    if held_out is not None and len(held_out) and not inside.any():
        raise ValueError(f"none of the {len(held_out):,} networks kept out is in the zoo; give ids of its table")
    if not inside.any():
        return zoo, None
    return zoo.select(~inside), zoo.select(inside) if inside.sum() >= FEWEST else None


def _per_sample(networks: pd.DataFrame, name: str, nearest: Shaped[Array, " samples"]) -> pd.DataFrame:
    """The rows of the samples, with the id of the nearest network of each."""
    own = networks[networks["generator"] == name].drop(columns="generator").reset_index(drop=True)
    return own.drop(columns=["distance"]).assign(nearest=nearest, distance=own["distance"])


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    rows = frame.to_dict("records")
    return [
        {str(k): None if isinstance(v, float) and not np.isfinite(v) else v for k, v in row.items()} for row in rows
    ]
