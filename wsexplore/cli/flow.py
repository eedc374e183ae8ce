"""`wsexplore flow`: fit a flow over weights, sample networks, judge them."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from wsexplore.cli.frame import AsJson, Device, OnDevice, Out, Seed, ZooName, answer, work
from wsexplore.cli.judge import judge

if TYPE_CHECKING:
    from wsexplore.generate import FlowConfig, WeightFlow

app = typer.Typer(help="New networks: fit a flow over weights, sample it, judge it.", no_args_is_help=True)
FlowName = Annotated[str, typer.Argument(metavar="FLOW", help="A flow's folder, or the name of a shipped flow.")]


@app.command()
def fit(
    zoo: ZooName,
    out: Out,
    where: Annotated[str, typer.Option(help="Fit on the networks for which this SQL predicate holds.")] = "",
    variant: Annotated[
        str, typer.Option(help="tokens, raw, aligned, preconditioned or latent: where the settings start from.")
    ] = "tokens",
    condition: Annotated[
        str, typer.Option(metavar="COLUMNS", help="Columns that a sample can ask for, like test_accuracy,lr.")
    ] = "",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="One setting of FlowConfig, like steps=2000; repeatable."),
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Training steps: short for --set steps=…")] = None,
    encoder: Annotated[str, typer.Option(help="For variant latent: an encoder's folder or name.")] = "",
    reference: Annotated[int | None, typer.Option(help="Row that the others are aligned to, where they are.")] = None,
    seed: Seed = 0,
    device: OnDevice = Device.auto,
    as_json: AsJson = False,
) -> None:
    """Fit a flow over a zoo's weights and store it.

    After Ctrl-C the same command goes on from the last of its twenty checks, which lies in OUT.partial until then.
    """
    with work() as on_step:
        from wsexplore.embed import Encoder
        from wsexplore.generate import fit_flow, forget_training
        from wsexplore.population import device_of
        from wsexplore.zoo import Zoo, check_target

        check_target(out)
        checkpoint = f"{str(out).rstrip('/')}.partial"
        words = [*(settings or []), *([f"steps={steps}"] if steps is not None else [])]
        words += [f"conditions={condition}"] if condition else []
        flow = fit_flow(
            Zoo.open(zoo),
            where=where,
            seed=seed,
            config=_configured(variant, words),
            reference=reference,
            encoder=Encoder.open(encoder) if encoder else None,
            device=str(device_of(device)),
            checkpoint=checkpoint,
            on_step=on_step,
        )
        flow.save(out)
        forget_training(checkpoint)
        best = flow.best
        answer(
            {
                "written": out,
                "fitted_on": flow.fitted_on,
                "networks": flow.networks,
                "parameters": flow.size,
                "kept_step": best.step,
                "held_out_loss": best.held_out_loss,
                "accuracy_of_samples": best.accuracy,
                "dispersion": best.dispersion,
                "stopped": flow.stopped or "at the last step",
                "seed": seed,
            },
            as_json=as_json,
        )


@app.command()
def distil(
    flow: FlowName,
    out: Out,
    steps: Annotated[int, typer.Option(min=1, help="Euler steps of the student.")] = 2,
    iterations: Annotated[int, typer.Option(min=1, help="Optimiser steps.")] = 3000,
    seed: Seed = 0,
    device: OnDevice = Device.auto,
    as_json: AsJson = False,
) -> None:
    """Teach a flow to sample in a few steps what it samples in many, and store the student."""
    with work() as on_step:
        from wsexplore.generate import WeightFlow
        from wsexplore.generate import distil as taught
        from wsexplore.population import device_of
        from wsexplore.zoo import check_target

        check_target(out)
        student = taught(
            WeightFlow.open(flow),
            steps,
            iterations=iterations,
            seed=seed,
            device=str(device_of(device)),
            on_step=on_step,
        )
        student.save(out)
        answer({"written": out, "steps": steps, "fingerprint": student.fingerprint}, as_json=as_json)


@app.command()
def sample(
    flow: FlowName,
    out: Out,
    models: Annotated[int, typer.Option(min=1, help="Number of networks.")] = 100,
    steps: Annotated[int | None, typer.Option(min=1, help="Solver steps; by default the flow's own.")] = None,
    solver: Annotated[str, typer.Option(help="euler, midpoint, heun, rk4 or adaptive.")] = "euler",
    tolerance: Annotated[float, typer.Option(help="Of the adaptive solver.")] = 0.01,
    temperature: Annotated[float, typer.Option(min=0, help="Scale of the noise; 0 gives one network.")] = 1.0,
    condition: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN=VALUE", help="What is asked for, like test_accuracy=0.97; repeatable."),
    ] = None,
    guidance: Annotated[float, typer.Option(min=0, help="How strongly: 1 as learnt, above 1 more.")] = 1.0,
    trajectory: Annotated[bool, typer.Option("--trajectory", help="Keep the networks on the way too.")] = False,
    dataset: Annotated[str, typer.Option(help="Judge on this data set; by default the flow's own.")] = "",
    seed: Seed = 0,
    device: OnDevice = Device.auto,
    as_json: AsJson = False,
) -> None:
    """Draw new networks, evaluate them where there is a data set, and write them as a zoo."""
    with work() as on_step:
        import pandas as pd

        from wsexplore.generate import WeightFlow
        from wsexplore.population import evaluate
        from wsexplore.zoo import check_target

        check_target(out)
        opened = WeightFlow.open(flow)
        fresh = opened.sample(
            models,
            seed=seed,
            temperature=temperature,
            condition=_asked(condition or [], opened),
            guidance=guidance,
            tolerance=tolerance,
            trajectory=trajectory,
            on_step=on_step,
            steps=steps,
            solver=solver,
            device=device,
        )
        facts: dict[str, Any] = {"written": out, "networks": len(fresh)}
        data = dataset or (opened.dataset if fresh.architecture.task == "classify" else None)
        if data:
            scores = evaluate(fresh, data, device=device).drop(columns="id")
            fresh = fresh.with_table(pd.concat([fresh.table.assign(dataset=data), scores], axis=1))
            if "test_accuracy" in scores:
                facts |= {
                    "mean_test_accuracy": float(scores["test_accuracy"].mean()),
                    "best_test_accuracy": float(scores["test_accuracy"].max()),
                }
        fresh.save(out)
        answer(facts, as_json=as_json)


def _configured(variant: str, words: list[str]) -> "FlowConfig":
    """The configuration of a variant with some settings changed."""
    from dataclasses import asdict

    from wsexplore.generate import VARIANTS, FlowConfig

    if variant not in VARIANTS:
        raise ValueError(f"variant {variant!r} is unknown; choose one of {', '.join(VARIANTS)}")
    values = asdict(VARIANTS[variant])
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise ValueError(f"--set takes NAME=VALUE, got {word!r}")
        if name not in values:
            raise ValueError(f"a flow has no setting {name}; choose one of {', '.join(values)}")
        values[name] = _read(name, values[name], text)
    return FlowConfig(**values)


def _read(name: str, default: Any, text: str) -> Any:
    """The value of a setting, of the type that its default has."""
    if isinstance(default, tuple):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if isinstance(default, bool):
        if text not in ("true", "false"):
            raise ValueError(f"{name} must be true or false, got {text!r}")
        return text == "true"
    if isinstance(default, str):
        return text
    try:
        return type(default)(text)
    except ValueError:
        kind = "a whole number" if isinstance(default, int) else "a number"
        raise ValueError(f"{name} must be {kind}, got {text!r}") from None


def _asked(words: list[str], flow: "WeightFlow") -> dict[str, str | float]:
    """What is asked for, words as words and numbers as numbers."""
    asked: dict[str, str | float] = {}
    kinds = {column.name: column for column in flow.listens.columns}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise ValueError(f"--condition takes COLUMN=VALUE, got {word!r}")
        asked[name] = text if name not in kinds or kinds[name].values else _read(name, 0.0, text)
    return asked


app.command("judge")(judge)
