"""`wsexplore landscape curve`: a way of low loss between two networks, learned."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wsexplore.cli.between import Calibration, Canonical, Judged, Method, Part, Repair, Steps
from wsexplore.cli.blame import (
    At,
    Explain,
    check_at,
    explained_at,
    explained_drawings,
    explained_facts,
    print_explained,
)
from wsexplore.cli.frame import AsJson, Device, OnDevice, OnStep, Seed, ZooName, answer, check_file, work
from wsexplore.cli.gathered import NETWORK_HELP, Gathered, gathered
from wsexplore.cli.page import Drawing, Html, write_html
from wsexplore.cli.planes import Points, Statistics, check_fits, drawings_of, drawn, plane_facts, print_plane
from wsexplore.cli.weights import barrier_facts, barrier_words

if TYPE_CHECKING:
    from wsexplore.datasets import Dataset
    from wsexplore.landscape import Attribution, Barrier, Curve, Plane, Route, Walk
    from wsexplore.zoo import Recipe, Zoo

DEPTH = 0.01
"""Depth in nats of the minima that are counted on the plane."""

NAMES = {"bezier": "Bezier", "chain": "chain"}
"""What a figure calls a learned path."""


def curve(
    zoo: ZooName,
    first: Annotated[str, typer.Argument(help=f"Id of a network. {NETWORK_HELP}")],
    second: Annotated[str, typer.Argument(help="Id of another.")],
    dataset: Judged = "digits",
    kind: Annotated[str, typer.Option(help="bezier, or chain: straight pieces.")] = "bezier",
    bends: Annotated[int, typer.Option(help="Networks between the ends that are learned, 1 to 16.")] = 1,
    epochs: Annotated[int, typer.Option(help="Passes over the training split.")] = 30,
    lr: Annotated[float, typer.Option(help="First step size of Adam.")] = 0.01,
    batch_size: Annotated[int, typer.Option(help="Samples per step.")] = 128,
    align: Annotated[bool, typer.Option("--align", help="Match the second network's units first.")] = False,
    method: Method = "auto",
    canonical: Canonical = "none",
    split: Part = "test",
    steps: Steps = 25,
    repair: Repair = "none",
    calibration: Calibration = 1000,
    explain: Explain = False,
    at: At = None,
    plane: Annotated[bool, typer.Option("--plane", help="Draw the plane of both ends and the bend, too.")] = False,
    points: Points = 51,
    statistics: Statistics = "auto",
    seed: Seed = 0,
    device: OnDevice = Device.auto,
    html: Html = "",
    out: Annotated[str, typer.Option(help="Folder to write the networks on the curve to, as a zoo.")] = "",
    as_json: AsJson = False,
) -> None:
    """Learn a curve of low training loss between two networks; print its barrier beside that of the straight line."""
    with work() as on_step:
        from wsexplore.datasets import dataset as data_set
        from wsexplore.landscape import Walk, curve_route, fit_curve
        from wsexplore.landscape.walk import within
        from wsexplore.zoo import check_target

        check_at(at, explain=explain)
        check_file(html, "--html")
        if out:
            check_target(out)
        if not plane and (points, statistics) != (51, "auto"):
            raise ValueError("--points and --statistics are of the plane; give --plane, too")
        source, found = data_set(dataset), gathered(zoo, [first, second])
        walk = Walk(steps, split, align, repair, calibration, seed, method, canonical)
        _check_way(found, source, walk, points, statistics)
        shape: dict[str, Any] = {"kind": kind, "bends": bends, "epochs": epochs, "lr": lr, "batch_size": batch_size}
        where: dict[str, Any] = {"device": device.value}
        learning = within(on_step, 0.0, 0.6)
        one, two = found.pair
        learned = fit_curve(found.zoo, one, two, dataset, **shape, **walk.matching, **where, on_step=learning)
        judged: dict[str, Any] = {"steps": steps, "split": split, "repair": repair, "calibration": calibration}
        route = curve_route(found.zoo, learned, dataset, **judged, seed=seed, **where)
        bent = _bent(learned, route, within(on_step, 0.6, 0.7))
        if explain:
            bent = _explained(bent, at, within(on_step, 0.7, 0.75))
        if plane:
            bent = _on_plane(bent, found.zoo, points, statistics, device, within(on_step, 0.75, 1.0))
        bent = replace(bent, recipe=found.recipe(bent.recipe))
        if html:
            write_html(html, f"From {first} to {second}", _drawings(bent), bent.recipe)
        if out:
            _write(bent, out)
        named = {"first": first, "second": second}
        written = {"written": [path for path in (html, out) if path]} if html or out else {}
        if as_json:
            answer({**named, **_facts(bent), **written}, as_json=True)
            return
        answer({**named, **_words(bent), **written}, as_json=False)
        if bent.parts is not None:
            print_explained(bent.parts)
        if bent.plane is not None:
            print_plane(bent.plane, DEPTH)


@dataclass(frozen=True, slots=True, eq=False)
class _Bent:
    """A learned curve, and what was found along it.

    Attributes:
        curve: itself.
        route: along it.
        straight: the barrier of the straight line between the same ends.
        bent: the barrier along the curve.
        parts: where that comes from, if asked.
        plane: through the ends and the bend, if asked.
        recipe: of all this.
    """

    curve: "Curve"
    route: "Route"
    straight: "Barrier"
    bent: "Barrier"
    parts: "Attribution | None"
    plane: "Plane | None"
    recipe: "Recipe"


def _check_way(found: Gathered, data: "Dataset", walk: "Walk", points: int, statistics: str) -> None:
    """Check what is done once the curve is learned.

    Raises:
        ValueError: it cannot be done.
    """
    from wsexplore.landscape import kind_of, repairs_of
    from wsexplore.landscape.drawing import statistics_of
    from wsexplore.landscape.plane import check_points

    architecture = kind_of(found.zoo, found.rows)
    if walk.repair != "none" and walk.repair not in repairs_of(architecture):
        raise ValueError(f"networks of {architecture.name} have nothing that --repair {walk.repair} could be done to")
    if not len(samples := data.split(walk.split)):
        raise ValueError(f"the {walk.split} split of {data.name} is empty; choose another split")
    if architecture.task == "classify":
        check_fits(architecture, samples)
    check_points(points)
    statistics_of(architecture, statistics)


def _bent(curve: "Curve", route: "Route", on_step: OnStep) -> _Bent:
    """The barriers of both ways between the ends."""
    from wsexplore.landscape import FIXED, walked
    from wsexplore.landscape.walk import within

    bent = walked(route, on_step=within(on_step, 0.0, 0.5))
    straight = walked(replace(route, ends=route.ends.along(FIXED[0])), on_step=within(on_step, 0.5, 1.0))
    return _Bent(curve, route, straight, bent, None, None, route.recipe)


def _explained(bent: _Bent, at: float | None, on_step: OnStep) -> _Bent:
    """The same with where its barrier comes from."""
    parts = explained_at(bent.route, bent.bent, at, on_step)
    return replace(bent, parts=parts, recipe=replace(bent.recipe, cli=parts.recipe.cli))


def _on_plane(bent: _Bent, zoo: "Zoo", points: int, statistics: str, device: Device, on_step: OnStep) -> _Bent:
    """The same with the plane of its ends and its bend."""
    from wsexplore.landscape import curve_sheet

    walk, data = bent.route.walk, bent.route.data
    looked = {"split": walk.split, "statistics": statistics, "seed": walk.seed}
    sheet = curve_sheet(
        zoo, bent.curve, data.name, points=points, split=walk.split, statistics=statistics, seed=walk.seed
    )
    plane = drawn(sheet, data, {**looked, "calibration": walk.calibration}, device, on_step)
    cli = f"{bent.recipe.cli} --plane --points {points} --statistics {statistics}"
    return replace(bent, plane=plane, recipe=replace(bent.recipe, cli=cli))


def _facts(bent: _Bent) -> dict[str, Any]:
    curve = bent.curve
    ways = {"straight": bent.straight, "curve": bent.bent}
    facts = {
        "kind": curve.kind,
        "split": bent.route.walk.split,
        **{name: {**barrier_facts(way), "aligned": curve.aligned} for name, way in ways.items()},
        "length": curve.length,
        "straight_length": curve.straight_length,
        "history_nats": curve.history,
    }
    facts |= {} if bent.parts is None else {"explained": explained_facts(bent.parts)}
    facts |= {} if bent.plane is None else {"plane": plane_facts(bent.plane, DEPTH)}
    return {**facts, "recipe": bent.recipe.to_dict()}


def _words(bent: _Bent) -> dict[str, Any]:
    curve, history = bent.curve, bent.curve.history
    longer = curve.length / curve.straight_length if curve.straight_length else float("nan")
    matched = ", units matched first" if curve.aligned else ""
    return {
        "curve": f"{curve.kind} with {len(curve.bends):,} {'bend' if len(curve.bends) == 1 else 'bends'}{matched}",
        "straight line": barrier_words(bent.straight),
        "along the curve": barrier_words(bent.bent),
        "length": f"{curve.length:.4g} in L2, {longer:.3f} times the straight line's {curve.straight_length:.4g}",
        "mean loss along it": f"{history[0]:.4g} nats in the first epoch, {history[-1]:.4g} in the last of "
        f"{len(history):,} (train)",
    }


def _drawings(bent: _Bent) -> list[Drawing]:
    from wsexplore.figures import curves_figure, learning_figure

    curve, split = bent.curve, bent.route.walk.split
    ways = {"aligned" if curve.aligned else "raw": bent.straight, NAMES[curve.kind]: bent.bent}
    finding = f"Barrier {bent.straight.height:.3f} nats along the straight line, {bent.bent.height:.3f} along the curve"
    found = [] if bent.plane is None else drawings_of(bent.plane, "loss", False, DEPTH)
    for measure, unit in (("loss", "nats"), ("accuracy", "fraction of 1")):
        lines = {name: (way.alphas, way.losses if measure == "loss" else way.accuracies) for name, way in ways.items()}
        figure = curves_figure(lines, unit=unit, title=f"{split} {measure}")
        found.append(Drawing(f"{split.title()} {measure} along both ways", figure, finding))
    said = (
        f"Mean training loss along the curve: {curve.history[0]:.3f} nats in the first epoch, {curve.history[-1]:.3f} "
    )
    found.append(Drawing("Learning the curve", learning_figure(curve.history), f"{said}in the last"))
    return [*found, *([] if bent.parts is None else explained_drawings(bent.parts, bent.route))]


def _write(bent: _Bent, out: str) -> None:
    """The networks on the curve as a zoo, each with its position, loss and accuracy."""
    import pandas as pd

    from wsexplore.zoo import Zoo

    route, way = bent.route, bent.bent
    weights, buffers = route.networks(route.walk.alphas)
    split = route.walk.split
    facts = {"position": way.alphas, f"{split}_loss": way.losses, f"{split}_accuracy": way.accuracies}
    table = pd.DataFrame({"id": [f"t{alpha:.4f}" for alpha in way.alphas], **facts})
    recipe = replace(bent.recipe, cli=f"{bent.recipe.cli} --out OUT")
    Zoo.from_weights(route.ends.architecture, weights.cpu(), table, recipe, buffers.cpu()).save(out)
