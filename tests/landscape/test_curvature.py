"""Curvature: products with the Hessian, its spectrum, its trace, and the loss along its eigenvectors."""

from dataclasses import replace
from types import SimpleNamespace

import curved_networks
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from wsexplore.datasets import Dataset, Split, dataset
from wsexplore.landscape import curvature, curvature_cost, hessian_trace, leading_eigenvalue
from wsexplore.landscape.hessian import hessian_of
from wsexplore.landscape.lanczos import quadrature, spectrum_ends
from wsexplore.landscape.objective import objective_of
from wsexplore.landscape.profiles import profile_along
from wsexplore.landscape.spectrum import hutchinson, spectral_density
from wsexplore.nets import FAMILIES, architecture, trust_factory
from wsexplore.population import evaluate, train_zoo
from wsexplore.zoo import Zoo

CPU = torch.device("cpu")
ROW = 3999
"""A trained network of the shipped zoo."""

FACTORIES = curved_networks.__name__


@pytest.fixture(scope="module")
def shipped():
    return Zoo.open("digits-mlp")


@pytest.fixture(scope="module")
def exact(shipped):
    """The Hessian of the loss on the test split in double precision, by other code than the operator's."""
    module, split = shipped.module(ROW).double(), dataset("digits").test
    layout, inputs = shipped.architecture.layout, split.inputs.double()

    def loss(weights):
        logits = torch.func.functional_call(module, layout.unflatten(weights), (inputs,))
        return torch.nn.functional.cross_entropy(logits, split.targets)

    weights = shipped.rows([ROW])[0].double()
    return torch.func.jacrev(torch.func.grad(loss), chunk_size=256)(weights)


def hessian(zoo, row=0, data="digits", dtype=torch.float32, memory=None, samples=None, split="test"):
    source = dataset(data) if isinstance(data, str) else data
    objective = objective_of(zoo, row, source, split=split, samples=samples, seed=0, device=CPU, dtype=dtype)
    return hessian_of(objective, memory=memory)


def vectors(count, size, seed=0, dtype=torch.float32):
    return torch.randn(count, size, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def symmetric(size, seed=0):
    drawn = vectors(size, size, seed, torch.float64)
    return drawn + drawn.T


def draw(seed=0):
    return torch.Generator().manual_seed(seed)


# the operator


def test_products_are_those_of_the_exact_hessian(shipped, exact):
    probes = vectors(5, 2410, dtype=torch.float64)
    torch.testing.assert_close(hessian(shipped, ROW, dtype=torch.float64)(probes), probes @ exact, rtol=1e-9, atol=1e-9)
    single = hessian(shipped, ROW)(probes.float())
    torch.testing.assert_close(single.double(), probes @ exact, rtol=1e-4, atol=1e-5)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), scale=st.floats(-3, 3))
def test_the_operator_is_symmetric_and_linear(shipped, seed, scale):
    operator, (u, v) = hessian(shipped, ROW, dtype=torch.float64, samples=40), vectors(2, 2410, seed, torch.float64)
    moved_u, moved_v, mixed = operator(torch.stack([u, v, u + scale * v]))
    assert u @ moved_v == pytest.approx(float(v @ moved_u), rel=1e-9, abs=1e-9)
    torch.testing.assert_close(mixed, moved_u + scale * moved_v)


