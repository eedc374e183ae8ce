"""Who is served next."""

from hypothesis import given
from hypothesis import strategies as st

from wsexplore.generate.conditions import Conditions
from wsexplore.nets import architecture
from wsexplore.serve import SampleRequest
from wsexplore.serve.flows import FlowFacts
from wsexplore.serve.line import Line, Wanted
from wsexplore.zoo import Recipe

FACTS = FlowFacts("f", 1, architecture("mlp", widths=[2, 2]), 6, Recipe.of("x"), 10, Conditions(), {})
SIZES = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 3)), max_size=12)


def line_of(sizes):
    line = Line()
    waiting = [Wanted(SampleRequest("f", n=n, steps=steps), FACTS) for n, steps in sizes]
    for each in waiting:
        line.add(each)
    return line, waiting


@given(sizes=SIZES, space=st.integers(1, 16))
def test_every_network_is_taken_once_and_blocks_are_of_one_setting(sizes, space):
    line, waiting = line_of(sizes)
    taken = {id(each): [] for each in waiting}
    while pieces := line.take(space):
        assert sum(len(piece.rows) for piece in pieces) <= space
        assert len({piece.wanted.setting for piece in pieces}) == 1
        for piece in pieces:
            taken[id(piece.wanted)] += piece.rows
    assert all(taken[id(each)] == list(range(each.request.n)) for each in waiting)
    assert not line


@given(sizes=SIZES, space=st.integers(1, 16), late=st.integers(1, 3))
def test_a_small_request_waits_for_one_block_of_each_other_at_most(sizes, space, late):
    line, waiting = line_of(sizes)
    small = Wanted(SampleRequest("f", n=1, steps=late), FACTS)
    line.add(small)
    settings = len({each.setting for each in [*waiting, small]})
    peers = sum(each.setting == small.setting for each in waiting)
    for _ in range((peers + 1) * settings):
        line.take(space)
    assert small.taken == 1


@given(sizes=SIZES, dropped=st.sets(st.integers(0, 11)))
def test_the_dropped_cost_nothing(sizes, dropped):
    line, waiting = line_of(sizes)
    out = [each for place, each in enumerate(waiting) if place in dropped]
    assert all(line.drop(each) for each in out)
    assert not any(line.drop(each) for each in out)
    assert line.networks == sum(each.request.n for each in waiting if each not in out)
    while line.take(8):
        pass
    assert all(each.taken == (0 if each in out else each.request.n) for each in waiting)
