"""`wsexplore symmetry`: what may be permuted and rescaled in a network, and that it may."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from wsexplore.cli.frame import AsJson, Factory, Seed, answer, fail, work
from wsexplore.cli.subjects import Subject, subjects

if TYPE_CHECKING:
    from torch import Tensor, nn

    from wsexplore.symmetry import PermutationSpec

app = typer.Typer(help="Which units may be permuted and rescaled: show and verify.", no_args_is_help=True)

Target = Annotated[
    str, typer.Argument(metavar="ZOO_OR_ARCHITECTURE", help="A zoo's folder or name, or an architecture like resnet.")
]
Config = Annotated[list[str] | None, typer.Option(help="Of the architecture: depth=20, widths=64,32,10.")]
Module = Annotated[str, typer.Option(metavar="PATH.PY:CLASS", help="A module of your own; its code runs.")]
Input = Annotated[
    list[str] | None,
    typer.Option("--input", help="What it takes, once for each input: 2,3,32,32, or 2,9:50 for numbers below 50."),
]
Arguments = Annotated[str, typer.Option(help='Arguments of its class, as JSON: {"width": 64}.')]
Trust = Annotated[bool, typer.Option("--trust", help="Let the code of --module run.")]

SINGLE, DOUBLE = 1e-4, 1e-10
"""Largest relative change of the outputs that counts as none, in float32 and in float64."""


@app.command()
def show(
    target: Target = "",
    config: Config = None,
    factory: Factory = "",
    module: Module = "",
    inputs: Input = None,
    arguments: Arguments = "",
    trusted: Trust = False,
    as_json: AsJson = False,
) -> None:
    """Print the groups of units, what may be rescaled, what is fixed and why, and the size of the orbit."""
    with work():
        from wsexplore.symmetry import symmetry_of

        named = subjects(
            target,
            config=config or [],
            factory=factory,
            module=module,
            inputs=inputs or [],
            arguments=arguments,
            trusted=trusted,
        )
        found = [(each, symmetry_of(each.network(0)[1], each.example)) for each in named]
        if as_json:
            facts = [{"name": each.name, **_facts(spec)} for each, spec in found]
            answer(facts[0] if len(facts) == 1 else {"symmetries": facts}, as_json=True)
            return
        for each, spec in found:
            _print(each, spec)


@app.command()
def verify(
    target: Target = "",
    config: Config = None,
    factory: Factory = "",
    module: Module = "",
    inputs: Input = None,
    arguments: Arguments = "",
    trusted: Trust = False,
    networks: Annotated[int, typer.Option(min=1, help="Of the zoo, evenly spread; or so many fresh ones.")] = 3,
    elements: Annotated[int, typer.Option(min=1, help="Random elements of the group for each network.")] = 3,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Permute and rescale networks at random and compare what they compute, in float32 and in float64.

    Fresh networks have noise on every parameter and running statistic. Exits with 1 where the outputs change by more
    than 1e-4 in float32 or 1e-10 in float64, relative to the largest. Where nothing may be moved, nothing is verified.
    """
    with work() as on_step:
        named = subjects(
            target,
            config=config or [],
            factory=factory,
            module=module,
            inputs=inputs or [],
            arguments=arguments,
            trusted=trusted,
        )
        rows = [row for each in named for row in _verified(each, networks, elements, seed)]
        on_step(1.0, "verified")
        single, double = (max(row[kind] for row in rows) for kind in ("change_in_float32", "change_in_float64"))
        right = single <= SINGLE and double <= DOUBLE
        moved = any(row["groups"] or row["classes"] for row in rows)
        facts = {
            "networks": len(rows),
            "elements": elements,
            "largest_change_in_float32": single,
            "largest_change_in_float64": double,
            "moved": moved if as_json else _moved(rows),
            "right": (right if moved or not right else None) if as_json else _judged(right, moved),
        }
        answer({**facts, **({"each": rows} if as_json else {})}, as_json=as_json)
    if not right:
        worst = max(rows, key=lambda row: max(row["change_in_float32"] / SINGLE, row["change_in_float64"] / DOUBLE))
        fail(f"the outputs of {worst['network']} change under its symmetry", 1)


def _moved(rows: list[dict[str, Any]]) -> str:
    counts = {name: max(int(row[name]) for row in rows) for name in ("groups", "classes")}
    if not any(counts.values()):
        return "nothing: these networks have no units that may be permuted or rescaled"
    return f"{counts['groups']:,} groups of units permuted, {counts['classes']:,} classes of factors rescaled"


def _judged(right: bool, moved: bool) -> str:
    return ("yes" if moved else "nothing was verified, for nothing was moved") if right else "no"