def test_a_block_gives_what_each_vector_gives_alone(shipped):
    operator, probes = hessian(shipped, ROW), vectors(33, 2410)
    alone = torch.cat([operator(probe.unsqueeze(0)) for probe in probes])
    torch.testing.assert_close(operator(probes), alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("memory", [1 << 19, 1 << 17, 1 << 12])
def test_cutting_samples_into_parts_changes_nothing_beyond_rounding(shipped, memory):
    whole, cut = (hessian(shipped, ROW, memory=size) for size in (None, memory))
    assert len(cut.parts) > 1
    assert cut.loss == pytest.approx(whole.loss, rel=1e-6)
    torch.testing.assert_close(cut.gradient, whole.gradient, rtol=1e-4, atol=1e-6)
    probes = vectors(3, 2410)
    torch.testing.assert_close(cut(probes), whole(probes), rtol=1e-4, atol=1e-5)


def test_loss_and_gradient_are_those_of_the_network(shipped):
    operator, test = hessian(shipped, ROW), dataset("digits").test
    module = shipped.module(ROW)
    loss = torch.nn.functional.cross_entropy(module(test.inputs), test.targets)
    loss.backward()
    gradient = torch.cat([parameter.grad.reshape(-1) for parameter in module.parameters()])
    assert operator.loss == pytest.approx(loss.item(), rel=1e-6)
    assert operator.loss_at(shipped.rows([ROW])[0]) == pytest.approx(operator.loss, rel=1e-6)
    torch.testing.assert_close(operator.gradient, gradient)


SMALL = {
    "mlp": {"widths": [9, 6, 3], "norm": "layer", "activation": "gelu"},
    "small-cnn": {},
    "cnn": {"input": [1, 8, 8], "channels": [4, 3], "kernel": [3, 2], "pool": [2, 1], "hidden": [6], "norm": "batch"},
    "resnet": {"depth": 8, "width": 4, "input": [3, 8, 8], "classes": 5},
    "vit": {"input": [1, 8, 8], "patch": 4, "dim": 12, "heads": 3},
    "gru": {"vocabulary": 9, "length": 6, "embedding": 5, "hidden": 7, "classes": 3},
    "factory": {"factory": f"{FACTORIES}:encoder", "input": [5, 4]},
    "recurrent": {"factory": f"{FACTORIES}:recurrent", "input": [7, 3]},
    "tied": {"factory": f"{FACTORIES}:tied", "input": [4]},
}


def made(key):
    """A zoo of one fresh network and data that fit it."""
    name = key if key in FAMILIES else "factory"
    if "factory" in SMALL[key]:
        trust_factory(SMALL[key]["factory"])
    arch = architecture(name, **SMALL[key])
    inputs = arch.example_input(12)
    buffers = arch.initial_buffers()
    buffers += torch.rand(buffers.shape, generator=draw()) * (arch.family.name in ("cnn", "resnet"))
    zoo = Zoo.from_weights(arch, arch.initial_weights(seed=1).unsqueeze(0), buffers=buffers.unsqueeze(0))
    targets = torch.arange(12) % 2
    return zoo, Dataset("made", Split(inputs, targets), Split(inputs[:7], targets[:7]), ("a", "b"), 0.0, 1.0)


def test_every_family_that_classifies_is_among_those_tested():
    assert {name for name, family in FAMILIES.items() if family.task == "classify"} <= set(SMALL)


@pytest.mark.parametrize("key", sorted(SMALL))
def test_products_are_the_slopes_of_the_gradient_for_every_family(key):
    zoo, data = made(key)
    operator = hessian(zoo, data=data, split="train")
    probe = vectors(2, operator.size)
    probe /= probe.norm(dim=1, keepdim=True)
    moved = operator(probe)
    assert moved[0] @ probe[1] == pytest.approx(float(moved[1] @ probe[0]), rel=1e-3, abs=1e-5)
    module, step, unread = zoo.module(0).double(), 1e-4, {"allow_unused": True, "materialize_grads": True}
    inputs, targets = operator.objective.inputs.double(), operator.objective.targets

    def gradient(weights):
        places = [*module.parameters()]
        torch.nn.utils.vector_to_parameters(weights, places)
        with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
            loss = torch.nn.functional.cross_entropy(module(inputs), targets)
        return torch.cat([part.reshape(-1) for part in torch.autograd.grad(loss, places, **unread)])

    weights, direction = zoo.weights[0].double(), probe[0].double()
    slope = (gradient(weights + step * direction) - gradient(weights - step * direction)) / (2 * step)
    torch.testing.assert_close(moved[0].double(), slope, rtol=1e-2, atol=1e-3 * float(slope.abs().max()))


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        ("once", "this factory cannot be differentiated twice: the gradient of Once has no derivative"),
        ("distances", "this factory cannot be differentiated twice: the derivative for '_cdist_backward'"),
        ("cut_off", "the outputs of this factory are cut off from its weights"),
    ],
)
def test_an_operation_without_second_derivatives_is_named(factory, message):
    trust_factory(f"{FACTORIES}:{factory}")
    arch = architecture("factory", factory=f"{FACTORIES}:{factory}", input=[4])
    zoo = Zoo.from_weights(arch, arch.initial_weights(seed=0).unsqueeze(0))
    inputs, targets = vectors(6, 4), torch.arange(6) % 2
    data = Dataset("made", Split(inputs, targets), Split(inputs, targets), ("a", "b"), 0.0, 1.0)
    with pytest.raises(ValueError, match=message):
        curvature(zoo, 0, data)


