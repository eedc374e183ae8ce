"""`wsexplore zoo`: train, show and evaluate."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from wsexplore.cli.frame import (
    AsJson,
    Device,
    Factory,
    OnDevice,
    ZooName,
    answer,
    trust,
    work,
    write_csv,
)
from wsexplore.cli.imports import import_
from wsexplore.cli.memory import Memory, parse_memory
from wsexplore.cli.train import train
from wsexplore.datasets import DATASET_HELP

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer(help="Populations of trained networks: train, import, show, evaluate.", no_args_is_help=True)
app.command()(train)
app.command("import")(import_)


@app.command()
def show(
    zoo: ZooName,
    where: Annotated[str, typer.Option(help="Only the networks for which this SQL predicate holds.")] = "",
    factory: Factory = "",
    as_json: AsJson = False,
) -> None:
    """Print what a zoo holds."""
    with work():
        trust(factory)
        from wsexplore.zoo import Zoo

        opened = Zoo.open(zoo)
        answer(facts(opened.select(where) if where else opened), as_json=as_json)


@app.command()
def evaluate(
    zoo: ZooName,
    dataset: Annotated[str, typer.Argument(help=DATASET_HELP)],
    split: Annotated[str, typer.Option(help="train or test.")] = "test",
    out: Annotated[str, typer.Option(help="CSV file for the score of every network.")] = "",
    device: OnDevice = Device.auto,
    memory: Memory = "256MiB",
    factory: Factory = "",
    as_json: AsJson = False,
) -> None:
    """Print loss and accuracy of a zoo's networks on a data set; of fields, how close they are to their pictures."""
    with work() as on_step:
        trust(factory)
        from wsexplore.population import evaluate as evaluate_zoo
        from wsexplore.zoo import Zoo

        bound = parse_memory(memory)
        scores = evaluate_zoo(Zoo.open(zoo), dataset, split=split, device=device, memory=bound, on_step=on_step)
        if out:
            write_csv(scores, out)
        answer({"networks": len(scores), **_summary(scores, split), "written": out or "nothing"}, as_json=as_json)


def _summary(scores: "pd.DataFrame", split: str) -> dict[str, float]:
    if "psnr" in scores:
        psnr = scores["psnr"]
        return {
            "mean_psnr_db": float(psnr.mean()),
            "best_psnr_db": float(psnr.max()),
            "worst_psnr_db": float(psnr.min()),
            "mean_squared_error": float(scores["mse"].mean()),
        }
    accuracy, loss = scores[f"{split}_accuracy"], scores[f"{split}_loss"]
    return {
        "mean_accuracy": float(accuracy.mean()),
        "best_accuracy": float(accuracy.max()),
        "worst_accuracy": float(accuracy.min()),
        "mean_loss_nats": float(loss.mean()),
    }


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
