"""Phases of learning over two controls, one like a load and one like a temperature."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from wsexplore.datasets import Dataset, dataset
from wsexplore.landscape.phase_cell import Measuring, measured, seconds_of
from wsexplore.landscape.phase_controls import Design, Members, check_data, design_of
from wsexplore.landscape.phase_grid import PhaseCell, PhaseGrid, Thresholds
from wsexplore.landscape.told import told
from wsexplore.landscape.walk import within
from wsexplore.population import OnStep
from wsexplore.population.steps import threads_for
from wsexplore.zoo import Recipe, Zoo

SAMPLES, RUNS, PAIRS, EPOCHS = 512, 10, 3, 10
"""Samples of Hessian and similarity, runs and pairs of a cell, and epochs of a curve, where the caller does not say."""

MEASURED = 3
"""Sizes of networks that a cost is measured on; of others it is interpolated."""

LIMITS = Thresholds()


def phases(
    zoos: Zoo | Sequence[Zoo],
    x: str,
    y: str,
    data: str | Dataset,
    *,
    split: str = "train",
    samples: int = SAMPLES,
    runs: int = RUNS,
    pairs: int = PAIRS,
    epochs: int = EPOCHS,
    loss: float = LIMITS.loss,
    connectivity: float = LIMITS.connectivity,
    cka: float = LIMITS.cka,
    seed: int = 0,
    device: str = "auto",
    earlier: PhaseGrid | None = None,
    on_step: OnStep | None = None,
    on_partial: Callable[[PhaseGrid], None] | None = None,
) -> PhaseGrid:
    r"""In which phase of learning the networks of each pair of values are.

    Yang et al. 2021, "Taxonomizing local versus global structure in neural network loss landscapes", arXiv:2107.11228,
    tell phases apart by four numbers of the runs of one recipe: training loss, sharpness (leading eigenvalue or trace
    of the Hessian), linear CKA of the logits, and mode connectivity. They vary one control like a load (how much is
    asked of a parameter: the width) and one like a temperature (how much noise the training has: learning rate, batch
    size). Of each run the last checkpoint counts, unless "epoch" is a control. All numbers are measured here, with the
    true labels on the whole split; none is read from the table. Of networks that were trained with noisy labels or on a
    share of the data, that is not the loss that they were trained to.

    Mode connectivity is that of quadratic Bezier curves with learned bends, whose error is taken at 0, 0.25, 0.5, 0.75
    and 1 (see `mode_connectivity`); units are not matched, and running statistics are estimated anew at every point. It
    differs from the paper in that curves are learned by Adam without weight decay, that CKA is taken on plain samples
    of the test split, not on mixtures, and that logarithms are taken before the mean over runs, to base 10.

    Args:
        zoos: one zoo, or several where a control is part of the architecture, which all networks of a zoo share.
        x: a column of numbers of the tables, "width" (of the widest hidden layer), or another number in the
            configuration of the architecture.
        y: another.
        data: name of the data set that the networks were trained on, or the data set.
        split: "train" or "test", of Hessian and mode connectivity; the paper takes "train".
        samples: that each Hessian is the mean over, and that CKA is measured on, at most.
        runs: of a cell that are measured, at most; the first.
        pairs: of runs that are joined by a curve in each cell, at most.
        epochs: that each curve is learned for.
        loss: training loss above which a cell is under-fitted, in nats.
        connectivity: mode connectivity below minus this is poor, in %.
        cka: similarity above which runs answer alike.
        seed: of samples, random vectors and curves.
        device: "auto", "cpu" or "cuda".
        earlier: what an interrupted call with the same arguments had found; its cells are kept. Other thresholds keep
            them, too.
        on_step: told the share done, at every network and every curve and within each; it may raise to cancel.
        on_partial: given the grid so far, after every cell.

    Raises:
        ValueError: a control is unknown or has one value, the zoos do not belong together, the data are not theirs, or
            a number is out of range.
    """
    limits = Thresholds(loss, connectivity, cka)
    measuring = Measuring(split, samples, runs, pairs, epochs, seed, device)
    given, source, name, design = _prepared(zoos, x, y, data, split)
    recipe = _recipe(given, (x, y), name, measuring, limits)
    blank = PhaseGrid(
        x=x,
        y=y,
        x_values=design.x_values,
        y_values=design.y_values,
        cells=(),
        of=len(design.members),
        thresholds=limits,
        data=name,
        split=split,
        samples=min(samples, len(source.split(split))),
        differing=design.differing,
        recipe=recipe,
    )
    known = _known(earlier, blank)
    cells: list[PhaseCell] = [known[key] for part in design.members if (key := (part.x, part.y)) in known]
    wanted = [part for part in design.members if (part.x, part.y) not in known]
    for part in wanted:
        begun, share = len(cells) / blank.of, 1 / blank.of
        telling = _named(within(on_step, begun, begun + share), f"{x} {part.x:g}, {y} {part.y:g}")
        with threads_for(part.architecture.layout.size):
            cells.append(measured(part, given, source, measuring, on_step=telling))
        if on_partial is not None:
            on_partial(replace(blank, cells=tuple(cells)))
    return replace(blank, cells=tuple(cells))


def phases_cost(
    zoos: Zoo | Sequence[Zoo],
    x: str,
    y: str,
    data: str | Dataset,
    *,
    split: str = "train",
    samples: int = SAMPLES,
    runs: int = RUNS,
    pairs: int = PAIRS,
    epochs: int = EPOCHS,
    seed: int = 0,
    device: str = "auto",
) -> float:
    """Seconds that `phases` will take, from a network and a few steps of a curve of up to three sizes of networks.

    Raises:
        ValueError: as in `phases`.
    """
    measuring = Measuring(split, samples, runs, pairs, epochs, seed, device)
    given, source, _, design = _prepared(zoos, x, y, data, split)
    sizes = np.array([part.architecture.layout.size for part in design.members])
    different = np.unique(sizes)
    taken = different[np.unique(np.linspace(0, len(different) - 1, MEASURED).round().astype(int))]
    seconds = np.array([seconds_of(_fullest(design, int(size)), given, source, measuring) for size in taken])
    network, pair = (np.interp(sizes, taken, column) for column in seconds.T)
    counts = np.array([min(runs, len(part.places)) for part in design.members])
    joined = np.array([len(measuring.joined(int(count))) for count in counts])
    return float((network * counts + pair * joined).sum())


def _prepared(
    zoos: Zoo | Sequence[Zoo], x: str, y: str, data: str | Dataset, split: str
) -> tuple[list[Zoo], Dataset, str, Design]:
    """Zoos, data with their name, and cells, checked."""
    given = [zoos] if isinstance(zoos, Zoo) else list(zoos)
    design = design_of(given, x, y)
    if isinstance(data, str):
        check_data(given, data)
    source, name = (dataset(data), data) if isinstance(data, str) else (data, data.name)
    for needed in ("train", split):
        if not len(source.split(needed)):
            raise ValueError(f"the {needed} split of {name} is empty; phases are measured on it")
    return given, source, name, design


def _fullest(design: Design, size: int) -> Members:
    """The cell of networks of this size that has most runs."""
    some = [part for part in design.members if part.architecture.layout.size == size]
    return max(some, key=lambda part: len(part.places))


def _known(earlier: PhaseGrid | None, blank: PhaseGrid) -> dict[tuple[float, float], PhaseCell]:
    """Cells measured before, where it was the same that was measured."""
    if earlier is None or _measured_by(earlier.recipe) != _measured_by(blank.recipe):
        return {}
    return {(cell.x, cell.y): cell for cell in earlier.cells}


def with_thresholds(grid: PhaseGrid, **limits: float) -> PhaseGrid:
    """The same measurements with other thresholds, `loss`, `connectivity` and `cka`, in its recipe, too.

    Raises:
        ValueError: one is out of range.
    """
    moved, recipe = replace(grid.thresholds, **limits), grid.recipe
    cli, python = recipe.cli, recipe.python
    for name in ("loss", "connectivity", "cka"):
        old, new = recipe.arguments[name], getattr(moved, name)
        cli = cli.replace(f"--{name} {old} ", f"--{name} {new} ")
        python = python.replace(f"{name}={old!r},", f"{name}={new!r},")
    arguments = {**recipe.arguments, **{name: getattr(moved, name) for name in ("loss", "connectivity", "cka")}}
    return replace(grid, thresholds=moved, recipe=replace(recipe, arguments=arguments, cli=cli, python=python))


def _measured_by(recipe: Recipe) -> Recipe:
    """A recipe without the thresholds, which change no number."""
    arguments = {key: value for key, value in recipe.arguments.items() if key not in ("loss", "connectivity", "cka")}
    return replace(recipe, arguments=arguments, cli="", python="")


def _named(on_step: OnStep, words: str) -> OnStep:
    """Tells which cell it is."""
    return within(lambda fraction, message: on_step(fraction, f"{words}: {message}"), 0.0, 1.0)


def _recipe(zoos: Sequence[Zoo], names: tuple[str, str], data: str, measuring: Measuring, limits: Thresholds) -> Recipe:
    x, y = names
    options: dict[str, Any] = {
        "split": measuring.split,
        "samples": measuring.samples,
        "runs": measuring.runs,
        "pairs": measuring.pairs,
        "epochs": measuring.epochs,
        "loss": limits.loss,
        "connectivity": limits.connectivity,
        "cka": limits.cka,
    }
    words, flags = told(options)
    several = len(zoos) > 1
    inputs = {f"zoo{place}" if several else "zoo": zoo.fingerprint for place, zoo in enumerate(zoos, start=1)}
    paths = " ".join(f"ZOO{place}" if several else "ZOO" for place in range(1, len(zoos) + 1))
    return Recipe.of(
        "phases",
        inputs=inputs,
        arguments={"x": x, "y": y, "dataset": data, **options},
        seed=measuring.seed,
        cli=f"wsexplore landscape phases {paths} --x {x} --y {y} --dataset {data} {flags} --seed {measuring.seed}",
        python=f"wx.phases({'zoos' if several else 'zoo'}, {x!r}, {y!r}, {data!r}, {words}, seed={measuring.seed})",
    )
