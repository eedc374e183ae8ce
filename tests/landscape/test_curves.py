from dataclasses import replace

import numpy as np
import pytest
import torch

import wsexplore as wx
from wsexplore.datasets import Split, dataset
from wsexplore.landscape import (
    barrier,
    curve_cost,
    curve_plane,
    curve_route,
    decisions,
    explained,
    fit_curve,
    route_of,
    walked,
)
from wsexplore.landscape.kinds import coefficients
from wsexplore.landscape.walk import Walk
from wsexplore.population import evaluate, train_zoo
from wsexplore.zoo import Zoo


@pytest.fixture(scope="module")
def zoo():
    return train_zoo("mlp", "digits", models=4, epochs=25, seed=0)


@pytest.fixture(scope="module")
def curve(zoo):
    return fit_curve(zoo, 0, 1, "digits")


def walk(**options):
    return Walk(
        **{"steps": 25, "split": "test", "align": False, "repair": "none", "calibration": 1000, "seed": 0} | options
    )


@pytest.mark.parametrize("kind", ["straight", "slerp", "bezier", "chain"])
def test_every_kind_of_path_meets_its_ends(kind):
    controls = torch.randn(2 if kind in ("straight", "slerp") else 5, 30, generator=torch.Generator().manual_seed(0))
    shares = coefficients(kind, torch.tensor([0.0, 1.0]), controls)
    expected = torch.zeros(2, len(controls))
    expected[0, 0] = expected[1, -1] = 1
    assert torch.equal(shares, expected)


@pytest.mark.parametrize("kind", ["straight", "bezier", "chain"])
def test_the_shares_of_a_path_add_up_to_one(kind):
    controls = torch.randn(4 if kind != "straight" else 2, 30)
    shares = coefficients(kind, torch.linspace(0, 1, 33), controls)
    torch.testing.assert_close(shares.sum(1), torch.ones(33))
    assert shares.min() >= 0


def test_on_an_arc_between_equally_long_networks_the_norm_stays():
    controls = torch.nn.functional.normalize(torch.randn(2, 50, generator=torch.Generator().manual_seed(1)), dim=1)
    path = coefficients("slerp", torch.linspace(0, 1, 17), controls) @ controls
    torch.testing.assert_close(path.norm(dim=1), torch.ones(17))
    angles = torch.arccos((path[1:] * path[:-1]).sum(1).clamp(-1, 1))
    torch.testing.assert_close(angles, angles.mean().expand(16), atol=1e-3, rtol=0)


def test_the_arc_between_parallel_networks_is_the_straight_line():
    one = torch.randn(1, 20)
    alphas = torch.linspace(0, 1, 9)
    shares = coefficients("slerp", alphas, torch.cat([one, 2 * one]))
    torch.testing.assert_close(shares, torch.stack([1 - alphas, alphas], dim=1))


def test_a_learned_bend_takes_most_of_a_barrier_off(zoo, curve):
    raw, bent = barrier(zoo, 0, 1, "digits", split="train"), walked(curve_route(zoo, curve, "digits", split="train"))
    assert raw.height > 0.1
    assert bent.height <= 0.25 * raw.height
    assert (bent.path, raw.path) == ("bezier", "straight")
    assert bent.losses[[0, -1]] == pytest.approx(raw.losses[[0, -1]], rel=1e-5)
    assert curve.history[-1] < curve.history[0]
    assert curve.length > curve.straight_length


def test_a_chain_of_two_bends_is_learned_too(zoo):
    chain = fit_curve(zoo, 2, 3, "digits", kind="chain", bends=2, epochs=15)
    raw, bent = (
        barrier(zoo, 2, 3, "digits", split="train"),
        walked(curve_route(zoo, chain, "digits", split="train", steps=31)),
    )
    assert bent.height < 0.5 * raw.height
    assert chain.bends.shape == (2, zoo.architecture.layout.size)


def test_the_ends_stay_where_they_are_while_the_bend_is_learned(zoo, curve):
    assert torch.equal(curve.ends, zoo.rows([0, 1]))


def test_the_same_seed_learns_the_same_bend(zoo):
    one, two = (fit_curve(zoo, 0, 2, "digits", epochs=2, seed=5) for _ in range(2))
    assert torch.equal(one.bends, two.bends)


