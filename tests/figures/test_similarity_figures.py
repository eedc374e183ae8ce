import json

import numpy as np
import pandas as pd
import pytest

from wsexplore.figures import (
    agreement_figure,
    agreement_finding,
    basin_colours,
    basins_figure,
    basins_finding,
    merge_tree_figure,
    merge_tree_finding,
    persistence_figure,
    similarity_figure,
    similarity_finding,
    weight_function_figure,
    weight_function_finding,
)
from wsexplore.figures.theme import SEQUENTIAL
from wsexplore.landscape import basins, merge_tree

EVIL = "<b>x</b>"
ESCAPED = "&lt;b&gt;x&lt;/b&gt;"


def cka(rows, columns, seed=0):
    return np.random.default_rng(seed).uniform(0, 1, (rows, columns))


def test_layers_of_one_name_are_outlined_wherever_they_stand():
    figure = similarity_figure(cka(3, 4), ["a", "b", "c"], ["a", "x", "b", "c"], "one", "other")
    outline = figure.data[1]
    corners = {(x, y) for x, y in zip(outline.x[::6], outline.y[::6], strict=True)}
    assert corners == {(-0.5, -0.5), (1.5, 0.5), (2.5, 1.5)}
    assert figure.layout.xaxis.title.text == "layers of other"
    assert figure.layout.yaxis.title.text == "layers of one"
    assert (figure.data[0].zmin, figure.data[0].zmax) == (0, 1)
    assert figure.data[0].colorscale[0][1] == SEQUENTIAL[0]


@pytest.mark.parametrize(
    ("layers", "named", "written"), [(3, 3, True), (14, 14, True), (15, 15, False), (90, 30, False)]
)
def test_of_many_layers_some_are_named_and_none_is_written_into(layers, named, written):
    names = [f"layer{place}" for place in range(layers)]
    figure = similarity_figure(cka(layers, layers), names, names, "one", "other")
    assert len(figure.layout.xaxis.ticktext) == named
    assert bool(figure.data[0].texttemplate) == written
    assert figure.data[0].customdata[2][1].tolist() == ["layer2", "layer1"]


def test_the_finding_of_layers_names_the_extremes():
    matrix = np.array([[0.9, 0.2], [np.nan, 0.5]])
    said = similarity_finding(matrix, ["in", "out"], ["in", "out"], "one", "other")
    assert "highest 0.90 (in with in)" in said
    assert "lowest 0.20 (in with out)" in said
    assert "layers of one name have 0.70 on average" in said
    assert "no layer has a finite value" in similarity_finding(matrix * np.nan, ["a", "b"], ["a", "b"], "1", "2")


def test_the_shares_stack_up_to_one_and_differ_in_colour_and_pattern():
    shares = np.array([0.8, 0.1, 0.05, 0.03, 0.02])
    said = np.array([[8, 1], [2, 9]])
    figure = agreement_figure(shares, said, ["cat", "dog"], "one", "other")
    bars = [trace for trace in figure.data if trace.type == "bar"]
    assert sum(bar.x[0] for bar in bars) == pytest.approx(1)
    assert len({bar.marker.color for bar in bars}) == len({bar.marker.pattern.shape for bar in bars}) == 5
    assert bars[1].name == "only one right, 10.0%"
    cells = next(trace for trace in figure.data if trace.type == "heatmap")
    assert np.isnan(np.diag(cells.z)).all()
    assert cells.z[0][1] == 1
    assert cells.customdata[1].tolist() == [2, 9]
    assert "one says %{y}, other says %{x}" in cells.hovertemplate


def test_networks_that_always_agree_have_a_figure_too():
    shares = np.array([1.0, 0.0, 0.0, 0.0, 0.0])
    figure = agreement_figure(shares, np.diag([3, 4]), ["cat", "dog"], "one", "other")
    assert len(figure.data) == 7
    assert agreement_figure(shares, np.eye(30, dtype=int), [str(k) for k in range(30)], "a", "b").layout.height > 0


def test_the_finding_of_an_agreement_has_all_five_shares():
    said = agreement_finding(np.array([0.8, 0.1, 0.05, 0.03, 0.02]), 0.17, 0.25, 0.0321, "one", "other")
    for part in ("17.0%", "25.0%", "80.0%", "10.0%", "5.0%", "3.0%", "2.0%", "0.0321 nats"):
        assert part in said


def pairs(count, seed=0):
    draw = np.random.default_rng(seed)
    near = draw.uniform(1, 9, count)
    return near, 0.05 * near + draw.uniform(0, 0.1, count), draw.random(count) < 0.2