# Lanczos' method


@pytest.mark.parametrize("kept", [1 << 30, 0])
@pytest.mark.parametrize("size", [1, 2, 7, 60, 300])
def test_the_ends_of_a_spectrum_are_found_restarted_or_not(size, kept):
    matrix = symmetric(size)
    ends = spectrum_ends(
        lambda probes: probes @ matrix,
        vectors(1, size, dtype=torch.float64)[0],
        4,
        2,
        tolerance=1e-10,
        slack=1e-10,
        most=2000,
        generator=draw(),
        kept=kept,
    )
    true = torch.linalg.eigvalsh(matrix).numpy()
    assert ends.converged
    np.testing.assert_allclose(ends.largest.values, true[::-1][:4], rtol=1e-9)
    np.testing.assert_allclose(ends.smallest.values, true[:2], rtol=1e-9)
    assert (np.abs(ends.largest.values - true[::-1][:4]) <= ends.largest.bounds + 1e-9).all()
    gram = ends.largest.vectors @ ends.largest.vectors.T
    torch.testing.assert_close(gram, torch.eye(min(4, size), dtype=torch.float64))


def test_a_search_that_is_given_up_says_how_far_it_came():
    matrix = symmetric(200)
    ends = spectrum_ends(
        lambda probes: probes @ matrix,
        vectors(1, 200, dtype=torch.float64)[0],
        3,
        tolerance=1e-12,
        most=12,
        generator=draw(),
    )
    true = torch.linalg.eigvalsh(matrix).numpy()
    assert not ends.converged
    assert ends.products == 12 + 4
    nearest = np.abs(true - ends.largest.values[:, None]).min(1)
    assert (nearest <= ends.largest.bounds).all()
    assert ends.largest.bounds[0] > 1e-3


@pytest.mark.parametrize("diagonal", [[0.0] * 6, [2.0] * 6, [3.0, 1.0, 0.0, 0.0, 0.0, -1.0]])
def test_a_subspace_that_is_exhausted_is_left_by_a_fresh_vector(diagonal):
    values = torch.tensor(diagonal, dtype=torch.float64)
    ends = spectrum_ends(
        lambda probes: probes * values,
        vectors(1, 6, dtype=torch.float64)[0],
        6,
        tolerance=1e-9,
        most=50,
        generator=draw(),
    )
    np.testing.assert_allclose(ends.largest.values, diagonal, atol=1e-9)


def test_long_vectors_lose_no_digits():
    values = torch.zeros(1 << 21)
    values[:6] = torch.tensor([9.0, 7.0, 5.0, 3.0, 2.0, 1.0])
    start = vectors(1, len(values))[0]
    ends = spectrum_ends(lambda probes: probes * values, start, 2, tolerance=1e-6, most=20, generator=draw())
    np.testing.assert_allclose(ends.largest.values, [9, 7], rtol=1e-6)
    assert (ends.largest.bounds < 1e-5).all()


