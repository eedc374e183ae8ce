"""`wsexplore flow judge`: is a flow any good, or are generated networks from anywhere."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from wsexplore.cli.frame import AsJson, Device, OnDevice, Seed, ZooName, answer, check_file, print_table, work
from wsexplore.cli.page import Drawing, Html, write_html
from wsexplore.datasets import DATASET_HELP

if TYPE_CHECKING:
    from wsexplore.generate import QualityReport, WeightFlow
    from wsexplore.zoo import Zoo

MOST_EPOCHS = 1000

TABLES = {
    "quality": ("mean_accuracy", "std_accuracy", "best_accuracy", "difference", "difference_error"),
    "quality of pictures": ("accepted", "classes", "frechet", "frechet_error", "frechet_floor"),
    "novelty": ("novelty", "closest_distance", "nearest_cosine", "dispersion", "scale"),
    "variety": ("coverage", "density", "mmd", "mmd_p", "magnitude"),
    "errors and ensembles": ("overlap", "overlap_expected", "ensemble_accuracy", "ensemble_ece", "ensemble_nll"),
}
"""Columns of the report that are printed together."""

Made = Annotated[
    str,
    typer.Argument(
        metavar="FLOW", help="A flow's folder, the name of a shipped flow, or a folder of generated networks."
    ),
]


def judge(
    flow: Made,
    zoo: ZooName,
    where: Annotated[
        str, typer.Option(help="Compare with these networks; by default those that the flow was fitted on.")
    ] = "",
    dataset: Annotated[str, typer.Option(help=DATASET_HELP)] = "",
    models: Annotated[int, typer.Option(min=2, help="Networks per generator.")] = 100,
    held_out: Annotated[
        str, typer.Option(help="These networks were not fitted on; by default those that the flow names.")
    ] = "",
    tuning: Annotated[
        int, typer.Option(min=0, max=MOST_EPOCHS, help="Also train so many epochs further, beside fresh networks.")
    ] = 0,
    transfer: Annotated[str, typer.Option(help="Train further on this data set, with a new last layer.")] = "",
    share: Annotated[float, typer.Option(help="Of the training data that further training sees.")] = 1.0,
    seed: Seed = 0,
    device: OnDevice = Device.cpu,
    html: Html = "",
    as_json: AsJson = False,
) -> None:
    """Judge a flow's samples: quality, novelty, memory, coverage, beside the zoo and controls at the same novelty."""
    with work() as on_step:
        from wsexplore.generate import WeightFlow, quality
        from wsexplore.generate.judge import Tuning
        from wsexplore.zoo import Zoo

        check_file(html, "--html")
        plan = None
        if tuning or transfer:
            epochs = tuple(sorted({0, 1, 2, 5, tuning or 5}))
            kept = tuple(epoch for epoch in epochs if epoch <= (tuning or 5))
            plan = Tuning(epochs=kept, share=share, transfer=transfer, new_head=bool(transfer))
        made, whole = _opened(flow), Zoo.open(zoo)
        chosen = where or (made.where if isinstance(made, WeightFlow) else "")
        part = whole.select(chosen) if chosen else whole
        ids = [str(one) for one in whole.select(held_out).table["id"]] if held_out else None
        outside = ids is not None and not set(ids) & set(part.table["id"].astype(str))
        report = quality(
            made,
            part,
            dataset or _data_of(made, part),
            models=models,
            seed=seed,
            held_out=whole.select(held_out) if outside else ids,
            tuning=plan,
            device=device.value,
            on_step=on_step,
        )
        written = {"written": [html]} if html else {}
        if html:
            write_html(html, f"Quality of {flow}", drawings_of(report), report.recipe)
        if as_json:
            answer({**report.to_dict(), **written}, as_json=True)
            return
        _print(report)
        if written:
            answer(written, as_json=False)


def _opened(name: str) -> "WeightFlow | Zoo":
    """A flow, or else a zoo, of this name.

    Raises:
        ValueError: it is neither; the sentence is that of the flow where there is a flow.
    """
    from wsexplore.generate import WeightFlow
    from wsexplore.zoo import Zoo, find

    try:
        folder = find("flows", name)
    except ValueError as error:
        try:
            return Zoo.open(name)
        except ValueError:
            raise error from None
    return Zoo.open(folder) if (folder / "table.parquet").exists() else WeightFlow.open(name)


def _data_of(made: "WeightFlow | Zoo", zoo: "Zoo") -> str:
    """The data set of the flow, or the only one of the zoo's table.

    Raises:
        ValueError: there is no such.
    """
    name = getattr(made, "dataset", None)
    named = {str(one) for one in zoo.table["dataset"]} if "dataset" in zoo.table else set()
    if name is None and len(named) == 1:
        name = named.pop()
    if name is None:
        raise ValueError("the zoo names no data set, or several; say which to judge on with --dataset")
    return str(name)


def drawings_of(report: "QualityReport") -> list[Drawing]:
    """The figures of a report, in the order of a page."""
    from wsexplore import figures

    frame, magnitudes = report.frame, report.magnitudes
    drawn = [
        Drawing("How good against how new", figures.quality_figure(frame), figures.quality_finding(frame)),
        Drawing(
            "Does it repeat the zoo", figures.novelty_figure(report.distances), figures.novelty_finding(report.memory)
        ),
    ]
    if report.classifier is not None:
        drawn += [
            Drawing("How real the pictures are", figures.frechet_figure(frame), figures.frechet_finding(frame)),
            Drawing(
                "Which classes it makes",
                figures.class_coverage_figure(report.classes),
                figures.class_coverage_finding(report.classes),
            ),
        ]
    else:
        drawn += [
            Drawing(
                "Do its networks err alike", figures.overlap_figure(report.networks), figures.overlap_finding(frame)
            ),
            Drawing(
                "Together, are they as sure as right",
                figures.reliability_figure(report.reliability),
                figures.reliability_finding(frame),
            ),
        ]
    drawn += [
        Drawing("How much of the zoo it reaches", figures.coverage_figure(frame), figures.coverage_finding(frame)),
        Drawing(
            "How many different networks it makes",
            figures.generators_magnitude_figure(magnitudes),
            figures.generators_magnitude_finding(magnitudes),
        ),
    ]
    if report.tuning is not None:
        curves = report.tuning
        finding = figures.tuning_curves_finding(curves)
        drawn.append(Drawing("What they are worth as a start", figures.tuning_curves_figure(curves), finding))
    return drawn


def _print(report: "QualityReport") -> None:
    """Tables and sentences for people."""
    from wsexplore.generate.judge import tuning_summary

    for title, columns in TABLES.items():
        _table(title, report, [name for name in columns if name in report.frame])
    if report.tuning is not None:
        summary = tuning_summary(report.tuning)
        rows = [[_cell(value) for value in row.values()] for row in summary.to_dict("records")]
        print_table("further training", [str(name) for name in summary], rows)
    for sentence in report.findings.values():
        typer.echo(sentence)


def _table(title: str, report: "QualityReport", columns: list[str]) -> None:
    """Some columns for every generator, where there are such columns."""
    if not columns:
        return
    heads = ["generator", *(name.replace("_", " ") for name in columns)]
    rows = [
        [_cell(row[name]).replace("_", " ") for name in ("generator", *columns)]
        for row in report.frame.to_dict("records")
    ]
    print_table(title, heads, rows)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "" if value != value else f"{value:.3f}"
    return str(value)
