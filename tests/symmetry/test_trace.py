import math
from inspect import unwrap

import odd_networks
import pytest
import sequence_networks
import torch
import torch.nn.functional as F
import vision_networks
from torch import nn
from verified import assert_right, classes, shapes

from wsexplore.nets import architecture
from wsexplore.symmetry import orbit_size, symmetry_of

pytestmark = [
    pytest.mark.filterwarnings("ignore:enable_nested_tensor is True"),
    pytest.mark.filterwarnings("ignore:LSTM with projections is not supported"),
    pytest.mark.filterwarnings("ignore:`torch.jit.script:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor"),
]
NETWORKS = {**vision_networks.NETWORKS, **sequence_networks.NETWORKS, **odd_networks.NETWORKS}


def of(name, **config):
    arch = architecture(name, **config)
    torch.manual_seed(0)
    return arch.build(), arch.example_input()


def named(name):
    """The spec of a network that is verified above."""
    torch.manual_seed(0)
    return symmetry_of(*NETWORKS[name]())


def log_factorials(*sizes):
    return sum(math.lgamma(size + 1) for size in sizes)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_spec_of_a_network_as_people_write_them_keeps_its_function(name):
    torch.manual_seed(0)
    assert_right(*NETWORKS[name]())


# Sizes derived by hand: every layer whose units reach neither the input nor the output is a group, layers joined by a
# sum or by one normalisation are one group, and each head permutes its own units.


def test_each_hidden_layer_of_an_mlp_is_a_group_and_relu_rescales_it():
    spec = assert_right(*of("mlp", widths=[20, 16, 12, 5]))
    assert dict(spec.sizes) == {"layers.0": 16, "layers.1": 12}
    assert classes(spec) == [((12,), "positive"), ((16,), "positive")]
    assert {("layers.0.weight", 0), ("layers.0.bias", 0), ("layers.1.weight", 1)} == set(spec.members("layers.0"))
    assert orbit_size(spec).log_orders == pytest.approx(log_factorials(16, 12))
    assert (orbit_size(spec).signs, orbit_size(spec).scales) == (0, 28)


@pytest.mark.parametrize(
    ("activation", "norm", "kinds"),
    [("tanh", "none", ["sign"] * 2), ("gelu", "none", []), ("gelu", "layer", []), ("relu", "layer", ["positive"] * 2)],
)
def test_the_activation_decides_which_factors_pass(activation, norm, kinds):
    spec = assert_right(*of("mlp", widths=[9, 7, 6, 3], activation=activation, norm=norm))
    assert shapes(spec) == [(7,), (6,)]
    assert list(spec.rescaling.kinds.values()) == kinds


def test_a_small_cnn_has_a_group_for_every_convolution_and_hidden_layer():
    spec = assert_right(*of("cnn", input=[1, 28, 28], hidden=[32]))
    assert shapes(spec) == [(32,), (16,), (16,), (16,)]
    assert classes(spec) == [((16,), "positive")] * 3 + [((32,), "positive")]
    assert assert_right(*of("small-cnn")).groups


@pytest.mark.parametrize("norm", ["batch", "layer", "none"])
def test_resnet_20_has_three_streams_and_a_group_in_every_block(norm):
    spec = assert_right(*of("resnet", depth=20, norm=norm), seeds=(0,))
    # per stage: the stream, and the first convolution of each of 3 blocks
    sizes = [16] * 4 + [32] * 4 + [64] * 4
    assert sorted(spec.sizes.values()) == sizes
    assert classes(spec) == [((size,), "positive") for size in sizes]
    assert orbit_size(spec).log_orders == pytest.approx(log_factorials(*sizes))


@pytest.mark.parametrize("norm", ["batch", "layer"])
def test_resnet_18_has_four_streams_and_a_group_in_every_block(norm):
    spec = assert_right(*of("resnet", depth=18, width=8, norm=norm), seeds=(0,))
    assert sorted(spec.sizes.values()) == [8] * 3 + [16] * 3 + [32] * 3 + [64] * 3
    assert len(classes(spec)) == 12


def test_group_norm_moves_whole_groups_and_channels_within_them():
    spec = assert_right(*of("resnet", depth=8, width=16, norm="group"), seeds=(0,))
    # 8 groups of 2, 4 and 8 channels; per stage a stream and one block
    assert sorted(map(spec.shape_of, spec.groups)) == sorted([(8,)] * 6 + [(8, 2)] * 2 + [(8, 4)] * 2 + [(8, 8)] * 2)


