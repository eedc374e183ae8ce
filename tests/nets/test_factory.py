import json
import sys
from types import ModuleType

import pytest
import torch
import user_networks

from wsexplore.nets import FAMILIES, architecture, architecture_from_dict, trust_factory, trusted_factories
from wsexplore.nets.architecture import Architecture

HERE = user_networks.__name__


@pytest.fixture(autouse=True)
def _nothing_trusted(monkeypatch):
    monkeypatch.setattr("wsexplore.nets.factory._trusted", set())


def made(function, shape=(4,), **arguments):
    name = f"{HERE}:{function}"
    trust_factory(name)
    return architecture("factory", factory=name, input=list(shape), arguments=arguments)


def population(arch, models):
    return torch.stack([arch.initial_weights(seed=seed) for seed in range(models)])


def test_a_factory_of_a_file_is_not_imported_before_it_is_trusted(monkeypatch, tmp_path):
    (tmp_path / "strange_code.py").write_text("raise SystemExit('it ran')")
    monkeypatch.syspath_prepend(tmp_path)
    named = {"name": "factory", "config": {"factory": "strange_code:make", "input": [4]}}
    with pytest.raises(ValueError, match=r"not trusted yet; if you know it, call wsexplore\.nets\.trust_factory"):
        architecture_from_dict(named)
    assert "strange_code" not in sys.modules


def test_an_architecture_made_around_the_check_does_not_build_an_untrusted_factory():
    config = {"factory": f"{HERE}:number", "input": [4], "arguments": {}}
    with pytest.raises(ValueError, match="not trusted yet"):
        Architecture(FAMILIES["factory"], config).build()


def test_trust_is_of_one_function_and_remembered():
    made("Constants")
    assert f"{HERE}:Constants" in trusted_factories()
    with pytest.raises(ValueError, match="not trusted yet"):
        architecture("factory", factory=f"{HERE}:half", input=[4])


@pytest.mark.parametrize("name", ["os.system", "os:system:x", "../a:b", "a b:c", "", "é:f", "a:b\n"])
def test_a_name_of_another_form_is_refused(name):
    with pytest.raises(ValueError, match="factory must be a name like package"):
        trust_factory(name)


def test_what_is_not_there_cannot_be_trusted():
    with pytest.raises(ValueError, match="cannot be imported: ModuleNotFoundError"):
        trust_factory("no_such_package_at_all:make")
    with pytest.raises(ValueError, match="has no function missing"):
        trust_factory(f"{HERE}:missing")


