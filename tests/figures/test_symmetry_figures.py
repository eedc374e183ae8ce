import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsexplore.figures import (
    SpecAxis,
    SpecGroup,
    SpecParameter,
    attack_figure,
    barriers_figure,
    collapse_figure,
    cost_figure,
    curves_figure,
    distances_figure,
    methods_figure,
    rescale_figure,
    ribbon_figure,
    spec_figure,
)
from wsexplore.figures.theme import SEQUENTIAL, bent, shade

EVIL = "<b>x</b>"
ESCAPED = "&lt;b&gt;x&lt;/b&gt;"


def matrix(count, *, seed=0, high=2.0):
    values = np.random.default_rng(seed).uniform(0.1, high, (count, count))
    values = (values + values.T) / 2
    np.fill_diagonal(values, 0)
    return values


@settings(max_examples=20, deadline=None)
@given(count=st.integers(1, 90), seed=st.integers(0, 1000))
def test_ribbons_join_partners_and_end_straight(count, seed):
    draw = np.random.default_rng(seed)
    order, after = draw.permutation(count), draw.uniform(-1, 1, count)
    figure = ribbon_figure(order, after, before=draw.uniform(-1, 1, count))
    lines = [trace for trace in figure.data if trace.mode == "lines"]
    assert len(lines) == min(count, 64)
    for line in lines:
        assert line.y[-1] == pytest.approx(order[round(line.y[0])])
    names = [frame.name for frame in figure.frames]
    assert (names[0], names[1], names[-1]) == ("as trained", "partners", "aligned")
    for frame in (figure.frames[0], figure.frames[-1]):
        for ribbon in frame.data[:-1]:
            assert max(ribbon.y) == pytest.approx(min(ribbon.y), abs=1e-5)
    stands = np.array(figure.frames[-1].data[-1].customdata)
    np.testing.assert_array_equal(stands, order[np.array(figure.frames[-1].data[-1].y).round().astype(int)])


def test_wider_ribbons_are_more_alike_and_flipped_ones_dashed():
    order, after = np.arange(4)[::-1].copy(), np.array([-0.5, 0.1, 0.6, 0.9])
    figure = ribbon_figure(order, after, signs=np.array([1, -1, 1, 1]))
    lines = figure.data[:4]
    widths = [line.line.width for line in lines]
    assert widths == sorted(widths)
    assert [line.line.dash for line in lines] == ["solid", "6px,4px", "solid", "solid"]
    assert lines[1].text == "place 1: partner is unit 2, sign flipped<br>cosine similarity 0.100"
    assert lines[3].line.color == SEQUENTIAL[-1]


def test_a_wide_layer_says_how_many_of_its_units_are_drawn():
    order = np.random.default_rng(0).permutation(512)
    assert "64 of 512 drawn" in ribbon_figure(order, np.ones(512)).data[65].name
    assert "drawn" not in ribbon_figure(order[:64].argsort(), np.ones(64)).data[65].name


@pytest.mark.parametrize("count", [1, 5, 64, 200])
def test_the_chosen_pairs_are_ringed_and_become_the_diagonal(count):
    draw = np.random.default_rng(count)
    gains, order = draw.normal(size=(count, count)), draw.permutation(count)
    trained, rings, ordered, diagonal = cost_figure(gains, order).data
    places = np.array(trained.customdata)[:, 0, 0]
    np.testing.assert_allclose(np.diag(ordered.z), gains[places, order[places]], rtol=1e-6)
    np.testing.assert_array_equal(diagonal.x, diagonal.y)
    for row, column in zip(rings.y, rings.x, strict=True):
        assert trained.customdata[row][column].tolist() == [places[row], order[places[row]]]
    assert len(places) == min(count, 64)


def test_what_is_not_all_drawn_is_announced_above_the_matrix():
    titles = [note.text for note in cost_figure(np.eye(200), np.arange(200)).layout.annotations]
    assert titles[:2] == ["as trained, 64 of 200", "in order, 64 of 200"]


def methods_table():
    return pd.DataFrame(
        {
            "method": ["none", "ascent", "Frank-Wolfe"],
            "objective": [12.0, 340.0, 362.5],
            "seconds": [np.nan, 0.31, 1.4],
            "barrier": [1.8, 0.0, 0.0],
        }
    )


def test_each_method_has_a_dot_in_each_panel_and_the_best_is_a_star():
    dots = [trace for trace in methods_figure(methods_table()).data if "markers" in trace.mode]
    assert [list(trace.y) for trace in dots] == [[0, 1, 2], [1, 2], [0, 1, 2]]
    stars = [[s == "star" for s in trace.marker.symbol] for trace in dots]
    assert stars == [[False, False, True], [True, False], [False, True, True]]
    assert dots[1].hovertext[1] == "<b>Frank-Wolfe</b><br>time 1.4 s"
    assert dots[2].hovertext[0] == "<b>none</b><br>barrier 1.800 nats"
    assert all(min(trace.x) == 0 and max(trace.x) == 1 for trace in dots)


