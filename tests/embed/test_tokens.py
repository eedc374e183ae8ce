import pytest
import torch

from wsexplore.align import spec_of
from wsexplore.embed.tokens import RowTokens
from wsexplore.nets import Layout, architecture
from wsexplore.symmetry import permute_weights, random_permutation

KINDS = [
    ("mlp", {"widths": [9, 7, 6, 3]}),
    ("mlp", {"widths": [9, 7, 6, 3], "norm": "layer"}),
    ("small-cnn", {}),
    ("cnn", {}),
    ("resnet", {"depth": 8, "width": 4}),
    ("resnet", {"depth": 8, "width": 4, "norm": "layer"}),
    ("vit", {}),
    ("gru", {}),
    ("siren", {}),
    ("field-mlp", {}),
]


def tokens_of(name, config, size=None):
    arch = architecture(name, **config)
    return arch, RowTokens.of(spec_of(arch), arch.layout, size)


@pytest.mark.parametrize("size", [None, 1, 7, 64])
@pytest.mark.parametrize(("name", "config"), KINDS)
def test_tokens_come_back_as_weights_to_the_bit(name, config, size):
    arch, tokens = tokens_of(name, config, size)
    weights = torch.randn(3, arch.layout.size)
    split = tokens.split(weights)
    assert split.shape == (3, tokens.count, tokens.size)
    assert torch.equal(tokens.join(split), weights)
    assert bool((split[:, ~tokens.mask] == 0).all())
    assert int(tokens.mask.sum()) == arch.layout.size
    filled = split.clone()
    filled[:, ~tokens.mask] = 9.0
    assert torch.equal(tokens.join(filled), weights)


def test_a_row_is_all_that_flows_into_a_unit():
    arch, tokens = tokens_of("mlp", {"widths": [4, 3, 2]})
    weights = torch.arange(arch.layout.size, dtype=torch.float32).unsqueeze(0)
    rows = tokens.split(weights)[0]
    assert rows[:3].tolist() == [[0, 1, 2, 3, 12], [4, 5, 6, 7, 13], [8, 9, 10, 11, 14]]
    assert rows[3:].tolist() == [[15, 16, 17, 21, 0], [18, 19, 20, 22, 0]]
    assert tokens.position.tolist() == [[0, 0, 0], [1, 0, 1], [2, 0, 2], [3, 1, 0], [4, 1, 1]]
    assert tokens.layers == ("layers.0.weight", "layers.1.weight")


def test_the_pieces_of_a_long_row_share_its_number():
    _, tokens = tokens_of("mlp", {"widths": [4, 3, 2]}, 2)
    assert tokens.position[:9, 2].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert tokens.mask[:3].tolist() == [[True, True], [True, True], [True, False]]


def test_scale_and_shift_of_a_normalisation_are_columns_of_the_units_they_belong_to():
    arch, tokens = tokens_of("resnet", {"depth": 8, "width": 4})
    single = {slot.name for slot in arch.layout.slots if len(slot.shape) == 1}
    assert single
    assert not single & set(tokens.layers)


@pytest.mark.parametrize(("name", "config"), KINDS[:4])
def test_permuting_the_units_of_the_last_hidden_layer_permutes_its_rows(name, config):
    arch, tokens = tokens_of(name, config, 1000)
    spec = spec_of(arch)
    group = next(g for g in reversed(spec.groups) if spec.members(g)[0][1] == 0)
    weights = torch.randn(1, arch.layout.size)
    moved = random_permutation(spec, seed=0)
    still = {g: torch.arange(spec.sizes[g]) for g in spec.groups} | {group: moved[group]}
    layer = tokens.layers.index(next(n for n, axis in spec.members(group) if axis == 0 and n in tokens.layers))
    rows = tokens.position[:, 1] == layer
    before = tokens.split(weights)[0, rows]
    after = tokens.split(permute_weights(weights, still, spec, arch.layout))[0, rows]
    assert torch.equal(after, before[still[group]])


def test_bad_sizes_and_empty_networks_are_one_sentence():
    arch = architecture("mlp", widths=[4, 3, 2])
    with pytest.raises(ValueError, match="at least 1 number, got a size of 0"):
        RowTokens.of(spec_of(arch), arch.layout, 0)
    with pytest.raises(ValueError, match="nothing to embed"):
        RowTokens.of(spec_of(arch), Layout(()), None)