def test_quadrature_integrates_polynomials_exactly():
    matrix = symmetric(50) / 20
    starts = vectors(3, 50, dtype=torch.float64)
    sights = quadrature(lambda probes: probes @ matrix, starts, 6, starts[:0])
    true = torch.linalg.eigvalsh(matrix).numpy()
    for start, sight in zip(starts, sights, strict=True):
        assert sight.weights.sum() == pytest.approx(1)
        assert (np.abs(true - sight.values[:, None]).min(1) <= sight.bounds + 1e-12).all()
        for degree in range(12):
            power = start @ torch.linalg.matrix_power(matrix, degree) @ start / start.square().sum()
            assert (sight.weights * sight.values**degree).sum() == pytest.approx(float(power), rel=1e-8, abs=1e-12)


# trace and density


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000))
def test_taking_known_eigenvectors_out_keeps_the_trace_and_lowers_its_error(seed):
    values = torch.linspace(-1, 1, 80, dtype=torch.float64)
    values[-4:] = torch.tensor([20.0, 30.0, 40.0, 90.0])
    turned = torch.linalg.qr(vectors(80, 80, seed, torch.float64)).Q
    matrix, like = (turned * values) @ turned.T, vectors(1, 80, dtype=torch.float64)[0]

    def estimated(beside):
        return hutchinson(lambda probes: probes @ matrix, like, 64, tolerance=0.0, generator=draw(seed), beside=beside)

    plain, sharp = estimated(None), estimated(turned[:, -4:].T)
    assert sharp.error < plain.error
    assert abs(sharp.value - values.sum()) < 5 * sharp.error
    assert estimated(turned.T).estimates == pytest.approx(float(values.sum()))


def test_a_trace_ends_when_its_error_is_small_but_not_before_thirty():
    ones = vectors(1, 50)[0]
    known = hutchinson(lambda probes: 2 * probes, ones, 1000, tolerance=0.01, generator=draw())
    assert len(known.estimates) == 32
    assert (known.value, known.error) == (100, 0)
    never = hutchinson(lambda probes: 0 * probes + probes.roll(1, 1), ones, 96, tolerance=0.0, generator=draw())
    assert len(never.estimates) == 96


def test_the_first_probes_do_not_depend_on_how_many_follow(shipped):
    few, many = (hessian_trace(shipped, ROW, "digits", probes=count, tolerance=0.0) for count in (20, 45))
    np.testing.assert_allclose(few.estimates, many.estimates[:20], rtol=1e-4)


def test_traces_are_within_three_standard_errors_of_the_truth(shipped, exact):
    operator, true = hessian(shipped, ROW), float(exact.trace())
    traces = [hutchinson(operator, operator.gradient, 32, tolerance=0.0, generator=draw(seed)) for seed in range(100)]
    assert sum(abs(trace.value - true) <= 3 * trace.error for trace in traces) >= 95


def test_a_density_without_known_eigenvalues_is_that_of_the_operator():
    values = torch.cat([torch.linspace(0, 1, 300), torch.linspace(4, 5, 100)]).double()
    density = spectral_density(
        lambda probes: probes * values,
        values,
        10,
        64,
        generator=draw(),
        known=np.zeros(0),
        beside=values.new_zeros(0, 400),
        span=(0.0, 5.0),
        kept=1,
    )
    step = density.positions[1] - density.positions[0]
    assert (density.values.sum() * step) == pytest.approx(1, abs=1e-8)
    assert (density.values[density.positions > 2.5].sum() * step) == pytest.approx(0.25, abs=0.05)
    assert density.values[(density.positions > 1.5) & (density.positions < 3.5)].max() < 1e-6


def test_with_every_eigenvalue_known_the_density_has_no_error():
    values = torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)
    density = spectral_density(
        lambda probes: probes * values,
        values,
        3,
        8,
        generator=draw(),
        known=values.numpy(),
        beside=torch.eye(3, dtype=torch.float64),
        span=(1.0, 4.0),
    )
    assert (density.errors == 0).all()
    step = density.positions[1] - density.positions[0]
    assert (density.values.sum() * step) == pytest.approx(1, abs=1e-8)
    assert (density.values * density.positions).sum() * step == pytest.approx(7 / 3, abs=1e-6)


