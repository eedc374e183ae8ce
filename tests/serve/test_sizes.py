"""Blocks of several sizes are used only where their kernels round alike."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from wsexplore.serve.sizes import LADDER, agreeing_sizes

SMALL = [size for size in LADDER if size <= 24]


def test_all_sizes_agree_where_every_row_is_by_itself():
    assert list(agreeing_sizes(torch.sin, 5, 24)) == SMALL


@given(odd=st.sets(st.sampled_from(SMALL)))
def test_the_largest_group_that_agrees_is_chosen(odd):
    found = set(agreeing_sizes(lambda rows: rows + (len(rows) in odd) * 1e-6, 5, 24))
    groups = (odd, set(SMALL) - odd)
    assert found == max(groups, key=lambda group: (len(group), max(group, default=0)))


def test_a_size_in_which_the_place_matters_is_left_out():
    def run(rows):
        return rows + (len(rows) == 8) * torch.arange(len(rows)).unsqueeze(1)

    assert list(agreeing_sizes(run, 5, 24)) == [size for size in SMALL if size != 8]


def test_one_network_by_itself_is_always_possible():
    assert list(agreeing_sizes(lambda rows: rows + torch.arange(len(rows)).unsqueeze(1), 5, 24)) == [1]