def test_a_curve_that_was_stopped_goes_on_where_it_was(zoo):
    class Stopped(Exception):
        pass

    heard = []

    def hear(curve):
        heard.append(curve)
        if len(heard) == 3:
            raise Stopped

    with pytest.raises(Stopped):
        fit_curve(zoo, 0, 3, "digits", epochs=6, on_partial=hear)
    assert not heard[-1].done
    whole = fit_curve(zoo, 0, 3, "digits", epochs=6, earlier=heard[-1])
    assert whole.done
    np.testing.assert_array_equal(whole.history[:3], heard[-1].history)


def test_a_curve_through_batch_normalisation_is_walked_with_statistics_reset():
    config = {"depth": 8, "width": 4, "input": [1, 8, 8]}
    zoo = train_zoo("resnet", "digits", models=2, epochs=2, seed=0, lr=0.01, config=config)
    curve = fit_curve(zoo, 0, 1, "digits", epochs=2)
    reset = walked(curve_route(zoo, curve, "digits", repair="reset", steps=5))
    mixed = walked(curve_route(zoo, curve, "digits", steps=5))
    assert reset.repaired == "reset"
    assert reset.losses[2] < mixed.losses[2]


def test_the_terms_of_a_barrier_add_up_to_it(zoo):
    route = route_of(zoo, 0, 1, "digits", walk())
    curve = walked(route)
    parts = explained(route, curve.alpha_at_height)
    assert parts.mean == pytest.approx(curve.height, rel=1e-4)
    np.testing.assert_allclose(
        parts.excess, parts.confidence - parts.disagreement - parts.true_logit, rtol=1e-4, atol=1e-4
    )
    assert parts.disagreement.min() > -1e-5
    assert parts.by_class()["adds"].sum() == pytest.approx(curve.height, rel=1e-4)
    assert parts.standard_error == pytest.approx(curve.standard_error, rel=1e-3)
    assert (np.diff(parts.excess[parts.top(10)]) <= 0).all()
    assert parts.top(1)[0] == parts.excess.argmax()
    assert 0 < parts.concentration < 0.5


def test_the_excess_of_a_sample_is_its_loss_above_the_chord(zoo):
    route = route_of(zoo, 0, 1, "digits", walk())
    parts = explained(route, 0.4)
    weights = route.networks(torch.tensor([0.0, 0.4, 1.0]))[0]
    samples = dataset("digits").test
    logits = zoo.architecture.forward(weights, samples.inputs)
    losses = torch.stack([torch.nn.functional.cross_entropy(row, samples.targets, reduction="none") for row in logits])
    np.testing.assert_allclose(parts.excess, losses[1] - (0.6 * losses[0] + 0.4 * losses[2]), rtol=1e-3, atol=1e-4)


def test_the_standard_error_covers_the_barrier_of_other_samples(zoo):
    whole = barrier(zoo, 0, 1, "digits", split="train")
    data = dataset("digits")
    order = torch.randperm(len(data.train), generator=torch.Generator().manual_seed(0))
    parts = [Split(data.train.inputs[some], data.train.targets[some]) for some in torch.split(order, 144)[:9]]
    found = [barrier(zoo, 0, 1, replace(data, train=part), split="train") for part in parts]
    errors = np.array([(one.height - whole.height) / one.standard_error for one in found])
    assert np.abs(errors).max() < 4
    assert np.abs(errors).mean() > 0.1


def test_there_is_no_barrier_along_any_path_to_oneself(zoo):
    for path in ("straight", "slerp"):
        assert barrier(zoo, 2, 2, "digits", path=path).height == pytest.approx(0, abs=1e-5)


def test_decisions_at_the_ends_are_those_of_the_networks(zoo):
    found = decisions(route_of(zoo, 0, 1, "digits", walk(steps=7)))
    accuracy = evaluate(zoo, "digits")["test_accuracy"]
    assert (found.answers[0] == found.targets).mean() == pytest.approx(accuracy[0])
    assert (found.answers[-1] == found.targets).mean() == pytest.approx(accuracy[1])
    assert (np.diff(found.targets) >= 0).all()
    assert sorted(found.samples) == list(range(360))
    assert 0 < found.changing < 1


