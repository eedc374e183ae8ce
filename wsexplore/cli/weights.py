"""`wsexplore align` and `wsexplore barrier`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from wsexplore.cli.between import Calibration, Canonical, Method, Repair
from wsexplore.cli.blame import At, Explain, check_at, explained_at, explained_facts, print_explained
from wsexplore.cli.frame import AsJson, Device, OnDevice, Out, Seed, ZooName, answer, work
from wsexplore.cli.gathered import NETWORK_HELP, gathered
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
    first: Annotated[str, typer.Argument(help=f"Id of a network. {NETWORK_HELP}")],
    second: Annotated[str, typer.Argument(help="Id of another.")],
    dataset: Annotated[str, typer.Option(help=DATASET_HELP)] = "digits",
    split: Annotated[str, typer.Option(help="train or test.")] = "test",
    steps: Annotated[int, typer.Option(help="Networks on the path, both ends included.")] = 25,
    align_first: Annotated[bool, typer.Option("--align", help="Match the second network's units first.")] = False,
    method: Method = "auto",
    canonical: Canonical = "none",
    path: Annotated[
        str, typer.Option(help="straight, or slerp: the arc, on which the norm does not sink.")
    ] = "straight",
    repair: Repair = "none",
    calibration: Calibration = 1000,
    curves: Annotated[
        bool, typer.Option("--curves", help="All of them: naive, aligned, aligned with either repair.")
    ] = False,
    explain: Explain = False,
    at: At = None,
    seed: Seed = 0,
    device: OnDevice = Device.auto,
    as_json: AsJson = False,
) -> None:
    """Walk the path between two networks and print its barrier with its standard error over the samples."""
    with work() as on_step:
        from wsexplore.landscape import Walk, barrier_curves, route_of, walked
        from wsexplore.landscape.walk import within

        if curves and (align_first or repair != "none" or path != "straight"):
            raise ValueError("--curves walks the straight path in every way; leave out --align, --path and --repair")
        if curves and (explain or at is not None):
            raise ValueError("--explain looks at one path; leave out --curves")
        check_at(at, explain=explain)
        found = gathered(zoo, [first, second])
        more: dict[str, Any] = {"steps": steps, "split": split, "method": method, "canonical": canonical}
        more |= {"calibration": calibration, "seed": seed}
        if curves:
            ways = barrier_curves(found.zoo, *found.pair, dataset, **more, device=device.value, on_step=on_step)
            kinds = {kind: barrier_facts(curve) if as_json else barrier_words(curve) for kind, curve in ways.items()}
            answer({"first": first, "second": second, **({"curves": kinds} if as_json else kinds)}, as_json=as_json)
            return
        walk = Walk(align=align_first, path=path, repair=repair, **more)
        route = route_of(found.zoo, *found.pair, dataset, walk, device=device.value, on_step=within(on_step, 0.0, 0.5))
        curve = walked(route, on_step=within(on_step, 0.5, 0.9))
        facts = {"first": first, "second": second, **barrier_facts(curve)}
        parts = explained_at(route, curve, at, within(on_step, 0.9, 1.0)) if explain else None
        if as_json:
            answer({**facts, **({} if parts is None else {"explained": explained_facts(parts)})}, as_json=True)
            return
        answer(facts, as_json=False)
        if parts is not None:
            print_explained(parts)


def barrier_facts(curve: "Barrier") -> dict[str, Any]:
    """A barrier as JSON values."""
    return {
        "aligned": curve.aligned,
        "repaired": curve.repaired,
        "path": curve.path,
        "barrier_nats": curve.height,
        "standard_error_nats": curve.standard_error,
        "at": curve.alpha_at_height,
        "accuracy_drop": curve.accuracy_drop,
        "alphas": curve.alphas.tolist(),
        "losses_nats": curve.losses.tolist(),
        "accuracies": curve.accuracies.tolist(),
    }


def barrier_words(curve: "Barrier") -> str:
    """A barrier in words."""
    return (
        f"barrier {curve.height:.3f} ± {curve.standard_error:.3f} nats at {curve.alpha_at_height:.2f}, accuracy drop "
        f"{curve.accuracy_drop:.1%}"
    )
