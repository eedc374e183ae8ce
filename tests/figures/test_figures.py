import json
import re

import numpy as np
import pandas as pd
import pytest

from wsexplore.figures import (
    curves_figure,
    filters_figure,
    gallery_figure,
    histogram_figure,
    lens_figure,
    map_figure,
    matrices_figure,
    parallel_figure,
    placed_figure,
    quality_figure,
    runs_figure,
    scrub_figure,
    training_figure,
)
from wsexplore.figures.theme import SEQUENTIAL, mosaic

DRAW = np.random.default_rng(0)


def points(count):
    return DRAW.normal(size=(count, 2)).astype(np.float32)


def table(count):
    return pd.DataFrame(
        {
            "id": [f"n{row}" for row in range(count)],
            "run": np.arange(count) // 3,
            "epoch": np.arange(count) % 3,
            "lr": 10.0 ** DRAW.uniform(-4, -1, count),
            "test_accuracy": DRAW.uniform(0, 1, count),
            "optimizer": ["adam", "sgd", "adamw"] * (count // 3),
        }
    )


def draw_map(count=30, **settings):
    settings = {"colour": "test_accuracy", "labels": ("x", "y"), **settings}
    return map_figure(points(count), table(count), **settings)


def test_every_network_is_a_point_whose_card_begins_with_its_id():
    trace = draw_map().data[0]
    assert len(trace.x) == 30
    assert [text.split("<br>")[0] for text in trace.hovertext] == [f"<b>n{row}</b>" for row in range(30)]
    place = re.search(r"test accuracy %{customdata\[(\d)\]:.3f}", trace.hovertemplate)[1]
    np.testing.assert_allclose(trace.customdata[:, int(place)], trace.marker.color, atol=1e-6)


def test_trajectories_join_the_checkpoints_of_a_run_only():
    line = draw_map(trajectories=True).data[0]
    assert np.isnan(line.x).sum() == 9
    assert len(line.x) == 39


def test_many_points_are_drawn_by_webgl():
    assert draw_map(30).data[0].type == "scatter"
    assert draw_map(1200).data[0].type == "scattergl"


def test_a_column_of_words_gets_a_symbol_as_well_as_a_colour():
    traces = draw_map(colour="optimizer").data
    assert [trace.name for trace in traces] == ["adam", "adamw", "sgd"]
    assert len({trace.marker.symbol for trace in traces}) == 3


def test_wide_columns_are_coloured_by_their_logarithm_and_shares_never():
    assert max(draw_map(colour="lr").data[0].marker.color) < 0
    assert min(draw_map().data[0].marker.color) >= 0


def test_the_selection_is_drawn_as_an_outline():
    outline = draw_map(regions={"A": np.array([[0, 0], [1, 0], [1, 1.0]])}).data[-1]
    assert list(outline.x) == [0, 1, 1, 0]


def test_the_lens_moves_every_point_from_raw_to_aligned():
    raw, aligned = points(20), points(20)
    orbit = points(5)
    figure = lens_figure(raw, aligned, np.ones(20), orbit, np.zeros((5, 2), np.float32), colour="epoch")
    first, last = figure.frames[0].data, figure.frames[-1].data
    np.testing.assert_allclose(first[0]["x"], raw[:, 0], atol=1e-6)
    np.testing.assert_allclose(last[0]["y"], aligned[:, 1], atol=1e-6)
    assert np.abs(last[1]["x"]).max() < 1e-6


def test_training_passes_through_every_checkpoint():
    path, accuracy = DRAW.normal(size=(3, 7, 2)).astype(np.float32), DRAW.uniform(size=(3, 7)).astype(np.float32)
    figure = training_figure(path, accuracy, [0, 1, 30], between=4)
    assert len(figure.frames) == 9
    np.testing.assert_allclose(figure.frames[4].data[0]["x"], path[1, :, 0], atol=1e-6)
    assert [figure.frames[k].name for k in (0, 4, 8)] == ["0.0", "1.0", "30.0"]


def test_each_new_network_is_joined_to_its_nearest():
    zoo, fresh = points(50), points(4)
    figure = placed_figure(zoo, fresh, np.array([3, 1, 2, 0]), np.ones(4), list("abcd"), labels=("x", "y"))
    line = figure.data[1]
    np.testing.assert_allclose(line.x[1::3], zoo[[3, 1, 2, 0], 0])
    np.testing.assert_allclose(line.x[0::3], fresh[:, 0])


def test_scrubbing_shows_the_network_of_each_step():
    steps, samples = 5, 3
    chances = DRAW.dirichlet(np.ones(10), size=(steps, samples)).astype(np.float32)
    confusion = DRAW.dirichlet(np.ones(10), size=(steps, 10)).astype(np.float32)
    filters = DRAW.normal(size=(steps, 6, 8, 8)).astype(np.float32)
    alphas = np.linspace(0, 1, steps)
    figure = scrub_figure(
        alphas,
        alphas**2,
        1 - alphas,
        chances,
        confusion,
        filters,
        np.zeros((samples, 8, 8)),
        np.array([1, 2, 3]),
        [str(digit) for digit in range(10)],
    )
    assert [frame.name for frame in figure.frames] == ["0", "0.25", "0.5", "0.75", "1"]
    for step, frame in enumerate(figure.frames):
        assert frame.data[0].x[0] == alphas[step]
        np.testing.assert_array_equal(frame.data[1].z, chances[step][::-1])
        np.testing.assert_array_equal(frame.data[2].z, confusion[step])
        np.testing.assert_array_equal(frame.data[3].z[:8, :8], filters[step, 0])
    moved = [figure.data[place] for place in figure.frames[0].traces]
    assert [trace.type for trace in moved] == ["scatter", "heatmap", "heatmap", "heatmap"]


def test_every_path_has_its_chord():
    alphas = np.linspace(0, 1, 5)
    figure = curves_figure({"raw": (alphas, alphas**2), "aligned": (alphas, alphas)}, unit="nats", title="loss")
    assert [trace.name for trace in figure.data if trace.name] == ["raw", "aligned"]
    assert list(figure.data[1].y) == [0, 1]


def test_units_lie_row_by_row_with_gaps():
    canvas = mosaic(np.arange(3)[:, None, None] * np.ones((3, 2, 2)), columns=2)
    assert canvas.shape == (5, 5)
    assert canvas[0, 3] == 1
    assert canvas[3, 0] == 2
    assert np.isnan(canvas[2]).all()


def test_matrices_and_filters_share_one_scale():
    figure = matrices_figure([("a", np.full((2, 2), 3.0)), ("b", np.full((2, 2), -1.0))])
    assert {(trace.zmin, trace.zmax) for trace in figure.data} == {(-3.0, 3.0)}
    figure = filters_figure({"a": np.ones((4, 2, 2)), "b": np.zeros((4, 2, 2))})
    assert len({trace.zmax for trace in figure.data}) == 1


def test_runs_are_lines_broken_between_runs():
    assert np.isnan(runs_figure(table(30)).data[0].x).sum() == 9


def test_each_generator_has_its_own_mark():
    frame = pd.DataFrame(
        {
            "generator": ["zoo", "flow", "gaussian", "independent", "averages"],
            "novelty": [1, 1, 1, 1, 0.6],
            "mean_accuracy": [0.9] * 5,
            "std_accuracy": [0.1] * 5,
            "best_accuracy": [1.0] * 5,
        }
    )
    marks = [(trace.marker.symbol, trace.marker.color) for trace in quality_figure(frame).data]
    assert len({symbol for symbol, _ in marks}) == 5
    assert len({colour for _, colour in marks}) == 5


def luminance(colour):
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_ramp_rises_in_lightness_and_is_seen_on_light_and_dark():
    ramp = [luminance(colour) for colour in SEQUENTIAL]
    assert ramp == sorted(ramp)
    dark = luminance("#0f111c")
    assert all((value + 0.05) / (dark + 0.05) > 2.5 for value in ramp)
    assert all(1.05 / (value + 0.05) > 1.5 for value in ramp)


def test_a_map_refuses_a_column_it_does_not_have():
    with pytest.raises(KeyError):
        draw_map(colour="depth")


EVIL = "<b>x</b>"


def written(figure):
    """A figure as JSON, without ids that no card shows and ticks that plotly does not read as markup."""
    spec = json.loads(figure.to_json())
    for trace in spec["data"]:
        if "customdata" not in trace.get("hovertemplate", ""):
            trace.pop("customdata", None)
        for axis in trace.get("dimensions", []):
            axis.pop("ticktext", None)
    return json.dumps(spec)


def evil_figures():
    """Figures of a file whose ids, columns, values, classes and titles all hold markup."""
    rows = table(30).assign(id=EVIL, optimizer=[EVIL, "sgd", "adam"] * 10, init=EVIL, activation=EVIL)
    rows[EVIL] = DRAW.uniform(size=30)
    labels = (EVIL, EVIL)
    yield "map of words", map_figure(points(30), rows, colour="optimizer", labels=labels)
    yield "map of numbers", map_figure(points(30), rows, colour=EVIL, labels=labels)
    yield "placed", placed_figure(points(9), points(2), np.array([0, 1]), np.ones(2), [EVIL, "b"], labels=labels)
    yield "runs", runs_figure(rows, column=EVIL)
    yield "histogram", histogram_figure(rows, EVIL, colour="optimizer")
    yield "bars", histogram_figure(rows, "optimizer", colour=EVIL)
    yield "parallel", parallel_figure(rows, ["optimizer", "lr"], target=EVIL)
    yield "lens", lens_figure(points(5), points(5), np.ones(5), points(2), points(2), colour=EVIL)
    alphas = np.linspace(0, 1, 3)
    yield "curves", curves_figure({"raw": (alphas, alphas)}, unit=EVIL, title=EVIL)
    chances = DRAW.dirichlet(np.ones(2), size=(3, 2)).astype(np.float32)
    yield (
        "scrub",
        scrub_figure(
            alphas,
            alphas,
            alphas,
            chances,
            chances,
            np.ones((3, 2, 4, 4), np.float32),
            np.zeros((2, 4, 4)),
            np.array([0, 1]),
            [EVIL, "b"],
        ),
    )
    yield "filters", filters_figure({EVIL: np.ones((4, 2, 2))})
    yield "matrices", matrices_figure([(EVIL, np.ones((2, 2)))], hover=EVIL)
    yield "gallery", gallery_figure(np.zeros((1, 4, 4)), [EVIL])
    measures = {"novelty": 1.0, "mean_accuracy": 0.9, "std_accuracy": 0.1, "best_accuracy": 1.0}
    yield "quality", quality_figure(pd.DataFrame([{"generator": EVIL, **measures}]))


@pytest.mark.parametrize(("name", "figure"), [pytest.param(*case, id=case[0]) for case in evil_figures()])
def test_no_text_from_a_file_is_markup_in_a_figure(name, figure):
    text = written(figure)
    assert EVIL not in text
    assert "&lt;b&gt;x&lt;/b&gt;" in text
