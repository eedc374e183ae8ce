import pytest
import torch
import unusual_networks
from torch import nn

from wsexplore.align import repair, repaired_layers, reset_statistics, running_layers
from wsexplore.nets import architecture, trust_factory

HERE = unusual_networks.__name__
SMALL = {"input": [1, 8, 8], "classes": 4}
NETWORKS = {
    "mlp": ("mlp", {"widths": [6, 9, 7, 4]}),
    "mlp with LayerNorm": ("mlp", {"widths": [6, 9, 7, 4], "norm": "layer"}),
    "small-cnn": ("small-cnn", {"dropout_modules": True, "dropout": 0.5}),
    "cnn": ("cnn", {**SMALL, "channels": [4, 6], "pool": 1, "hidden": [5]}),
    "cnn with BatchNorm": ("cnn", {**SMALL, "channels": [4, 6], "pool": 1, "hidden": [5], "norm": "batch"}),
    **{
        f"resnet, {norm}": ("resnet", {**SMALL, "depth": 8, "width": 4, "norm": norm})
        for norm in ("none", "batch", "group", "layer")
    },
    "vit": ("vit", {**SMALL, "patch": 4, "dim": 8, "heads": 2, "depth": 1}),
    "siren": ("siren", {"widths": [2, 8, 8, 1]}),
    "field-mlp": ("field-mlp", {"widths": [2, 8, 8, 1], "octaves": 2}),
    "written in place": ("factory", {"factory": f"{HERE}:Written", "input": [4]}),
    "bare": ("factory", {"factory": f"{HERE}:Bare", "input": [4]}),
    "again": ("factory", {"factory": f"{HERE}:Again", "input": [4]}),
}
TRACKED = [name for name in NETWORKS if "atch" in name or name in ("written in place", "bare")]


@pytest.fixture(autouse=True, scope="module")
def trusted():
    for name in ("Written", "Bare", "Again"):
        trust_factory(f"{HERE}:{name}")


def made(name, models=2, seed=0):
    """Networks with scales of both signs and running statistics that fit them about as well as a test fits training."""
    kind, config = NETWORKS[name]
    arch = architecture(kind, **config)
    draw = torch.Generator().manual_seed(seed)
    weights = torch.stack([arch.initial_weights(seed=place) for place in range(models)])
    weights = weights + 0.1 * torch.randn(weights.shape, generator=draw)
    for slot in arch.layout.slots:
        if any(part in slot.name for part in ("bn", "norm")) and slot.name.endswith("weight"):
            signs = torch.randint(0, 2, slot.shape, generator=draw) * 2 - 1
            weights[:, slot.start : slot.stop] *= signs.flatten()
    inputs = torch.randn(60, *arch.input_shape, generator=draw)
    if running_layers(arch):
        return arch, weights, reset_statistics(arch, weights, inputs[:40]), inputs
    return arch, weights, arch.initial_buffers().expand(models, -1).clone(), inputs


def outputs(arch, weights, buffers, inputs):
    return torch.stack([arch.module(*state)(inputs).detach() for state in zip(weights, buffers, strict=True)])


def statistics(arch, weights, buffers, inputs, names):
    """Mean and standard deviation of every channel of these layers."""
    module, seen = arch.module(weights, buffers), {}

    def hook(name):
        def note(layer, given, value):
            last = isinstance(layer, nn.Linear | nn.LayerNorm | nn.RMSNorm)
            rows = (value if last else value.movedim(1, -1)).double().flatten(0, -2)
            seen[name] = rows.mean(0), rows.std(0, correction=0)

        return note

    for name in names:
        module.get_submodule(name).register_forward_hook(hook(name))
    with torch.no_grad():
        module(inputs)
    return seen


@pytest.mark.parametrize("name", TRACKED)
@pytest.mark.parametrize("batch", [20, 60])
def test_reset_statistics_are_those_of_torch_in_one_pass_with_cumulative_means(name, batch):
    arch, weights, buffers, inputs = made(name)
    found = reset_statistics(arch, weights, inputs, buffers=buffers, batch=batch)
    for row in range(2):
        module = arch.module(weights[row], buffers[row])
        for layer in module.modules():
            if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
                layer.reset_running_stats()
                layer.momentum = None
                layer.train()
        with torch.no_grad():
            for part in inputs.split(batch):
                module(part)
        state = module.state_dict()
        for name, value in arch.buffers.unflatten(found[row]).items():
            assert torch.equal(value, state[name].float()), name