def _verified(subject: Subject, networks: int, elements: int, seed: int) -> list[dict[str, Any]]:
    """The largest changes of the outputs of some networks."""
    from wsexplore.symmetry import symmetry_of

    count = subject.networks
    if count is None:
        numbers = [seed + place for place in range(networks)]
    else:
        numbers = sorted({place * count // min(networks, count) for place in range(min(networks, count))})
    rows = []
    for number in numbers:
        name, module = subject.network(number)
        spec = symmetry_of(module, subject.example)
        try:
            single = _largest(spec, module, subject.example, seed, elements)
            wide = tuple(each.double() if each.is_floating_point() else each for each in subject.example)
            double = _largest(spec, module.double(), wide, seed, elements)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
        rows.append(
            {
                "network": name,
                "groups": len(spec.groups),
                "classes": len(spec.rescaling.classes),
                "change_in_float32": single,
                "change_in_float64": double,
            }
        )
    return rows


def _largest(
    spec: "PermutationSpec", module: "nn.Module", example: "tuple[Tensor, ...]", seed: int, elements: int
) -> float:
    """The largest change under some elements, with and without factors."""
    return max(
        spec.verify(module, example, seed=seed + k, rescale=rescale)
        for k in range(elements)
        for rescale in (True, False)
    )


def _facts(spec: "PermutationSpec") -> dict[str, Any]:
    """A spec as JSON values."""
    from wsexplore.symmetry import orbit_size

    orbit, rescaling = orbit_size(spec), spec.rescaling
    return {
        "groups": [
            {
                "name": group,
                "units": spec.sizes[group],
                "copies": spec.copies.get(group, 1),
                "within": spec.within.get(group),
                "axes": [f"{name}, axis {axis}" for name, axis in spec.members(group)],
            }
            for group in spec.groups
        ],
        "rescaling": [
            {
                "name": name,
                "shape": list(rescaling.shapes[name]),
                "kind": rescaling.kinds[name],
                "owner": rescaling.owners.get(name),
                "axes": [f"{parameter}, axis {axis}" for parameter, axis in rescaling.members(name, 1)],
                "divided": [f"{parameter}, axis {axis}" for parameter, axis in rescaling.members(name, -1)],
            }
            for name in rescaling.classes
        ],
        "not_permuted": [{"axis": what, "reason": why} for what, why in spec.fixed],
        "not_rescaled": [{"axis": what, "reason": why} for what, why in rescaling.fixed],
        "orbit": {"digits": orbit.digits, "signs": orbit.signs, "scales": orbit.scales},
    }


def _print(subject: Subject, spec: "PermutationSpec") -> None:
    """A spec as tables."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from wsexplore.symmetry import orbit_size

    console, orbit = Console(), orbit_size(spec)
    sides: dict[str, tuple[str, list[tuple[str, str, str]]]] = {
        "Permuted": ("units", [(g, f"{n:,}", _within(spec, g)) for g, n in spec.sizes.items()]),
        "Rescaled": (
            "factors",
            [
                (n, " x ".join(f"{size:,}" for size in shape), spec.rescaling.kinds[n])
                for n, shape in spec.rescaling.shapes.items()
            ],
        ),
        "Not permuted": ("axes", _gathered(spec.fixed)),
        "Not rescaled": ("axes", _gathered(spec.rescaling.fixed)),
    }
    console.print(Text(subject.name, style="bold"))
    for title, (count, rows) in sides.items():
        table = Table(box=None, pad_edge=False, title_justify="left", title=title if rows else f"{title}: nothing")
        table.add_column(overflow="fold")
        table.add_column(count if rows else "", justify="right", no_wrap=True)
        table.add_column(overflow="fold")
        for row in rows:
            table.add_row(*(Text(part) for part in row))
        console.print(table)
    console.print(
        f"Orbit: 10^{orbit.digits:.1f} copies by order and sign, {orbit.signs:,} free signs, "
        f"{orbit.scales:,} free scales"
    )


def _within(spec: "PermutationSpec", group: str) -> str:
    owner = spec.within.get(group)
    return "" if owner is None else f"in its own way at each of {spec.copies[group]:,} places of {owner}"


def _gathered(fixed: tuple[tuple[str, str], ...]) -> list[tuple[str, str, str]]:
    """Reasons, each with how many axes it holds back and the first of them."""
    reasons: dict[str, list[str]] = {}
    for what, why in fixed:
        reasons.setdefault(why, []).append(what)
    return [
        (why, f"{len(axes):,}", "; ".join(axes[:3]) + (f"; and {len(axes) - 3:,} more" if len(axes) > 3 else ""))
        for why, axes in reasons.items()
    ]
