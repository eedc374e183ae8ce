"""`wsexplore embed probe | decode | sample`: what an embedding tells, and networks made from latents."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from wsexplore.cli.embed import Align, Table, app, data_of
from wsexplore.cli.frame import AsJson, OnStep, Out, Seed, ZooName, answer, work, write_csv

if TYPE_CHECKING:
    from wsexplore.zoo import Zoo

__all__ = ["app"]
EncoderName = Annotated[str, typer.Argument(metavar="ENCODER", help="A folder that `embed fit` wrote, or a name.")]
Data = Annotated[str, typer.Option(help="Data set; by default the one in the zoo's table.")]


@app.command()
def probe(
    zoo: ZooName,
    out: Table,
    encoder: Annotated[str, typer.Option(help="An encoder to judge beside the baselines.")] = "",
    targets: Annotated[str, typer.Option(help="Columns to predict, by commas.")] = "",
    features: Annotated[
        str, typer.Option(help="By commas, of: statistics, spectrum, pca raw, pca aligned, function. Default: all.")
    ] = "",
    classes: Annotated[bool, typer.Option(help="Predict the test accuracy of each class, too.")] = False,
    folds: Annotated[int, typer.Option(min=2, help="Parts that the runs are dealt into.")] = 5,
    data: Data = "",
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """How well columns of the table are predicted from weights: every baseline, and an encoder, split by run."""
    with work() as on_step:
        from wsexplore.embed import Encoder, probe_zoo
        from wsexplore.zoo import Zoo

        source = Zoo.open(zoo)
        report = probe_zoo(
            source,
            encoder=Encoder.open(encoder) if encoder else None,
            targets=[name.strip() for name in targets.split(",") if name.strip()] or None,
            kinds=[name.strip() for name in features.split(",") if name.strip()] or None,
            data=data or None,
            classes=classes,
            folds=folds,
            seed=seed,
            on_step=on_step,
        )
        write_csv(report.frame, out)
        best = report.best()
        found = {f"{row.target} from {row.features}": f"{row.r2:.3f}" for row in best.itertuples()}
        answer({"written": out, "probes": report.to_dict()} if as_json else {"written": out, **found}, as_json=as_json)


@app.command()
def decode(encoder: EncoderName, zoo: ZooName, out: Out, align: Align = True, as_json: AsJson = False) -> None:
    """Encode the networks of a zoo and decode them again: what of a network its latents keep."""
    with work():
        from wsexplore.embed import Encoder
        from wsexplore.zoo import Zoo, check_target

        check_target(out)
        opened, source = Encoder.open(encoder), Zoo.open(zoo)
        rebuilt = opened.reconstruct(opened.align(source) if align else source)
        facts: dict[str, Any] = {"written": out, "networks": len(rebuilt)}
        if "test_accuracy" in source.table and (name := data_of(source)):
            facts |= _compared(source, rebuilt, name)
        rebuilt.save(out)
        answer(facts, as_json=as_json)


@app.command()
def sample(
    encoder: EncoderName,
    anchors: Annotated[str, typer.Argument(metavar="ANCHORS", help="The zoo whose latents carry the density.")],
    out: Out,
    models: Annotated[int, typer.Option(min=1, help="Number of networks.")] = 16,
    where: Annotated[str, typer.Option(help="SQL predicate over the anchors: test_accuracy > 0.9.")] = "",
    bandwidth: Annotated[float, typer.Option(help="Of the kernel, in standard deviations of the latents.")] = 0.1,
    kernel: Annotated[str, typer.Option(help="network: one anchor each; token: one for every token.")] = "network",
    candidates: Annotated[int, typer.Option(help="Networks decoded for each one kept.")] = 1,
    rounds: Annotated[int, typer.Option(help="Times that the best become the anchors.")] = 1,
    data: Data = "",
    align: Align = True,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Draw new networks from the latents of anchors, and judge them as those of a flow are judged."""
    with work() as on_step:
        from wsexplore.embed import Encoder, SampleSettings, sample_encoder
        from wsexplore.zoo import Zoo, check_target

        check_target(out)
        settings = SampleSettings(bandwidth, kernel, candidates, rounds)
        opened, source = Encoder.open(encoder), Zoo.open(anchors)
        name = data or data_of(source)
        made = sample_encoder(
            opened,
            opened.align(source) if align else source,
            models,
            data=name or None,
            settings=settings,
            where=where,
            seed=seed,
            on_step=lambda f, m: on_step(0.5 * f, m),
        )
        facts: dict[str, Any] = {"written": out, "networks": len(made)}
        if name and len(made) > 1:
            facts |= _judged(made, source, name, seed, on_step)
        made.save(out)
        answer(facts, as_json=as_json)


def _judged(made: "Zoo", source: "Zoo", name: str, seed: int, on_step: OnStep) -> dict[str, Any]:
    from wsexplore.generate import quality

    report = quality(made, source, name, seed=seed, name="encoder", on_step=lambda f, m: on_step(0.5 + 0.5 * f, m))
    own = report.frame.set_index("generator").loc["encoder"]
    return {"mean_accuracy": own["mean_accuracy"], "novelty": own["novelty"], "verdict": report.verdict}


def _compared(source: "Zoo", rebuilt: "Zoo", name: str) -> dict[str, Any]:
    """Accuracy before and after."""
    from wsexplore.population import evaluate

    scores = evaluate(rebuilt, name)
    return {
        "mean_accuracy": float(source.table["test_accuracy"].mean()),
        "mean_accuracy_decoded": float(scores["test_accuracy"].mean()),
    }
