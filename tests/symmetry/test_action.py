import math
from inspect import unwrap

import pytest
import sequence_networks
import torch
import vision_networks
from hypothesis import given, settings
from hypothesis import strategies as st
from verified import in_double

from wsexplore.nets import ACTIVATIONS, Layout, architecture, initial_weights
from wsexplore.symmetry import (
    PermutationSpec,
    check_permutation,
    compose,
    identity,
    inverse,
    orbit,
    orbit_size,
    permute,
    permute_buffers,
    permute_weights,
    random_permutation,
    shaken,
    symmetry_of,
)

hidden = st.lists(st.integers(2, 9), min_size=1, max_size=3)
NESTED = {
    "groups of a normalisation": lambda: (
        architecture("resnet", depth=8, width=8, norm="group").build(),
        torch.randn(2, 3, 32, 32),
    ),
    "groups of convolutions": vision_networks.NETWORKS["grouped convolution, groupnorm across"],
    "heads": sequence_networks.NETWORKS["timm vit unbind"],
    "shared heads": sequence_networks.NETWORKS["llama expand"],
    "memory of every head": sequence_networks.NETWORKS["memory of every head"],
    "none": lambda: (architecture("mlp", widths=[3, 6, 5, 2]).build(), torch.randn(2, 3)),
}


@pytest.fixture(scope="module", params=NESTED)
def network(request):
    torch.manual_seed(0)
    module, inputs = NESTED[request.param]()
    return symmetry_of(module, inputs), shaken(module, seed=0)


def traced(arch):
    return symmetry_of(arch.build(), arch.example_input())


def flat(module):
    layout = Layout.of(module)
    return layout, layout.flatten({name: value.detach() for name, value in module.named_parameters()})


