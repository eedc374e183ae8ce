"""Every map of a zoo, raw and aligned, made once and stored."""

from pathlib import Path

from wsexplore.align import align_permutations
from wsexplore.embed.projection import METHODS, fit_projection
from wsexplore.population import OnStep
from wsexplore.zoo import Zoo, check_target


def map_zoo(
    zoo: Zoo, alignment: Path, projections: Path, *, reference: int | None = None, on_step: OnStep | None = None
) -> None:
    """Align a zoo by run, and store its alignment and a map by each method of its raw and of its aligned weights.

    Args:
        zoo: any population of at least 4 networks.
        alignment: folder of the alignment to write.
        projections: folder that gets a folder `<method>-<frame>` for each map.
        reference: row to align to; by default the network of the best test accuracy, or the first.
        on_step: told the share done; it may raise to cancel.

    Raises:
        ValueError: there are too few networks, or a folder holds something else.
    """
    check_target(alignment)
    tell = on_step or (lambda fraction, message: None)
    if reference is None:
        reference = int(zoo.table["test_accuracy"].to_numpy().argmax()) if "test_accuracy" in zoo.table else 0
    found = align_permutations(zoo, reference=reference, by="run", on_step=lambda f, m: tell(0.2 * f, m))
    frames = {"raw": zoo, "aligned": found.apply(zoo)}
    for place, (frame, method) in enumerate((frame, method) for frame in frames for method in METHODS):
        tell(0.2 + 0.2 * place, f"{method} of the {frame} weights")
        fit_projection(frames[frame], method=method).save(projections / f"{method}-{frame}")
    found.save(alignment)
    tell(1.0, "stored the maps")
