"""`wsexplore flow`: fit a flow over weights, sample networks, judge them."""

from typing import Annotated

import typer

from wsexplore.cli.frame import AsJson, Device, OnDevice, Out, Seed, ZooName, answer, work
from wsexplore.datasets import DATASET_HELP

app = typer.Typer(help="New networks: fit a flow over weights, sample it, judge it.", no_args_is_help=True)
FlowName = Annotated[str, typer.Argument(metavar="FLOW", help="A flow's folder, or the name of a shipped flow.")]


@app.command()
def fit(
    zoo: ZooName,
    out: Out,
    where: Annotated[str, typer.Option(help="Fit on the networks for which this SQL predicate holds.")] = "",
    steps: Annotated[int | None, typer.Option(help="Training steps; by default what the configuration says.")] = None,
    seed: Seed = 0,
    device: OnDevice = Device.auto,
    as_json: AsJson = False,
) -> None:
    """Fit a flow over a zoo's weights and store it."""
    with work() as on_step:
        from dataclasses import replace

        from wsexplore.generate import FlowConfig, fit_flow
        from wsexplore.population import device_of
        from wsexplore.zoo import Zoo, check_target

        check_target(out)
        opened = Zoo.open(zoo)
        config = FlowConfig() if steps is None else replace(FlowConfig(), steps=steps)
        flow = fit_flow(
            opened,
            where=where,
            seed=seed,
            config=config,
            device=str(device_of(device)),
            on_step=on_step,
        )
        flow.save(out)
        answer({"written": out, "fitted_on": flow.fitted_on, "seed": seed}, as_json=as_json)


@app.command()
def sample(
    flow: FlowName,
    out: Out,
    models: Annotated[int, typer.Option(min=1, help="Number of networks.")] = 100,
    steps: Annotated[int | None, typer.Option(min=1, help="Solver steps; the default was tuned with the flow.")] = None,
    solver: Annotated[str, typer.Option(help="euler, midpoint or heun.")] = "euler",
    temperature: Annotated[float, typer.Option(min=0, help="Scale of the noise; 0 gives one network.")] = 1.0,
    dataset: Annotated[str, typer.Option(help="Judge the samples on this data set.")] = "digits",
    seed: Seed = 0,
    device: OnDevice = Device.auto,
    as_json: AsJson = False,
) -> None:
    """Draw new networks, evaluate them, and write them as a zoo."""
    with work() as on_step:
        import pandas as pd

        from wsexplore.generate import STEPS, WeightFlow
        from wsexplore.population import evaluate
        from wsexplore.zoo import check_target

        check_target(out)
        opened = WeightFlow.open(flow)
        fresh = opened.sample(
            models,
            seed=seed,
            temperature=temperature,
            on_step=on_step,
            steps=steps or STEPS,
            solver=solver,
            device=device,
        )
        scores = evaluate(fresh, dataset, device=device).drop(columns="id")
        fresh = fresh.with_table(pd.concat([fresh.table.assign(dataset=dataset), scores], axis=1))
        fresh.save(out)
        answer(
            {
                "written": out,
                "networks": models,
                "mean_test_accuracy": float(scores["test_accuracy"].mean()),
                "best_test_accuracy": float(scores["test_accuracy"].max()),
            },
            as_json=as_json,
        )


@app.command()
def report(
    flow: FlowName,
    zoo: ZooName,
    where: Annotated[
        str, typer.Option(help="Compare with these networks; by default those that the flow was fitted on.")
    ] = "",
    dataset: Annotated[str, typer.Option(help=DATASET_HELP)] = "digits",
    models: Annotated[int, typer.Option(min=2, help="Networks per generator.")] = 100,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Judge a flow's samples against the zoo and the three controls."""
    with work():
        from wsexplore.generate import WeightFlow, quality
        from wsexplore.zoo import Zoo

        opened, fitted = Zoo.open(zoo), WeightFlow.open(flow)
        chosen = where or fitted.where
        judged = quality(fitted, opened.select(chosen) if chosen else opened, dataset, models=models, seed=seed)
        if as_json:
            answer(judged.to_dict(), as_json=True)
        else:
            print(judged.frame.to_string(index=False))
            print(judged.verdict)