def test_the_bend_of_a_curve_through_batch_normalisation_is_judged_with_statistics_of_its_own():
    config = {"depth": 8, "width": 4, "input": [1, 8, 8]}
    zoo = train_zoo("resnet", "digits", models=2, epochs=2, seed=0, lr=0.01, config=config)
    plane = curve_plane(zoo, fit_curve(zoo, 0, 1, "digits", epochs=2), "digits", points=21)
    bend = plane.marks[-1]
    nearest = np.abs(plane.ys - bend.y).argmin(), np.abs(plane.xs - bend.x).argmin()
    assert bend.kind == "bend"
    assert bend.loss == pytest.approx(plane.losses[nearest], rel=0.2)


def test_networks_that_tell_more_classes_apart_than_there_are_can_be_explained():
    zoo = train_zoo("mlp", "digits", models=2, epochs=1, seed=0, config={"widths": [64, 16, 12]})
    route = route_of(zoo, 0, 1, "digits", walk(steps=5))
    assert explained(route, 0.5).classes[-1] == "class 11"
    assert len(explained(route, 0.5).frame()) == 360
    assert decisions(route).classes[-1] == "class 11"


def test_networks_that_explode_are_not_learned_between_nor_explained(zoo):
    wild = zoo.with_weights(zoo.weights * torch.tensor([1.0, 1e30, 1, 1])[:, None], zoo.recipe)
    with pytest.raises(ValueError, match="not finite, so no curve is learned"):
        fit_curve(wild, 0, 1, "digits")
    with pytest.raises(ValueError, match="the weights there explode"):
        explained(route_of(wild, 0, 1, "digits", walk(steps=5)), 0.5)
    assert np.isnan(barrier(wild, 0, 1, "digits", steps=5).height)


def test_the_python_lines_of_an_explanation_run_again(zoo, curve):
    for route in (route_of(zoo, 0, 1, "digits", walk()), curve_route(zoo, curve, "digits")):
        parts = explained(route, 0.25)
        scope = {"wx": wx, "zoo": zoo}
        *lines, last = parts.recipe.python.splitlines()
        exec("\n".join(lines), scope)
        np.testing.assert_allclose(eval(last, scope).excess, parts.excess, rtol=1e-4, atol=1e-5)


def test_the_cost_of_a_curve_grows_with_its_epochs(zoo):
    assert 0 < curve_cost(zoo, 0, "digits", epochs=1) < 5


def test_the_fall_of_the_accuracy_has_a_place_and_an_error(zoo):
    curve = barrier(zoo, 0, 1, "digits")
    accuracy = curve.accuracies - np.interp(curve.alphas, [0, 1], curve.accuracies[[0, -1]])
    assert curve.alpha_at_drop == curve.alphas[accuracy.argmin()]
    assert 0 < curve.accuracy_error < 0.1


def test_a_curve_is_walked_in_the_zoo_that_holds_its_ends(zoo, curve):
    other = Zoo.from_weights(zoo.architecture, zoo.rows([2, 3]), zoo.table.iloc[2:4].reset_index(drop=True))
    with pytest.raises(ValueError, match="no network"):
        walked(curve_route(other, curve, "digits"))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda zoo: fit_curve(zoo, 1, 1, "digits"), "two different networks"),
        (lambda zoo: fit_curve(zoo, 0, 1, "digits", kind="slerp"), "learned path 'slerp' is unknown"),
        (lambda zoo: fit_curve(zoo, 0, 1, "digits", bends=0), "bends of a curve are a whole number from 1 to 16"),
        (lambda zoo: fit_curve(zoo, 0, 1, "digits", epochs=0), "epochs of a curve"),
        (lambda zoo: fit_curve(zoo, 0, 1, "digits", lr=0.0), "learning rate of a curve"),
        (lambda zoo: fit_curve(zoo, 0, 1, "digits", batch_size=0), "one sample or more"),
        (lambda zoo: fit_curve(zoo, 0, 9, "digits"), "rows run from 0 to 3"),
        (lambda zoo: barrier(zoo, 0, 1, "digits", path="bezier"), "fit one with fit_curve"),
        (lambda zoo: barrier(zoo, 0, 1, "digits", path="arc"), "path 'arc' is unknown"),
        (lambda zoo: explained(route_of(zoo, 0, 1, "digits", walk()), 1.5), "between 0 and 1"),
    ],
)
def test_bad_input_gets_one_sentence(zoo, call, message):
    with pytest.raises(ValueError, match=message):
        call(zoo)