@pytest.mark.parametrize(("count", "kind"), [(300, "scatter"), (2000, "scattergl")])
def test_all_pairs_are_one_trace_and_at_most_one_of_webgl(count, kind):
    x, y, same = pairs(count)
    figure = weight_function_figure({"as trained": x}, y, same, [f"pair {k}" for k in range(count)])
    assert figure.data[0].type == kind
    assert sum(trace.type == "scattergl" for trace in figure.data) == (kind == "scattergl")
    marks = figure.data[0]
    np.testing.assert_allclose(marks.x, x, rtol=1e-6)
    assert set(zip(marks.marker.color, marks.marker.symbol, strict=True)) == {
        ("#d9730d", "diamond"),
        ("#6a63e8", "circle"),
    }
    assert figure.layout.dragmode == "lasso"
    assert [trace.name for trace in figure.data[1:]] == [
        f"checkpoints of one run, {same.sum():,} pairs",
        f"networks of two runs, {(~same).sum():,} pairs",
    ]


def test_a_button_changes_every_trace_to_the_other_distances():
    x, y, same = pairs(400)
    figure = weight_function_figure({"as trained": x, "matched": x / 2}, y, same, [""] * 400)
    buttons = figure.layout.updatemenus[0].buttons
    assert [button.label for button in buttons] == ["as trained", "matched"]
    moved = buttons[1].args[0]
    assert len(moved["x"]) == len(moved["y"]) == len(figure.data)
    np.testing.assert_allclose(moved["x"][0], x / 2, rtol=1e-6)
    np.testing.assert_allclose(moved["x"][1], np.array(figure.data[1].x) / 2, rtol=1e-6)
    assert not weight_function_figure({"as trained": x}, y, same, [""] * 400).layout.updatemenus


def test_few_or_broken_pairs_have_no_medians():
    x, y, same = pairs(20)
    y[0] = np.nan
    figure = weight_function_figure({"as trained": x}, y, same & False, [""] * 20)
    assert len(figure.data) == 2
    assert np.isnan(figure.data[1].x).all()


def test_the_finding_of_distances_tells_each_correlation_with_its_interval():
    row = {"weights": "as trained", "function": "divergence", "rho": 0.5, "low": 0.4, "high": 0.6, "count": 1200}
    frame = pd.DataFrame(
        [{**row, "pairs": "all"}, {**row, "pairs": "same run", "rho": np.nan}, {**row, "function": "disagreement"}]
    )
    said = weight_function_finding(frame)
    assert "0.50 (0.40 to 0.60) over 1,200 pairs in all" in said
    assert "of one run" not in said
    assert "too few pairs" in weight_function_finding(frame.iloc[:0])


def surface():
    x = np.linspace(-1, 1, 21)
    return x[:, None] ** 2 + x[None] ** 2 + 0.4 * np.cos(6 * x)[:, None] * np.cos(5 * x)[None] + 1


def test_branches_go_from_birth_to_death_and_over_to_their_parent():
    tree = merge_tree(surface())
    places = tree.layout()
    figure = merge_tree_figure(
        tree.births, tree.deaths, tree.parents, places, tree.highest, cells=tree.cells.astype(float)
    )
    lines = {trace.x[0]: trace for trace in figure.data if trace.mode == "lines"}
    assert len(lines) == len(tree)
    for place in range(len(tree)):
        line = lines[places[place]]
        assert line.y[0] == tree.births[place]
        if tree.parents[place] >= 0:
            assert line.x[-1] == places[tree.parents[place]]
            assert line.y[1] == line.y[-1] == tree.deaths[place]
        else:
            assert line.y[-1] > tree.highest
        assert line.line.color == basin_colours(len(tree))[place]
    leaves = next(trace for trace in figure.data if trace.mode == "markers+text")
    assert leaves.text[0] == "lowest"
    assert "never merges" in leaves.hovertext[0]
    assert figure.layout.yaxis.title.text == "loss (nats)"


def test_of_a_rough_surface_the_small_branches_are_one_line():
    tree = merge_tree(np.random.default_rng(0).normal(size=(40, 40)))
    figure = merge_tree_figure(tree.births, tree.deaths, tree.parents, tree.layout(), tree.highest)
    lines = [trace for trace in figure.data if trace.mode == "lines"]
    assert len(lines) == 11
    assert lines[0].x.count(None) == len(tree) - 11
    leaves = next(trace for trace in figure.data if trace.mode == "markers+text")
    assert len(leaves.x) == len(tree)
    assert sum(text != "" for text in leaves.text) == 10


def test_the_axis_of_a_tree_can_be_that_of_a_contour_beside_it():
    tree = merge_tree(surface())
    settings = {"span": (1.0, 10.0)}
    figure, bent = (
        merge_tree_figure(tree.births, tree.deaths, tree.parents, tree.layout(0.1), tree.highest, log=log, **settings)
        for log in (False, True)
    )
    assert figure.layout.yaxis.range == (1, 10)
    assert bent.layout.yaxis.range == (0, 1)
    assert bent.layout.yaxis.type == "log"


