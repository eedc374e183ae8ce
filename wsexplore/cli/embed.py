"""`wsexplore embed fit | apply`: maps and encoders of a zoo, and networks placed by them."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wsexplore.cli.frame import (
    AsJson,
    Device,
    OnDevice,
    OnStep,
    Out,
    Seed,
    ZooName,
    answer,
    parse_assignments,
    parse_field,
    work,
    write_csv,
)

if TYPE_CHECKING:
    from wsexplore.embed import Encoder
    from wsexplore.zoo import Recipe, Zoo

app = typer.Typer(help="Weights to points and back: maps, encoders, probes, samples.", no_args_is_help=True)

Table = Annotated[str, typer.Option(help="CSV file to write.")]
Align = Annotated[
    bool, typer.Option("--align/--as-it-is", help="Put the units of all networks in one order before they are read.")
]
ENCODERS = ("sane", "hyper")


@app.command()
def fit(
    zoos: Annotated[list[str], typer.Argument(metavar="ZOO...", help="Folders or names; an encoder reads several.")],
    out: Out,
    method: Annotated[str, typer.Option(help="A map: pca, umap or tsne. An encoder: sane or hyper.")] = "pca",
    align: Annotated[
        bool | None,
        typer.Option("--align/--as-it-is", help="Put all units in one order first. Default: for an encoder."),
    ] = None,
    dims: Annotated[int, typer.Option(min=2, max=3, help="Of a map.")] = 2,
    set_: Annotated[list[str] | None, typer.Option("--set", help="Of an encoder: steps=2000, latent=32, ...")] = None,
    data: Annotated[
        str, typer.Option(help="For an encoder: data set that the networks answer; default: the table's; or none.")
    ] = "",
    seed: Seed = 0,
    device: OnDevice = Device.auto,
    as_json: AsJson = False,
) -> None:
    """Fit a map of a zoo, or an encoder to one zoo or several, and store it."""
    with work() as on_step:
        settings = {name: parse_field(value) for name, value in parse_assignments(set_ or [], "--set").items()}
        from wsexplore.embed import METHODS
        from wsexplore.zoo import Zoo, check_target

        check_target(out)
        encodes = method in ENCODERS
        if len(zoos) > 1 and not encodes:
            raise ValueError(f"a map shows one zoo, got {len(zoos)}; only an encoder reads several")
        if (settings or data) and not encodes:
            raise ValueError("--set and --data are for an encoder; a map has --method, --dims and --seed")
        if dims != 2 and encodes:
            raise ValueError("--dims is for a map; the size of a latent is --set latent=64")
        if not encodes and method not in METHODS:
            raise ValueError(f"method {method!r} is unknown; choose one of {', '.join((*METHODS, *ENCODERS))}")
        given = [Zoo.open(name) for name in zoos]
        aligns = encodes if align is None else align
        framed = [_aligned(zoo, on_step) for zoo in given] if aligns else given
        if encodes:
            encoder = _encoder(framed, method, settings, data, seed, device, on_step)
            (replace(encoder, recipe=_recipe(encoder, given)) if aligns else encoder).save(out)
            answer({"written": out, **_facts(encoder)}, as_json=as_json)
            return
        from wsexplore.embed import fit_projection

        projection = fit_projection(framed[0], method=method, dims=dims, seed=seed)
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
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="An encoder, or with --fitted a map: what `embed fit` wrote.")
    ],
    zoo: ZooName,
    out: Table,
    fitted: Annotated[str, typer.Option(help="For a map: the zoo that it shows.")] = "",
    pool: Annotated[str, typer.Option(help="Of an encoder: mean, layers, tokens or told.")] = "mean",
    align: Align = True,
    as_json: AsJson = False,
) -> None:
    """Place the networks of a zoo on a map, or embed them with an encoder; write a row of numbers for each."""
    with work() as on_step:
        import pandas as pd

        from wsexplore.embed import Encoder, Projection
        from wsexplore.zoo import Zoo

        placed = Zoo.open(zoo)
        if fitted:
            points = Projection.open(model).place(placed.weights.numpy(), Zoo.open(fitted))
            columns = ["x", "y", "z"][: points.shape[1]]
        else:
            points = Encoder.open(model).embed(placed, pool=pool, align=align, on_step=on_step)
            columns = [f"z{place}" for place in range(points.shape[1])]
        frame = pd.DataFrame(points, columns=columns)
        frame.insert(0, "id", placed.table["id"].to_numpy())
        write_csv(frame, out)
        answer({"written": out, "networks": len(points), "numbers": points.shape[1]}, as_json=as_json)


def _aligned(zoo: "Zoo", on_step: OnStep) -> "Zoo":
    from wsexplore.align import align as align_zoo
    from wsexplore.embed.reference import best_row

    return align_zoo(zoo, reference=best_row(zoo), by="run", on_step=lambda f, m: on_step(f, f"aligning: {m}"))


def _encoder(
    zoos: list["Zoo"],
    method: str,
    settings: dict[str, Any],
    data: str,
    seed: int,
    device: Device,
    on_step: OnStep,
) -> "Encoder":
    from wsexplore.embed import HYPER, EncoderConfig, fit_encoder

    base = HYPER if method == "hyper" else EncoderConfig()
    config = EncoderConfig.from_dict({**base.to_dict(), **settings})
    sets = [None if data == "none" else data or data_of(zoo) or None for zoo in zoos]
    told = sets[0] if len(set(sets)) == 1 else sets
    return fit_encoder(zoos, data=told, seed=seed, config=config, device=device.value, on_step=on_step)


def _recipe(encoder: "Encoder", zoos: list["Zoo"]) -> "Recipe":
    """The recipe of an encoder whose zoos this command aligned."""
    from wsexplore.embed.reference import best_row

    made, names = encoder.recipe, list(encoder.recipe.inputs)
    python = made.python
    for name, zoo in zip(names, zoos, strict=True):
        python = python.replace(name, f"wx.align({name}, reference={best_row(zoo)}, by='run')", 1)
    inputs = {name: zoo.fingerprint for name, zoo in zip(names, zoos, strict=True)}
    return replace(made, inputs=inputs, cli=made.cli.replace(" --as-it-is", ""), python=python)


def data_of(zoo: "Zoo") -> str:
    """The data set that the table names, if it names one and the networks classify."""
    names = {str(name) for name in zoo.table["dataset"]} if "dataset" in zoo.table else set()
    return names.pop() if len(names) == 1 and zoo.architecture.task != "field" else ""


def _facts(encoder: "Encoder") -> dict[str, Any]:
    last = encoder.best
    return {
        "networks": sum(encoder.networks),
        "parameters": encoder.size,
        "latent": encoder.config.latent,
        "error": last.loss,
        "held_out_error": last.held_out_loss,
        "stopped": encoder.stopped or "no",
    }
