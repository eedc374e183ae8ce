"""`wsexplore landscape similarity`: how alike two networks are, or all networks of a zoo."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from wsexplore.cli.between import Judged, Part
from wsexplore.cli.frame import AsJson, Device, OnDevice, OnStep, Seed, ZooName, answer, check_file, print_table, work
from wsexplore.cli.gathered import NETWORK_HELP, Gathered, gathered
from wsexplore.cli.page import Drawing, Html, write_html

if TYPE_CHECKING:
    from wsexplore.landscape import Agreement, DistancePairs, LayerSimilarity

SAMPLES = 1000
"""Samples of layers and of distances, where the caller does not say."""

ESTIMATOR, PAIRS, FRAME = "unbiased", 2000, "pair"


def similarity(
    zoo: ZooName,
    networks: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID ID]", help=f"Two networks; by default the whole zoo. {NETWORK_HELP}"),
    ] = None,
    dataset: Judged = "digits",
    split: Part = "test",
    samples: Annotated[
        int | None,
        typer.Option(help="At most so many; by default 1,000, and the whole split for the answers of two networks."),
    ] = None,
    estimator: Annotated[str, typer.Option(help="Of two: unbiased, or biased.")] = ESTIMATOR,
    pairs: Annotated[int, typer.Option(help="Of a zoo: so many pairs of networks.")] = PAIRS,
    align: Annotated[bool, typer.Option("--align", help="Of a zoo: distances once units are matched, too.")] = False,
    frame: Annotated[
        str, typer.Option(help="Of a zoo: pair, each by itself; network (the medoid), mean or cycle: all to one frame.")
    ] = FRAME,
    seed: Seed = 0,
    device: OnDevice = Device.auto,
    html: Html = "",
    as_json: AsJson = False,
) -> None:
    """Compare two networks, layer by layer and answer by answer; or over a zoo, weights against functions."""
    with work() as on_step:
        check_file(html, "--html")
        ids = networks or []
        if len(ids) not in (0, 2):
            raise ValueError(f"similarity is of two networks, or of the whole zoo without ids; got {len(ids)} ids")
        if ids and (pairs, align, frame) != (PAIRS, False, FRAME):
            raise ValueError("--pairs, --align and --frame are of the whole zoo; leave out the ids")
        if not ids and estimator != ESTIMATOR:
            raise ValueError("--estimator is of the layers of two networks; name them")
        if frame != FRAME and not align:
            raise ValueError("--frame is of the matching; give --align, too")
        asked: dict[str, Any] = {"split": split, "seed": seed, "device": device.value}
        if ids:
            counted = {} if samples is None else {"samples": samples}
            _of_two(gathered(zoo, ids), dataset, estimator, {**asked, **counted}, html, as_json, on_step)
            return
        from wsexplore.landscape import distance_pairs
        from wsexplore.zoo import Zoo

        asked |= {"samples": SAMPLES if samples is None else samples, "pairs": pairs, "align": align, "frame": frame}
        found = distance_pairs(Zoo.open(zoo), dataset, **asked, on_step=on_step)
        if html:
            write_html(html, "Distance in weights against distance in function", [_pairs_drawing(found)], found.recipe)
        _tell_pairs(found, {"written": [html]} if html else {}, as_json)


def _of_two(
    pair: Gathered,
    dataset: str,
    estimator: str,
    asked: dict[str, Any],
    html: str,
    as_json: bool,
    on_step: OnStep,
) -> None:
    """The layers and the answers of two networks."""
    from wsexplore.landscape import agreement, layer_similarity
    from wsexplore.landscape.walk import within

    answers = agreement(pair.zoo, *pair.pair, dataset, **asked, on_step=within(on_step, 0.0, 0.4))
    told = {"samples": SAMPLES, **asked, "estimator": estimator}
    layers = layer_similarity(pair.zoo, *pair.pair, dataset, **told, on_step=within(on_step, 0.4, 1.0))
    recipes = {"layers": pair.recipe(layers.recipe), "answers": pair.recipe(answers.recipe)}
    first, second = pair.words
    if html:
        drawings = _pair_drawings(layers, answers)
        write_html(html, f"Similarity of {first} and {second}", drawings, recipes["layers"])
    written = {"written": [html]} if html else {}
    if as_json:
        named = {"first": first, "second": second, "split": layers.split}
        facts = {"layers": _layer_facts(layers), "answers": _answer_facts(answers)}
        of = {name: recipe.to_dict() for name, recipe in recipes.items()}
        answer({**named, **facts, "recipes": of, **written}, as_json=True)
        return
    print_table(
        f"linear CKA ({layers.estimator}) on {layers.samples:,} {layers.split} samples, {first} down, {second} across",
        ["", *layers.second_layers],
        [
            [name, *(f"{value:.2f}" for value in row)]
            for name, row in zip(layers.first_layers, layers.matrix, strict=True)
        ],
    )
    answer({**_answer_words(answers), **written}, as_json=False)


def _layer_facts(layers: "LayerSimilarity") -> dict[str, Any]:
    return {
        "first_layers": list(layers.first_layers),
        "second_layers": list(layers.second_layers),
        "first_features": list(layers.first_features),
        "second_features": list(layers.second_features),
        "cka": layers.matrix,
        "estimator": layers.estimator,
        "samples": layers.samples,
        "identified": layers.identified,
    }


def _answer_facts(answers: "Agreement") -> dict[str, Any]:
    from wsexplore.landscape import OUTCOMES

    return {
        "samples": answers.samples,
        "accuracies": list(answers.accuracies),
        "shares": dict(zip(OUTCOMES, answers.shares.tolist(), strict=True)),
        "disagreement": answers.disagreement,
        "disagreement_standard_error": answers.disagreement_error,
        "expected_disagreement": answers.expected_disagreement,
        "error_consistency": answers.error_consistency,
        "divergence_nats": answers.divergence,
        "classes": list(answers.classes),
        "said": answers.said,
        "most_different": [
            {"sample": sample, "class": truth, "first_says": said[0], "second_says": said[1], "divergence_nats": apart}
            for sample, truth, said, apart in zip(
                answers.most.tolist(),
                (answers.classes[place] for place in answers.most_targets),
                ([answers.classes[place] for place in places] for places in answers.most_said),
                answers.most_divergences.tolist(),
                strict=True,
            )
        ],
    }


def _answer_words(answers: "Agreement") -> dict[str, Any]:
    from wsexplore.landscape import OUTCOMES

    shares = zip(OUTCOMES, answers.shares.tolist(), strict=True)
    return {
        "answers": f"{answers.samples:,} {answers.split} samples; "
        + ", ".join(f"{outcome} {share:.1%}" for outcome, share in shares),
        "answer differently": f"{answers.disagreement:.1%} ± {answers.disagreement_error:.1%}; independent errors "
        f"would make it {answers.expected_disagreement:.1%}",
        "error consistency": f"{answers.error_consistency:.3f} (1: on the same samples, 0: by chance)",
        "divergence": f"{answers.divergence:.4g} nats, 0 to 0.693",
    }


def _pair_drawings(layers: "LayerSimilarity", answers: "Agreement") -> list[Drawing]:
    from wsexplore.figures import agreement_figure, agreement_finding, similarity_figure, similarity_finding

    given = (layers.matrix, layers.first_layers, layers.second_layers, layers.first, layers.second)
    names = (answers.first, answers.second)
    return [
        Drawing("What their layers see", similarity_figure(*given), similarity_finding(*given)),
        Drawing(
            "What they answer",
            agreement_figure(answers.shares, answers.said, answers.classes, *names),
            agreement_finding(
                answers.shares, answers.disagreement, answers.expected_disagreement, answers.divergence, *names
            ),
        ),
    ]


def _tell_pairs(found: "DistancePairs", written: dict[str, Any], as_json: bool) -> None:
    facts = {"networks": len(found.ids), "pairs": len(found), "split": found.split, "samples": found.samples}
    correlations = found.correlations.to_dict("records")
    if as_json:
        told = {"correlations": correlations, "frame": found.frame, "distances": found.table().to_dict("records")}
        answer({**facts, **told, "recipe": found.recipe.to_dict(), **written}, as_json=True)
        return
    answer({**facts, **written}, as_json=False)
    print_table(
        "rank correlation of the distance in weights with that in function",
        ["weights", "function", "of", "pairs", "rho", "95 % interval"],
        [
            [
                *(str(row[name]) for name in ("weights", "function", "pairs")),
                f"{row['count']:,}",
                f"{row['rho']:.3f}",
                f"{row['low']:.3f} to {row['high']:.3f}",
            ]
            for row in correlations
        ],
    )


def _pairs_drawing(found: "DistancePairs") -> Drawing:
    from wsexplore.figures import weight_function_figure, weight_function_finding

    table = found.table()
    distances = {"as trained": found.distances}
    distances |= {} if found.matched_distances is None else {"matched": found.matched_distances}
    names = [f"{first}, {second}" for first, second in zip(table["first"], table["second"], strict=True)]
    figure = weight_function_figure(distances, found.divergences, found.same_run, names)
    return Drawing(f"{len(found):,} pairs of networks", figure, weight_function_finding(found.correlations))