def test_zeros_that_pad_a_shortcut_are_a_group_of_their_own():
    spec = named("pad shortcut")
    # the stem's 4 channels lie between two that were zeros on each side; 8 in the block
    assert shapes(spec) == [(8,), (4,), (2,), (2,)]


def test_a_vgg_has_a_group_for_every_layer_and_flattening_keeps_channels_together():
    spec = named("vgg")
    assert list(spec.sizes.values()) == [6, 8, 10, 12]
    (piece,) = spec.axes["classifier.1.weight"][1]
    assert [factor.size for factor in piece] == [10, 4]
    assert len(classes(spec)) == 4


def test_a_vit_permutes_its_stream_heads_units_of_heads_and_hidden_layers():
    spec = assert_right(*of("vit", dim=32, heads=4, depth=2, mlp_ratio=2.0))
    # stream 32; per block 4 heads, 8 query-key and 8 value units in each, 64 hidden units
    assert shapes(spec) == sorted([(32,)] + 2 * [(4,), (4, 8), (4, 8), (64,)], reverse=True)
    # per block: what two normalisations give out, query-key and value units; and the last normalisation
    assert classes(spec) == sorted([((32,), "nonzero")] * 5 + [((4, 8), "nonzero")] * 4)
    within = log_factorials(*[8] * 4) * 2
    assert orbit_size(spec).log_orders == pytest.approx(log_factorials(32, 4, 4, 64, 64) + 2 * within)


@pytest.mark.parametrize("how", ["index", "unbind", "unpacked", "einsum"])
def test_fused_queries_keys_and_values_are_told_apart(how):
    spec = named(f"timm vit {how}")
    # stream 12, 3 heads of 4, hidden 20
    assert shapes(spec) == [(20,), (12,), (3, 4), (3, 4), (3,)]


def test_a_gpt_with_tied_embedding_has_one_stream():
    spec = named("gpt2")
    # stream 12 with the tied table; per block 3 heads, 4 query-key and 4 value units in each, 48 hidden units
    assert shapes(spec) == sorted([(12,)] + 2 * [(3,), (3, 4), (3, 4), (48,)], reverse=True)
    assert dict(spec.fixed) == {
        "wte.weight, axis 0": "chosen by number",
        "wpe.weight, axis 0": "chosen by number",
    } | {what: why for what, why in spec.fixed if why == "output of the network"}


@pytest.mark.parametrize("how", ["interleave", "expand", "sdpa", "complex"])
def test_heads_that_share_keys_and_values_move_within_their_share(how):
    spec = named(f"llama {how}")
    # stream 24, hidden 20; 2 shared heads, 3 query heads at each, 4 value units in each; RoPE fixes queries and keys
    assert shapes(spec) == [(24,), (20,), (2, 4), (2, 3), (2,)]


def test_a_gru_permutes_its_units_and_what_it_reads():
    spec = assert_right(*of("gru", embedding=16, hidden=32, length=6))
    assert shapes(spec) == [(32,), (16,)]
    # the embedding is linear; tanh lets signs of the state through, the gates nothing
    assert classes(spec) == [((16,), "nonzero"), ((32,), "sign")]


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("packed lstm", [5, 5, 5, 5, 4]),
        ("last states gru", [4, 4, 4, 4]),
        ("seq2seq LSTM 2", [6, 6]),
        ("states from a latent", [5, 5]),
        ("learnt start", [5]),
        ("LSTM cells", [5]),
    ],
)
def test_every_layer_and_direction_of_a_recurrent_network_is_a_group(name, sizes):
    assert sorted(named(name).sizes.values(), reverse=True) == sizes


def test_a_siren_admits_orders_and_signs():
    spec = assert_right(*of("siren", widths=[2, 32, 32, 1]))
    assert shapes(spec) == [(32,), (32,)]
    assert classes(spec) == [((32,), "sign")] * 2
    assert (orbit_size(spec).signs, orbit_size(spec).scales) == (64, 0)


