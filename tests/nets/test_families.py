"""Laws that hold for every family of networks."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from wsexplore.nets import ACTIVATIONS, FAMILIES, INITIALISATIONS, architecture, architecture_from_dict
from wsexplore.nets.stack import run_stack
from wsexplore.symmetry import permute, random_permutation, symmetry_of

SMALL = {
    "resnet-batch": ("resnet", {"depth": 8, "width": 4, "input": [3, 8, 8], "classes": 5}),
    "resnet-pad": ("resnet", {"depth": 8, "width": 3, "input": [1, 9, 7], "shortcut": "pad", "norm": "layer"}),
    "resnet-group": ("resnet", {"depth": 8, "width": 12, "input": [3, 8, 8], "norm": "group", "activation": "silu"}),
    "resnet-none": ("resnet", {"depth": 8, "width": 4, "input": [3, 8, 8], "norm": "none"}),
    "resnet-18": ("resnet", {"depth": 18, "width": 2, "input": [3, 16, 16], "stem": "imagenet"}),
    "resnet-50": ("resnet", {"depth": 50, "width": 2, "input": [3, 8, 8]}),
    "vit-cls": ("vit", {"input": [1, 8, 8], "patch": 4, "dim": 12, "heads": 3}),
    "vit-mean": ("vit", {"input": [3, 6, 8], "patch": 2, "dim": 8, "heads": 1, "pool": "mean", "activation": "relu"}),
    "siren": ("siren", {"widths": [2, 7, 5, 1]}),
    "siren-colour": ("siren", {"widths": [2, 8, 3], "w0": 10.0, "offset": 0.0}),
    "field-mlp": ("field-mlp", {"widths": [2, 7, 5, 1], "octaves": 3, "activation": "sigmoid"}),
    "field-plain": ("field-mlp", {"widths": [3, 6, 2], "octaves": 0}),
    "gru-last": ("gru", {"vocabulary": 9, "length": 6, "embedding": 5, "hidden": 7, "classes": 3}),
    "gru-mean": ("gru", {"vocabulary": 9, "length": 6, "embedding": 4, "hidden": 8, "pool": "mean"}),
}
SMALL |= {f"mlp-{activation}": ("mlp", {"widths": [5, 7, 3], "activation": activation}) for activation in ACTIVATIONS}
small = pytest.mark.parametrize("key", sorted(SMALL))


def made(key):
    name, config = SMALL[key]
    return architecture(name, **config)


def population(arch, models):
    return torch.stack([arch.initial_weights(seed=seed) for seed in range(models)])


def moved_buffers(arch, models):
    """Running statistics that differ between networks and units."""
    draw = torch.Generator().manual_seed(1)
    rows = arch.initial_buffers() + torch.rand(models, arch.buffers.size, generator=draw)
    return (
        arch.buffers.flatten(
            {name: v.round() if name.endswith("tracked") else v for name, v in arch.buffers.unflatten(rows).items()}
        )
        if arch.buffers.size
        else rows
    )


def own_inputs(arch, models, batch):
    stack = arch.example_input(models * batch)
    return stack.view(models, batch, *arch.input_shape)


@small
def test_many_networks_answer_as_each_module_does(key):
    arch = made(key)
    weights, buffers, inputs = population(arch, 3), moved_buffers(arch, 3), arch.example_input(5)
    together = arch.forward(weights, inputs, buffers=buffers)
    for place in range(3):
        single = arch.module(weights[place], buffers[place])(inputs)
        torch.testing.assert_close(together[place], single, rtol=1e-4, atol=1e-4)


@small
def test_networks_may_each_have_their_own_inputs(key):
    arch = made(key)
    weights, inputs = population(arch, 3), own_inputs(arch, 3, 4)
    own = arch.forward(weights, inputs)
    for place in range(3):
        torch.testing.assert_close(own[place], arch.forward(weights, inputs[place])[place], rtol=1e-4, atol=1e-4)


@small
def test_training_together_moves_outputs_gradients_and_statistics_as_training_alone(key):
    arch = made(key)
    weights, buffers, inputs = population(arch, 3), moved_buffers(arch, 3), own_inputs(arch, 3, 6)
    parameters = {n: v.clone().requires_grad_() for n, v in arch.layout.unflatten(weights).items()}
    statistics = {n: v.clone() for n, v in arch.buffers.unflatten(buffers).items()}
    outputs = arch.forward_parameters(parameters, inputs, statistics, training=True)
    gradients = torch.autograd.grad(outputs.square().sum(), list(parameters.values()))
    for place in range(3):
        module = arch.module(weights[place], buffers[place]).train()
        single = module(inputs[place])
        torch.testing.assert_close(outputs[place], single, rtol=1e-3, atol=1e-3)
        own = torch.autograd.grad(single.square().sum(), list(module.parameters()))
        for ours, theirs in zip(gradients, own, strict=True):
            torch.testing.assert_close(ours[place], theirs, rtol=1e-2, atol=1e-3 * (1 + float(theirs.abs().max())))
        for name, value in module.named_buffers():
            torch.testing.assert_close(statistics[name][place], value.float(), rtol=1e-4, atol=1e-4)


@pytest.fixture
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@small
@pytest.mark.parametrize("batch", [1, 3, 33])
def test_on_one_thread_the_bits_of_a_network_do_not_depend_on_what_it_is_stacked_with(key, batch, one_thread):
    arch = made(key)
    training = batch > 1

    def run(rows):
        parameters = {
            n: v.clone().requires_grad_() for n, v in arch.layout.unflatten(population(arch, 5)[rows]).items()
        }
        statistics = {n: v.clone() for n, v in arch.buffers.unflatten(moved_buffers(arch, 5)[rows]).items()}
        outputs = arch.forward_parameters(parameters, arch.example_input(batch), statistics, training=training)
        gradients = torch.autograd.grad(outputs.square().sum(), list(parameters.values()))
        return [outputs, *gradients, *statistics.values()]

    every = run([0, 1, 2, 3, 4])
    for rows in ([3], [4, 1]):
        for ours, theirs in zip(run(rows), every, strict=True):
            assert torch.equal(ours, theirs[rows])


@pytest.mark.parametrize("key", ["resnet-batch", "vit-cls", "gru-last"])
def test_threads_do_not_mix_up_their_networks(key):
    arch, inputs = made(key), made(key).example_input(4)
    stacks = [weights.repeat(2, 1) for weights in population(arch, 6)]
    alone = [arch.forward(stack, inputs) for stack in stacks]

    def work(place):
        return all(torch.equal(arch.forward(stacks[place], inputs), alone[place]) for _ in range(10))

    with ThreadPoolExecutor(len(stacks)) as threads:
        assert all(threads.map(work, range(len(stacks))))


@small
def test_evaluation_leaves_the_statistics_alone(key):
    arch = made(key)
    weights, buffers = population(arch, 2), moved_buffers(arch, 2)
    before = buffers.clone()
    arch.forward(weights, arch.example_input(3), buffers=buffers)
    assert torch.equal(buffers, before)


@small
def test_running_one_after_the_other_gives_what_vmap_gives(key):
    arch = made(key)
    inputs = own_inputs(arch, 2, 3)
    parameters = arch.layout.unflatten(population(arch, 2))
    buffers = arch.buffers.unflatten(moved_buffers(arch, 2))
    module = arch.build().eval()
    batched, alone = (run_stack(module, parameters, buffers, inputs, own=True, batched=way) for way in (True, False))
    torch.testing.assert_close(batched, alone, rtol=1e-4, atol=1e-4)


@small
def test_an_architecture_survives_json(key):
    arch = made(key)
    assert architecture_from_dict(json.loads(json.dumps(arch.to_dict()))) == arch


@small
@pytest.mark.parametrize("init", sorted(INITIALISATIONS))
def test_initial_weights_are_finite_and_follow_from_the_seed(key, init):
    arch = made(key)
    first, again, other = (arch.initial_weights(init=init, seed=seed) for seed in (3, 3, 4))
    assert first.isfinite().all()
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@small
def test_an_unknown_scheme_is_refused(key):
    with pytest.raises(ValueError, match="initialisation 'magic' is unknown"):
        made(key).initial_weights(init="magic", seed=0)


@small
def test_the_traced_permutations_keep_the_function(key):
    arch = made(key)
    module = arch.module(population(arch, 1)[0], moved_buffers(arch, 1)[0])
    inputs = arch.example_input(4)
    spec = symmetry_of(module, inputs)
    twin = permute(module, random_permutation(spec, seed=0), spec)
    torch.testing.assert_close(twin(inputs), module(inputs), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", sorted(set(FAMILIES) - {"factory"}))
def test_every_family_has_a_default_that_runs(name):
    arch = architecture(name)
    outputs = arch.forward(arch.initial_weights(seed=0).unsqueeze(0), arch.example_input(2))
    assert outputs.shape[:2] == (1, 2)
    assert outputs.isfinite().all()


@pytest.mark.parametrize("name", sorted(set(FAMILIES) - {"factory"}))
def test_an_unknown_field_is_refused_with_the_known_ones(name):
    with pytest.raises(ValueError, match=f"{name} has no field '?colour'?; it has "):
        architecture(name, colour="red")


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("mlp", {"widths": [1_000_000, 1_000_000]}),
        ("resnet", {"depth": 50, "width": 4096}),
        ("vit", {"dim": 65_536, "depth": 96}),
        ("siren", {"widths": [2, 1_000_000, 1_000_000, 1]}),
        ("field-mlp", {"widths": [2, 1_000_000, 1_000_000, 1]}),
        ("gru", {"vocabulary": 1 << 20, "embedding": 65_536}),
        ("cnn", {"channels": [1_000_000, 1_000_000], "kernel": 1_000_000, "padding": 1_000_000}),
    ],
)
def test_a_network_of_absurd_size_is_refused_before_it_is_built(name, config):
    with pytest.raises(ValueError, match="more than 1,000,000,000 parameters"):
        architecture(name, **config)
