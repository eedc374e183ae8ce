"""Alignments that are stopped, or refused: how soon, and what is left of them."""

from functools import partial

import pytest
import torch
import typer

from wsexplore.align import align, align_permutations, match, match_pair, spec_of
from wsexplore.align.beside import work_beside
from wsexplore.align.ste import Midpoint
from wsexplore.cli.frame import work
from wsexplore.datasets import Dataset, Split, dataset
from wsexplore.nets import architecture
from wsexplore.zoo import Zoo

ARCH = architecture("mlp", widths=[64, 6, 10])


class Enough(Exception):
    """The caller gives up."""


def zoo_of(models=6, arch=ARCH):
    draw = torch.Generator().manual_seed(0)
    return Zoo.from_weights(arch, torch.randn(models, arch.layout.size, generator=draw))


@pytest.fixture
def losses(monkeypatch):
    """How often the loss half-way was taken."""
    taken, loss = [], Midpoint.loss
    monkeypatch.setattr(Midpoint, "loss", lambda self, other, rows: taken.append(1) or loss(self, other, rows))
    return taken


def at(share):
    """Gives up once so much of the work is done."""

    def stop(fraction, message):
        if fraction >= share:
            raise Enough

    return stop


def test_a_slow_method_stops_in_the_middle_of_a_network_and_keeps_the_finished_ones(losses, tmp_path):
    zoo = zoo_of()
    wanted = partial(align, zoo, method="ste", data="digits", samples=50, out=tmp_path / "aligned")
    with pytest.raises(Enough):
        wanted(on_step=at(0.02))
    early = len(losses)
    assert early < 4 * 100
    with pytest.raises(Enough):
        wanted(on_step=at(0.8 * 0.8 * 0.5))
    folder = tmp_path / "aligned.partial"
    kept = [file for file in folder.glob("*.json") if file.name != "plan.json"]
    assert kept
    losses.clear()
    found = wanted()
    assert len(losses) < (6 - len(kept)) * 110
    assert torch.equal(found.weights, align(zoo, method="ste", data="digits", samples=50).weights)


@pytest.mark.parametrize("method", ["weights", "frank-wolfe", "activations", "ste", "sinkhorn", "sinkhorn-loss"])
def test_every_method_tells_of_its_work_and_may_be_stopped(method):
    zoo, inputs = zoo_of(2), dataset("digits").test.inputs[:5]
    small = Split(dataset("digits").train.inputs[:20], dataset("digits").train.targets[:20])
    data, spec = Dataset("some", small, small, tuple("0123456789"), 0.0, 1.0), spec_of(ARCH)
    shares = []
    match(
        ARCH,
        zoo.weights[1:],
        zoo.weights[0],
        spec,
        method=method,
        data=data,
        on_step=lambda share, message: shares.append(share),
    )
    assert shares == sorted(shares)
    assert shares[0] >= 0
    assert shares[-1] < 1.01
    with pytest.raises(Enough):
        match_pair(zoo, 0, 1, inputs=inputs, method=method, data=data, on_step=at(0.0))


@pytest.mark.parametrize(("frame", "reference"), [("mean", 0), ("cycle", 0), ("network", "medoid")])
def test_every_frame_may_be_stopped_at_any_time(frame, reference):
    told = []
    align_permutations(
        zoo_of(), frame=frame, reference=reference, on_step=lambda fraction, message: told.append(fraction)
    )
    assert told[-1] == 1
    for stop in range(0, len(told), max(1, len(told) // 5)):
        seen = []

        def give_up(fraction, message, seen=seen, stop=stop):
            seen.append(fraction)
            if len(seen) > stop:
                raise Enough

        with pytest.raises(Enough):
            align_permutations(zoo_of(), frame=frame, reference=reference, on_step=give_up)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "activations", "data": "digits", "samples": 0}, "samples must be at least 1, got 0"),
        ({"method": "activations", "data": "two-moons"}, "do not fit mlp with input shape"),
        ({"method": "ste", "data": "two-moons"}, "do not fit mlp with input shape"),
        ({"method": "ste"}, r"name a data set with data= or --data"),
        ({"restarts": -3}, "restarts must be at least 0, got -3"),
        ({"method": "sinkhorn", "restarts": 2}, "'sinkhorn' has one start; restarts are for auto, weights, frank-w"),
        ({"heads": "guess"}, "pairing of heads 'guess' is unknown; choose one of exact, spectral"),
        ({"method": "activations", "data": "digits", "heads": "spectral"}, "pairs heads by what their units answer"),
        ({"fixed": ["moon"]}, "group 'moon' is unknown; choose among layers.0"),
        ({"frame": "cycle", "memory": 240_000}, "the frame 'mean'"),
        ({"canonical": "sorted"}, "choose one of none, minimum-norm, unit-norm"),
    ],
)
def test_what_is_refused_leaves_nothing_behind(arguments, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        align(zoo_of(), out=tmp_path / "aligned", **arguments)
    assert list(tmp_path.iterdir()) == []


def test_a_broken_network_is_named_and_leaves_nothing_behind(tmp_path):
    broken = zoo_of()
    broken.weights[4, 0] = float("nan")  # a zoo refuses such weights when it is made or opened
    name = broken.table["id"].iloc[4]
    for method in ("auto", "activations", "sinkhorn"):
        with pytest.raises(ValueError, match=rf"network {name} has weights that are not finite in layers\.0\.weight"):
            align(broken, method=method, data="digits", out=tmp_path / "aligned")
        assert list(tmp_path.iterdir()) == []
    for reference in (4, "medoid"):
        with pytest.raises(ValueError, match=rf"network {name} has weights that are not finite in layers\.0\.weight"):
            align_permutations(broken, reference=reference)
    with pytest.raises(ValueError, match=rf"network {name} has weights that are not finite in layers\.0\.weight"):
        match_pair(broken, 0, 4, inputs=dataset("digits").test.inputs[:5])


def test_other_work_in_the_folder_is_never_removed(tmp_path):
    with pytest.raises(Enough):
        align(zoo_of(), out=tmp_path / "aligned", on_step=at(0.5))
    kept = sorted((tmp_path / "aligned.partial").iterdir())
    with pytest.raises(ValueError, match="unfinished work with other arguments"):
        align(zoo_of(), seed=1, out=tmp_path / "aligned")
    assert sorted((tmp_path / "aligned.partial").iterdir()) == kept


def interrupted(target):
    with work_beside(target) as folder:
        folder.mkdir()
        raise KeyboardInterrupt


def test_an_interrupted_alignment_says_where_its_work_is_kept(tmp_path):
    message = r"what is done is kept in aligned\.partial, and the same command goes on"
    with pytest.raises(KeyboardInterrupt, match=message):
        interrupted(tmp_path / "aligned")
    assert (tmp_path / "aligned.partial").exists()


def test_a_command_says_where_its_work_is_kept(tmp_path, capsys):
    with pytest.raises(typer.Exit), work():
        interrupted(tmp_path / "aligned")
    assert capsys.readouterr().err == (
        "wsexplore: interrupted; what is done is kept in aligned.partial, and the same command goes on from there\n"
    )
    with pytest.raises(typer.Exit), work(), work_beside(tmp_path / "other"):
        raise KeyboardInterrupt
    assert capsys.readouterr().err == "wsexplore: interrupted; nothing half-written was left\n"
