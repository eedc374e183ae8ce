import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from wsexplore.nets import architecture

configs = st.builds(
    lambda channels, patch, rows, columns, heads, size, ratio, depth, pool, classes: {
        "input": [channels, rows * patch, columns * patch],
        "patch": patch,
        "dim": heads * size,
        "heads": heads,
        "mlp_ratio": ratio,
        "depth": depth,
        "pool": pool,
        "classes": classes,
    },
    st.integers(1, 3),
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 4),
    st.integers(1, 5),
    st.sampled_from([1.0, 2.0, 4.0]),
    st.integers(1, 3),
    st.sampled_from(["cls", "mean"]),
    st.integers(1, 12),
)


@settings(max_examples=40, deadline=None)
@given(config=configs)
def test_the_parameter_count_is_the_sum_of_its_parts(config):
    dim, classes, patch = config["dim"], config["classes"], config["patch"]
    channels, height, width = config["input"]
    hidden, extra = round(dim * config["mlp_ratio"]), config["pool"] == "cls"
    tokens = (height // patch) * (width // patch) + extra
    block = 4 * (dim * dim + dim) + (dim * hidden + hidden) + (hidden * dim + dim) + 4 * dim
    stem = channels * patch**2 * dim + dim + extra * dim + tokens * dim
    total = stem + config["depth"] * block + 2 * dim + dim * classes + classes
    assert architecture("vit", **config).layout.size == total


def test_vit_small_192_has_its_known_size():
    arch = architecture("vit", input=[3, 32, 32], patch=4, depth=6, heads=3, dim=192, mlp_ratio=4.0)
    assert arch.layout.size == 2_693_578


def attention_of(heads):
    torch.manual_seed(0)
    return architecture("vit", dim=12, heads=heads, depth=1).build().blocks[0].attn


@pytest.mark.parametrize("heads", [1, 3, 4])
def test_attention_is_that_of_torch(heads):
    attention, x = attention_of(heads), torch.randn(2, 5, 12)
    theirs = torch.nn.MultiheadAttention(12, heads, batch_first=True)
    parts = (attention.q, attention.k, attention.v)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
        theirs.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
    theirs.out_proj.load_state_dict(attention.proj.state_dict())
    torch.testing.assert_close(attention(x), theirs(x, x, x)[0], rtol=1e-4, atol=1e-5)


def test_heads_may_be_reordered_as_blocks_of_rows_and_columns():
    attention, x = attention_of(3), torch.randn(2, 5, 12)
    before = attention(x)
    order = torch.tensor([2, 0, 1]).repeat_interleave(4) * 4 + torch.arange(4).repeat(3)
    with torch.no_grad():
        for part in (attention.q, attention.k, attention.v):
            part.weight.copy_(part.weight[order])
            part.bias.copy_(part.bias[order])
        attention.proj.weight.copy_(attention.proj.weight[:, order])
    torch.testing.assert_close(attention(x), before)


def test_a_network_without_positions_that_takes_the_mean_does_not_see_the_order_of_patches():
    torch.manual_seed(0)
    module = architecture("vit", input=[1, 4, 8], patch=4, pool="mean").build()
    torch.nn.init.zeros_(module.pos_embed)
    x = torch.randn(3, 1, 4, 8)
    torch.testing.assert_close(module(x.roll(4, -1)), module(x), rtol=1e-4, atol=1e-5)


def test_a_fresh_network_has_small_tokens_and_no_biases():
    arch = architecture("vit", dim=64)
    state = arch.layout.unflatten(arch.initial_weights(seed=0))
    assert state["pos_embed"].std() == pytest.approx(0.02, rel=0.1)
    assert state["blocks.0.attn.q.weight"].std() == pytest.approx(0.02, rel=0.1)
    assert torch.equal(state["norm.weight"], torch.ones(64))
    assert not state["blocks.1.mlp.fc1.bias"].any()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"patch": 5}, "patch must divide the image's 28 x 28 pixels, got 5"),
        ({"dim": 30, "heads": 4}, "heads must divide dim, got 4 heads and dim 30"),
        ({"dim": "32"}, "dim must be a whole number"),
        ({"heads": 0}, "heads must be a whole number"),
        ({"depth": 1000}, "depth must be a whole number from 1 to 96"),
        ({"mlp_ratio": float("nan")}, "mlp_ratio must be a number from"),
        ({"mlp_ratio": 1 / 64}, "leaves no hidden unit"),
        ({"pool": "max"}, "pool 'max' is unknown; choose one of cls, mean"),
        ({"classes": 0}, "classes must be a whole number"),
        ({"input": [1, 28]}, "input must be 3 whole numbers"),
        ({"activation": "swish"}, "choose one of relu"),
    ],
)
def test_a_wrong_configuration_is_refused_with_a_sentence(config, message):
    with pytest.raises(ValueError, match=message):
        architecture("vit", **config)
