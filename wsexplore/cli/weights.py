"""`wsexplore align` and `wsexplore barrier`."""

from typing import Annotated

import typer

from wsexplore.cli.frame import AsJson, Out, Seed, ZooName, answer, work
from wsexplore.cli.memory import Memory, parse_memory
from wsexplore.datasets import DATASET_HELP


def align(
    zoo: ZooName,
    out: Out,
    reference: Annotated[str, typer.Option(help="Id of the network to align to; by default the first.")] = "",
    method: Annotated[str, typer.Option(help="Matching method: weights.")] = "weights",
    by: Annotated[
        str, typer.Option(help="network: match every checkpoint; run: match the last, move the earlier ones with it.")
    ] = "network",
    permutations: Annotated[
        bool, typer.Option(help="Write only the permutations, a few bytes per unit, not the aligned weights.")
    ] = False,
    seed: Seed = 0,
    memory: Memory = "256MiB",
    as_json: AsJson = False,
) -> None:
    """Permute the hidden units of a zoo's networks until they match one of them. The functions stay the same."""
    with work() as on_step:
        from wsexplore.align import align_permutations
        from wsexplore.zoo import Zoo, check_target

        check_target(out)
        bound = parse_memory(memory)
        opened = Zoo.open(zoo)
        row = opened.row_of(reference) if reference else 0
        alignment = align_permutations(
            opened, method=method, reference=row, by=by, seed=seed, memory=bound, on_step=on_step
        )
        if permutations:
            alignment.save(out)
        else:
            alignment.apply(opened, out=out, memory=bound, on_step=on_step)
        answer(
            {
                "written": out,
                "networks": len(opened),
                "reference": alignment.reference_id,
                "mean_objective_before": float(alignment.before.mean()),
                "mean_objective_after": float(alignment.after.mean()),
            },
            as_json=as_json,
        )


def barrier(
    zoo: ZooName,
    first: Annotated[str, typer.Argument(help="Id of a network.")],
    second: Annotated[str, typer.Argument(help="Id of another.")],
    dataset: Annotated[str, typer.Option(help=DATASET_HELP)] = "digits",
    split: Annotated[str, typer.Option(help="train or test.")] = "test",
    steps: Annotated[int, typer.Option(help="Networks on the path, both ends included.")] = 25,
    align_first: Annotated[bool, typer.Option("--align", help="Match the second network's units first.")] = False,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Walk the straight path between two networks and print its barrier."""
    with work():
        from wsexplore.landscape import barrier as walk
        from wsexplore.zoo import Zoo

        opened = Zoo.open(zoo)
        rows = opened.row_of(first), opened.row_of(second)
        curve = walk(opened, *rows, dataset, steps=steps, split=split, align=align_first, seed=seed)
        answer(
            {
                "first": first,
                "second": second,
                "aligned": align_first,
                "barrier_nats": curve.height,
                "at": curve.alpha_at_height,
                "accuracy_drop": curve.accuracy_drop,
                "alphas": curve.alphas.tolist(),
                "losses_nats": curve.losses.tolist(),
                "accuracies": curve.accuracies.tolist(),
            },
            as_json=as_json,
        )
