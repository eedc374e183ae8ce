"""`wsexplore zoo`: train, show and evaluate."""

from typing import Annotated, Any

import typer

from wsexplore.cli.frame import (
    AsJson,
    Device,
    OnDevice,
    Out,
    Seed,
    ZooName,
    answer,
    parse_assignments,
    parse_value,
    parse_vary,
    work,
    write_csv,
)

app = typer.Typer(help="Populations of trained networks: train, show, evaluate.", no_args_is_help=True)


@app.command()
def train(
    architecture: Annotated[str, typer.Argument(help="A registered architecture: mlp.")],
    dataset: Annotated[str, typer.Argument(help="digits, mnist or fashion-mnist.")],
    out: Out,
    models: Annotated[int, typer.Option(help="Number of networks.")] = 100,
    epochs: Annotated[int, typer.Option(help="Passes over the training split.")] = 30,
    checkpoints: Annotated[
        str, typer.Option(help="Epochs to keep, like 0,1,10,30; 0 is the initialisation. Default: the last.")
    ] = "",
    vary: Annotated[
        list[str] | None, typer.Option(help="What differs between networks: lr=1e-3..1e-2 or optimizer=adam,sgd.")
    ] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="A hyper-parameter that all share: lr=1e-3.")] = None,
    config: Annotated[list[str] | None, typer.Option(help="Of the architecture: widths=64,32,10.")] = None,
    seed: Seed = 0,
    device: OnDevice = Device.auto,
    as_json: AsJson = False,
) -> None:
    """Train many networks at once and write them as a zoo. An interrupted training goes on where it stopped."""
    with work() as on_step:
        shared = parse_assignments(set_ or [], "--set")
        fixed: dict[str, Any] = {name: parse_value(value) for name, value in shared.items()}
        varied = {name: parse_vary(value) for name, value in parse_assignments(vary or [], "--vary").items()}
        fields = {name: _field(value) for name, value in parse_assignments(config or [], "--config").items()}
        kept = _epochs(checkpoints)
        from wsexplore.population import FIELDS, train_zoo

        if unknown := sorted(set(fixed) - set(FIELDS)):
            raise ValueError(f"{', '.join(unknown)} is no hyper-parameter; choose among {', '.join(FIELDS)}")
        zoo = train_zoo(
            architecture,
            dataset,
            models=models,
            epochs=epochs,
            vary=varied,
            seed=seed,
            checkpoints=kept,
            device=device,
            out=out,
            on_step=on_step,
            config=fields,
            **fixed,
        )
        answer({"written": out, **facts(zoo)}, as_json=as_json)


@app.command()
def show(
    zoo: ZooName,
    where: Annotated[str, typer.Option(help="Only the networks for which this SQL predicate holds.")] = "",
    as_json: AsJson = False,
) -> None:
    """Print what a zoo holds."""
    with work():
        from wsexplore.zoo import Zoo

        opened = Zoo.open(zoo)
        answer(facts(opened.select(where) if where else opened), as_json=as_json)


@app.command()
def evaluate(
    zoo: ZooName,
    dataset: Annotated[str, typer.Argument(help="digits, mnist or fashion-mnist.")],
    split: Annotated[str, typer.Option(help="train or test.")] = "test",
    out: Annotated[str, typer.Option(help="CSV file for the score of every network.")] = "",
    device: OnDevice = Device.auto,
    as_json: AsJson = False,
) -> None:
    """Print loss and accuracy of a zoo's networks on a data set."""
    with work() as on_step:
        from wsexplore.population import evaluate as evaluate_zoo
        from wsexplore.zoo import Zoo

        scores = evaluate_zoo(Zoo.open(zoo), dataset, split=split, device=device, on_step=on_step)
        if out:
            write_csv(scores, out)
        accuracy, loss = scores[f"{split}_accuracy"], scores[f"{split}_loss"]
        answer(
            {
                "networks": len(scores),
                "mean_accuracy": float(accuracy.mean()),
                "best_accuracy": float(accuracy.max()),
                "worst_accuracy": float(accuracy.min()),
                "mean_loss_nats": float(loss.mean()),
                "written": out or "nothing",
            },
            as_json=as_json,
        )


def facts(zoo: Any) -> dict[str, Any]:
    """What a zoo holds, in a few words and numbers."""
    table = zoo.table
    found: dict[str, Any] = {
        "architecture": zoo.architecture.to_dict(),
        "networks": len(zoo),
        "runs": int(table["run"].nunique()),
        "epochs": sorted(int(epoch) for epoch in table["epoch"].unique()),
        "parameters": zoo.architecture.layout.size,
        "fingerprint": zoo.fingerprint,
        "columns": list(table.columns),
    }
    if "test_accuracy" in table and len(table):
        found["mean_test_accuracy"] = float(table["test_accuracy"].mean())
        found["best_test_accuracy"] = float(table["test_accuracy"].max())
    return found


def _epochs(text: str) -> list[int] | None:
    if not text:
        return None
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(f"--checkpoints takes epochs like 0,1,10,30, got {text!r}") from None


def _field(text: str) -> object:
    values = [parse_value(part) for part in text.split(",")]
    return values if len(values) > 1 else values[0]
