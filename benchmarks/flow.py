"""How good and how fast weight flows are.

    python -m benchmarks.flow data/zoos/digits-mlp --where "design = 'seeds'" --flow data/flows/digits-mlp
    python -m benchmarks.flow data/zoos/digits-mlp --where "design = 'seeds'" --variants tokens,raw,aligned
    python -m benchmarks.flow data/zoos/digits-mlp --where "design = 'seeds'" --flow data/flows/digits-mlp --distil 1,2

The first judges a fitted flow: its networks beside the zoo's and the controls', then time and accuracy by solver and
number of evaluations. The second fits variants (`wsexplore.generate.VARIANTS`) and prints a row for each, with seconds.
The third teaches it to need fewer steps and prints what that costs and gives.
"""

import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import pandas as pd
import torch
import typer

from wsexplore.embed import Encoder
from wsexplore.generate import VARIANTS, WeightFlow, distil, fit_flow, quality
from wsexplore.population import evaluate
from wsexplore.zoo import Zoo

SETTINGS = (
    ("euler", 1),
    ("euler", 2),
    ("euler", 4),
    ("euler", 10),
    ("euler", 100),
    ("midpoint", 10),
    ("heun", 10),
    ("rk4", 10),
    ("adaptive", 10),
)
SHOWN = (
    "mean_accuracy",
    "std_accuracy",
    "best_accuracy",
    "within_a_point",
    "novelty",
    "dispersion",
    "overlap",
    "coverage",
    "density",
    "ensemble_accuracy",
)


def main(
    zoo: Annotated[Path, typer.Argument(help="Folder of a zoo.")],
    flow: Annotated[Path | None, typer.Option(help="Folder of a fitted flow.")] = None,
    variants: Annotated[str, typer.Option(help="Variants to fit and compare.")] = "",
    where: Annotated[str, typer.Option(help="Use the networks for which this SQL predicate holds.")] = "",
    dataset: Annotated[str, typer.Option(help="Data set to judge on.")] = "digits",
    encoder: Annotated[Path | None, typer.Option(help="Folder of an encoder, for the latent variant.")] = None,
    distilled: Annotated[str, typer.Option("--distil", help="Numbers of steps to teach.")] = "",
    models: Annotated[int, typer.Option(help="Networks per generator.")] = 100,
    timed: Annotated[int, typer.Option(help="Networks that are timed.")] = 1000,
    steps: Annotated[int | None, typer.Option(help="Training steps; by default the variant's.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the fit and of the samples.")] = 0,
    threads: Annotated[int, typer.Option(help="Threads of torch.")] = 2,
    out: Annotated[Path | None, typer.Option(help="Folder in which fitted flows are kept.")] = None,
) -> None:
    torch.set_num_threads(threads)
    population = Zoo.open(zoo).select(where) if where else Zoo.open(zoo)
    print(population)
    if flow is not None:
        fitted = WeightFlow.open(flow)
        print(fitted)
        _judge(fitted, population, dataset, models, seed)
        print(_timings(fitted, dataset, timed, seed + 1).round(4).to_string(index=False), flush=True)
        for count in (int(part) for part in distilled.split(",") if part):
            begun = time.perf_counter()
            student = distil(fitted, count, seed=seed)
            print(f"\ndistilled to {count} steps in {time.perf_counter() - begun:.0f} s")
            print(_timings(student, dataset, timed, seed + 1, (("euler", count),)).round(4).to_string(index=False))
            _judge(student, population, dataset, models, seed)
    if variants:
        print(_compared(population, variants.split(","), encoder, dataset, models, steps, seed, out))


def _judge(flow: WeightFlow, zoo: Zoo, dataset: str, models: int, seed: int) -> None:
    begun = time.perf_counter()
    report = quality(flow, zoo, dataset, models=models, seed=seed + 1)
    rows = report.frame.set_index("generator")
    print(rows[[name for name in SHOWN if name in rows]].round(4).to_string())
    print(report.verdict)
    print(f"report: {time.perf_counter() - begun:.1f} s", flush=True)


def _compared(
    zoo: Zoo,
    names: list[str],
    encoder: Path | None,
    dataset: str,
    models: int,
    steps: int | None,
    seed: int,
    out: Path | None,
) -> str:
    rows = []
    for name in names:
        config = VARIANTS[name] if steps is None else replace(VARIANTS[name], steps=steps)
        reader = Encoder.open(encoder) if encoder is not None and config.kind == "latent" else None
        begun = time.perf_counter()
        fitted = fit_flow(zoo, seed=seed, config=config, encoder=reader)
        seconds = time.perf_counter() - begun
        if out is not None:
            fitted.save(out / name)
        report = quality(fitted, zoo, dataset, models=models, seed=seed + 1)
        found = report.frame.set_index("generator")
        facts = {column: found.loc["flow", column] for column in SHOWN if column in found}
        stopped = fitted.history[-1].step
        rows.append({"variant": name, "fit_seconds": seconds, "steps": stopped, "parameters": fitted.size, **facts})
        print(f"\n{name}: {report.verdict}", flush=True)
    return pd.DataFrame(rows).round(4).to_string(index=False)


def _timings(
    flow: WeightFlow, dataset: str, models: int, seed: int, settings: tuple[tuple[str, int], ...] = SETTINGS
) -> pd.DataFrame:
    rows = []
    flow.sample(2)
    for solver, steps in settings:
        begun = time.perf_counter()
        sample = flow.sample(models, seed=seed, solver=solver, steps=steps)
        seconds = time.perf_counter() - begun
        scores = evaluate(sample, dataset)
        rows.append(
            {
                "solver": solver,
                "steps": steps,
                f"seconds_per_{models:,}": seconds,
                "mean_accuracy": scores["test_accuracy"].mean(),
                "best_accuracy": scores["test_accuracy"].max(),
            }
        )
    return pd.DataFrame(rows)


if __name__ == "__main__":
    typer.run(main)