# curvature of a network


@pytest.fixture(scope="module")
def found(shipped):
    return curvature(shipped, ROW, "digits")


def test_leading_eigenvalues_are_those_of_the_exact_hessian(shipped, exact, found):
    true = torch.linalg.eigvalsh(exact).flip(0).numpy()
    assert found.eigenvalues[0] == pytest.approx(true[0], rel=1e-6)
    np.testing.assert_allclose(found.eigenvalues, true[:5], rtol=1e-5)
    assert (np.abs(found.eigenvalues - true[:5]) <= found.bounds).all()
    assert found.smallest == pytest.approx(true[-1], rel=1e-3)
    assert leading_eigenvalue(shipped, ROW, "digits") == pytest.approx(true[0], rel=1e-6)
    residuals = found.eigenvectors @ exact.numpy() - found.eigenvalues[:, None] * found.eigenvectors
    np.testing.assert_allclose(np.linalg.norm(residuals, axis=1), 0, atol=1e-5 * true[0])
    np.testing.assert_allclose(found.eigenvectors @ found.eigenvectors.T, np.eye(5), atol=1e-5)


def test_trace_and_density_are_those_of_the_exact_hessian(exact, found):
    assert abs(found.trace - float(exact.trace())) <= 4 * found.trace_error
    step = found.positions[1] - found.positions[0]
    assert found.density.sum() * step == pytest.approx(1, abs=1e-6)
    mean = found.density @ found.positions * step * found.parameters
    error = np.sqrt(2) * float(exact.norm()) / np.sqrt(10)
    assert abs(mean - found.trace) <= 3 * error
    true = torch.linalg.eigvalsh(exact).numpy()
    exactly = np.exp(-0.5 * ((found.positions[:, None] - true) / found.smear) ** 2).mean(1)
    exactly /= found.smear * np.sqrt(2 * np.pi)
    assert np.abs(found.density - exactly).sum() * step < 0.1
    near = np.abs(found.positions[:, None] - found.eigenvalues).min(1) < found.smear / 3
    np.testing.assert_allclose(found.density[near], exactly[near], rtol=0.02)
    assert found.negative_share == pytest.approx((true < -4 * found.smear).mean(), abs=0.01)


def test_the_loss_rises_along_eigenvectors_as_the_second_derivative_says(shipped, found):
    assert len(found.profiles) == 3
    for profile, value, slope in zip(found.profiles, found.eigenvalues, found.slopes, strict=False):
        middle = len(profile.distances) // 2
        assert profile.distances[middle] == 0
        assert profile.losses[middle] == pytest.approx(found.loss, rel=1e-6)
        assert profile.slope == pytest.approx(slope, rel=1e-4)
        assert slope >= 0
        assert 0.5 * value * profile.distances[-1] ** 2 == pytest.approx(0.5)
    operator = hessian(shipped, ROW, dtype=torch.float64)
    vector = torch.from_numpy(found.eigenvectors[0]).double()
    near = profile_along(operator, vector / vector.norm(), float(found.eigenvalues[0]), reach=1e-4)
    np.testing.assert_allclose(near.losses - operator.loss, near.quadratic - operator.loss, rtol=1e-3, atol=1e-12)


def test_the_scores_are_those_of_the_network(shipped, found):
    losses = evaluate(shipped.select([ROW]), "digits")["test_loss"]
    assert found.loss == pytest.approx(losses[0], rel=1e-5)
    assert found.samples == 360
    assert 0 < found.gradient_share < 1
    np.testing.assert_allclose(found.shares.sum(1), 1, rtol=1e-5)