def test_a_lone_last_sample_joins_the_batch_before_it():
    arch, weights, buffers, inputs = made("cnn with BatchNorm")
    found = reset_statistics(arch, weights, inputs[:41], buffers=buffers, batch=20)
    counts = [arch.buffers.unflatten(found)[slot.name] for slot in arch.buffers.slots if "tracked" in slot.name]
    assert all((count == 2).all() for count in counts)


def test_statistics_are_reset_without_dropout():
    arch, weights, _, inputs = made("written in place")
    assert torch.equal(reset_statistics(arch, weights, inputs), reset_statistics(arch, weights, inputs))


@pytest.mark.parametrize("batch", [None, 25])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_that_is_one_end_keeps_its_function(name, batch):
    arch, ends, buffers, inputs = made(name)
    weights, held = repair(arch, ends, ends, torch.eye(2), inputs, end_buffers=buffers, batch=batch)
    before, after = outputs(arch, ends, buffers, inputs), outputs(arch, weights, held, inputs)
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-5)
    if not running_layers(arch):
        assert torch.equal(weights, ends)


@pytest.mark.parametrize("batch", [None, 25])
@pytest.mark.parametrize("name", NETWORKS)
def test_repaired_channels_have_the_mean_and_spread_of_the_ends(name, batch):
    arch, ends, buffers, inputs = made(name, models=3)
    shares = torch.tensor([[0.3, 0.7, 0.0], [1 / 3, 1 / 3, 1 / 3]])
    weights, held = repair(arch, shares @ ends, ends, shares, inputs, end_buffers=buffers, batch=batch)
    names = repaired_layers(arch)
    known = [statistics(arch, *end, inputs, names) for end in zip(ends, buffers, strict=True)]
    for row, share in enumerate(shares.double()):
        found = statistics(arch, weights[row], held[row], inputs, names)
        module = arch.module(weights[row], held[row])
        for name in names:
            layer = module.get_submodule(name)
            mean, spread = (sum(s * end[name][which] for s, end in zip(share, known, strict=True)) for which in (0, 1))
            torch.testing.assert_close(found[name][1], spread, rtol=1e-3, atol=0)
            if isinstance(layer, nn.BatchNorm1d) or getattr(layer, "bias", None) is not None:
                assert ((found[name][0] - mean).abs() < 1e-3 * (mean.abs() + spread)).all()