@settings(max_examples=12, deadline=None)
@given(
    widths=hidden,
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    norm=st.sampled_from(["none", "layer"]),
    seed=st.integers(0, 10_000),
)
def test_permuting_hidden_units_keeps_the_function(widths, activation, norm, seed):
    arch = architecture("mlp", widths=[3, *widths, 2], activation=activation, norm=norm)
    spec = traced(arch)
    weights = torch.randn(4, arch.layout.size, generator=torch.Generator().manual_seed(seed))
    moved = permute_weights(weights, random_permutation(spec, seed=seed, models=4), spec, arch.layout)
    inputs = torch.randn(6, 3)
    torch.testing.assert_close(arch.forward(moved, inputs), arch.forward(weights, inputs), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_doing_one_element_after_another_is_their_composition(network, seed):
    spec, module = network
    first, second = random_permutation(spec, seed=seed), random_permutation(spec, seed=seed + 10)
    layout, weights = flat(module)
    after = permute_weights(permute_weights(weights, first, spec, layout), second, spec, layout)
    assert torch.equal(permute_weights(weights, compose(first, second, spec), spec, layout), after)


@pytest.mark.parametrize("seed", range(3))
def test_an_element_and_its_inverse_are_the_identity(network, seed):
    spec, module = network
    element, same = random_permutation(spec, seed=seed), identity(spec)
    layout, weights = flat(module)
    for together in (compose(element, inverse(element, spec), spec), compose(inverse(element, spec), element, spec)):
        for group, units in together.items():
            assert torch.equal(units, same[group])
    back = permute_weights(permute_weights(weights, element, spec, layout), inverse(element, spec), spec, layout)
    assert torch.equal(back, weights)
    assert torch.equal(permute_weights(weights, same, spec, layout), weights)


def test_composition_is_associative(network):
    spec, _ = network
    a, b, c = (random_permutation(spec, seed=seed) for seed in range(3))
    left, right = compose(compose(a, b, spec), c, spec), compose(a, compose(b, c, spec), spec)
    assert all(torch.equal(left[group], right[group]) for group in spec.groups)


def test_a_stack_is_permuted_as_one_by_one(network):
    spec, module = network
    layout, weights = flat(module)
    stack = torch.stack([weights, weights * 2, weights - 1])
    many = random_permutation(spec, seed=0, models=3)
    together = permute_weights(stack, many, spec, layout)
    one = random_permutation(spec, seed=5)
    shared = permute_weights(stack, one, spec, layout)
    for row in range(3):
        alone = {group: units[row] for group, units in many.items()}
        assert torch.equal(together[row], permute_weights(stack[row], alone, spec, layout))
        assert torch.equal(shared[row], permute_weights(stack[row], one, spec, layout))


def test_many_elements_are_composed_and_inverted_row_by_row(network):
    spec, _ = network
    first, second = random_permutation(spec, seed=0, models=3), random_permutation(spec, seed=1, models=3)
    both, back = compose(first, second, spec), inverse(first, spec)
    for row in range(3):
        one, other = ({group: units[row] for group, units in many.items()} for many in (first, second))
        for group in spec.groups:
            assert torch.equal(both[group][row], compose(one, other, spec)[group])
            assert torch.equal(back[group][row], inverse(one, spec)[group])


def test_modules_and_weights_are_permuted_alike(network):
    spec, module = network
    element = random_permutation(spec, seed=3)
    layout, weights = flat(module)
    assert torch.equal(flat(permute(module, element, spec))[1], permute_weights(weights, element, spec, layout))


def test_the_module_itself_is_left_alone(network):
    spec, module = network
    before = flat(module)[1].clone()
    permute(module, random_permutation(spec, seed=0), spec)
    assert torch.equal(flat(module)[1], before)


def test_running_statistics_move_with_their_units():
    torch.manual_seed(0)
    arch = architecture("resnet", depth=8, width=8)
    spec, module = traced(arch), shaken(arch.build(), seed=1).eval()
    element = random_permutation(spec, seed=1)
    twin = permute(module, element, spec)
    assert torch.equal(twin.bn1.running_mean, module.bn1.running_mean[element["conv1"]])
    held = arch.buffers.flatten({name: value.float() for name, value in module.named_buffers()})
    moved = arch.buffers.unflatten(permute_buffers(held, element, spec, arch.buffers))
    assert all(torch.equal(moved[name], value) for name, value in twin.named_buffers())
    inputs = in_double(arch.example_input())[0]
    torch.testing.assert_close(twin.double()(inputs), module.double()(inputs), rtol=1e-10, atol=1e-10)


def test_networks_without_buffers_have_none_to_move():
    arch = architecture("mlp")
    spec = traced(arch)
    assert permute_buffers(torch.zeros(3, 0), random_permutation(spec, seed=0), spec, arch.buffers).shape == (3, 0)


@pytest.mark.parametrize(
    ("element", "message"),
    [
        ({}, r"lacks the group layers\.0"),
        ({"layers.0": torch.arange(31)}, r"group layers\.0 are no permutation of 0 to 31"),
        ({"layers.0": torch.zeros(32, dtype=torch.long)}, "are no permutation"),
        ({"layers.0": torch.arange(32) - 1}, "are no permutation"),
        ({"layers.0": torch.arange(32).expand(2, 3, 32)}, "are no permutation"),
        ({"layers.0": torch.arange(32), "layers.7": torch.arange(2)}, r"there is no group layers\.7"),
    ],
)
def test_what_is_no_permutation_is_refused_by_name(element, message):
    arch = architecture("mlp")
    with pytest.raises(ValueError, match=message):
        permute(arch.build(), element, traced(arch))


def test_a_permutation_that_is_no_tensor_is_refused():
    arch = architecture("mlp")
    for units in (list(range(32)), torch.arange(32).numpy()):
        with pytest.raises(ValueError, match=rf"layers\.0 is a tensor of whole numbers, got {type(units).__name__}"):
            unwrap(check_permutation)({"layers.0": units}, traced(arch))


def test_a_spec_of_another_network_is_refused():
    arch, other, deeper = (architecture("mlp", widths=widths) for widths in ([3, 6, 2], [3, 7, 2], [3, 6, 2, 2]))
    element = random_permutation(traced(arch), seed=0)
    with pytest.raises(ValueError, match=r"layers\.0\.weight has shape \(7, 3\), in the spec \(6, 3\)"):
        permute(other.build(), element, traced(arch))
    with pytest.raises(ValueError, match=r"layers\.0\.weight has shape \(7, 3\), in the spec \(6, 3\)"):
        permute_weights(other.initial_weights(seed=0), element, traced(arch), other.layout)
    with pytest.raises(ValueError, match=r"they have no layers\.2\.weight, it is of another architecture"):
        permute(arch.build(), random_permutation(traced(deeper), seed=0), traced(deeper))


def test_as_many_elements_as_networks_are_needed():
    arch = architecture("mlp")
    spec = traced(arch)
    with pytest.raises(ValueError, match=r"there are 4 networks and 3 permutations of layers\.0"):
        permute_weights(torch.zeros(4, arch.layout.size), random_permutation(spec, seed=0, models=3), spec, arch.layout)


def test_the_shape_of_a_group_within_another_is_checked():
    module, inputs = NESTED["heads"]()
    spec = symmetry_of(module, inputs)
    element = random_permutation(spec, seed=0)
    inner = next(group for group in spec.within)
    with pytest.raises(ValueError, match="are no permutation"):
        permute(module, {**element, inner: element[inner][0]}, spec)


def test_a_draw_is_repeated_by_its_seed_and_uniform():
    spec = PermutationSpec({}, {"a": 3})
    drawn = random_permutation(spec, seed=4, models=600)["a"]
    assert torch.equal(drawn, random_permutation(spec, seed=4, models=600)["a"])
    counts = torch.unique(drawn, dim=0, return_counts=True)[1]
    assert counts.shape == (6,)
    assert counts.min() > 60


def test_an_orbit_holds_many_weights_and_one_function():
    arch = architecture("mlp")
    spec, weights = traced(arch), initial_weights(arch.layout, seed=0)
    copies, inputs = orbit(weights, spec, arch.layout, copies=10, seed=0), torch.randn(5, 64)
    outputs = arch.forward(copies, inputs)
    torch.testing.assert_close(outputs, outputs[:1].expand_as(outputs), rtol=1e-4, atol=1e-5)
    assert torch.cdist(copies, copies).add(torch.eye(10)).min() > 0.5


def test_an_orbit_has_a_factorial_of_places():
    spec = PermutationSpec({}, {"a": 4, "b": 3}, within={"b": "a"}, copies={"b": 4})
    assert math.exp(orbit_size(spec).log_orders) == pytest.approx(24 * 6**4)
    assert orbit_size(spec).digits == pytest.approx(math.log10(24 * 6**4))