def test_methods_without_a_measurement_leave_out_the_panel():
    figure = methods_figure(methods_table().drop(columns="barrier"))
    assert len([trace for trace in figure.data if "markers" in trace.mode]) == 2
    assert methods_figure(methods_table().iloc[:0]).layout.height > 0


def test_distances_share_one_scale_and_tell_their_mean():
    before, after = matrix(5, high=9.0), matrix(5, seed=1, high=3.0)
    figure = distances_figure(before, after, list("abcde"))
    assert {trace.coloraxis for trace in figure.data} == {"coloraxis"}
    assert figure.layout.coloraxis.cmax == pytest.approx(before.max())
    assert np.isnan(np.diag(figure.data[0].z)).all()
    mean = before.sum() / 20
    assert figure.layout.annotations[0].text == f"as trained<br>mean {mean:.3g}"
    assert "L2 distance of the weights %{z" in figure.data[0].hovertemplate


@pytest.mark.parametrize(("count", "written"), [(3, "%{z:.2f}"), (12, "%{z:.1f}"), (13, None)])
def test_few_networks_have_their_barriers_in_the_cells(count, written):
    ids = [f"run {k}" for k in range(count)]
    figure = barriers_figure({"naive": matrix(count), "aligned": 0.1 * matrix(count)}, ids)
    assert figure.data[0].texttemplate == written
    assert "barrier (nats)" in figure.data[0].hovertemplate
    assert figure.data[1].customdata[0][1].tolist() == ["run 0", "run 1"]


def test_of_a_large_zoo_some_networks_are_drawn_and_the_titles_say_so():
    figure = distances_figure(matrix(300), matrix(300), [str(k) for k in range(300)])
    assert figure.data[0].z.shape == (200, 200)
    assert figure.layout.annotations[0].text.endswith("200 of 300 drawn")


def test_barriers_that_diverge_leave_the_scale_finite():
    broken = matrix(4)
    broken[0, 1] = broken[1, 0] = np.inf
    broken[2, 3] = np.nan
    figure = barriers_figure({"naive": broken, "aligned": matrix(4), "other": matrix(4)}, list("abcd"))
    assert math.isfinite(figure.layout.coloraxis.cmax)
    assert len(figure.data) == 3


def test_the_barriers_collapse_from_the_first_matrix_to_the_last():
    ways = {"naive": matrix(5), "aligned": 0.3 * matrix(5, seed=1), "aligned + REPAIR": 0.1 * matrix(5, seed=2)}
    figure = collapse_figure(ways, list("abcde"))
    apart = ~np.eye(5, dtype=bool)
    for frame, (name, barriers) in zip(figure.frames[::8], ways.items(), strict=True):
        assert frame.name == name
        np.testing.assert_allclose(frame.data[0]["z"][apart], barriers[apart], rtol=1e-5)
        assert frame.data[1].x[0] == pytest.approx(barriers[apart].mean())
    assert len({frame.name for frame in figure.frames}) == len(figure.frames) == 17
    assert [step.args[0][0] for step in figure.layout.sliders[0].steps] == [frame.name for frame in figure.frames]


@pytest.mark.parametrize(
    "names",
    [("naive", "aligned", "aligned, statistics reset", "aligned, REPAIR"),
     ("raw", "aligned", "aligned + reset", "aligned + REPAIR")],
)  # fmt: skip
def test_the_four_curves_differ_in_colour_marker_and_dash(names):
    alphas = np.linspace(0, 1, 5)
    hill = alphas * (1 - alphas)
    curves = {name: (alphas, 0.1 + height * hill) for name, height in zip(names, (4, 2, 1, 0.5), strict=True)}
    figure = curves_figure(curves, unit="nats", title="test loss")
    drawn = [trace for trace in figure.data if trace.name]
    assert tuple(trace.name for trace in drawn) == names
    assert len({trace.line.color for trace in drawn}) == len({trace.marker.symbol for trace in drawn}) == 4
    assert len({trace.line.dash for trace in drawn}) == 3
    assert len(figure.data) == 5


def test_curves_with_ends_of_their_own_have_chords_of_their_own():
    alphas = np.linspace(0, 1, 5)
    figure = curves_figure({"naive": (alphas, alphas), "aligned": (alphas, 0.5 * alphas)}, unit="", title="loss")
    assert [trace.line.dash for trace in figure.data] == ["solid", "dot", "solid", "dot"]


