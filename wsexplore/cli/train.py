"""`wsexplore zoo train`."""

from typing import Annotated, Any

import typer

from wsexplore.cli.frame import (
    AsJson,
    Device,
    Factory,
    OnDevice,
    Seed,
    answer,
    parse_assignments,
    parse_field,
    parse_value,
    parse_vary,
    trust,
    work,
)
from wsexplore.datasets import DATASET_HELP


def train(
    architecture: Annotated[
        str, typer.Argument(help="mlp, small-cnn, cnn, resnet, vit, gru, siren, field-mlp; or factory with --factory.")
    ],
    dataset: Annotated[str, typer.Argument(help=DATASET_HELP)],
    out: Annotated[str, typer.Option(help="Folder to write; needed unless only the cost is asked for.")] = "",
    models: Annotated[
        int | None, typer.Option(min=1, help="Number of networks. Default: 100; for fields one for every image.")
    ] = None,
    epochs: Annotated[int, typer.Option(help="Passes over the training split; for fields, steps.")] = 30,
    checkpoints: Annotated[
        str, typer.Option(help="Epochs to keep, like 0,1,10,30; 0 is the initialisation. Default: the last.")
    ] = "",
    vary: Annotated[
        list[str] | None, typer.Option(help="What differs between networks: lr=1e-3..1e-2 or optimizer=adam,sgd.")
    ] = None,
    design: Annotated[
        str, typer.Option(help="random draws what varies; grid goes through all combinations.")
    ] = "random",
    seeds: Annotated[int | None, typer.Option(min=1, help="Different seeds. Default: one for every network.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="A hyper-parameter that all share: lr=1e-3.")] = None,
    config: Annotated[list[str] | None, typer.Option(help="Of the architecture: widths=64,32,10.")] = None,
    shared_init: Annotated[bool, typer.Option(help="Start all networks from the same weights.")] = False,
    task: Annotated[
        str, typer.Option(help="classify or field; by default what the architecture is for, and refused otherwise.")
    ] = "",
    factory: Factory = "",
    precision: Annotated[str, typer.Option(help="On a GPU: float32, tf32 or bf16.")] = "float32",
    shard: Annotated[
        int | None, typer.Option(min=1, help="Networks trained together. Default: by architecture.")
    ] = None,
    cost: Annotated[bool, typer.Option("--cost", help="Only say what it would cost, measured on a few steps.")] = False,
    seed: Seed = 0,
    device: OnDevice = Device.auto,
    as_json: AsJson = False,
) -> None:
    """Train many networks at once and write them as a zoo. An interrupted training goes on where it stopped."""
    with work() as on_step:
        shared = parse_assignments(set_ or [], "--set")
        fixed: dict[str, Any] = {name: parse_value(value) for name, value in shared.items()}
        varied = {name: parse_vary(value) for name, value in parse_assignments(vary or [], "--vary").items()}
        fields = {name: parse_field(value) for name, value in parse_assignments(config or [], "--config").items()}
        kept = _epochs(checkpoints)
        from wsexplore.cli.zoo import facts
        from wsexplore.nets import architecture as architecture_of
        from wsexplore.population import FIELDS, train_zoo, training_cost

        if unknown := sorted(set(fixed) - set(FIELDS)):
            raise ValueError(f"{', '.join(unknown)} is no hyper-parameter; choose among {', '.join(FIELDS)}")
        trust(factory)
        if factory:
            fields["factory"] = factory
        arch = architecture_of(architecture, **fields)
        if task and task != arch.task:
            raise ValueError(f"{architecture} is for the task {arch.task}, not {task!r}; leave --task out")
        options: dict[str, Any] = {
            "models": models,
            "epochs": epochs,
            "vary": varied,
            "design": design,
            "seeds": seeds,
            "seed": seed,
            "shared_init": shared_init,
            "checkpoints": kept,
            "device": device,
            "precision": precision,
            **fixed,
        }
        if cost:
            expected = training_cost(arch, dataset, shard=shard, **options)
            answer({"seconds": expected.seconds, "bytes": expected.bytes}, as_json=as_json)
            return
        zoo = train_zoo(arch, dataset, out=out, shard=shard, on_step=on_step, **options)
        answer({"written": out, **facts(zoo)}, as_json=as_json)


def _epochs(text: str) -> list[int] | None:
    if not text:
        return None
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(f"--checkpoints takes epochs like 0,1,10,30, got {text!r}") from None
