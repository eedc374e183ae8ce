"""`wsexplore barriers`, `wsexplore compare` and `wsexplore attack`: what lies between networks."""

from typing import Annotated, Any

import typer

from wsexplore.cli.frame import AsJson, Device, OnDevice, Seed, ZooName, answer, print_table, work
from wsexplore.datasets import DATASET_HELP

First = Annotated[str, typer.Argument(help="Id of a network.")]
Second = Annotated[str, typer.Argument(help="Id of another.")]
Judged = Annotated[str, typer.Option("--dataset", help=DATASET_HELP)]
Part = Annotated[str, typer.Option("--split", help="train or test.")]
Steps = Annotated[int, typer.Option(help="Networks on each path, both ends included.")]
Method = Annotated[str, typer.Option(help="Of the matching: auto, or another that align takes.")]
Canonical = Annotated[str, typer.Option(help="Rescale both networks first: none, minimum-norm or unit-norm.")]
Repair = Annotated[
    str, typer.Option(help="none; reset: estimate running statistics anew; repair: REPAIR, channel by channel.")
]
Calibration = Annotated[int, typer.Option(help="Samples of the training split that statistics are measured on.")]


def barriers(
    zoo: ZooName,
    networks: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of 2 to 30 networks.")],
    dataset: Judged = "digits",
    split: Part = "test",
    steps: Steps = 11,
    align: Annotated[bool, typer.Option("--align", help="Match units first.")] = False,
    method: Method = "auto",
    canonical: Canonical = "none",
    frame: Annotated[
        str,
        typer.Option(help="pair: match each pair by itself; network, mean or cycle: all to one frame, as align does."),
    ] = "pair",
    repair: Repair = "none",
    calibration: Calibration = 1000,
    ways: Annotated[bool, typer.Option("--curves", help="All: naive, aligned, aligned with either repair.")] = False,
    seed: Seed = 0,
    device: OnDevice = Device.auto,
    as_json: AsJson = False,
) -> None:
    """Walk the straight paths between all pairs of some networks and print their barriers, in nats."""
    with work() as on_step:
        from wsexplore.landscape import barrier_matrices, barrier_matrix
        from wsexplore.zoo import Zoo

        if ways and (align or repair != "none"):
            raise ValueError("--curves walks the paths in every way; leave out --align and --repair")
        opened = Zoo.open(zoo)
        rows = [opened.row_of(network) for network in networks]
        more: dict[str, Any] = {
            "steps": steps,
            "split": split,
            "method": method,
            "canonical": canonical,
            "frame": frame,
            "calibration": calibration,
            "seed": seed,
            "device": device.value,
            "on_step": on_step,
        }
        found = (
            barrier_matrices(opened, rows, dataset, **more)
            if ways
            else {"": barrier_matrix(opened, rows, dataset, align=align, repair=repair, **more)}
        )
        facts = {
            way: {
                "aligned": matrix.aligned,
                "frame": matrix.frame,
                "repaired": matrix.repaired,
                "barriers_nats": matrix.heights,
                "accuracy_drops": matrix.accuracy_drops,
            }
            for way, matrix in found.items()
        }
        if as_json:
            answer({"networks": networks, **({"curves": facts} if ways else facts[""])}, as_json=True)
            return
        for way, matrix in found.items():
            print_table(
                way or "barriers (nats)",
                ["", *networks],
                [
                    [name, *(f"{value:.3f}" for value in row)]
                    for name, row in zip(networks, matrix.heights, strict=True)
                ],
            )


def compare(
    zoo: ZooName,
    first: First,
    second: Second,
    dataset: Judged = "digits",
    methods: Annotated[
        str, typer.Option(help="By commas; ste, sinkhorn and sinkhorn-loss take much longer than these.")
    ] = "weights,frank-wolfe,auto,activations,inner-products",
    canonical: Canonical = "none",
    repair: Repair = "none",
    calibration: Calibration = 1000,
    steps: Steps = 11,
    split: Part = "test",
    seed: Seed = 0,
    device: OnDevice = Device.auto,
    as_json: AsJson = False,
) -> None:
    """Match two networks by several methods; print what each reaches, its time, and the barrier that it leaves."""
    with work() as on_step:
        from wsexplore.landscape import compare_methods
        from wsexplore.zoo import Zoo

        opened = Zoo.open(zoo)
        found = compare_methods(
            opened,
            opened.row_of(first),
            opened.row_of(second),
            dataset,
            methods=tuple(name.strip() for name in methods.split(",") if name.strip()),
            canonical=canonical,
            repair=repair,
            calibration=calibration,
            steps=steps,
            split=split,
            seed=seed,
            device=device.value,
            on_step=on_step,
        )
        rows = found.frame.rename(columns={"barrier": "barrier_nats"}).to_dict("records")
        if as_json:
            answer({"first": first, "second": second, "methods": rows}, as_json=True)
            return
        print_table(
            f"{first} to {second}", [str(name).replace("_", " ") for name in rows[0]], [_cells(row) for row in rows]
        )


def attack(
    zoo: ZooName,
    first: First,
    second: Second,
    dataset: Judged = "digits",
    spreads: Annotated[
        str, typer.Option(help="Strengths by commas, 0 to 5: standard deviations of the logarithms of the factors.")
    ] = "0,0.5,1,1.5,2,2.5",
    permute: Annotated[bool, typer.Option("--permute/--no-permute", help="Permute its units, too.")] = True,
    align: Annotated[bool, typer.Option("--align/--no-align", help="Match the pair before the attack.")] = True,
    repair: Repair = "none",
    calibration: Calibration = 1000,
    steps: Steps = 11,
    split: Part = "test",
    seed: Seed = 0,
    device: OnDevice = Device.auto,
    as_json: AsJson = False,
) -> None:
    """Move the second network along its orbit until averaging fails; print the barriers attacked and undone, in nats.

    Its function stays the same. Matching undoes the order of its units, the least norm undoes their factors.
    """
    with work() as on_step:
        from wsexplore.landscape import merge_attack
        from wsexplore.zoo import Zoo

        strengths = _numbers(spreads)
        opened = Zoo.open(zoo)
        found = merge_attack(
            opened,
            opened.row_of(first),
            opened.row_of(second),
            dataset,
            spreads=strengths,
            permute=permute,
            align=align,
            repair=repair,
            calibration=calibration,
            steps=steps,
            split=split,
            seed=seed,
            device=device.value,
            on_step=on_step,
        )
        rows = found.frame().to_dict("records")
        facts = {"first": first, "second": second, "kinds": list(found.kinds), "untouched_nats": found.untouched}
        if as_json:
            answer({**facts, "repaired": found.repaired, "strengths": rows}, as_json=True)
            return
        answer(facts, as_json=False)
        print_table("barriers (nats)", [str(name).replace("_", " ") for name in rows[0]], [_cells(row) for row in rows])


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise ValueError(f"--spreads takes numbers by commas like 0,1,2, got {text[:60]!r}") from None


def _cells(row: dict[Any, Any]) -> list[str]:
    return [value if isinstance(value, str) else f"{float(value):.4g}" for value in row.values()]
