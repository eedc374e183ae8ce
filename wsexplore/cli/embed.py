"""`wsexplore embed`: fit a map of a zoo, and place networks on one."""

from typing import Annotated

import typer

from wsexplore.cli.frame import AsJson, Out, Seed, ZooName, answer, work, write_csv

app = typer.Typer(help="Weights to points: fit a map, place networks on it.", no_args_is_help=True)


@app.command()
def fit(
    zoo: ZooName,
    out: Out,
    method: Annotated[str, typer.Option(help="pca or umap.")] = "pca",
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Fit a map of a zoo's weights and store it."""
    with work():
        from wsexplore.embed import fit_projection
        from wsexplore.zoo import Zoo, check_target

        check_target(out)
        projection = fit_projection(Zoo.open(zoo), method=method, seed=seed)
        projection.save(out)
        answer(
            {
                "written": out,
                "method": method,
                "networks": len(projection.points),
                "variance_of_two_directions": float(projection.variance[:2].sum()),
            },
            as_json=as_json,
        )


@app.command()
def apply(
    map_: Annotated[str, typer.Argument(metavar="MAP", help="A folder that `embed fit` wrote.")],
    fitted: Annotated[str, typer.Argument(metavar="FITTED", help="The zoo that the map shows.")],
    zoo: ZooName,
    out: Annotated[str, typer.Option(help="CSV file for the points.")],
    as_json: AsJson = False,
) -> None:
    """Place the networks of a zoo on a map that was fitted on another."""
    with work():
        import pandas as pd

        from wsexplore.embed import Projection
        from wsexplore.zoo import Zoo

        placed = Zoo.open(zoo)
        points = Projection.open(map_).place(placed.weights.numpy(), Zoo.open(fitted))
        write_csv(pd.DataFrame({"id": placed.table["id"], "x": points[:, 0], "y": points[:, 1]}), out)
        answer({"written": out, "networks": len(points)}, as_json=as_json)
