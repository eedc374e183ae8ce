"""Where a barrier comes from, as a command tells it: a table by class, and the samples that cost most."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from wsexplore.cli.frame import OnStep, answer, print_table
from wsexplore.cli.page import Drawing

if TYPE_CHECKING:
    from wsexplore.landscape import Attribution, Barrier, Route

Explain = Annotated[
    bool, typer.Option("--explain", help="Say where the barrier comes from: by class, and the samples that cost most.")
]
At = Annotated[
    float | None,
    typer.Option(
        "--at",
        metavar="PLACE",
        help="Place on the path to explain, 0 to 1; by default where the loss is highest above the chord.",
    ),
]

SHOWN = 10
"""Samples that cost most."""

TERMS = ("excess", "confidence", "disagreement", "true_logit")


def check_at(at: float | None, *, explain: bool) -> None:
    """Check a place on a path before it is walked.

    Raises:
        ValueError: it is no place, or nothing is explained there.
    """
    if at is None:
        return
    if not explain:
        raise ValueError("--at is the place that --explain looks at; give both")
    if not 0 <= at <= 1:
        raise ValueError(f"--at is a place on the path, 0 to 1, got {at}")


def explained_at(route: "Route", curve: "Barrier", at: float | None, on_step: OnStep) -> "Attribution":
    """The decomposition of the excess at a place of a route, by default where it is largest between the ends."""
    from wsexplore.landscape import explained

    inner = curve.excess[1:-1]
    highest = round(float(curve.alphas[1 + int(inner.argmax())]), 6) if len(inner) else 0.5
    return explained(route, highest if at is None else at, on_step=on_step)


def explained_facts(parts: "Attribution") -> dict[str, Any]:
    """A decomposition as JSON values."""
    return {
        "at": parts.alpha,
        "excess_nats": parts.mean,
        "standard_error_nats": parts.standard_error,
        "confidence_nats": float(parts.confidence.mean()),
        "disagreement_nats": float(parts.disagreement.mean()),
        "true_logit": float(parts.true_logit.mean()),
        "half_lies_in": parts.concentration,
        "classes": parts.by_class().to_dict("records"),
        "samples": parts.frame().iloc[parts.top(SHOWN)].to_dict("records"),
    }


def print_explained(parts: "Attribution") -> None:
    """A decomposition as tables for people."""
    confidence, disagreement, true_logit = (float(getattr(parts, name).mean()) for name in TERMS[1:])
    answer(
        {
            "explained at": f"{parts.alpha:.3g}",
            "excess": f"{parts.mean:.3f} ± {parts.standard_error:.3f} nats, the sum of three means over "
            f"{len(parts.excess):,} samples",
            "confidence": f"{confidence:+.3f} nats: what all logits rise over mixed ones",
            "disagreement": f"{-disagreement:+.3f} nats: what mixing the logits of the ends would win",
            "true class": f"{-true_logit:+.3f} nats: what its logit falls below the mixed one",
            "half lies in": f"{parts.concentration:.1%} of the samples" if parts.concentration > 0 else "no sample",
        },
        as_json=False,
    )
    ends = (parts.first, parts.second)
    print_table(
        "by class (nats)",
        ["class", "samples", "excess", "standard error", "adds", f"accuracy {ends[0]}", "between", ends[1]],
        [
            [
                str(row["class"]),
                f"{row['samples']:,}",
                *(f"{row[name]:.3f}" for name in ("excess", "standard_error", "adds")),
                *(f"{row[f'accuracy_{who}']:.1%}" for who in ("first", "between", "second")),
            ]
            for row in parts.by_class().to_dict("records")
        ],
    )
    print_table(
        f"the {min(SHOWN, len(parts.excess))} samples that cost most (nats)",
        [
            "sample",
            "class",
            f"{ends[0]} says",
            "between",
            f"{ends[1]} says",
            *(name.replace("_", " ") for name in TERMS),
        ],
        [
            [
                *(str(row[name]) for name in ("sample", "class", "said_by_first", "said_by_between", "said_by_second")),
                *(f"{row[name]:.3f}" for name in TERMS),
            ]
            for row in parts.frame().iloc[parts.top(SHOWN)].to_dict("records")
        ],
    )


def explained_drawings(parts: "Attribution", route: "Route") -> list[Drawing]:
    """The samples that cost most, as pictures where they are some, and the classes."""
    import numpy as np

    from wsexplore.figures import classes_figure, costly_figure

    top, data, images = parts.top(SHOWN), route.data, None
    table, classes = parts.frame().iloc[top], parts.by_class()
    if (shape := data.image_shape) is not None:
        pixels = data.images(route.samples.inputs[top.tolist()]).numpy()
        images = np.clip(pixels.reshape(len(top), *shape).mean(1), 0, 1)
    positive = float(np.maximum(parts.excess, 0).sum())
    share = float(np.maximum(parts.excess[top], 0).sum()) / positive if positive else 0.0
    worst = classes.iloc[int(classes["excess"].to_numpy().argmax())]
    said = (
        f"The {len(top)} samples that cost most at {parts.alpha:.2f} hold {share:.0%} of all positive excess; the "
        f"worst is sample {table['sample'].iloc[0]}, class {table['class'].iloc[0]}"
    )
    by_class = (
        f"Mean excess at {parts.alpha:.2f} by class: the largest is {worst['excess']:.2f} nats for class "
        f"{worst['class']}, of which {worst['accuracy_between']:.0%} are right there"
    )
    return [
        Drawing("Samples that cost most", costly_figure(images, table), said),
        Drawing("Classes", classes_figure(classes), by_class),
    ]
