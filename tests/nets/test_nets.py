import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from wsexplore.nets import ACTIVATIONS, INITIALISATIONS, architecture, architecture_from_dict, initial_weights

widths = st.lists(st.integers(1, 9), min_size=2, max_size=5)
configs = st.fixed_dictionaries(
    {
        "widths": widths,
        "activation": st.sampled_from(sorted(ACTIVATIONS)),
        "norm": st.sampled_from(["none", "layer"]),
    }
)


def population(arch, models, seed=0):
    return torch.stack([initial_weights(arch.layout, seed=seed + i) for i in range(models)])


@settings(max_examples=30, deadline=None)
@given(config=configs, seed=st.integers(0, 1000))
def test_flatten_undoes_unflatten(config, seed):
    arch = architecture("mlp", **config)
    weights = torch.randn(3, arch.layout.size, generator=torch.Generator().manual_seed(seed))
    assert torch.equal(arch.layout.flatten(arch.layout.unflatten(weights)), weights)


@settings(max_examples=30, deadline=None)
@given(config=configs, seed=st.integers(0, 1000))
def test_batched_networks_answer_as_each_module_does(config, seed):
    arch = architecture("mlp", **config)
    weights, inputs = population(arch, 3, seed), torch.randn(5, config["widths"][0])
    together = arch.forward(weights, inputs)
    for row, logits in zip(weights, together, strict=True):
        module = arch.build()
        module.load_state_dict(arch.layout.unflatten(row))
        torch.testing.assert_close(module(inputs), logits, rtol=1e-4, atol=1e-5)


def test_unflatten_copies_nothing():
    arch = architecture("mlp")
    weights = population(arch, 4)
    for parameter in arch.layout.unflatten(weights).values():
        assert parameter.untyped_storage().data_ptr() == weights.untyped_storage().data_ptr()


def test_the_layout_is_that_of_parameters_to_vector():
    module = architecture("mlp", widths=[3, 4, 2]).build()
    state = dict(module.named_parameters())
    flat = architecture("mlp", widths=[3, 4, 2]).layout.flatten(state)
    assert torch.equal(flat, torch.nn.utils.parameters_to_vector(module.parameters()))


def test_networks_may_each_have_their_own_inputs():
    arch = architecture("mlp", widths=[4, 3, 2])
    weights, inputs = population(arch, 3), torch.randn(3, 5, 4)
    own = arch.forward(weights, inputs)
    for index in range(3):
        torch.testing.assert_close(own[index], arch.forward(weights, inputs[index])[index])


def test_images_are_flattened_for_an_mlp():
    arch = architecture("mlp")
    assert arch.forward(population(arch, 2), torch.randn(5, 8, 8)).shape == (2, 5, 10)


def test_default_initial_weights_have_the_spread_of_torch_linear():
    arch = architecture("mlp", widths=[400, 300, 10])
    torch.manual_seed(0)
    module = arch.build()
    ours = arch.layout.unflatten(initial_weights(arch.layout, seed=1))
    for name, value in module.named_parameters():
        if value.dim() > 1:
            assert ours[name].std() == pytest.approx(value.std().item(), rel=0.05)


@pytest.mark.parametrize("init", sorted(INITIALISATIONS))
def test_initial_weights_follow_from_the_seed(init):
    layout = architecture("mlp").layout
    assert torch.equal(initial_weights(layout, init=init, seed=3), initial_weights(layout, init=init, seed=3))
    assert not torch.equal(initial_weights(layout, init=init, seed=3), initial_weights(layout, init=init, seed=4))


def test_normalisation_starts_as_the_identity():
    arch = architecture("mlp", widths=[4, 3, 2], norm="layer")
    state = arch.layout.unflatten(initial_weights(arch.layout, init="kaiming_normal", seed=0))
    assert torch.equal(state["norms.0.weight"], torch.ones(3))
    assert torch.equal(state["norms.0.bias"], torch.zeros(3))


@settings(max_examples=20, deadline=None)
@given(config=configs)
def test_an_architecture_survives_its_description(config):
    arch = architecture("mlp", **config)
    assert architecture_from_dict(arch.to_dict()) == arch
    assert hash(architecture_from_dict(arch.to_dict())) == hash(arch)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"widths": [64]}, "two or more whole numbers"),
        ({"widths": "64,10"}, "two or more whole numbers"),
        ({"widths": [64, 0, 10]}, "two or more whole numbers"),
        ({"widths": [64, True, 10]}, "two or more whole numbers"),
        ({"activation": "swish"}, "choose one of relu"),
        ({"norm": "batch"}, "choose one of none, layer"),
        ({"depth": 3}, "mlp has no field depth"),
    ],
)
def test_a_wrong_configuration_is_refused_with_a_sentence(config, message):
    with pytest.raises(ValueError, match=message):
        architecture("mlp", **config)


def test_an_unknown_architecture_is_refused_with_the_known_names():
    with pytest.raises(ValueError, match="choose one of mlp"):
        architecture("transformer")


@pytest.mark.parametrize("data", [None, {}, {"name": 3}, {"name": "mlp", "config": [1]}])
def test_a_broken_description_is_refused(data):
    with pytest.raises(ValueError, match=r"architecture|config"):
        architecture_from_dict(data)


def test_only_fields_that_leave_the_layout_alone_may_differ_by_row():
    arch = architecture("mlp")
    assert arch.with_row(activation="tanh").layout == arch.layout
    with pytest.raises(ValueError, match="cannot differ between the networks of one zoo"):
        arch.with_row(widths=[3, 2])


def test_flatten_names_what_does_not_fit():
    layout = architecture("mlp", widths=[3, 2]).layout
    state = layout.unflatten(torch.zeros(layout.size))
    with pytest.raises(ValueError, match=r"lacks layers\.0\.bias"):
        layout.flatten({"layers.0.weight": state["layers.0.weight"]})
    with pytest.raises(ValueError, match="the architecture lacks: extra"):
        layout.flatten({**state, "extra": torch.zeros(1)})
    with pytest.raises(ValueError, match="has shape"):
        layout.flatten({**state, "layers.0.bias": torch.zeros(3)})
    with pytest.raises(ValueError, match="9 parameters per network"):
        layout.unflatten(torch.zeros(9))


def test_inputs_of_another_size_are_refused():
    arch = architecture("mlp")
    with pytest.raises(ValueError, match="do not fit mlp"):
        arch.forward(population(arch, 2), torch.zeros(5, 28, 28))
