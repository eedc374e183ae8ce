import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from wsexplore.nets import architecture
from wsexplore.symmetry import symmetry_of

SEVERAL = [
    ("small-cnn", {}),
    ("small-cnn", {"variant": "cnn3", "channels": 3, "activation": "gelu"}),
    ("cnn", {}),
    ("cnn", {"stride": 2, "pool": 1, "head": "average", "hidden": []}),
    (
        "cnn",
        {
            "input": [3, 20, 17],
            "channels": [5, 7],
            "kernel": [3, 5],
            "stride": [1, 2],
            "padding": [1, 2],
            "pool": [2, 1],
            "hidden": [9, 6],
            "activation": "tanh",
        },
    ),
]


@pytest.mark.parametrize(
    ("config", "parameters", "places"),
    [
        ({}, 2464, [0, 3, 6, 9, 11]),
        ({"dropout_modules": True}, 2464, [0, 4, 8, 11, 14]),
        ({"channels": 3}, 2864, [0, 3, 6, 9, 11]),
        ({"variant": "cnn2"}, 3047, [0, 3, 6, 9, 11]),
        ({"variant": "cnn3", "channels": 3}, 10853, [0, 4, 8, 13, 16]),
    ],
)
def test_the_published_networks_have_the_published_names_and_sizes(config, parameters, places):
    layout = architecture("small-cnn", **config).layout
    assert layout.size == parameters
    assert [slot.name for slot in layout.slots[::2]] == [f"module_list.{place}.weight" for place in places]


@pytest.mark.parametrize(("name", "config"), SEVERAL)
def test_a_stack_gives_the_outputs_and_gradients_of_its_networks(name, config):
    arch, models = architecture(name, **config), 19
    weights = torch.stack([arch.initial_weights(seed=seed) for seed in range(models)]).requires_grad_()
    inputs = torch.randn(3, *arch.input_shape, generator=torch.Generator().manual_seed(0))
    outputs = arch.forward(weights, inputs)
    outputs.square().sum().backward()
    module = arch.build()
    for row in (0, 7, 18):
        module.load_state_dict(arch.layout.unflatten(weights.detach()[row]))
        module.zero_grad()
        alone = module(inputs)
        alone.square().sum().backward()
        slope = torch.cat([parameter.grad.flatten() for parameter in module.parameters()])
        torch.testing.assert_close(outputs[row], alone, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(weights.grad[row], slope, rtol=1e-4, atol=1e-4)


@settings(deadline=None, max_examples=20)
@given(start=st.integers(0, 18), count=st.integers(1, 19))
def test_the_bits_of_a_network_do_not_depend_on_its_neighbours(start, count):
    arch = architecture("cnn", input=[1, 9, 9], channels=[3, 2], kernel=[3, 2], hidden=[5])
    weights = torch.stack([arch.initial_weights(seed=seed) for seed in range(19)])
    inputs = torch.randn(4, 1, 9, 9, generator=torch.Generator().manual_seed(0))
    part = slice(start, start + count)
    assert torch.equal(arch.forward(weights[part], inputs), arch.forward(weights, inputs)[part])


def test_each_network_may_have_inputs_of_its_own():
    arch = architecture("small-cnn")
    weights = torch.stack([arch.initial_weights(seed=seed) for seed in range(3)])
    inputs = torch.randn(3, 2, 1, 28, 28)
    own = arch.forward(weights, inputs)
    for row in range(3):
        assert torch.equal(own[row], arch.forward(weights[row : row + 1], inputs[row])[0])


def test_dropout_silences_units_by_the_factors_it_is_given():
    arch = architecture("small-cnn", dropout_modules=True)
    weights = torch.stack([arch.initial_weights(seed=seed) for seed in range(2)])
    parameters, inputs = arch.layout.unflatten(weights), torch.randn(3, 1, 28, 28)
    asked = []

    def keep_all(shape):
        asked.append(shape)
        return torch.ones(2, *shape)

    plain = arch.forward(weights, inputs)
    assert torch.equal(arch.forward_parameters(parameters, inputs, training=True, dropout=keep_all), plain)
    assert asked == [(3, 8, 12, 12), (3, 6, 4, 4), (3, 20, 1, 1)]
    silent = arch.forward_parameters(parameters, inputs, training=True, dropout=lambda shape: torch.zeros(2, *shape))
    torch.testing.assert_close(silent, weights[:, None, -10:].expand(-1, 3, -1))


def test_published_schemes_start_with_biases_of_a_hundredth():
    arch = architecture("small-cnn")
    for init, inside in (("unit_uniform", (0, 1)), ("kaiming_uniform", (-1.3, 1.3))):
        state = arch.layout.unflatten(arch.initial_weights(init=init, seed=0))
        for name, value in state.items():
            if name.endswith("bias"):
                assert (value == 0.01).all()
            else:
                assert inside[0] <= value.min()
                assert value.max() <= inside[1]


def test_the_units_of_a_small_cnn_are_found_through_its_flatten():
    arch = architecture("small-cnn")
    module = arch.build()
    spec = symmetry_of(module, arch.example_input())
    assert list(spec.sizes.values()) == [8, 6, 4, 20]
    assert spec.verify(module, arch.example_input()) < 1e-4


@pytest.mark.parametrize(
    ("name", "config", "message"),
    [
        ("small-cnn", {"variant": "cnn9"}, "variant 'cnn9' is unknown; choose one of cnn, cnn2, cnn3"),
        ("small-cnn", {"channels": 2}, "channels of a small-cnn are 1 or 3, got 2"),
        ("small-cnn", {"dropout": 1.0}, "dropout lies in 0 to 1"),
        ("small-cnn", {"dropout_modules": "yes"}, "dropout_modules is true or false"),
        ("small-cnn", {"depth": 3}, "small-cnn has no field depth"),
        ("cnn", {"kernel": [3, 3]}, "kernel is one number, or one for each of the 3 convolutions"),
        ("cnn", {"channels": []}, "channels of a cnn is a list of 1 to 64 whole numbers"),
        ("cnn", {"channels": [16, -1]}, "channels of a cnn holds whole numbers from 1"),
        ("cnn", {"input": [28, 28]}, "input of a cnn is a list of 3 to 3 whole numbers"),
        ("cnn", {"kernel": 29}, "nothing is left of 28 x 28 images"),
        ("cnn", {"activation": ["relu"]}, "is unknown; choose one of relu"),
        ("cnn", {"norm": "group"}, "norm 'group' is unknown; choose one of none, batch"),
        ("cnn", {"classes": 0}, "classes of a cnn holds whole numbers from 1"),
    ],
)
def test_a_wrong_field_gets_one_sentence(name, config, message):
    with pytest.raises(ValueError, match=message.replace("[", r"\[").replace("]", r"\]")):
        architecture(name, **config)
