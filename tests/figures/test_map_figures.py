import json

import numpy as np
import pandas as pd
import pytest

from wsexplore.embed import rasterise
from wsexplore.figures import difference_figure, epochs_figure, map_figure, space_figure

DRAW = np.random.default_rng(0)
EVIL = "<b>x</b>"


def points(count, dims=2):
    return DRAW.normal(size=(count, dims)).astype(np.float32)


def table(count):
    return pd.DataFrame(
        {
            "id": [f"n{row}" for row in range(count)],
            "run": np.arange(count) // 3,
            "epoch": np.arange(count) % 3,
            "test_accuracy": DRAW.uniform(0, 1, count),
            "optimizer": ["adam", "sgd", "adamw"] * (count // 3),
        }
    )


def test_the_raster_lies_under_the_points_and_its_empty_cells_are_clear():
    places = points(3000)
    grid = rasterise(places, cells=50)
    raster, cloud = map_figure(places, table(3000), colour="test_accuracy", labels=("x", "y"), raster=grid).data
    assert (raster.type, cloud.type) == ("heatmap", "scattergl")
    assert raster.z.dtype == np.uint8
    np.testing.assert_array_equal(raster.z == 0, grid.counts == 0)
    assert raster.z.max() == 255
    assert raster.colorscale[0][1] == "rgba(0, 0, 0, 0)"
    assert raster.x0 == pytest.approx(grid.x[0])


def test_more_networks_are_never_fainter():
    grid = rasterise(points(2000), cells=20)
    raster = map_figure(points(3), table(3), colour="epoch", labels=("x", "y"), raster=grid).data[0]
    order = np.argsort(grid.counts, axis=None)
    assert (np.diff(raster.z.ravel()[order].astype(int)) >= 0).all()


def test_a_raster_of_means_keeps_the_order_of_the_means_and_names_the_column():
    places = points(900)
    rows = table(900)
    grid = rasterise(places, rows["test_accuracy"].to_numpy(), cells=12)
    raster = map_figure(places, rows, colour="test_accuracy", labels=("x", "y"), raster=grid, by="mean").data[0]
    known = np.isfinite(grid.means)
    order = np.argsort(grid.means[known])
    assert (np.diff(raster.z[known][order].astype(int)) >= 0).all()
    assert raster.colorbar.title.text == "mean test accuracy"


def test_a_page_of_many_points_stays_small():
    places, rows = points(6000), table(6000)
    notes = {"neighbours kept": np.ones(6000)}
    figure = map_figure(places, rows, colour="test_accuracy", labels=("x", "y"), raster=rasterise(places), notes=notes)
    assert len(figure.to_json()) < 800_000


def test_what_is_chosen_stands_out():
    chosen = np.arange(30) < 5
    cloud = map_figure(points(30), table(30), colour="test_accuracy", labels=("x", "y"), chosen=chosen).data[0]
    assert (cloud.marker.opacity[:5] == 1).all()
    assert (cloud.marker.opacity[5:] < 0.2).all()
    faint, bright = space_figure(
        points(30, 3), table(30), colour="test_accuracy", labels=("x", "y", "z"), chosen=chosen
    ).data
    assert (len(faint.x), len(bright.x)) == (25, 5)
    assert bright.marker.cmax > bright.marker.cmin


def test_space_shows_every_network_and_each_kind_has_its_symbol():
    rows = table(30)
    traces = space_figure(points(30, 3), rows, colour="optimizer", labels=("x", "y", "z")).data
    assert sum(len(trace.x) for trace in traces) == 30
    assert len({trace.marker.symbol for trace in traces}) == 3


def test_several_regions_are_named_on_the_map():
    corners = np.array([[0, 0], [1, 0], [1, 1.0]])
    regions = {"A": corners, "good": corners + 1}
    figure = map_figure(points(30), table(30), colour="epoch", labels=("x", "y"), regions=regions)
    assert [note.text for note in figure.layout.annotations] == ["<b>A</b>", "<b>good</b>"]
    assert len({figure.data[k].line.color for k in (-1, -2)}) == 2


def test_runs_pass_through_their_checkpoints_on_one_clock():
    places, values = DRAW.normal(size=(3, 7, 2)).astype(np.float32), DRAW.uniform(size=(3, 7)).astype(np.float32)
    epochs = np.array([0.0, 1.0, 30.0])
    figure = epochs_figure(places, values, epochs, colour="acc", labels=("x", "y"), chosen=np.arange(7) < 2)
    names = [frame.name for frame in figure.frames]
    for place, name in enumerate(("0", "1", "30")):
        frame = figure.frames[names.index(name)]
        np.testing.assert_allclose(frame.data[0]["x"], places[place, :, 0], atol=1e-6)
        np.testing.assert_allclose(frame.data[1]["y"], places[place, :2, 1], atol=1e-6)


def test_differences_left_and_right_of_zero_differ_in_more_than_colour():
    bars = difference_figure(["a", "b"], np.array([1.0, -2.0]), ["one", "two"], title="t", chance=0.1).data[0]
    assert bars.marker.color[0] != bars.marker.color[1]
    assert bars.marker.pattern.shape == ("", "/")


def test_no_figure_reads_markup_in_what_a_file_says():
    rows = table(30).assign(id=EVIL, optimizer=[EVIL, "sgd", "adam"] * 10)
    rows[EVIL] = DRAW.uniform(size=30)
    labels = (EVIL, EVIL, EVIL)
    places = DRAW.normal(size=(3, 7, 2)).astype(np.float32)
    grid = rasterise(points(30), rows[EVIL].to_numpy(), cells=5)
    for figure in (
        space_figure(points(30, 3), rows, colour="optimizer", labels=labels, notes={EVIL: np.ones(30)}),
        map_figure(points(30), rows, colour=EVIL, labels=labels[:2], raster=grid, by="mean"),
        epochs_figure(places, places[..., 0], np.arange(3.0), colour=EVIL, labels=labels[:2]),
        difference_figure([EVIL], np.ones(1), [EVIL], title=EVIL),
    ):
        assert EVIL not in json.dumps(json.loads(figure.to_json()))
