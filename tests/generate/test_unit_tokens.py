import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from wsexplore.generate.tokens import REST, UnitTokens
from wsexplore.nets import Architecture, architecture
from wsexplore.symmetry import PermutationSpec, permute_weights, random_permutation, symmetry_of


def traced(*widths: int, norm: str = "none") -> tuple[Architecture, PermutationSpec, UnitTokens]:
    arch = architecture("mlp", widths=list(widths), norm=norm)
    spec = symmetry_of(arch.build(), arch.example_input())
    return arch, spec, UnitTokens.of(spec, arch.layout)


@given(
    hidden=st.lists(st.integers(1, 6), max_size=3), norm=st.sampled_from(["none", "layer"]), seed=st.integers(0, 999)
)
def test_tokens_joined_again_are_the_weights(hidden, norm, seed):
    arch, _, tokens = traced(5, *hidden, 3, norm=norm)
    weights = torch.randn(4, arch.layout.size, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(tokens.join(tokens.split(weights)), weights)


def test_with_one_hidden_layer_tokens_are_an_exact_bijection():
    arch, _, tokens = traced(5, 4, 3)
    weights = torch.randn(2, arch.layout.size)
    assert tokens.exclusive
    assert sorted(tokens.gather.tolist()) == list(range(arch.layout.size))
    assert torch.equal(tokens.join(tokens.split(weights)), weights)


def test_a_units_token_is_its_incoming_weights_its_bias_and_its_outgoing_weights():
    arch, _, tokens = traced(5, 4, 3)
    weights = torch.arange(float(arch.layout.size)).unsqueeze(0)
    state = arch.layout.unflatten(weights[0])
    unit = torch.cat([state["layers.0.weight"][2], state["layers.0.bias"][2:3], state["layers.1.weight"][:, 2]])
    assert sorted(tokens.split(weights)[0][0, 2].tolist()) == sorted(unit.tolist())
    assert tokens.blocks[1].name == REST
    assert torch.equal(tokens.split(weights)[1][0, 0], state["layers.1.bias"])


def test_permuting_a_group_permutes_its_tokens_and_nothing_else():
    arch, spec, tokens = traced(5, 4, 3)
    weights = torch.randn(3, arch.layout.size)
    moved = random_permutation(spec, seed=1, models=3)
    units, rest = tokens.split(weights)
    moved_units, moved_rest = tokens.split(permute_weights(weights, moved, spec, arch.layout))
    assert torch.equal(moved_units, units.gather(1, moved[spec.groups[0]].unsqueeze(2).expand_as(units)))
    assert torch.equal(moved_rest, rest)


def test_where_two_groups_share_a_parameter_its_entries_lie_in_both_tokens():
    arch, _, tokens = traced(5, 4, 6, 3)
    slot = next(slot for slot in arch.layout.slots if slot.name == "layers.1.weight")
    shared = torch.zeros(arch.layout.size, dtype=torch.bool)
    shared[slot.start : slot.stop] = True
    assert not tokens.exclusive
    assert torch.equal(tokens.copies == 2, shared)


def test_joining_takes_the_mean_over_the_tokens_that_hold_a_parameter():
    arch, _, tokens = traced(5, 4, 6, 3)
    blocks = tokens.split(torch.zeros(1, arch.layout.size))
    joined = tokens.join([torch.full_like(block, float(place)) for place, block in enumerate(blocks)])
    state = arch.layout.unflatten(joined[0])
    assert state["layers.1.weight"].unique().tolist() == [0.5]
    assert state["layers.0.weight"].unique().tolist() == [0.0]
    assert state["layers.2.bias"].unique().tolist() == [2.0]


def test_pooled_values_do_not_change_under_permutations():
    arch, spec, tokens = traced(5, 4, 3)
    pooled = tokens.pool(torch.randn(arch.layout.size))
    moved = permute_weights(pooled, random_permutation(spec, seed=5), spec, arch.layout)
    assert torch.equal(moved, pooled)


def test_a_network_without_hidden_units_is_one_token():
    _, _, tokens = traced(5, 3)
    assert [(block.name, block.units, block.features) for block in tokens.blocks] == [(REST, 1, 18)]


def test_a_spec_of_another_architecture_is_refused():
    _, spec, _ = traced(5, 4, 6, 3)
    with pytest.raises(ValueError, match=r"the spec permutes layers\.2.*which the architecture lacks"):
        UnitTokens.of(spec, architecture("mlp", widths=[5, 4, 3]).layout)
