"""How long the quality report takes, as a whole and part by part: `python -m benchmarks.judge`.

By default it judges samples of the shipped flow of `digits-mlp` beside the 1,000 networks that it was fitted on, and
those of the flow of `digit-fields` where one is shipped, else the zoo's Gaussian, beside the fields. One thread works.
`--samples` takes a folder of generated networks instead. Each part is timed on its own, after a first round that fills
the caches.

    python -m benchmarks.judge digit-fields --where "sample < 1437" --models 360 --asked label [--guidance 1.5]

judges samples that are asked for each value of a column in turn, equally many of each, and prints how often a
classifier sees what was asked for.
"""

from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time
from typing import Annotated, Any

import numpy as np
import pandas as pd
import torch
import typer

from wsexplore.align import align
from wsexplore.datasets import dataset
from wsexplore.embed import magnitude_curve
from wsexplore.generate import WeightFlow, control, quality
from wsexplore.generate.controls import MATCHED
from wsexplore.generate.judge import (
    FieldJudge,
    Ground,
    Tuning,
    answers_of,
    coverage_of,
    matched_scale,
    overlap_of,
    tuning_curves,
)
from wsexplore.zoo import Zoo

SHIPPED = {"digits-mlp": "design = 'seeds'", "digit-fields": "sample < 1437"}


def main(
    zoo: Annotated[str, typer.Argument(help="A zoo; by default both shipped ones.")] = "",
    samples: Annotated[Path | None, typer.Option(help="Folder of generated networks to judge.")] = None,
    where: Annotated[str, typer.Option(help="Of the zoo, the networks that were fitted on.")] = "",
    models: Annotated[int, typer.Option(help="Networks per generator.")] = 100,
    tuning: Annotated[bool, typer.Option(help="Also time further training.")] = False,
    asked: Annotated[str, typer.Option(help="Ask for every value of this column in turn.")] = "",
    guidance: Annotated[float, typer.Option(help="Of what is asked for.")] = 1.0,
    temperature: Annotated[float, typer.Option(help="Of what is asked for.")] = 1.0,
) -> None:
    torch.set_num_threads(1)
    if asked:
        _print_asked(zoo, where, models, asked, guidance, temperature)
        return
    for name, part in {zoo: where}.items() if zoo else SHIPPED.items():
        opened = Zoo.open(name)
        fitted = opened.select(part) if part else opened
        generator, said = _generator(name, fitted, samples, models)
        data = str(fitted.table["dataset"].iloc[0])
        print(f"\n{name}: {said}, {models} of each, beside {len(fitted):,} networks")
        report, first, _ = _timed(lambda g=generator, f=fitted, d=data: quality(g, f, d, models=models, seed=1))
        report, again, busy = _timed(lambda g=generator, f=fitted, d=data: quality(g, f, d, models=models, seed=1))
        print(report.frame.set_index("generator").T.to_string(float_format="{:.4g}".format))
        print(report.verdict)
        print(f"whole report: {first:.2f} s at first, {again:.2f} s again ({busy:.2f} s of the processor)")
        drawn = generator.sample(models, seed=1) if isinstance(generator, WeightFlow) else generator
        print(_parts(drawn, fitted, data, models, tuning).to_string(index=False, float_format="{:.3f}".format))


def _print_asked(zoo: str, where: str, models: int, column: str, guidance: float, temperature: float) -> None:
    flow, fitted = WeightFlow.open(zoo), Zoo.open(zoo).select(where) if where else Zoo.open(zoo)
    values = next(one.values for one in flow.listens.columns if one.name == column)
    each = models // len(values)
    drawn = [
        flow.sample(each, seed=seed, condition={column: value}, guidance=guidance, temperature=temperature)
        for seed, value in enumerate(values)
    ]
    table = pd.concat([one.table for one in drawn], ignore_index=True)
    table = table.assign(id=[f"flow-{row}" for row in range(len(table))], run=range(len(table)))
    samples = Zoo.from_weights(flow.architecture, torch.cat([one.weights for one in drawn]), table=table)
    report = quality(samples, fitted, str(fitted.table["dataset"].iloc[0]), models=len(samples))
    print(report.frame.set_index("generator").T.to_string(float_format="{:.4g}".format))
    if "class" in report.per_sample:
        seen = report.per_sample["class"].astype(str).to_numpy() == table[f"asked_{column}"].astype(str).to_numpy()
        print(f"the classifier sees what was asked for in {seen.mean():.1%}")
    print(report.verdict)


def _generator(name: str, fitted: Zoo, samples: Path | None, models: int) -> tuple[WeightFlow | Zoo, str]:
    if samples is not None:
        return Zoo.open(samples), f"the networks of {samples}"
    try:
        return WeightFlow.open(name), "its flow"
    except ValueError as error:
        print(f"\n{name} has no flow to open ({error})")
        return control(align(fitted), "gaussian", models, seed=1), "its Gaussian"


def _timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    begun, busy = perf_counter(), process_time()
    found = work()
    return found, perf_counter() - begun, process_time() - busy


def _parts(samples: Zoo, zoo: Zoo, data: str, models: int, tuning: bool) -> pd.DataFrame:
    """Seconds of every part, each done once for one population."""
    source, rows = dataset(data), []

    def time(part: str, work: Callable[[], Any]) -> Any:
        found, seconds, busy = _timed(work)
        rows.append({"part": part, "seconds": seconds, "processor seconds": busy})
        return found

    ground = time("align the zoo", lambda: Ground.of(zoo))
    placed = time("align the samples", lambda: ground.place(samples))
    near = time("nearest networks", lambda: ground.nearest(placed))
    time("largest cosines", lambda: ground.cosine(placed))
    real = ground.zoo.rows(np.arange(min(models, len(zoo))))
    time("coverage, density, discrepancy", lambda: coverage_of(placed, real))
    axes = time("principal axes", lambda: ground.axes(np.arange(len(zoo))))
    places = ((placed - ground.mean) @ axes).numpy().astype(np.float64)
    time("curve of magnitude", lambda: magnitude_curve(places[:200]))
    for name in MATCHED:
        goal = float(np.median(near.distance))
        time(f"scale of {name}", lambda n=name, g=goal: matched_scale(ground, n, models, g))
    if zoo.architecture.task == "field":
        judge = time("classifier (kept)", lambda: FieldJudge.of(source))
        time("what it says", lambda: judge.see(samples))
        return pd.DataFrame(rows)
    theirs = time("answers of the zoo", lambda: answers_of(zoo, source.test))
    ours = time("answers of the samples", lambda: answers_of(samples, source.test, together=models))
    time("overlap of errors", lambda: overlap_of(ours.wrong, theirs.wrong))
    if tuning:
        time("further training, 16 of 2 starts", lambda: tuning_curves({"samples": samples}, data, Tuning()))
    return pd.DataFrame(rows)


if __name__ == "__main__":
    typer.run(main)