class Joined(nn.Module):
    """Two branches side by side, a depthwise and a grouped convolution."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(3, 4, 3, padding=1)
        self.depth, self.norm = nn.Conv2d(12, 12, 3, padding=1, groups=12), nn.BatchNorm2d(12)
        self.point, self.grouped = nn.Conv2d(12, 16, 1), nn.Conv2d(16, 8, 3, groups=4)
        self.head = nn.Linear(8 * 16, 10)

    def forward(self, x):
        x = torch.cat([F.relu(self.a(x)), F.relu(self.b(x))], 1)
        x = F.relu(self.norm(self.depth(x)))
        x = F.relu(self.grouped(F.relu(self.point(x))))
        return self.head(F.adaptive_avg_pool2d(x, 4).flatten(1))


def test_concatenated_branches_stay_apart_and_groups_of_a_convolution_move_as_wholes():
    spec = assert_right(Joined(), torch.randn(2, 3, 8, 8))
    # branches of 8 and 4; 4 groups that take in 4 channels and give out 2 each
    assert shapes(spec) == [(8,), (4, 4), (4, 2), (4,), (4,)]
    # in each group what it takes in and what it gives out; the normalisation of the depthwise layer
    assert classes(spec) == [((4, 2), "positive"), ((4, 4), "positive"), ((12,), "positive")]


def test_a_tied_autoencoder_has_one_group_for_each_pair_of_tied_layers():
    spec = named("tied autoencoder")
    assert dict(spec.sizes) == {"first": 7, "second": 5}
    assert {("first.weight", 0), ("first.bias", 0), ("second.weight", 1), ("shift.0", 0)} == set(spec.members("first"))
    # a factor of the code would be met twice, as it is tied to itself; one of the first units is divided out again
    assert classes(spec) == [((7,), "positive")]


def test_convolutions_within_a_dense_network_are_groups_however_often_they_are_joined():
    spec = named("densenet")
    assert sorted(spec.sizes.values()) == [4, 4, 4, 6, 9]


def test_learnt_queries_are_a_set_until_a_mask_puts_them_in_order():
    free = named("learnt queries")
    ordered = named("learnt queries under a mask")
    assert ("queries", 0) in [place for group in free.groups for place in free.members(group)]
    assert dict(ordered.fixed)["queries, axis 0"] == "under a mask"


# What cannot be permuted is said.


def test_inputs_and_outputs_are_fixed_and_said():
    reasons = dict(symmetry_of(*of("mlp")).fixed)
    assert reasons["layers.0.weight, axis 1"] == "input of the network"
    assert reasons["layers.1.bias, axis 0"] == "output of the network"


def test_what_has_no_rule_is_fixed_and_said():
    spec = named("fourier")
    assert dict(spec.sizes) == {"b": 5}
    assert ("a.weight, axis 0", "fft_fft has no rule") in spec.fixed


def test_what_is_computed_out_of_sight_is_fixed_and_said():
    spec = named("scripted")
    assert dict(spec.sizes) == {"third": 4}
    assert any(what == "first.weight, axis 0" and "out of sight" in why for what, why in spec.fixed)


def test_the_layer_that_has_no_rule_is_named():
    class Fourier(nn.Module):
        def forward(self, x):
            return torch.fft.fft(x).real

    spec = symmetry_of(nn.Sequential(nn.Linear(3, 4), Fourier(), nn.Linear(4, 2)), torch.randn(2, 3))
    assert ("0.weight, axis 0", "fft_fft has no rule (in 1)") in spec.fixed


def test_a_buffer_stays_whatever_its_values_are():
    class Masked(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Linear(3, 6), nn.Linear(6, 2)
            self.register_buffer("mask", torch.ones(6))

        def forward(self, x):
            return self.last(torch.relu(self.first(x)) * self.mask)

    spec = symmetry_of(Masked(), torch.randn(2, 3))
    assert spec.groups == ()
    assert dict(spec.fixed)["first.weight, axis 0"] == "a buffer keeps its order"


@pytest.mark.parametrize(
    ("module", "shape"),
    [
        (lambda: [nn.Linear(4, 8), nn.BatchNorm1d(8, affine=False), nn.ReLU(), nn.Linear(8, 3)], (4,)),
        (lambda: [nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.BatchNorm1d(16), nn.Linear(16, 3)], (1, 4, 4)),
    ],
)
def test_running_statistics_move_wherever_the_normalisation_stands(module, shape):
    torch.manual_seed(0)
    spec = assert_right(nn.Sequential(*module()), torch.randn(5, *shape))
    assert spec.groups
    assert any(factor.group for axes in spec.buffers.values() for axis in axes for piece in axis for factor in piece)


def test_the_statistics_of_a_frozen_normalisation_are_all_of_its_buffers():
    spec = symmetry_of(*vision_networks.NETWORKS["frozen batchnorm"]())
    assert sorted(spec.buffers) == ["1.bias", "1.running_mean", "1.running_var", "1.weight"]


def test_parameters_that_share_memory_are_fixed():
    module = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    module[2].weight.data = module[0].weight.data
    spec = symmetry_of(module, torch.randn(2, 4))
    assert spec.groups == ()
    assert ("2.weight, axis 0", "it shares its memory with 0.weight") in spec.fixed


def test_numbers_that_are_not_finite_do_not_matter_to_the_trace():
    module, inputs = of("mlp")
    with torch.no_grad():
        module.layers[0].weight.fill_(float("nan"))
    assert dict(symmetry_of(module, inputs * float("inf")).sizes) == {"layers.0": 32}


def test_tracing_leaves_the_module_its_mode_and_the_random_numbers_alone():
    module = nn.Sequential(nn.Linear(3, 4), nn.Dropout(), nn.BatchNorm1d(4), nn.Linear(4, 2)).train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    torch.manual_seed(5)
    wanted = torch.rand(1)
    torch.manual_seed(5)
    spec = symmetry_of(module, torch.ones(2, 3))
    spec.verify(module, torch.ones(2, 3))
    assert torch.equal(torch.rand(1), wanted)
    assert all(part.training for part in module.modules())
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


# Bad input.


@pytest.mark.parametrize(
    ("how", "word"),
    [
        (lambda x: x if x.sum() > 0 else -x, "bool"),
        (lambda x: x * x.max().item(), "item"),
        (lambda x: x[: int(x.abs().sum()) % 2 + 1], "int"),
        (lambda x: x * float(x.mean()), "float"),
        (lambda x: x[torch.where(x[:, 0] > 0)], "where"),
        (lambda x: x[(x > 0).nonzero()[:, 0]], "nonzero"),
        (lambda x: torch.from_numpy(x.numpy()), "numpy"),
    ],
)
def test_a_path_that_depends_on_values_is_refused_and_the_layer_named(how, word):
    class Reading(nn.Module):
        def forward(self, x):
            return how(x)

    module = nn.Sequential(nn.Linear(3, 3), Reading())
    with pytest.raises(ValueError, match=rf"layer 1: the forward pass looks at the values of a tensor \({word}\)"):
        symmetry_of(module, torch.randn(2, 3))


def test_a_path_that_depends_on_values_is_refused_in_the_module_itself_by_its_class():
    class Choosing(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 3)

        def forward(self, x):
            y = self.layer(x)
            return y if y.sum() > 0 else -y

    with pytest.raises(ValueError, match=r"^Choosing: the forward pass looks at the values of a tensor \(bool\)"):
        symmetry_of(Choosing(), torch.randn(2, 3))


def test_what_is_no_module_is_refused():
    with pytest.raises(ValueError, match=r"the symmetry of a torch\.nn\.Module is traced, got str"):
        unwrap(symmetry_of)("abc", torch.randn(2, 3))


def test_a_module_that_leaves_the_program_is_refused():
    class Leaving(nn.Module):
        def forward(self, x):
            raise SystemExit(7)

    with pytest.raises(ValueError, match="Leaving does not take inputs like the example: 7"):
        symmetry_of(Leaving(), torch.randn(2, 3))


def test_compiled_control_flow_is_refused():
    class Script(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if bool(x.sum() > 0):
                return x
            return -x

    module = nn.Sequential(nn.Linear(3, 3), torch.jit.script(Script()))
    with pytest.raises(ValueError, match="looks at the values of a tensor"):
        symmetry_of(module, torch.randn(2, 3))


def test_numbers_as_whole_or_floating_ones_are_no_reading_of_values():
    module, inputs = odd_networks.plain(
        odd_networks.AB, lambda m, x: m.b(m.a(x).double().float() + (x > 0).int().sum())
    )()
    spec = symmetry_of(module, inputs)
    assert spec.groups
    assert spec.verify(module, inputs) < 1e-5


@pytest.mark.parametrize(
    ("make", "inputs", "message"),
    [
        (
            lambda: nn.Sequential(nn.Linear(3, 4), nn.Linear(5, 2)),
            torch.randn(2, 3),
            "does not take inputs like the example in 1",
        ),
        (lambda: nn.Linear(3, 4), torch.randn(2, 5), "Linear does not take inputs like the example"),
        (lambda: nn.Linear(3, 4), (torch.randn(2, 3),) * 2, "does not take inputs like the example"),
        (lambda: nn.LazyLinear(4), torch.randn(2, 3), "has no shape yet"),
    ],
)
@pytest.mark.filterwarnings("ignore:Lazy modules")
def test_an_example_that_does_not_fit_is_refused_in_one_sentence(make, inputs, message):
    with pytest.raises(ValueError, match=message) as error:
        symmetry_of(make(), inputs)
    assert "\n" not in str(error.value)


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_a_layer_without_units_is_refused_by_name():
    with pytest.raises(ValueError, match=r"0\.weight has shape \(0, 3\): a layer without units"):
        symmetry_of(nn.Sequential(nn.Linear(3, 0), nn.Linear(0, 2)), torch.randn(2, 3))


def test_a_module_that_returns_nothing_of_its_own_is_refused():
    class Silent(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 4)

        def forward(self, x):
            self.layer(x)
            return torch.zeros(2)

    with pytest.raises(ValueError, match="Silent returns no tensor that depends"):
        symmetry_of(Silent(), torch.randn(2, 3))


def test_a_module_without_parameters_has_no_groups():
    spec = symmetry_of(nn.ReLU(), torch.randn(2, 3))
    assert (spec.groups, spec.rescaling.classes, spec.fixed) == ((), (), ())
    assert spec.verify(nn.ReLU(), torch.randn(2, 3)) == 0
    assert orbit_size(spec).digits == 0


def test_widths_of_one_unit_have_no_symmetry():
    spec = assert_right(nn.Sequential(nn.Linear(3, 1), nn.ReLU(), nn.Linear(1, 2)), torch.randn(2, 3))
    assert spec.groups == spec.rescaling.classes == ()


class Renamed(nn.Module):
    """The layers of an MLP, whose units are told apart after all."""

    def __init__(self, mlp, wrap=lambda y, x: y):
        super().__init__()
        self.layers, self.shift, self.wrap = mlp.layers, torch.arange(4.0), wrap

    def forward(self, x):
        y = torch.relu(self.layers[0](x)) + self.shift
        return self.wrap(self.layers[2](torch.relu(self.layers[1](y))), x)


def test_a_wrong_spec_is_found_out():
    module, inputs = of("mlp", widths=[5, 4, 4, 3])
    spec = symmetry_of(module, inputs)
    assert spec.verify(module, inputs) < 1e-5
    assert spec.verify(Renamed(module), inputs, rescale=False) > 1e-3


def test_nothing_is_said_to_be_verified_where_nothing_is_a_number():
    module, inputs = of("mlp", widths=[5, 4, 4, 3])
    spec = symmetry_of(module, inputs)
    with pytest.raises(ValueError, match="MLP returns no finite number on this example"):
        spec.verify(module, inputs * float("nan"))
    with torch.no_grad():
        module.layers[1].weight[2, 3] = float("nan")
    with pytest.raises(ValueError, match=r"layers\.1\.weight holds what is not a number"):
        spec.verify(module, inputs)


def test_another_network_or_another_input_is_not_verified():
    module, inputs = of("mlp", widths=[5, 4, 4, 3])
    spec = symmetry_of(module, inputs)
    with pytest.raises(ValueError, match=r"layers\.1\.weight has shape \(6, 4\), in the spec \(4, 4\)"):
        spec.verify(of("mlp", widths=[5, 4, 6, 3])[0], inputs)
    with pytest.raises(ValueError, match="MLP does not take inputs like the example: ") as error:
        spec.verify(module, torch.randn(2, 7))
    assert "\n" not in str(error.value)


def test_a_change_counts_in_every_output_however_it_is_returned():
    module, inputs = of("mlp", widths=[5, 4, 4, 3])
    spec = symmetry_of(module, inputs)
    for wrap in (
        lambda y, x: {"large": 1e3 * x, "small": y},
        lambda y, x: odd_networks.Objects(y),
        lambda y, x: (torch.full((2,), float("inf")), [y]),
        lambda y, x: torch.where(y > y.mean(), float("nan"), y),
    ):
        assert spec.verify(Renamed(module, wrap), inputs, rescale=False) > 1e-3
