import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from wsexplore.nets import architecture


def field_grid(height, width):
    sides = torch.linspace(-1, 1, height), torch.linspace(-1, 1, width)
    return torch.cartesian_prod(*sides)


def test_the_published_picture_networks_load_unchanged():
    published = {"seq.0": (32, 2), "seq.1": (32, 32), "seq.2": (1, 32)}
    arch = architecture("siren")
    assert arch.layout.size == 1185
    assert {slot.name: slot.shape for slot in arch.layout.slots} == {
        name: shape
        for layer, weight in published.items()
        for name, shape in ((f"{layer}.weight", weight), (f"{layer}.bias", weight[:1]))
    }


@settings(max_examples=25, deadline=None)
@given(w0=st.floats(1, 50), offset=st.floats(-1, 1), seed=st.integers(0, 1000))
def test_a_siren_is_sines_of_sines_plus_an_offset(w0, offset, seed):
    arch = architecture("siren", widths=[2, 5, 4, 1], w0=w0, offset=offset)
    state = arch.layout.unflatten(arch.initial_weights(seed=seed).double())
    x = field_grid(3, 4).double()
    for layer in (0, 1):
        x = torch.sin(w0 * (x @ state[f"seq.{layer}.weight"].T + state[f"seq.{layer}.bias"]))
    expected = x @ state["seq.2.weight"].T + state["seq.2.bias"] + offset
    ours = arch.forward(arch.initial_weights(seed=seed).unsqueeze(0), field_grid(3, 4))[0]
    torch.testing.assert_close(ours.double(), expected, rtol=1e-3, atol=1e-4)


@settings(max_examples=25, deadline=None)
@given(hidden=st.integers(1, 64), w0=st.floats(1, 50), seed=st.integers(0, 1000))
def test_fresh_sirens_stay_within_the_bounds_of_their_scheme(hidden, w0, seed):
    arch = architecture("siren", widths=[2, hidden, hidden, 1], w0=w0)
    for name, value in arch.layout.unflatten(arch.initial_weights(seed=seed)).items():
        bound = 1 / 2 if name.startswith("seq.0.") else math.sqrt(6 / hidden) / w0
        assert value.abs().max() <= bound * (1 + 1e-6)


def test_the_second_sines_of_a_fresh_wide_siren_have_arguments_of_variance_one():
    """Sitzmann et al. 2020, section 3.2: standard normal, from outputs of variance one half."""
    arch = architecture("siren", widths=[2, 512, 512, 1])
    module = arch.module(arch.initial_weights(seed=0))
    seen = []
    module.seq[1].register_forward_hook(lambda _, inputs, outputs: seen.extend([inputs[0], 30 * outputs]))
    module(field_grid(32, 32))
    assert seen[0].var().item() == pytest.approx(0.5, rel=0.05)
    assert seen[1].var().item() == pytest.approx(1, rel=0.05)


def test_the_usual_schemes_are_there_too():
    arch = architecture("siren")
    state = arch.layout.unflatten(arch.initial_weights(init="kaiming_uniform", seed=0))
    assert not state["seq.1.bias"].any()
    assert state["seq.1.weight"].abs().max() > math.sqrt(6 / 32) / 30


def test_a_siren_fits_a_picture():
    arch = architecture("siren")
    grid = field_grid(8, 8)
    picture = torch.rand(64, 1, generator=torch.Generator().manual_seed(0))
    module = arch.module(arch.initial_weights(seed=0)).train()
    steps = torch.optim.Adam(module.parameters(), 1e-3)
    for _ in range(300):
        loss = (module(grid) - picture).square().mean()
        steps.zero_grad()
        loss.backward()
        steps.step()
    assert loss < 0.001 < picture.var()


@settings(max_examples=20, deadline=None)
@given(axes=st.integers(1, 4), octaves=st.integers(0, 8))
def test_waves_widen_the_first_layer_of_a_field_mlp_only(axes, octaves):
    arch = architecture("field-mlp", widths=[axes, 7, 1], octaves=octaves)
    assert {slot.name: slot.shape for slot in arch.layout.slots} == {
        "layers.0.weight": (7, axes * (1 + 2 * octaves)),
        "layers.0.bias": (7,),
        "layers.1.weight": (1, 7),
        "layers.1.bias": (1,),
    }
    assert arch.buffers.size == 0


def test_the_waves_repeat_so_a_field_without_plain_coordinates_is_periodic():
    arch = architecture("field-mlp", widths=[2, 6, 1], octaves=2)
    module = arch.module(arch.initial_weights(seed=0))
    with torch.no_grad():
        module.layers[0].weight[:, :2] = 0.0
    x = torch.rand(9, 2)
    torch.testing.assert_close(module(x + 2), module(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["siren", "field-mlp"])
def test_both_are_fields(name):
    assert architecture(name).task == "field"


@pytest.mark.parametrize(
    ("name", "config", "message"),
    [
        ("siren", {"widths": [2]}, "widths must be 2 to 64 whole numbers"),
        ("siren", {"widths": [2, 0, 1]}, "widths must be 2 to 64 whole numbers"),
        ("siren", {"widths": [2] * 65}, "widths must be 2 to 64 whole numbers"),
        ("siren", {"w0": 0}, "w0 must be a number from 0.001 to 10000, got 0"),
        ("siren", {"w0": "30"}, "w0 must be a number"),
        ("siren", {"offset": math.inf}, "offset must be a number"),
        ("siren", {"activation": "relu"}, "siren has no field 'activation'"),
        ("field-mlp", {"octaves": 99}, "octaves must be a whole number from 0 to 16"),
        ("field-mlp", {"activation": "sine"}, "activation 'sine' is unknown"),
    ],
)
def test_a_wrong_configuration_is_refused_with_a_sentence(name, config, message):
    with pytest.raises(ValueError, match=message):
        architecture(name, **config)