def test_tables_hold_every_number(found):
    assert list(found.frame()["eigenvalue"]) == [*found.eigenvalues, found.smallest]
    assert list(found.frame()["rank"]) == [1, 2, 3, 4, 5, 2410]
    running = found.trace_frame()
    assert running["mean"].iloc[-1] == pytest.approx(found.trace)
    assert running["error"].iloc[-1] == pytest.approx(found.trace_error)
    half = found.trace_estimates[:50]
    assert running["error"].iloc[49] == pytest.approx(half.std(ddof=1) / np.sqrt(50))
    assert len(found.density_frame()) == len(found.positions)
    assert set(found.profile_frame()["rank"]) == {1, 2, 3}
    assert list(found.layer_frame()["parameter"]) == [
        slot.name for slot in Zoo.open("digits-mlp").architecture.layout.slots
    ]
    assert "trace" in found._repr_html_()


def test_the_same_seed_gives_the_same_numbers_and_the_recipe_gives_them_again(shipped, found):
    again = eval(found.recipe.python, {"wx": SimpleNamespace(curvature=curvature), "zoo": shipped})
    for name in ("eigenvalues", "eigenvectors", "trace_estimates", "density", "density_error"):
        np.testing.assert_array_equal(getattr(again, name), getattr(found, name))
    assert again.recipe == found.recipe
    other = curvature(shipped, ROW, "digits", seed=1)
    assert other.trace != found.trace
    np.testing.assert_allclose(other.eigenvalues, found.eigenvalues, rtol=1e-5)


def test_a_curvature_leaves_the_zoo_as_it_was(shipped):
    zoo = Zoo.from_weights(shipped.architecture, shipped.rows([ROW]))
    before = zoo.weights.clone()
    curvature(zoo, 0, "digits", eigenvalues=1, probes=2, samples=20)
    assert torch.equal(zoo.weights, before)
    assert zoo.fingerprint == Zoo.from_weights(shipped.architecture, before).fingerprint


def test_samples_are_drawn_with_the_seed(shipped):
    some = curvature(shipped, ROW, "digits", samples=50, eigenvalues=1, probes=2)
    assert some.samples == 50
    assert "samples=50" in some.recipe.python
    assert "--samples 50" in some.recipe.cli
    all_of_them = leading_eigenvalue(shipped, ROW, "digits", samples=10_000)
    assert all_of_them == pytest.approx(leading_eigenvalue(shipped, ROW, "digits"), rel=1e-6)
    different = leading_eigenvalue(shipped, ROW, "digits", samples=50, seed=3)
    assert different != pytest.approx(some.eigenvalues[0], rel=1e-3)


def test_a_field_is_judged_against_its_own_image():
    zoo = train_zoo("siren", "digits", models=2, epochs=20, seed=0, config={"widths": [2, 8, 1]}, lr=1e-2)
    found = curvature(zoo, 1, "digits", eigenvalues=2, probes=40)
    assert found.loss == pytest.approx(zoo.table["mse"][1], rel=1e-4)
    assert (found.unit, found.split, found.samples) == ("squared intensity", "image", 64)
    assert found.eigenvalues[0] > 0
    nameless = zoo.with_table(zoo.table.drop(columns="sample"))
    with pytest.raises(ValueError, match="no column sample"):
        curvature(nameless, 1, "digits")


def test_a_network_of_few_parameters_has_few_eigenvalues():
    arch = architecture("mlp", widths=[2, 1])
    zoo = Zoo.from_weights(arch, arch.initial_weights(seed=0).unsqueeze(0))
    inputs = vectors(5, 2)
    data = Dataset("made", Split(inputs, torch.zeros(5).long()), Split(inputs, torch.zeros(5).long()), ("a",), 0.0, 1.0)
    found = curvature(zoo, 0, data, eigenvalues=3, probes=2)
    np.testing.assert_allclose(found.eigenvalues, 0, atol=1e-6)
    step = found.positions[1] - found.positions[0]
    assert found.density.sum() * step == pytest.approx(1, abs=1e-6)
    with pytest.raises(ValueError, match="eigenvalues must be a number from 1 to 3, got 4"):
        curvature(zoo, 0, data, eigenvalues=4)