def test_a_module_that_breaks_at_import_is_told_in_one_sentence(monkeypatch, tmp_path):
    (tmp_path / "broken_code.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match="cannot be imported: ZeroDivisionError: division by zero"):
        trust_factory("broken_code:make")


def test_a_trusted_architecture_survives_json():
    arch = made("Constants", inputs=6, shape=(6,))
    assert architecture_from_dict(json.loads(json.dumps(arch.to_dict()))) == arch


@pytest.mark.parametrize(
    ("function", "shape", "batched"),
    [("Constants", (4,), True), ("Branching", (4,), False), ("Tied", (4,), True), ("recurrent", (6, 3), False)],
)
@pytest.mark.parametrize("training", [False, True])
def test_networks_answer_and_learn_as_each_module_does_with_or_without_vmap(function, shape, batched, training):
    from wsexplore.nets.architecture import _runs_batched

    arch = made(function, shape)
    assert _runs_batched(arch, training) is batched
    weights, inputs = population(arch, 3), torch.randn(3, 6, *shape)
    buffers = arch.initial_buffers().repeat(3, 1)
    parameters = {n: v.clone().requires_grad_() for n, v in arch.layout.unflatten(weights).items()}
    statistics = {n: v.clone() for n, v in arch.buffers.unflatten(buffers).items()}
    together = arch.forward_parameters(parameters, inputs, statistics, training=training)
    gradients = torch.autograd.grad(together.square().sum(), list(parameters.values()))
    for place in range(3):
        module = arch.module(weights[place], buffers[place]).train(training)
        single = module(inputs[place])
        torch.testing.assert_close(together[place], single, rtol=1e-4, atol=1e-5)
        for ours, theirs in zip(
            gradients, torch.autograd.grad(single.square().sum(), list(module.parameters())), strict=True
        ):
            torch.testing.assert_close(ours[place], theirs, rtol=1e-3, atol=1e-3)
        for name, value in module.named_buffers():
            if name in statistics:
                torch.testing.assert_close(statistics[name][place], value.float())


def test_constants_are_part_of_the_buffers_or_the_same_in_every_module():
    arch = made("Constants")
    assert [slot.name for slot in arch.buffers.slots] == ["order", "mask", "seen"]
    buffers = arch.buffers.unflatten(arch.initial_buffers())
    first, second = arch.build(), arch.build()
    assert torch.equal(buffers["order"].long(), first.order)
    assert torch.equal(buffers["mask"].bool(), first.mask)
    assert torch.equal(first.scale, second.scale)
    assert torch.equal(first.plain, second.plain)


def test_tied_parameters_are_one():
    arch = made("Tied")
    assert [slot.name for slot in arch.layout.slots] == ["encoder.weight", "decoder.bias"]
    assert arch.buffers.size == 0
    module = arch.module(arch.initial_weights(seed=1))
    assert module.encoder.weight is module.decoder.weight


def test_default_initial_weights_are_what_the_module_draws_itself():
    arch = made("Tied")
    torch.manual_seed(5)
    own = user_networks.Tied()
    expected = torch.nn.utils.parameters_to_vector(own.parameters()).detach()
    assert torch.equal(arch.initial_weights(seed=5), expected)


def test_making_networks_leaves_the_global_generator_alone():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    arch = made("dropping")
    arch.forward(population(arch, 2), arch.example_input(3))
    assert torch.equal(torch.get_rng_state(), before)


def test_dropout_of_a_users_module_is_drawn_for_each_network():
    arch = made("dropping")
    one = population(arch, 1).repeat(2, 1)
    outputs = arch.forward_parameters(arch.layout.unflatten(one), torch.randn(5, 4), {}, training=True)
    assert not torch.equal(outputs[0], outputs[1])


def test_a_network_may_be_of_any_input_shape():
    arch = made("recurrent", (6, 3))
    assert arch.forward(population(arch, 2), torch.randn(5, 18)).shape == (2, 5, 2)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("half", r"parameters of a zoo are float32; .* gives weight \(torch.float16\)"),
        ("nothing", "has no parameters"),
        ("lazy", "leaves the shape of weight open"),
        ("number", "must give a torch.nn.Module, got int"),
        ("breaking", "failed: RuntimeError: no such thing$"),
    ],
)
def test_a_factory_that_makes_no_network_is_told_in_one_sentence(function, message):
    with pytest.raises(ValueError, match=message):
        made(function)


def test_a_factory_that_lacks_an_argument_is_told_in_one_sentence():
    with pytest.raises(ValueError, match=r"failed: TypeError: .*unexpected keyword argument 'depth'"):
        made("Tied", depth=3)


def test_inputs_and_outputs_that_do_not_fit_are_told_in_one_sentence():
    narrow = made("Tied", (5,))
    with pytest.raises(ValueError, match=r"Tied does not take inputs of shape \(2, 5\): "):
        narrow.forward(population(narrow, 2), torch.randn(3, 5))
    deep = made("deep")
    with pytest.raises(ValueError, match=r"must give outputs of shape \(batch, outputs\), got \(2, 2, 2\)"):
        deep.forward(population(deep, 2), torch.randn(3, 4))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"input": None}, "input must be 1 to 8 whole numbers"),
        ({"input": [0]}, "input must be 1 to 8 whole numbers"),
        ({"input": [4], "arguments": [1]}, "arguments must be names and JSON values"),
        ({"input": [4], "arguments": {"x": float("nan")}}, "arguments must be JSON values"),
        ({"input": [4], "arguments": {"x": ModuleType("x")}}, "arguments must be JSON values"),
        ({"input": [4], "arguments": {"x": "y" * 100_000}}, "at most 65,536 are taken"),
        ({"input": [4], "factory": 3}, "factory must be a name like package.module:function, got 3"),
        ({"input": [4], "device": "cuda"}, "factory has no field 'device'"),
    ],
)
def test_a_wrong_configuration_is_refused_with_a_sentence(config, message):
    trust_factory(f"{HERE}:Tied")
    with pytest.raises(ValueError, match=message):
        architecture("factory", **{"factory": f"{HERE}:Tied", **config})
