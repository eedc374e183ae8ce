"""`wsexplore demo build`: make everything that ships in `data/`, from seeds alone."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wsexplore.cli.frame import AsJson, OnStep, answer, work

if TYPE_CHECKING:
    from wsexplore.zoo import Zoo

app = typer.Typer(help="What ships with the project.", no_args_is_help=True)

NAME = "digits-mlp"
FIELDS = "digit-fields"
ENCODER = "encoder"
"""What `--only` calls the encoder of the classifiers, fitted to the zoo that is there."""
FIELD: dict[str, Any] = {
    "config": {"widths": [2, 16, 16, 1], "w0": 5.0},
    "epochs": 400,
    "lr": 3e-3,
    "shared_init": True,
    "seed": 3,
}
"""How each digit gets its field: few enough units and a frequency low enough to be smooth between the pixels."""

FLOWS = "flows"
"""What `--only` calls the flows over the zoos that are there."""

SEEN = "sample < 1437"
"""Fields of training images; those of test images are kept for judging."""

FIELD_FLOW: dict[str, Any] = {
    "kind": "preconditioned",
    "basis": "function",
    "components": 64,
    "coupling": "independent",
    "conditions": ("label",),
    "turned": 8,
    "width": 256,
    "layers": 3,
    "steps": 6000,
    "held_out": 0.0,
    "batch": 64,
    "learning_rate": 1e-3,
}
"""How fields are drawn: 64 numbers, as many as an image has pixels, that change the picture the most, learnt from every
field as it is and turned a little. The fields of test images are what is held out; the check with the lowest loss on
held-out fields would give worse pictures than the last."""

PHASES = "phases"
"""What `--only` calls the grid of widths and learning rates."""

PHASE_WIDTHS = (3, 6, 12, 24, 48)
"""Hidden units of its zoos, one zoo each: from too few to more than enough."""

PHASE_GRID: dict[str, Any] = {
    "epochs": 30,
    "vary": {"lr": [0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0]},
    "design": "grid",
    "optimizer": "sgd",
    "momentum": 0.0,
    "batch_size": 8,
    "seed": 0,
}
"""How they are trained: small batches, no momentum and no rectifier, so that a learning rate too large is noise and not
dead units. At one end training does not get far in its epochs, at the other it finds no minimum."""

GOOD = "design = 'seeds'"
"""The networks of one recipe that differ in their seed alone; the flow is fitted on them."""

VARY = {
    "lr": (1e-4, 1e-2),
    "optimizer": ["adam", "adamw", "sgd"],
    "weight_decay": (1e-6, 1e-2),
    "init": ["default", "kaiming_normal", "xavier_uniform", "normal"],
    "label_noise": (0.0, 0.9),
    "data_share": (0.03, 1.0),
}


@app.callback()
def group() -> None:
    """What ships with the project."""


@app.command()
def build(
    out: Annotated[str, typer.Option(help="Folder to write; by default the project's data/.")] = "",
    varied: Annotated[int, typer.Option(min=20, help="Runs with varied hyper-parameters.")] = 600,
    seeds: Annotated[int, typer.Option(min=64, help="Runs that differ in their seed alone.")] = 1000,
    flow_steps: Annotated[int | None, typer.Option(min=1, help="Training steps of each flow.")] = None,
    encoder_steps: Annotated[int | None, typer.Option(min=1, help="Training steps of the encoder.")] = None,
    images: Annotated[int, typer.Option(min=4, max=1797, help="Images that get a field.")] = 1797,
    phase_seeds: Annotated[int, typer.Option(min=1, help="Runs of each width and learning rate.")] = 5,
    only: Annotated[str, typer.Option(help=f"{NAME}, {FIELDS}, {FLOWS}, {ENCODER} or {PHASES}; by default all.")] = "",
    as_json: AsJson = False,
) -> None:
    """Train the shipped zoos, align and map them, fit flow and encoder. The same bits again on the same machine."""
    with work() as on_step:
        from wsexplore.settings import settings

        if only not in ("", NAME, FIELDS, FLOWS, ENCODER, PHASES):
            raise ValueError(f"--only takes {NAME}, {FIELDS}, {FLOWS}, {ENCODER} or {PHASES}, got {only!r}")
        home = Path(out) if out else settings().data_dir
        facts: dict[str, Any] = {"written": str(home)}
        begun = 0.1 if not only else 0.0
        if only in ("", FIELDS):
            facts |= _build_fields(home, images, _within(on_step, 0.0, begun or 1.0))
        if only in ("", NAME):
            facts |= _build_classifiers(home, varied, seeds, _within(on_step, begun, 1.0 if only else 0.35))
        if only in ("", FLOWS):
            facts |= _build_flows(home, flow_steps, _within(on_step, 0.0 if only else 0.35, 1.0 if only else 0.7))
        end = 0.98 if not only else 1.0
        if only in ("", ENCODER):
            facts |= _build_encoder(home, encoder_steps, _within(on_step, 0.0 if only else 0.7, end))
        if only in ("", PHASES):
            facts |= _build_phases(home, phase_seeds, _within(on_step, 0.0 if only else end, 1.0))
        size = sum(file.stat().st_size for file in home.rglob("*") if file.is_file())
        answer({**facts, "megabytes": round(size / 1e6, 1)}, as_json=as_json)


def _build_fields(home: Path, images: int, on_step: OnStep) -> dict[str, Any]:
    """One network per digit, all from one initialisation, with its alignment and maps."""
    import torch

    from wsexplore.embed import map_zoo
    from wsexplore.population import evaluate, train_zoo
    from wsexplore.zoo import Zoo

    trained = train_zoo("siren", "digits", models=images, on_step=_within(on_step, 0.0, 0.6), **FIELD)
    recipe = replace(trained.recipe, action="demo_build", cli=f"wsexplore demo build --only {FIELDS}")
    rounded = trained.with_weights(trained.weights.to(torch.float16).float(), recipe)
    scores = evaluate(rounded, "digits")
    table = trained.table.assign(mse=scores["mse"].to_numpy(), psnr=scores["psnr"].to_numpy())
    rounded.with_table(table).save(home / "zoos" / FIELDS, dtype="float16")
    zoo = Zoo.open(home / "zoos" / FIELDS)
    map_zoo(
        zoo,
        home / "alignments" / FIELDS,
        home / "projections" / FIELDS,
        reference=0,
        on_step=_within(on_step, 0.6, 1.0),
    )
    psnrs = table["psnr"]
    return {"fields": len(zoo), "mean_psnr_db": float(psnrs.mean()), "worst_psnr_db": float(psnrs.min())}


def _build_classifiers(home: Path, varied: int, seeds: int, on_step: OnStep) -> dict[str, Any]:
    from wsexplore.embed import map_zoo
    from wsexplore.zoo import Zoo

    trained = _trained(varied, seeds, _within(on_step, 0.0, 0.5))
    rounded, effect = _rounded(trained)
    rounded.save(home / "zoos" / NAME, dtype="float16")
    zoo = Zoo.open(home / "zoos" / NAME)
    best = zoo.table["test_accuracy"].where(zoo.table["design"] == "seeds").to_numpy().argmax()
    map_zoo(
        zoo,
        home / "alignments" / NAME,
        home / "projections" / NAME,
        reference=int(best),
        on_step=_within(on_step, 0.5, 1.0),
    )
    return {"networks": len(zoo), **effect}


def _build_flows(home: Path, steps: int | None, on_step: OnStep) -> dict[str, Any]:
    """A flow over the classifiers of one recipe, and one over the fields of training images."""
    from wsexplore.generate import FlowConfig, fit_flow
    from wsexplore.zoo import Zoo

    facts = {}
    for place, (name, where, settings) in enumerate(((NAME, GOOD, {}), (FIELDS, SEEN, FIELD_FLOW))):
        config = FlowConfig(**settings) if steps is None else FlowConfig(**{**settings, "steps": steps})
        here = _within(on_step, place / 2, (place + 1) / 2)
        flow = fit_flow(Zoo.open(home / "zoos" / name), where=where, seed=0, config=config, on_step=here)
        flow.save(home / "flows" / name)
        facts[f"{name}_held_out_loss"] = flow.best.held_out_loss
    return facts


def _build_encoder(home: Path, steps: int | None, on_step: OnStep) -> dict[str, Any]:
    """A hyper-representation of the aligned classifiers."""
    from wsexplore.align import Alignment
    from wsexplore.embed import EncoderConfig, fit_encoder
    from wsexplore.zoo import Zoo

    aligned = Alignment.open(home / "alignments" / NAME).apply(Zoo.open(home / "zoos" / NAME))
    config = EncoderConfig() if steps is None else replace(EncoderConfig(), steps=steps)
    encoder = fit_encoder(aligned, data="digits", seed=0, config=config, on_step=on_step)
    encoder.save(home / "encoders" / NAME)
    return {"encoder_error": encoder.history[-1].judged}


def _build_phases(home: Path, seeds: int, on_step: OnStep) -> dict[str, Any]:
    """A zoo per width, each of all learning rates with the same seeds."""
    from wsexplore.population import train_zoo

    models = seeds * len(PHASE_GRID["vary"]["lr"])
    for place, width in enumerate(PHASE_WIDTHS):
        here = _within(on_step, place / len(PHASE_WIDTHS), (place + 1) / len(PHASE_WIDTHS))
        config = {"widths": [64, width, 10], "activation": "tanh"}
        trained = train_zoo("mlp", "digits", models=models, seeds=seeds, config=config, on_step=here, **PHASE_GRID)
        rounded, _ = _rounded(trained, f"wsexplore demo build --only {PHASES}")
        rounded.save(home / "zoos" / f"digits-phases-w{width:02d}", dtype="float16")
    return {"phase_networks": models * len(PHASE_WIDTHS)}


def _trained(varied: int, seeds: int, on_step: OnStep) -> "Zoo":
    """Two designs in one zoo: varied hyper-parameters with checkpoints, and one recipe with many seeds."""
    from wsexplore.population import train_zoo
    from wsexplore.zoo import concat

    halves = (_within(on_step, 0.0, 0.5), _within(on_step, 0.5, 1.0))
    one = train_zoo(
        "mlp", "digits", models=varied, epochs=30, vary=VARY, seed=1, checkpoints=[0, 1, 3, 10, 30], on_step=halves[0]
    )
    other = train_zoo("mlp", "digits", models=seeds, epochs=30, seed=2, on_step=halves[1])
    first = one.table.assign(id="v" + one.table["id"].str[1:], design="varied")
    second = other.table.assign(id="s" + other.table["id"].str[1:], design="seeds", run=other.table["run"] + varied)
    return concat([one.with_table(first), other.with_table(second)])


def _rounded(zoo: "Zoo", cli: str = "wsexplore demo build") -> tuple["Zoo", dict[str, float]]:
    """The zoo as float16 keeps it, with the metrics of the rounded weights, and what the rounding changed."""
    import torch

    from wsexplore.population import evaluate

    recipe = replace(zoo.recipe, action="demo_build", cli=cli)
    rounded = zoo.with_weights(zoo.weights.to(torch.float16).float(), recipe)
    table = zoo.table.copy()
    for split in ("train", "test"):
        scores = evaluate(rounded, "digits", split=split)
        for metric in ("loss", "accuracy"):
            table[f"{split}_{metric}"] = scores[f"{split}_{metric}"].to_numpy()
    table["generalization_gap"] = table["train_accuracy"] - table["test_accuracy"]
    change = table["test_accuracy"] - zoo.table["test_accuracy"]
    effect = {
        "float16_mean_accuracy_change": float(change.mean()),
        "float16_largest_accuracy_change": float(change.abs().max()),
        "float16_share_of_networks_changed": float((change.abs() > 1e-9).mean()),
    }
    return rounded.with_table(table), effect


def _within(on_step: OnStep, start: float, end: float) -> Callable[[float, str], None]:
    return lambda fraction, message: on_step(start + (end - start) * fraction, message)