def test_few_products_are_enough(shipped):
    told = list[str]()
    leading_eigenvalue(shipped, ROW, "digits", on_step=lambda fraction, message: told.append(message))
    assert sum(message.startswith("leading eigenvalues") for message in told) <= 20


def test_progress_rises_and_every_product_can_be_the_last(shipped):
    told = list[float]()
    curvature(shipped, ROW, "digits", probes=32, on_step=lambda fraction, message: told.append(fraction))
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1)
    for last in (1, 5, 25, 60):
        steps = iter(range(last))
        with pytest.raises(StopIteration):
            curvature(shipped, ROW, "digits", probes=32, on_step=lambda fraction, message, steps=steps: next(steps))


def test_the_cost_is_known_before_and_grows_with_the_work(shipped):
    less, more = (curvature_cost(shipped, ROW, "digits", probes=probes) for probes in (2, 20_000))
    assert 0 < 2 * less < more
    with pytest.raises(ValueError, match=r"rows run from 0 to 3,999, got 4,000$"):
        curvature_cost(shipped, 4000, "digits")


def broken(zoo, factor):
    whole = Zoo.from_weights(zoo.architecture, zoo.rows([ROW]))
    return replace(whole, stored=type(whole.stored).of(zoo.rows([ROW]) * factor))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda zoo: curvature(broken(zoo, float("nan")), 0, "digits"), "is not finite on these samples .loss nan."),
        (lambda zoo: curvature(broken(zoo, 1e30), 0, "digits"), "is not finite on these samples"),
        (lambda zoo: curvature(zoo, 4000, "digits"), "rows run from 0 to 3,999, got 4,000$"),
        (lambda zoo: curvature(zoo, -1, "digits"), "rows run from 0 to 3,999, got -1$"),
        (lambda zoo: curvature(zoo, 0, "digits", eigenvalues=0), "eigenvalues must be a number from 1 to 100, got 0$"),
        (lambda zoo: curvature(zoo, 0, "digits", probes=1), "probes must be a number from 2 to 100,000, got 1$"),
        (lambda zoo: curvature(zoo, 0, "digits", samples=0), "measured on 1 or more samples, got 0$"),
        (lambda zoo: curvature(zoo, 0, "digits", seed=-1), "seeds are whole numbers from 0, got -1$"),
        (lambda zoo: curvature(zoo, 0, "digits", split="dev"), "split 'dev' is unknown"),
        (lambda zoo: curvature(zoo, 0, "digits", device="tpu"), "choose auto, cpu or cuda"),
        (lambda zoo: hessian_trace(zoo, 0, "digits", probes=0), "probes must be a number from 2"),
        (lambda zoo: leading_eigenvalue(zoo, 0, "two-moons"), "do not fit mlp with input shape"),
    ],
)
def test_what_has_no_curvature_gets_one_sentence(shipped, call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call(shipped)
    assert len(str(caught.value).splitlines()) == 1


def test_an_empty_split_and_classes_that_do_not_fit_are_refused(shipped):
    digits = dataset("digits")
    empty = replace(digits, test=Split(digits.test.inputs[:0], digits.test.targets[:0]))
    with pytest.raises(ValueError, match="the test split of digits has no samples"):
        curvature(shipped, 0, empty)
    shifted = replace(digits, test=Split(digits.test.inputs, digits.test.targets + 5))
    with pytest.raises(ValueError, match="tell 10 classes apart, the data have at least 15"):
        curvature(shipped, 0, shifted)


@pytest.mark.gpu
def test_a_gpu_finds_the_same_curvature(shipped, found):
    there = curvature(shipped, ROW, "digits", device="cuda")
    np.testing.assert_allclose(there.eigenvalues, found.eigenvalues, rtol=1e-4)
    assert there.trace == pytest.approx(found.trace, rel=1e-3)
