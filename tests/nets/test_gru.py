import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from wsexplore.nets import architecture

sizes = {"vocabulary": 11, "length": 8, "embedding": 5, "hidden": 7, "classes": 3}
texts = st.lists(st.integers(1, 10), min_size=1, max_size=5)


def network(pool="last", seed=0):
    arch = architecture("gru", **sizes, pool=pool)
    return arch.module(arch.initial_weights(seed=seed))


def padded(text, places):
    row = torch.zeros(1, sizes["length"])
    row[0, places[: len(text)]] = torch.tensor(text, dtype=torch.float32)
    return row


@settings(max_examples=30, deadline=None)
@given(text=texts, seed=st.integers(0, 1000))
def test_the_recurrent_layer_is_that_of_torch(text, seed):
    module = network(seed=seed)
    theirs = torch.nn.GRU(sizes["embedding"], sizes["hidden"], batch_first=True)
    theirs.load_state_dict(module.gru.state_dict())
    _, last = theirs(module.embedding(torch.tensor([text])))
    torch.testing.assert_close(module(padded(text, list(range(8)))), module.head(last[0]), rtol=1e-4, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(text=texts, places=st.permutations(range(8)), pool=st.sampled_from(["last", "mean"]))
def test_padding_is_not_read_wherever_it_lies(text, places, pool):
    module = network(pool)
    front = padded(text, list(range(8)))
    spread = padded(text, sorted(places[: len(text)]))
    torch.testing.assert_close(module(spread), module(front), rtol=1e-4, atol=1e-5)


def test_the_mean_of_a_text_of_one_token_is_its_last_state():
    last, mean, text = network("last"), network("mean"), padded([4], [3])
    torch.testing.assert_close(mean(text), last(text))


@pytest.mark.parametrize("pool", ["last", "mean"])
def test_tokens_that_the_vocabulary_lacks_are_not_read(pool):
    module = network(pool)
    strange = padded([3, 4], [0, 2])
    strange[0, 1], strange[0, 5] = 11, -1
    torch.testing.assert_close(module(strange), module(padded([3, 4], [0, 1])))


@pytest.mark.parametrize("pool", ["last", "mean"])
def test_a_text_of_nothing_gives_finite_logits(pool):
    assert network(pool)(torch.zeros(2, sizes["length"])).isfinite().all()


def test_example_texts_are_tokens_of_the_vocabulary():
    tokens = architecture("gru", **sizes).example_input(100)
    assert torch.equal(tokens, tokens.round())
    assert tokens.min() == 0
    assert tokens.max() == 10


def test_a_fresh_network_has_the_spread_of_torch():
    arch = architecture("gru", vocabulary=500, embedding=64, hidden=100)
    state = arch.layout.unflatten(arch.initial_weights(seed=0))
    assert state["embedding.weight"][1:].std() == pytest.approx(1, rel=0.05)
    assert not state["embedding.weight"][0].any()
    for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"):
        assert 0.09 < state[f"gru.{name}"].abs().max() <= 0.1


def test_a_gru_learns_which_token_came_first():
    arch = architecture("gru", vocabulary=4, length=6, embedding=8, hidden=16, classes=3)
    draw = torch.Generator().manual_seed(0)
    tokens = torch.randint(1, 4, (256, 6), generator=draw).float()
    module = arch.module(arch.initial_weights(seed=0)).train()
    steps = torch.optim.Adam(module.parameters(), 1e-2)
    for _ in range(80):
        loss = torch.nn.functional.cross_entropy(module(tokens), tokens[:, 0].long() - 1)
        steps.zero_grad()
        loss.backward()
        steps.step()
    fresh = torch.randint(1, 4, (256, 6), generator=draw).float()
    assert (module(fresh).argmax(1) == fresh[:, 0].long() - 1).float().mean() > 0.95


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"vocabulary": 1}, "vocabulary must be a whole number from 2"),
        ({"length": 0}, "length must be a whole number from 1 to 4,096"),
        ({"embedding": 1.5}, "embedding must be a whole number"),
        ({"hidden": True}, "hidden must be a whole number"),
        ({"classes": "2"}, "classes must be a whole number"),
        ({"pool": "max"}, "pool 'max' is unknown; choose one of last, mean"),
    ],
)
def test_a_wrong_configuration_is_refused_with_a_sentence(config, message):
    with pytest.raises(ValueError, match=message):
        architecture("gru", **config)
