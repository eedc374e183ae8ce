"""`wsexplore landscape plane`: the loss around a network, through three, or along a training."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from wsexplore.cli.between import Calibration, Canonical, Judged, Method, Part
from wsexplore.cli.frame import (
    AsJson,
    Device,
    OnDevice,
    OnStep,
    Seed,
    ZooName,
    answer,
    check_file,
    print_table,
    tell_cost,
    work,
    write_csv,
)
from wsexplore.cli.gathered import NETWORK_HELP, gathered
from wsexplore.cli.page import Drawing, Html, write_html

if TYPE_CHECKING:
    from wsexplore.datasets import Dataset, Split
    from wsexplore.landscape import MergeTree, Plane, Sheet
    from wsexplore.nets import Architecture

Points = Annotated[int, typer.Option(help="Networks per side of the plane, 3 to 401.")]
Statistics = Annotated[
    str,
    typer.Option(help="Running statistics: reset: anew at every point; none: mixed; auto: reset where there are some."),
]
Csv = Annotated[str, typer.Option("--csv", metavar="FILE", help="Write every point of the plane as a table.")]
Surface = Annotated[bool, typer.Option("--surface", help="Draw the plane in 3-D, too.")]
Measure = Annotated[str, typer.Option(help="What colours the plane: loss or accuracy.")]
Depth = Annotated[float, typer.Option(help="Count a minimum that a path must climb this far to leave, in nats.")]

MEASURES = ("loss", "accuracy")
MANY = 12
"""Marked networks that are printed, at most."""

TITLES = {
    "random": "Plane around a network",
    "networks": "Plane through three networks",
    "curve": "Plane of a learned curve",
    "trajectory": "Principal plane of a training",
}


def plane(
    zoo: ZooName,
    networks: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID...]", help=f"One to look around, or three to go through. {NETWORK_HELP}"),
    ] = None,
    run: Annotated[int | None, typer.Option(help="Number of a training, for the plane of its checkpoints.")] = None,
    dataset: Judged = "digits",
    points: Points = 51,
    span: Annotated[float, typer.Option(help="Around one: how far to look, in lengths of the network.")] = 1.0,
    normalise: Annotated[
        str, typer.Option(help="Around one: directions as long as its filter norms, its layers, or the whole (none).")
    ] = "filter",
    align: Annotated[bool, typer.Option("--align", help="Through three: match units to the first's.")] = False,
    method: Method = "auto",
    canonical: Canonical = "none",
    split: Part = "test",
    statistics: Statistics = "auto",
    calibration: Calibration = 1000,
    measure: Measure = "loss",
    surface: Surface = False,
    depth: Depth = 0.01,
    seed: Seed = 0,
    device: OnDevice = Device.auto,
    html: Html = "",
    csv: Csv = "",
    as_json: AsJson = False,
) -> None:
    """Judge every network of a plane: its lowest place, its minima, and the networks that it is about.

    Around one network along two random directions; through three; or with --run the plane that holds most of a
    training.
    """
    with work() as on_step:
        from wsexplore.datasets import dataset as data_set
        from wsexplore.landscape import networks_sheet, random_sheet, trajectory_sheet
        from wsexplore.landscape.walk import within
        from wsexplore.zoo import Zoo

        check_drawing(measure, depth, html=html, csv=csv)
        ids = networks or []
        _check_kind(ids, run, around=(span, normalise) != (1.0, "filter"), matched=align or canonical != "none")
        if method != "auto" and not align:
            raise ValueError("--method is of the matching; give --align, too")
        source, found = data_set(dataset), None
        looked: Any = {"points": points, "split": split, "statistics": statistics, "seed": seed}
        if run is not None:
            sheet = trajectory_sheet(Zoo.open(zoo), run, dataset, **looked)
        else:
            found = gathered(zoo, ids)
            if len(ids) == 1:
                sheet = random_sheet(found.zoo, found.rows[0], dataset, span=span, normalise=normalise, **looked)
            else:
                matching: Any = {"align": align, "method": method, "canonical": canonical}
                looked |= {"on_step": within(on_step, 0.0, 0.1)}
                sheet = networks_sheet(found.zoo, found.rows, dataset, **matching, **looked)
        drawing = {"split": split, "statistics": statistics, "calibration": calibration, "seed": seed}
        plane = drawn(sheet, source, drawing, device, within(on_step, 0.1, 1.0))
        recipe = found.recipe(plane.recipe) if found else plane.recipe
        if html:
            title = f"{TITLES[plane.kind]}: {', '.join(ids) or f'run {run}'}"
            write_html(html, title, drawings_of(plane, measure, surface, depth), recipe)
        if csv:
            write_csv(plane.frame(), csv)
        written = {"written": [path for path in (html, csv) if path]} if html or csv else {}
        if as_json:
            answer({**plane_facts(plane, depth), "recipe": recipe.to_dict(), **written}, as_json=True)
            return
        print_plane(plane, depth)
        if written:
            answer(written, as_json=False)


def check_drawing(measure: str, depth: float, *, html: str, csv: str) -> None:
    """Check, before long work, how a plane is drawn and where it is written.

    Raises:
        ValueError: something is out of range, or a file cannot be written.
    """
    if measure not in MEASURES:
        raise ValueError(f"measure {measure!r} is unknown; choose one of {', '.join(MEASURES)}")
    if not 0 <= depth < float("inf"):
        raise ValueError(f"--depth is a loss in nats, 0 or more, got {depth}")
    check_file(html, "--html")
    check_file(csv, "--csv")


def _check_kind(ids: list[str], run: int | None, *, around: bool, matched: bool) -> None:
    if run is not None and ids:
        raise ValueError("--run names the networks by itself; leave out the ids")
    if run is None and len(ids) not in (1, 3):
        raise ValueError(
            f"a plane lies around one network, through three, or along a training given by --run; got {len(ids)} ids"
        )
    if around and len(ids) != 1:
        raise ValueError("--span and --normalise are of the plane around one network")
    if matched and len(ids) != 3:
        raise ValueError("--align and --canonical are of the plane through three networks")


def drawn(sheet: "Sheet", data: "Dataset", drawing: dict[str, Any], device: Device, on_step: OnStep) -> "Plane":
    """A sheet, judged; what that costs is said first.

    Raises:
        ValueError: the data do not fit, or a number is out of range.
    """
    from wsexplore.landscape import cost_of, draw_plane
    from wsexplore.population import device_of

    architecture, samples = sheet.subspace.architecture, data.split(drawing["split"])
    if drawing["calibration"] < 2:
        raise ValueError(f"statistics are measured on 2 or more samples, got calibration {drawing['calibration']}")
    if architecture.task == "classify" and len(samples):
        check_fits(architecture, samples)
        if device_of(device.value).type == "cpu":
            tell_cost(cost_of(sheet, data, **{name: drawing[name] for name in ("split", "statistics")}))
    return draw_plane(sheet, data, **drawing, device=device.value, on_step=on_step)


def check_fits(architecture: "Architecture", samples: "Split") -> None:
    """Check, before anything is timed, that networks take these samples.

    Raises:
        ValueError: they do not.
    """
    from wsexplore.align.activations import shaped_inputs

    shaped_inputs(samples.inputs[:1], architecture)


def plane_facts(plane: "Plane", depth: float) -> dict[str, Any]:
    """A plane as JSON values, the grid and its minima among them."""
    x, y, low = plane.lowest
    tree = _tree(plane)
    minima = [] if tree is None else _minima(plane, tree)
    return {
        "kind": plane.kind,
        "split": plane.split,
        "lowest": {"x": x, "y": y, "loss_nats": low},
        "marks": plane.marks_frame().rename(columns={"loss": "loss_nats"}).to_dict("records"),
        "minima_above_depth": 0 if tree is None else tree.count(depth),
        "depth_nats": depth,
        "minima": minima,
        "unit": plane.unit,
        "lengths": list(plane.lengths),
        "explained": list(plane.explained),
        "repaired": plane.repaired,
        "evaluator": plane.evaluator,
        "judged_on": plane.of,
        "xs": plane.xs,
        "ys": plane.ys,
        "losses_nats": plane.losses,
        "accuracies": plane.accuracies,
        "paths": plane.paths,
    }


def _tree(plane: "Plane") -> "MergeTree | None":
    """The minima, where some loss is finite."""
    import numpy as np

    from wsexplore.landscape import merge_tree

    return merge_tree(plane.losses) if np.isfinite(plane.losses).any() else None


def _minima(plane: "Plane", tree: "MergeTree") -> list[dict[str, Any]]:
    return [
        {
            "x": plane.xs[column],
            "y": plane.ys[row],
            "loss_nats": low,
            "merges_at_nats": saddle,
            "persistence_nats": rise,
        }
        for (row, column), low, saddle, rise in zip(tree.cells, tree.births, tree.deaths, tree.persistence, strict=True)
    ]


def print_plane(plane: "Plane", depth: float) -> None:
    """A plane for people."""
    import numpy as np

    x, y, low = plane.lowest
    tree = _tree(plane)
    broken = int((~np.isfinite(plane.losses)).sum())
    shares = "".join(f", {share:.0%} of the way along axis {axis}" for axis, share in enumerate(plane.explained, 1))
    answer(
        {
            "plane": f"{TITLES[plane.kind].lower()}, in {plane.unit}{shares}",
            "judged": f"{plane.losses.size:,} networks on {plane.of:,} {plane.split} samples"
            + (f"; {broken:,} have no finite loss" if broken else ""),
            "lowest loss": f"{low:.4g} nats at ({x:.3g}, {y:.3g})",
            "minima": f"{0 if tree is None else tree.count(depth):,} deeper than {depth:g} nats, of "
            f"{0 if tree is None else len(tree):,}",
            "running statistics": {"none": "as they are", "reset": "measured anew at every point"}[plane.repaired],
            "way to judge": f"{plane.evaluator}, by measurement",
        },
        as_json=False,
    )
    some = plane.marks if len(plane.marks) <= MANY else (*plane.marks[:1], *plane.marks[1 - MANY :])
    print_table(
        "networks" if len(some) == len(plane.marks) else f"networks, {len(some)} of {len(plane.marks)}",
        ["", "loss (nats)", "accuracy", "off the plane (L2)"],
        [[mark.name, f"{mark.loss:.4f}", f"{mark.accuracy:.1%}", f"{mark.distance:.3g}"] for mark in some],
    )


def drawings_of(plane: "Plane", measure: str, surface: bool, depth: float) -> list[Drawing]:
    """The figures of a plane: from above, in 3-D, and its minima where there are several."""
    import numpy as np

    from wsexplore.figures import contour_figure, merge_tree_figure, merge_tree_finding, plane_finding, surface_figure

    marks, tree = plane.marks_frame(), _tree(plane)
    arrays = (plane.xs, plane.ys, plane.losses, plane.accuracies, marks)
    how: dict[str, Any] = {"paths": plane.paths, "unit": plane.unit, "measure": measure}
    finding = plane_finding(TITLES[plane.kind], plane.losses, marks, samples=plane.of, split=plane.split)
    places = np.empty((0, 2)) if tree is None else np.stack([plane.xs[tree.cells[:, 1]], plane.ys[tree.cells[:, 0]]], 1)
    deep = places if tree is None else places[tree.persistence > depth]
    contour = contour_figure(*arrays, **how, labels=_labels(plane), minima=deep if len(deep) > 1 else None)
    found = [Drawing(f"{measure.title()}, from above", contour, finding)]
    if surface:
        found.append(Drawing(f"{measure.title()}, in 3-D", surface_figure(*arrays, **how), finding))
    if tree is not None and len(deep) > 1:
        branches = (tree.births, tree.deaths, tree.parents, tree.layout(depth), tree.highest)
        figure = merge_tree_figure(*branches, cells=places, log=bool(tree.births.min() > 0))
        said = merge_tree_finding(tree.births, tree.deaths, threshold=depth, cells=places)
        found.append(Drawing("Minima and the saddles between them", figure, said))
    return found


def _labels(plane: "Plane") -> tuple[str, str]:
    if plane.kind == "trajectory":
        first, second = (f"{share:.0%}" for share in plane.explained)
        return f"first principal direction, {first} of the way", f"second, {second}"
    return {
        "random": ("first random direction", "second random direction"),
        "networks": ("towards the second network", "towards the third"),
        "curve": ("towards the second network", "towards the bend"),
    }[plane.kind]
