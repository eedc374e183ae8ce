import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsexplore.figures.fitting import (
    accuracies_figure,
    best_check,
    dispersion_figure,
    fit_finding,
    fits_figure,
    flows_figure,
    losses_figure,
)
from wsexplore.generate import FitStep

HISTORY = (
    FitStep(10, 0.9, 0.92, 1.05, 0.5),
    FitStep(20, 0.7, 0.71, 1.01, 0.8),
    FitStep(30, 0.5, 0.75, 0.99, 0.82),
)
BARE = (FitStep(10, 0.9, None, 1.05), FitStep(20, 0.7, None, 1.01))
losses = st.one_of(st.none(), st.floats(0.01, 10))
histories = st.lists(st.tuples(st.floats(0.01, 10), losses, st.floats(0, 5)), max_size=20).map(
    lambda rows: tuple(FitStep(place + 1, *row) for place, row in enumerate(rows))
)


def named(figure):
    return {trace.name: trace for trace in figure.data}


def test_the_ring_lies_on_the_lowest_held_out_loss():
    ring = named(losses_figure(HISTORY))["best, and kept"]
    assert (ring.x[0], ring.y[0]) == (20, 0.71)


@given(histories)
def test_no_check_is_better_than_the_best_one(history):
    best = best_check(history)
    told = [one.held_out_loss for one in history if one.held_out_loss is not None]
    assert (best is None) == (not history)
    if told:
        assert best.held_out_loss == min(told)
    elif history:
        assert best is history[-1]


@given(histories)
def test_any_history_can_be_drawn_and_told(history):
    for figure in (losses_figure(history), dispersion_figure(history), accuracies_figure(history, {})):
        for trace in figure.data:
            assert len(trace.x) == len(trace.y) <= max(2, len(history))
    assert fit_finding(history, {})


def test_without_held_out_networks_one_line_is_drawn_and_no_ring():
    assert list(named(losses_figure(BARE))) == ["trained on"]


def test_samples_are_drawn_beside_the_zoo_and_its_gaussian():
    found = named(accuracies_figure(HISTORY, {"zoo": 0.95, "gaussian": 0.7}, steps=100))
    assert list(found["the zoo, 95.0%"].y) == [0.95, 0.95]
    assert list(found["its Gaussian, 70.0%"].x) == [0, 100]
    assert list(found["samples"].y) == [0.5, 0.8, 0.82]


def test_the_line_at_one_is_always_in_sight():
    for history in (HISTORY, (FitStep(1, 1.0, None, 4.0),), (FitStep(1, 1.0, None, 0.1),), ()):
        low, high = dispersion_figure(history).layout.yaxis.range
        assert low < 1 < high
        assert all(low < one.dispersion <= high for one in history)


def test_the_axis_of_steps_stands_still_while_the_curves_grow():
    early, late = (losses_figure(HISTORY[:count], steps=100).layout.xaxis.range for count in (1, 3))
    assert early == late


def test_the_finding_names_the_best_check_and_what_it_is_measured_against():
    said = fit_finding(HISTORY, {"zoo": 0.95, "gaussian": 0.7})
    assert "0.710 at step 20" in said
    assert "samples at 80.0% beside the zoo's 95.0% and its Gaussian's 70.0%" in said
    assert fit_finding((), {}) == "Nothing has been measured yet"


def test_every_flow_has_a_colour_and_a_mark_of_its_own():
    figure = fits_figure({"one": HISTORY, "<b>two</b>": BARE})
    assert len(figure.data) == 4
    assert {trace.name for trace in figure.data} == {"one", "&lt;b&gt;two&lt;/b&gt;"}
    looks = {(trace.line.color, trace.marker.symbol) for trace in figure.data}
    assert len(looks) == 2
    assert [trace.showlegend for trace in figure.data] == [True, False, True, False]


def test_flows_without_an_accuracy_are_left_out():
    frame = pd.DataFrame(
        {"flow": ["a", "b", "c"], "accuracy": [0.9, math.nan, 0.5], "zoo_accuracy": [0.95, 0.95, math.nan]}
    )
    figure = flows_figure(frame)
    assert list(named(figure)["samples"].y) == ["a", "c"]
    assert list(named(figure)["samples"].x) == pytest.approx([0.9, 0.5])
