"""How good and how fast a weight flow is: `python -m benchmarks.flow ZOO [--flow FLOW]`.

Without `--flow` it fits one first, as `wx.fit_flow` does by default. It prints accuracy and novelty of the flow's
networks beside the zoo's and the three controls', then the time that 100 networks take with each solver setting.
"""

import time
from pathlib import Path
from typing import Annotated

import pandas as pd
import torch
import typer

from wsexplore.generate import FlowConfig, WeightFlow, fit_flow, quality
from wsexplore.population import evaluate
from wsexplore.zoo import Zoo

SETTINGS = (("euler", 5), ("euler", 10), ("euler", 20), ("midpoint", 10), ("midpoint", 40))


def main(
    zoo: Annotated[Path, typer.Argument(help="Folder of a zoo.")],
    flow: Annotated[Path | None, typer.Option(help="Folder of a fitted flow; without it one is fitted.")] = None,
    where: Annotated[str, typer.Option(help="Use the networks for which this SQL predicate holds.")] = "",
    dataset: Annotated[str, typer.Option(help="Data set to judge on.")] = "digits",
    models: Annotated[int, typer.Option(help="Networks per generator.")] = 100,
    steps: Annotated[int, typer.Option(help="Training steps.")] = FlowConfig().steps,
    seed: Annotated[int, typer.Option(help="Seed of the fit and of the samples.")] = 0,
    threads: Annotated[int, typer.Option(help="Threads of torch.")] = 2,
    out: Annotated[Path | None, typer.Option(help="Where to keep the fitted flow.")] = None,
) -> None:
    torch.set_num_threads(threads)
    population = Zoo.open(zoo).select(where) if where else Zoo.open(zoo)
    print(population)
    fitted = WeightFlow.open(flow) if flow else _fit(population, steps, seed, out)
    print(fitted)
    start = time.perf_counter()
    report = quality(fitted, population, dataset, models=models, seed=seed + 1)
    seconds = time.perf_counter() - start
    print(report.frame.round(4).to_string(index=False))
    print(report.verdict)
    print(f"report: {seconds:.1f} s with {threads} threads")
    print(_timings(fitted, dataset, seed + 1).round(4).to_string(index=False))


def _fit(zoo: Zoo, steps: int, seed: int, out: Path | None) -> WeightFlow:
    start, told = time.perf_counter(), [0]

    def on_step(fraction: float, message: str) -> None:
        if int(10 * fraction) > told[0]:
            told[0] = int(10 * fraction)
            print(f"{time.perf_counter() - start:6.0f} s  {message}", flush=True)

    fitted = fit_flow(zoo, seed=seed, config=FlowConfig(steps=steps), on_step=on_step)
    print(f"fit: {time.perf_counter() - start:.0f} s, noise scale {fitted.scale:.3f}")
    if out is not None:
        fitted.save(out)
    return fitted


def _timings(flow: WeightFlow, dataset: str, seed: int) -> pd.DataFrame:
    rows = []
    flow.sample(2)
    for solver, steps in SETTINGS:
        start = time.perf_counter()
        sample = flow.sample(100, seed=seed, solver=solver, steps=steps)
        seconds = time.perf_counter() - start
        scores = evaluate(sample, dataset)
        rows.append(
            {
                "solver": solver,
                "steps": steps,
                "seconds_per_100": seconds,
                "mean_accuracy": scores["test_accuracy"].mean(),
                "best_accuracy": scores["test_accuracy"].max(),
            }
        )
    return pd.DataFrame(rows)


if __name__ == "__main__":
    typer.run(main)
