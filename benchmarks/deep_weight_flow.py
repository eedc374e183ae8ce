"""The rows of DeepWeightFlow (Gupta et al. 2026), and what stands behind them.

    python -m benchmarks.deep_weight_flow mnist --zoo ZOO [--flows FOLDER] [--iterations 30000]

trains their zoo where ZOO is not there yet (100 networks 784-32-32-10 on MNIST, 5 epochs of Adam; 784-128-128-10 on
Fashion-MNIST, 25 epochs of AdamW), fits their flow (a network of `width` hidden units on all 99 principal components,
straight path, 100 fixed noise vectors of deviation 0.01, batches of 8) with and without alignment, in their widest and
narrowest form, and our flows, and prints their number beside ours with what they do not report: distance of the samples
to the nearest training network, overlap of errors, and the controls.

The principal basis of 100 networks has 99 components and holds them without loss, so the fit takes minutes where whole
networks take hours (`basis = "weights"`). Their flow here
differs from theirs in these: a moving average of the weights is kept, not the weights with the lowest loss of a single
batch; no noise of 1e-3 is added along the path; AdamW has betas 0.9 and 0.99 (theirs 0.9 and 0.95), a warm-up and half
a cosine to 0 (theirs a cosine to 1e-6), and gradients are clipped at 1.
"""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import torch
import typer

from wsexplore.align import align
from wsexplore.generate import FlowConfig, WeightFlow, fit_flow, quality
from wsexplore.generate.principal_coordinates import PrincipalCoordinates
from wsexplore.population import train_zoo
from wsexplore.zoo import Zoo

DEVIATION = 0.01
"""Of the reference's noise, in weights."""


@dataclass(frozen=True)
class Task:
    """A zoo of the reference, and what it reports: mean and spread of accuracy, in per cent."""

    widths: tuple[int, ...]
    epochs: int
    optimizer: str
    data: str
    original: tuple[float, float] | None
    published: dict[str, tuple[float, float]]


TASKS = {
    "mnist": Task(
        (784, 32, 32, 10),
        5,
        "adam",
        "mnist",
        (96.32, 0.20),
        {
            "theirs, aligned, width 512": (96.17, 0.31),
            "theirs, raw, width 512": (96.19, 0.27),
            "theirs, aligned, width 64": (57.80, 9.85),
            "theirs, raw, width 64": (25.54, 12.90),
        },
    ),
    "fashion": Task(
        (784, 128, 128, 10),
        25,
        "adamw",
        "fashion-mnist",
        None,
        {
            "theirs, aligned, width 64": (77.76, 3.72),
            "theirs, raw, width 64": (53.35, 30.49),
        },
    ),
}
SHOWN = [
    "generator",
    "mean_accuracy",
    "std_accuracy",
    "novelty",
    "closest_distance",
    "dispersion",
    "overlap",
    "overlap_expected",
    "coverage",
]


def main(
    task: Annotated[str, typer.Argument(help="mnist or fashion.")],
    zoo: Annotated[Path, typer.Option(help="Folder of the zoo; it is trained where it is missing.")],
    flows: Annotated[Path | None, typer.Option(help="Folder in which the fitted flows are kept.")] = None,
    models: Annotated[int, typer.Option(help="Networks of the zoo, and of every sample.")] = 100,
    iterations: Annotated[int, typer.Option(help="Optimiser steps of each flow.")] = 30_000,
    only: Annotated[str, typer.Option(help="Fit the flows whose name holds this.")] = "",
    solver: Annotated[str, typer.Option(help="theirs is rk4 with 99 steps.")] = "rk4",
    steps: Annotated[int, typer.Option(help="Of the solver.")] = 99,
    seed: Annotated[int, typer.Option(help="Of the fits and the samples.")] = 0,
    device: Annotated[str, typer.Option(help="cpu, cuda or auto.")] = "cpu",
) -> None:
    chosen = TASKS[task]
    population = _zoo(zoo, chosen, models, device)
    print(population, f"test accuracy {population.table['test_accuracy'].mean():.4f}")
    print(f"published original {chosen.original}")
    configs = _configs(population, iterations, seed)
    for name, config in configs.items():
        if only not in name:
            continue
        begun = time.perf_counter()
        folder = None if flows is None else flows / name.replace(", ", "-").replace(" ", "-")
        if folder is not None and folder.is_dir():
            fitted = WeightFlow.open(folder)
        else:
            fitted = fit_flow(population, seed=seed, config=config, device=device)
        fit_seconds = time.perf_counter() - begun
        if folder is not None and not folder.is_dir():
            fitted.save(folder)
        begun = time.perf_counter()
        ours = name.startswith("ours")
        options = {} if ours else {"solver": solver, "steps": steps}
        sample = fitted.sample(models, seed=seed + 1, device=device, **options)
        seconds = time.perf_counter() - begun
        report = quality(sample, population, chosen.data, models=models, seed=seed, held_out=fitted.held_out)
        rows = report.frame.set_index("generator", drop=False)
        flow = rows.loc["flow"]
        print(f"\n{name}: published {chosen.published.get(name, '-')}, ours {100 * flow.mean_accuracy:.2f} +- ", end="")
        print(f"{100 * flow.std_accuracy:.2f}; fit {fit_seconds:.0f} s, {models} networks {seconds:.2f} s")
        print(rows[[c for c in SHOWN if c in rows]].round(4).to_string(index=False))
        print(report.verdict, flush=True)


def _zoo(path: Path, task: Task, models: int, device: str) -> Zoo:
    if path.is_dir():
        return Zoo.open(path)
    begun = time.perf_counter()
    made = train_zoo(
        "mlp",
        task.data,
        config={"widths": list(task.widths), "activation": "relu"},
        models=models,
        epochs=task.epochs,
        optimizer=task.optimizer,
        lr=1e-3,
        batch_size=64,
        out=path,
        device=device,
    )
    print(f"trained the zoo in {time.perf_counter() - begun:.0f} s")
    return made


def _configs(zoo: Zoo, iterations: int, seed: int) -> dict[str, FlowConfig]:
    aligned = align(zoo, seed=seed)
    theirs = FlowConfig(
        kind="plain",
        basis="principal",
        path="linear",
        coupling="independent",
        width=512,
        steps=iterations,
        batch=8,
        learning_rate=5e-4,
        weight_decay=1e-5,
        dropout=0.1,
        pool=len(zoo),
        held_out=0.0,
    )
    found = {}
    for frame, networks in (("aligned", aligned), ("raw", zoo)):
        unit = float(PrincipalCoordinates.of(networks.weights, whiten=False).scale[0])
        for width in (512, 64):
            found[f"theirs, {frame}, width {width}"] = replace(
                theirs, frame=frame, width=width, source_scale=DEVIATION / unit
            )
    ours = FlowConfig(
        kind="preconditioned", coupling="independent", width=256, layers=2, steps=2000, learning_rate=1e-3, held_out=0.1
    )
    found["ours, preconditioned"] = ours
    found["ours, tokens"] = FlowConfig(source="covariance", coupling="independent", steps=2000, held_out=0.1)
    return found


if __name__ == "__main__":
    torch.set_num_threads(1)
    typer.run(main)