def test_every_minimum_is_in_the_diagram_and_those_below_the_threshold_are_hollow():
    values = np.random.default_rng(0).normal(size=(15, 15))
    tree = merge_tree(values)
    figure = persistence_figure(tree.births, tree.deaths, tree.highest, threshold=0.5)
    points = figure.data[-1]
    assert len(points.x) == len(tree)
    assert points.y[0] > tree.highest
    assert sum(not symbol.endswith("-open") for symbol in points.marker.symbol) == tree.count(0.5)
    assert (np.array(points.y) >= np.array(points.x)).all()


def test_the_finding_of_a_tree_counts_the_minima():
    tree = merge_tree(surface())
    said = merge_tree_finding(tree.births, tree.deaths, threshold=0.01)
    assert said.startswith(f"{tree.count(0.01)} minima whose persistence is above 0.01 nats")
    assert f"{tree.births[0]:.3g} nats" in said
    assert f"persistence {tree.persistence[1]:.3g} nats" in said
    x = np.linspace(-1, 1, 9)
    bowl = merge_tree(x[:, None] ** 2 + x[None] ** 2)
    assert merge_tree_finding(bowl.births, bowl.deaths).startswith("1 minimum; the lowest")


def barriers(count, seed=0):
    draw = np.random.default_rng(seed)
    values = draw.uniform(0.3, 1.5, (count, count))
    group = np.arange(count) % 3
    values[group[:, None] == group[None]] = 0.01
    values = (values + values.T) / 2
    np.fill_diagonal(values, 0)
    return values


def drawn_basins(matrices, ids):
    found = {name: basins(heights) for name, heights in matrices.items()}
    links, labels = ({name: getattr(one, part) for name, one in found.items()} for part in ("linkage", "labels"))
    return basins_figure(matrices, links, labels, ids, threshold=0.05), found, labels


def test_matrices_stand_in_the_order_of_their_trees_on_one_colour_scale():
    matrices = {"as trained": barriers(9), "aligned": 0.02 * barriers(9, seed=1)}
    figure, found, labels = drawn_basins(matrices, [f"n{k}" for k in range(9)])
    cells = [trace for trace in figure.data if trace.type == "heatmap"]
    assert {trace.coloraxis for trace in cells} == {"coloraxis"}
    assert figure.layout.coloraxis.cmax == pytest.approx(matrices["as trained"].max(), rel=1e-6)
    for trace, (name, heights) in zip(cells, matrices.items(), strict=True):
        order = found[name].order
        off = ~np.eye(9, dtype=bool)
        np.testing.assert_allclose(np.array(trace.z)[off], heights[np.ix_(order, order)][off], rtol=1e-5)
        assert trace.customdata[0][1].tolist() == [f"n{order[0]}", f"n{order[1]}"]
    titles = [note.text for note in figure.layout.annotations]
    assert "as trained<br>3 basins at 0.05 nats" in titles
    assert "aligned<br>1 basin at 0.05 nats" in titles
    said = basins_finding(matrices, labels, threshold=0.05)
    assert "as trained: 3 basins, the largest of 3" in said
    assert "aligned: 1 basin, the largest of 9" in said


def test_basins_are_outlined_where_they_stand():
    heights = barriers(7)
    figure, found, _ = drawn_basins({"raw": heights}, list("abcdefg"))
    outline = figure.data[2]
    sides = [x2 - x1 for x1, x2 in zip(outline.x[::6], outline.x[1::6], strict=True)]
    assert sorted(sides, reverse=True) == [size for size in found["raw"].sizes.tolist() if size > 1]


@pytest.mark.parametrize("count", [1, 2, 30])
def test_any_number_of_networks_and_barriers_that_are_not_finite_are_drawn(count):
    heights = barriers(count)
    if count > 1:
        heights[0, 1] = heights[1, 0] = np.inf
    if count > 2:
        heights[2, 5] = heights[5, 2] = np.nan
    figure, _, labels = drawn_basins({"raw": heights}, [f"n{k}" for k in range(count)])
    assert np.isfinite(figure.layout.coloraxis.cmax)
    json.loads(figure.to_json())
    assert "not finite" in basins_finding({"raw": heights}, labels, threshold=0.05) or count == 1


def test_names_are_shown_letter_by_letter():
    matrix, shares = cka(2, 2), np.array([0.6, 0.1, 0.1, 0.1, 0.1])
    x, y, same = pairs(10)
    heights = barriers(2)
    found = basins(heights)
    figures = [
        similarity_figure(matrix, [EVIL, "b"], [EVIL, "b"], EVIL, EVIL),
        agreement_figure(shares, np.eye(2, dtype=int), [EVIL, "b"], EVIL, EVIL),
        weight_function_figure({EVIL: x, "other": x}, y, same, [EVIL] * 10, measure=EVIL),
        basins_figure({EVIL: heights}, {EVIL: found.linkage}, {EVIL: found.labels}, [EVIL, "b"], threshold=0.05),
    ]
    for figure in figures:
        text = json.dumps(json.loads(figure.to_json())["data"]) + json.dumps(json.loads(figure.to_json())["layout"])
        assert EVIL not in text
        assert ESCAPED in text
