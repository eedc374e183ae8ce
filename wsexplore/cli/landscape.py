"""`wsexplore landscape`: planes, learned curves, curvature, similarity, and the phases of a zoo."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from wsexplore.cli import bends, likeness, planes
from wsexplore.cli.between import Judged, Part
from wsexplore.cli.frame import (
    AsJson,
    Device,
    OnDevice,
    Seed,
    ZooName,
    answer,
    check_file,
    print_table,
    tell_cost,
    work,
)
from wsexplore.cli.page import Drawing, Html, write_html

if TYPE_CHECKING:
    from wsexplore.landscape import Curvature, PhaseGrid

app = typer.Typer(
    help="Around and between networks: planes, curves, curvature, similarity, phases.", no_args_is_help=True
)

Control = Annotated[str, typer.Option(help="A column of numbers in the table, width, or a number of the architecture.")]

app.command("plane")(planes.plane)
app.command("curve")(bends.curve)
app.command("similarity")(likeness.similarity)


@app.command()
def curvature(
    zoo: ZooName,
    network: Annotated[str, typer.Argument(metavar="ID", help="Id of a network.")],
    dataset: Judged = "digits",
    split: Part = "test",
    eigenvalues: Annotated[int, typer.Option(help="How many of the largest, 1 to 100.")] = 5,
    probes: Annotated[int, typer.Option(help="Random vectors of the trace, at most.")] = 100,
    samples: Annotated[int | None, typer.Option(help="So many samples of the split; by default all.")] = None,
    seed: Seed = 0,
    device: OnDevice = Device.auto,
    html: Html = "",
    as_json: AsJson = False,
) -> None:
    """Measure the second derivatives of the loss at a network: leading eigenvalues, trace, density of all of them."""
    with work() as on_step:
        from wsexplore.landscape import curvature as measured
        from wsexplore.landscape import curvature_cost
        from wsexplore.zoo import Zoo

        check_file(html, "--html")
        opened = Zoo.open(zoo)
        row = opened.row_of(network)
        asked: dict[str, Any] = {"eigenvalues": eigenvalues, "probes": probes, "split": split, "samples": samples}
        asked |= {"seed": seed, "device": device.value}
        tell_cost(curvature_cost(opened, row, dataset, **asked))
        found = measured(opened, row, dataset, **asked, on_step=on_step)
        if html:
            write_html(html, f"Curvature of {network}", _curvature_drawings(found), found.recipe)
        written = {"written": [html]} if html else {}
        if as_json:
            answer({**_curvature_facts(found), "recipe": found.recipe.to_dict(), **written}, as_json=True)
            return
        answer({**_curvature_words(found), **written}, as_json=False)
        print_table(
            "eigenvalues",
            ["rank", f"eigenvalue ({found.unit})", "within", "slope"],
            [
                [f"{row['rank']:.0f}", *(f"{row[name]:.4g}" for name in ("eigenvalue", "bound", "slope"))]
                for row in found.frame().to_dict("records")
            ],
        )


def _curvature_facts(found: "Curvature") -> dict[str, Any]:
    """As JSON values, all but the eigenvectors."""
    return {
        "network": found.network,
        "split": found.split,
        "samples": found.samples,
        "parameters": found.parameters,
        "unit": found.unit,
        "loss": found.loss,
        "gradient_norm": found.gradient_norm,
        "gradient_share": found.gradient_share,
        "eigenvalues": found.eigenvalues,
        "bounds": found.bounds,
        "slopes": found.slopes,
        "smallest": found.smallest,
        "smallest_bound": found.smallest_bound,
        "trace": found.trace,
        "trace_standard_error": found.trace_error,
        "trace_estimates": found.trace_estimates,
        "negative_share": found.negative_share,
        "density": {
            "eigenvalues": found.positions,
            "density": found.density,
            "standard_error": found.density_error,
            "smear": found.smear,
        },
        "profiles": [profile.frame().to_dict("list") for profile in found.profiles],
        "layers": found.layer_frame().to_dict("records"),
    }


def _curvature_words(found: "Curvature") -> dict[str, Any]:
    return {
        "network": f"{found.network}, {found.parameters:,} parameters",
        "loss": f"{found.loss:.4g} {found.unit} on {found.samples:,} samples ({found.split})",
        "gradient": f"{found.gradient_norm:.3g}, of whose square {found.gradient_share:.0%} lies along these "
        "eigenvectors",
        "trace": f"{found.trace:.4g} ± {found.trace_error:.2g} {found.unit}, from {found.probes:,} random vectors",
        "clearly below 0": f"{found.negative_share:.1%} of all eigenvalues",
    }


def _curvature_drawings(found: "Curvature") -> list[Drawing]:
    from wsexplore.figures import profiles_figure, spectrum_figure, spectrum_finding, trace_figure

    spectrum = spectrum_figure(
        found.positions,
        found.density,
        found.eigenvalues,
        errors=found.density_error,
        bounds=found.bounds,
        smallest=found.smallest,
        unit=found.unit,
    )
    ends = (found.eigenvalues, found.smallest, found.trace, found.trace_error, found.negative_share)
    profiles = profiles_figure(
        [profile.distances for profile in found.profiles],
        [profile.losses for profile in found.profiles],
        [profile.quadratic for profile in found.profiles],
        [float(value) for value in found.eigenvalues[: len(found.profiles)]],
        unit=found.unit,
    )
    along = f"Loss along {len(found.profiles)} leading eigenvectors, {found.loss:.3g} {found.unit} at the network"
    mean = (
        f"The mean of {found.probes} estimates of the trace is {found.trace:.4g} with a standard error of "
        f"{found.trace_error:.2g} {found.unit}"
    )
    return [
        Drawing("All eigenvalues", spectrum, spectrum_finding(*ends, unit=found.unit)),
        Drawing("Along the leading eigenvectors", profiles, along),
        Drawing("How well the trace is known", trace_figure(found.trace_estimates, unit=found.unit), mean),
    ]


@app.command()
def phases(
    zoos: Annotated[
        list[str],
        typer.Argument(metavar="ZOO...", help="Several where a control is part of the architecture, as the width is."),
    ],
    x: Control,
    y: Control,
    dataset: Judged = "digits",
    split: Annotated[str, typer.Option("--split", help="Of Hessian and mode connectivity: train or test.")] = "train",
    samples: Annotated[int, typer.Option(help="Of a Hessian and of the similarity, at most.")] = 512,
    runs: Annotated[int, typer.Option(help="Of a cell that are measured, at most.")] = 10,
    pairs: Annotated[int, typer.Option(help="Of runs that a curve joins in each cell, at most.")] = 3,
    epochs: Annotated[int, typer.Option(help="That each curve is learned for.")] = 10,
    loss: Annotated[float, typer.Option(help="Training loss above which networks are under-fitted, in nats.")] = 0.1,
    connectivity: Annotated[float, typer.Option(help="Mode connectivity below minus this is poor, in %.")] = 1.0,
    cka: Annotated[float, typer.Option(help="Similarity above which runs answer alike, 0 to 1.")] = 0.95,
    seed: Seed = 0,
    device: OnDevice = Device.auto,
    html: Html = "",
    as_json: AsJson = False,
) -> None:
    """Say in which phase of learning the networks of each pair of values of two controls are (Yang et al. 2021)."""
    with work() as on_step:
        from wsexplore.landscape import Thresholds, phases_cost
        from wsexplore.landscape import phases as measured
        from wsexplore.zoo import Zoo

        check_file(html, "--html")
        limits: dict[str, Any] = {"loss": loss, "connectivity": connectivity, "cka": cka}
        Thresholds(**limits)
        opened = [Zoo.open(zoo) for zoo in zoos]
        asked: dict[str, Any] = {"split": split, "samples": samples, "runs": runs, "pairs": pairs, "epochs": epochs}
        asked |= {"seed": seed, "device": device.value}
        tell_cost(phases_cost(opened, x, y, dataset, **asked))
        grid = measured(opened, x, y, dataset, **asked, **limits, on_step=on_step)
        from wsexplore.figures import phases_figure, phases_finding

        finding = phases_finding(grid)
        if html:
            drawing = Drawing(f"{grid.y} over {grid.x}".replace("_", " "), phases_figure(grid), finding)
            write_html(html, "Phases of learning", [drawing], grid.recipe)
        written = {"written": [html]} if html else {}
        if as_json:
            answer({**_grid_facts(grid), "recipe": grid.recipe.to_dict(), **written}, as_json=True)
            return
        _print_grid(grid)
        answer({"found": finding, **written}, as_json=False)


def _grid_facts(grid: "PhaseGrid") -> dict[str, Any]:
    """As JSON values; cells in the order of the table."""
    cells = {(cell.y, cell.x): cell for cell in grid.cells}
    rows = grid.frame().to_dict("records")
    for row in rows:
        cell = cells[row[grid.y], row[grid.x]]
        row.update(networks=list(cell.networks), connectivities=list(cell.connectivities))
    limits = grid.thresholds
    return {
        "x": grid.x,
        "y": grid.y,
        "x_values": grid.x_values,
        "y_values": grid.y_values,
        "dataset": grid.data,
        "split": grid.split,
        "samples": grid.samples,
        "thresholds": {"loss": limits.loss, "connectivity": limits.connectivity, "cka": limits.cka},
        "differing": list(grid.differing),
        "cells": rows,
    }


def _print_grid(grid: "PhaseGrid") -> None:
    """The cells for people."""
    names = ("train_loss", "test_error", "eigenvalue", "trace", "cka", "connectivity")
    heads = ("train loss (nats)", "test error (%)", "log10 eigenvalue", "log10 trace", "CKA", "connectivity (%)")
    print_table(
        "phases",
        [grid.x, grid.y, "runs", *heads, "phase"],
        [
            [
                f"{row[grid.x]:g}",
                f"{row[grid.y]:g}",
                f"{row['runs']:,}",
                *(f"{row[name]:.3g}" for name in names),
                f"{row['phase'] or 'not known'}{'?' if row['disputed'] else ''}",
            ]
            for row in grid.frame().to_dict("records")
        ],
    )