def rescaled(units=6, steps=9):
    draw = np.random.default_rng(0)
    factors = np.geomspace(1 / 4, 4, steps)
    into, out = draw.uniform(0.5, 2, (2, units))
    incoming, outgoing = factors[:, None] * into, out / factors[:, None]
    return {
        "factors": factors,
        "incoming": incoming,
        "outgoing": outgoing,
        "probabilities": np.repeat(draw.dirichlet(np.ones(3), size=2)[None], steps, 0),
        "norms": np.sqrt((incoming**2 + outgoing**2).sum(1)),
        "changes": np.abs(np.log(factors)) * 1e-7,
        "classes": ["a", "b", "c"],
    }


def test_the_slider_moves_both_norms_of_a_unit_and_not_their_geometric_mean():
    parts = rescaled()
    figure = rescale_figure(**parts)
    still = next(k for k, trace in enumerate(figure.data) if trace.name == "geometric mean, which stays")
    for step, frame in enumerate(figure.frames):
        assert still not in frame.traces
        _, into, out, answers, star, _ = frame.data
        np.testing.assert_allclose(np.sqrt(into.y * out.y), figure.data[still].y)
        np.testing.assert_array_equal(answers["z"], parts["probabilities"][0].astype(np.float32))
        assert star.y[0] == parts["norms"][step]


def test_the_slider_of_rescaling_begins_at_the_network_as_trained():
    parts = rescaled()
    figure = rescale_figure(**parts)
    assert figure.layout.sliders[0].active == 4
    assert list(figure.data[1].y) == list(parts["incoming"][4])
    assert figure.layout.sliders[0].steps[0].label == "0.25"
    assert figure.layout.xaxis3.ticktext == ("1/4", "1/2", "1", "2", "4")


def test_of_many_units_some_norms_are_drawn():
    figure = rescale_figure(**rescaled(units=300))
    assert len(figure.data[1].x) == 48
    assert "48 of 300 drawn" in figure.layout.xaxis.title.text


def test_an_attack_has_a_place_for_a_barrier_of_zero():
    spread = np.array([0.0, 1.0, 2.0])
    curves = {"as attacked": np.array([0.0, 0.35, 45.0]), "aligned": np.array([0.0, 1e-5, np.inf])}
    figure = attack_figure(spread, curves, np.array([0.0, 1e-6, 3e-6]))
    first = figure.data[0]
    assert first.y[0] == 0
    assert list(first.customdata) == [0.0, 0.35, 45.0]
    assert "barrier %{customdata:.4g} nats" in first.hovertemplate
    assert list(figure.layout.yaxis.tickvals) == sorted(figure.layout.yaxis.tickvals)
    assert figure.layout.yaxis.range[1] > first.y[2]
    assert len({trace.line.dash for trace in figure.data[:2]}) == 2


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_a_bent_axis_keeps_zero_the_order_and_the_sign(one, other):
    first, second, mirrored = bent(np.array([one, other, -one]), 1e-3)
    assert bent(np.zeros(1), 1e-3)[0] == 0
    assert mirrored == -first
    assert (first <= second) if one <= other else (first >= second)


def test_a_shade_passes_through_every_colour_of_its_scale():
    stops = np.linspace(0, 1, len(SEQUENTIAL))
    assert tuple(shade(SEQUENTIAL, float(stop)) for stop in stops) == SEQUENTIAL
    assert shade(SEQUENTIAL, 2.0) == SEQUENTIAL[-1]


def evil_figures():
    """Figures whose names from files all hold markup."""
    square, order = np.eye(3), np.arange(3)
    axis = SpecAxis(3, ("g",), may=EVIL, unscaled=EVIL)
    fixed = SpecAxis(3, reason=EVIL)
    yield "spec", spec_figure([SpecParameter(f"{EVIL}.weight", (axis, fixed))], [SpecGroup("g", 3)])
    yield "ribbons", ribbon_figure(order, np.ones(3), before=np.ones(3), names=(EVIL, EVIL), measure=EVIL)
    yield "cost", cost_figure(square, order, names=(EVIL, EVIL), measure=EVIL)
    yield "methods", methods_figure(methods_table().assign(method=EVIL))
    yield "distances", distances_figure(square, square, [EVIL] * 3, titles=(EVIL, "b"), measure=f"{EVIL} (m)")
    yield "barriers", barriers_figure({EVIL: square}, [EVIL] * 3)
    yield "collapse", collapse_figure({EVIL: square, "b": square}, [EVIL] * 3)
    yield "rescale", rescale_figure(**{**rescaled(), "classes": [EVIL, "b", "c"]})
    yield "attack", attack_figure(np.arange(3.0), {EVIL: np.arange(3.0)}, np.zeros(3))


@pytest.mark.parametrize(("name", "figure"), [pytest.param(*case, id=case[0]) for case in evil_figures()])
def test_no_text_from_a_file_is_markup_in_a_symmetry_figure(name, figure):
    text = json.dumps(json.loads(figure.to_json()))
    assert EVIL not in text
    assert ESCAPED in text