def test_many_batches_repair_as_one_does():
    for name in ("cnn", "resnet, batch", "vit"):
        arch, ends, buffers, inputs = made(name)
        middle, shares = ends.mean(0, keepdim=True), torch.full((1, 2), 0.5)
        one, many = (
            repair(arch, middle, ends, shares, inputs, end_buffers=buffers, batch=batch) for batch in (None, 25)
        )
        for a, b in zip(one, many, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_running_statistics_after_a_repair_are_those_of_the_inputs():
    arch, ends, buffers, inputs = made("resnet, batch")
    weights, held = repair(arch, ends.mean(0, keepdim=True), ends, torch.full((1, 2), 0.5), inputs, end_buffers=buffers)
    module, layers = arch.module(weights[0], held[0]), running_layers(arch)
    seen = {}
    for name in layers:
        layer = module.get_submodule(name)
        layer.register_forward_hook(lambda layer, given, value, name=name: seen.update({name: given[0].double()}))
    module(inputs)
    for name in layers:
        layer, given = module.get_submodule(name), seen[name]
        torch.testing.assert_close(layer.running_mean.double(), given.mean((0, 2, 3)), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(layer.running_var.double(), given.var((0, 2, 3)), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["mlp", "cnn with BatchNorm"])
def test_a_channel_that_never_changes_is_left_as_it_is(name):
    arch, ends, buffers, inputs = made(name)
    values = arch.layout.unflatten(ends)
    first = values["layers.0.weight" if name == "mlp" else "convs.0.weight"]
    first[:, 2] = 0.0
    middle, shares = ends.mean(0, keepdim=True), torch.full((1, 2), 0.5)
    weights, held = repair(arch, middle, ends, shares, inputs, end_buffers=buffers)
    assert torch.isfinite(weights).all()
    assert torch.isfinite(held).all()
    places = ["layers.0.weight", "layers.0.bias"] if name == "mlp" else ["norms.0.weight", "norms.0.bias"]
    for place in places:
        assert torch.equal(arch.layout.unflatten(weights)[place][0, 2], arch.layout.unflatten(middle)[place][0, 2])


def test_what_is_corrected_is_the_map_or_the_normalisation_directly_behind_it():
    found = {name: repaired_layers(architecture(kind, **config)) for name, (kind, config) in NETWORKS.items()}
    assert found["mlp"] == ("layers.0", "layers.1")
    assert found["mlp with LayerNorm"] == ("norms.0", "norms.1")
    assert found["cnn with BatchNorm"] == ("norms.0", "norms.1", "linears.0")
    assert found["resnet, none"][:3] == ("conv1", "layer1.0.conv1", "layer1.0.conv2")
    assert found["resnet, batch"][:3] == ("bn1", "layer1.0.bn1", "layer1.0.bn2")
    assert found["vit"] == (
        "patch_embed.proj",
        *(f"blocks.0.{part}" for part in ("attn.q", "attn.k", "attn.v", "attn.proj", "mlp.fc1", "mlp.fc2")),
    )
    assert found["written in place"] == ("first", "norm", "scale")
    assert found["bare"] == ("first", "norm")
    assert found["again"] == ("plain",)


def test_no_network_in_none_out():
    arch, ends, buffers, inputs = made("cnn with BatchNorm")
    weights, held = repair(arch, ends[:0], ends, torch.zeros(0, 2), inputs, end_buffers=buffers)
    assert weights.shape == (0, arch.layout.size)
    assert held.shape == (0, arch.buffers.size)
    assert reset_statistics(arch, ends[:0], inputs).shape == (0, arch.buffers.size)


def test_a_repair_can_be_cancelled():
    arch, ends, buffers, inputs = made("cnn with BatchNorm")

    def cancel():
        raise InterruptedError

    with pytest.raises(InterruptedError):
        repair(arch, ends, ends, torch.eye(2), inputs, end_buffers=buffers, on_part=cancel)
    with pytest.raises(InterruptedError):
        reset_statistics(arch, ends, inputs, on_part=cancel)


def test_wrong_arguments_are_refused_with_a_sentence():
    arch, ends, _, inputs = made("mlp")
    normed, own, _, images = made("cnn with BatchNorm")
    with pytest.raises(ValueError, match="mlp have no running statistics"):
        reset_statistics(arch, ends, inputs)
    with pytest.raises(ValueError, match="give end_buffers"):
        repair(normed, own, own, torch.eye(2), images)
    with pytest.raises(ValueError, match=r"a row for each of 2 networks.*got shape \(2,\)"):
        repair(arch, ends, ends, torch.ones(2), inputs)
    with pytest.raises(ValueError, match=r"2 or more inputs of shape \(6,\)"):
        repair(arch, ends, ends, torch.eye(2), inputs[:1])
    with pytest.raises(ValueError, match=r"got shape \(60, 1, 8, 8\)"):
        repair(arch, ends, ends, torch.eye(2), images)
    with pytest.raises(ValueError, match="got batch 1"):
        repair(arch, ends, ends, torch.eye(2), inputs, batch=1)
    cell = architecture("gru")
    states = torch.stack([cell.initial_weights(seed=seed) for seed in range(2)])
    with pytest.raises(ValueError, match="gru have no layer that REPAIR can correct"):
        repair(cell, states, states, torch.eye(2), cell.example_input(4))
    twice = architecture("factory", factory=f"{HERE}:Again", input=[4], arguments={"normed": True})
    with pytest.raises(ValueError, match="norm normalises several times in one pass"):
        repaired_layers(twice)
