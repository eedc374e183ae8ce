"""`wsexplore align` and `wsexplore barrier`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from wsexplore.cli.between import Calibration, Canonical, Method, Repair
from wsexplore.cli.frame import AsJson, Device, OnDevice, Out, Seed, ZooName, answer, work
from wsexplore.cli.memory import Memory, parse_memory
from wsexplore.datasets import DATASET_HELP

if TYPE_CHECKING:
    from wsexplore.landscape.barrier import Barrier


def align(
    zoo: ZooName,
    out: Out,
    reference: Annotated[
        str,
        typer.Option(help="Id of the network to align to, or medoid: the one closest to all; by default the first."),
    ] = "",
    method: Annotated[
        str,
        typer.Option(
            help="auto, weights, frank-wolfe, activations, inner-products, ste, sinkhorn or sinkhorn-loss; the last "
            "lines say what each is."
        ),
    ] = "auto",
    frame: Annotated[
        str,
        typer.Option(help="network: match to the reference; mean: on to the mean of all; cycle: all at once (C2M3)."),
    ] = "network",
    canonical: Annotated[str, typer.Option(help="Rescale first: none, minimum-norm or unit-norm.")] = "none",
    data: Annotated[str, typer.Option(help=f"For methods that run the networks. {DATASET_HELP}")] = "",
    samples: Annotated[int, typer.Option(min=1, help="Training samples that such methods look at.")] = 1000,
    restarts: Annotated[int, typer.Option(min=0, help="Further tries from other starts; the best is kept.")] = 0,
    by: Annotated[
        str, typer.Option(help="network: match every checkpoint; run: match the last, move the earlier ones with it.")
    ] = "network",
    permutations: Annotated[
        bool, typer.Option(help="Write only the permutations, a few bytes per unit, not the aligned weights.")
    ] = False,
    heads: Annotated[
        str, typer.Option(help="How attention heads are paired: exact, or spectral as TransFusion does.")
    ] = "exact",
    fixed: Annotated[str, typer.Option(help="Groups that stay in order, by commas; symmetry show names them.")] = "",
    seed: Seed = 0,
    device: Annotated[
        Device, typer.Option(help="Units are matched on the CPU; cuda is refused where there is none.")
    ] = Device.auto,
    memory: Memory = "256MiB",
    as_json: AsJson = False,
) -> None:
    """Permute the hidden units of a zoo's networks until they match. The functions stay the same.

    What is matched is kept beside OUT until all is written, so the same command goes on after a kill.

    Methods: auto takes coordinate ascent, and Frank-Wolfe where that finds more. weights is coordinate ascent (Git
    Re-Basin). frank-wolfe moves all layers at once (C2M3). activations matches what units answer to data by their
    correlation, inner-products by their inner products. ste trains through the midpoint. sinkhorn descends on soft
    permutations to the least distance, sinkhorn-loss to the lowest loss halfway. The last three take much longer.
    """
    with work() as on_step:
        from wsexplore.align import align_permutations
        from wsexplore.align.beside import work_beside
        from wsexplore.population import device_of
        from wsexplore.zoo import Zoo

        bound = parse_memory(memory)
        device_of(device.value)
        with work_beside(out) as kept:
            opened = Zoo.open(zoo)
            alignment = align_permutations(
                opened,
                method=method,
                frame=frame,
                reference=reference if reference == "medoid" else opened.row_of(reference) if reference else 0,
                by=by,
                canonical=canonical,
                data=data or None,
                samples=samples,
                restarts=restarts,
                heads=heads,
                fixed=tuple(group.strip() for group in fixed.split(",") if group.strip()),
                seed=seed,
                memory=bound,
                work=kept,
                on_step=on_step,
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
                "method": method,
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
    method: Method = "auto",
    canonical: Canonical = "none",
    repair: Repair = "none",
    calibration: Calibration = 1000,
    curves: Annotated[
        bool, typer.Option("--curves", help="All of them: naive, aligned, aligned with either repair.")
    ] = False,
    seed: Seed = 0,
    device: OnDevice = Device.auto,
    as_json: AsJson = False,
) -> None:
    """Walk the straight path between two networks and print its barrier."""
    with work() as on_step:
        from wsexplore.landscape import barrier as walk
        from wsexplore.landscape import barrier_curves
        from wsexplore.zoo import Zoo

        if curves and (align_first or repair != "none"):
            raise ValueError("--curves walks the path in every way; leave out --align and --repair")
        opened = Zoo.open(zoo)
        rows = opened.row_of(first), opened.row_of(second)
        more: dict[str, Any] = {
            "steps": steps,
            "split": split,
            "method": method,
            "canonical": canonical,
            "calibration": calibration,
            "seed": seed,
            "device": device.value,
        }
        if curves:
            found = barrier_curves(opened, *rows, dataset, **more, on_step=on_step)
            kinds = {kind: _facts(curve) if as_json else _words(curve) for kind, curve in found.items()}
            answer({"first": first, "second": second, **({"curves": kinds} if as_json else kinds)}, as_json=as_json)
            return
        curve = walk(opened, *rows, dataset, align=align_first, repair=repair, **more, on_step=on_step)
        answer({"first": first, "second": second, **_facts(curve)}, as_json=as_json)


def _facts(curve: "Barrier") -> dict[str, Any]:
    return {
        "aligned": curve.aligned,
        "repaired": curve.repaired,
        "barrier_nats": curve.height,
        "at": curve.alpha_at_height,
        "accuracy_drop": curve.accuracy_drop,
        "alphas": curve.alphas.tolist(),
        "losses_nats": curve.losses.tolist(),
        "accuracies": curve.accuracies.tolist(),
    }


def _words(curve: "Barrier") -> str:
    return f"barrier {curve.height:.3f} nats at {curve.alpha_at_height:.2f}, accuracy drop {curve.accuracy_drop:.1%}"
