import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsexplore.figures import (
    anatomy_figure,
    blocks_of,
    confusion_figure,
    drawn,
    histogram_figure,
    images_figure,
    mistakes_figure,
    parallel_figure,
    pictures_figure,
    population_figure,
    spread_figure,
    varying,
    weight_figure,
)
from wsexplore.figures.theme import plain
from wsexplore.nets import FAMILIES, architecture

FAMILY_NAMES = [name for name in FAMILIES if name != "factory"]


def zoo_table(runs=12, epochs=3):
    draw = np.random.default_rng(1)
    count = runs * epochs
    return pd.DataFrame(
        {
            "id": [f"n{row}" for row in range(count)],
            "run": np.repeat(np.arange(runs), epochs),
            "epoch": np.tile(np.arange(epochs), runs),
            "lr": np.repeat(10.0 ** draw.uniform(-5, -1, runs), epochs),
            "optimizer": np.repeat(["adam", "sgd", "<b>adamw</b>"] * (runs // 3), epochs),
            "momentum": 0.9,
            "test_accuracy": draw.uniform(0, 1, count),
        }
    )


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_blocks_hold_every_parameter_once(name):
    kind = architecture(name)
    names = [slot.name for block in blocks_of(kind) for slot in block.slots]
    assert sorted(names) == sorted(slot.name for slot in kind.layout.slots)
    assert sum(block.parameters for block in blocks_of(kind)) == kind.layout.size


def test_blocks_come_in_the_order_of_the_forward_pass_with_their_shapes():
    blocks = blocks_of(architecture("small-cnn"))
    assert [block.kind for block in blocks] == ["convolution"] * 3 + ["linear"] * 2
    assert [block.output for block in blocks] == [(8, 12, 12), (6, 4, 4), (4, 3, 3), (20,), (10,)]
    assert blocks[0].then == ("max-pool 2", "tanh")


def test_parameters_that_no_layer_owns_keep_their_place():
    assert [block.path for block in blocks_of(architecture("gru"))] == ["embedding", "gru", "head"]
    first = blocks_of(architecture("vit"), most=1000)[0]
    assert first.kind == "parameters"
    assert first.facts == "cls_token, pos_embed"


def test_a_deep_network_is_drawn_by_its_stages():
    kind = architecture("resnet", depth=20)
    assert len(blocks_of(kind)) <= 14
    assert len(blocks_of(kind, most=1000)) > 14


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_every_family_is_drawn_with_a_card_for_each_block(name):
    kind = architecture(name)
    blocks = blocks_of(kind)
    figure = anatomy_figure(blocks, kind.input_shape)
    assert len(figure.data[0].text) == len(blocks) + 1
    words = " ".join(note.text for note in figure.layout.annotations)
    for block in blocks:
        assert f"{block.parameters:,} parameters" in words


def test_the_bars_of_a_drawing_are_shares_of_all_parameters():
    blocks = blocks_of(architecture("mlp", widths=[64, 32, 10]))
    figure = anatomy_figure(blocks, (64,))
    bars = [shape for shape in figure.layout.shapes if shape.type == "rect" and shape.y1 - shape.y0 == 4]
    tracks, filled = bars[::2], bars[1::2]
    shares = [(inner.x1 - inner.x0) / (outer.x1 - outer.x0) for inner, outer in zip(filled, tracks, strict=True)]
    assert shares == pytest.approx([2080 / 2410, 330 / 2410], abs=0.02)


def test_zero_weights_are_white_and_the_scale_is_symmetric():
    figure = weight_figure(np.array([[0.0, 1.0], [-3.0, 0.5]]), name="w")
    trace = figure.data[0]
    assert trace.zmin == -trace.zmax
    middle = dict(trace.colorscale)[0.5]
    assert middle == "#f1f1f4"


def test_each_kernel_is_a_tile_in_the_row_of_its_output():
    kernels = np.arange(2 * 3 * 2 * 2, dtype=np.float32).reshape(2, 3, 2, 2)
    trace = weight_figure(kernels, name="conv").data[0]
    assert trace.z.shape == (5, 8)
    np.testing.assert_array_equal(trace.z[:2, :2], kernels[0, 0])
    np.testing.assert_array_equal(trace.z[3:, 6:], kernels[1, 2])
    assert trace.customdata[3, 6].tolist() == [1, 2, 0, 0]


def test_rows_of_a_first_layer_become_images_of_what_they_look_at():
    trace = weight_figure(np.arange(32, dtype=np.float32).reshape(2, 16), name="w", tile=(4, 4)).data[0]
    np.testing.assert_array_equal(trace.z[:4, :4], np.arange(16).reshape(4, 4))


@settings(max_examples=20, deadline=None)
@given(shape=st.sampled_from([(7,), (3, 5), (600, 700), (64, 64, 3, 3), (512, 512, 3, 3), (2, 3, 4)]))
def test_what_is_drawn_is_the_beginning_of_the_weights_and_never_too_much(shape):
    values = np.zeros(shape, np.float32)
    part = drawn(values)
    assert 0 < part.size <= 200_000
    assert part.ndim == values.ndim
    assert all(a <= b for a, b in zip(part.shape, values.shape, strict=True))


def test_ridges_have_one_height_and_are_measured_in_the_zoos_spread():
    draw = np.random.default_rng(0)
    layers = {
        name: ((width * draw.normal(size=5000)).astype(np.float32), (width * draw.normal(size=9000)).astype(np.float32))
        for name, width in (("wide", 10.0), ("narrow", 0.01))
    }
    figure = spread_figure(layers)
    heights = [max(trace.y) - min(trace.y) for trace in figure.data]
    assert heights == pytest.approx([0.88] * 4)
    ridges = [np.array(trace.x)[np.array(trace.y) - min(trace.y) > 0.44] for trace in figure.data]
    assert [ridge.max() for ridge in ridges] == pytest.approx([ridges[0].max()] * 4, abs=0.3)


@pytest.mark.parametrize("column", ["lr", "optimizer", "epoch", "test_accuracy", "run"])
@pytest.mark.parametrize("colour", [None, "optimizer", "lr", "epoch"])
def test_bars_count_every_network_once(column, colour):
    table = zoo_table()
    figure = histogram_figure(table, column, colour=colour)
    assert sum(int(np.sum(trace.y)) for trace in figure.data) == len(table)


def test_values_that_are_not_finite_are_left_out_of_the_bars():
    table = zoo_table().assign(test_loss=np.inf)
    table.loc[:4, "test_loss"] = [0.1, 0.2, 0.3, np.nan, 0.4]
    assert int(np.sum(histogram_figure(table, "test_loss").data[0].y)) == 4


def test_wide_positive_numbers_are_binned_by_their_logarithm():
    figure = histogram_figure(zoo_table(60), "lr")
    assert set(figure.layout.xaxis.ticktext) <= {"1e-05", "0.0001", "0.001", "0.01", "0.1"}


def test_only_columns_that_vary_become_axes():
    table = zoo_table()
    assert varying(table, leave_out=("id", "run")) == ["epoch", "lr", "optimizer", "test_accuracy"]
    figure = parallel_figure(table, ["lr", "optimizer"], target="test_accuracy")
    assert [axis.label for axis in figure.data[0].dimensions] == ["lr", "optimizer", "test accuracy"]
    assert list(figure.data[0].line.color) == sorted(table["test_accuracy"])


def test_names_from_files_never_become_markup():
    table = zoo_table()
    figure = histogram_figure(table, "optimizer")
    assert "&lt;b&gt;adamw&lt;/b&gt;" in figure.data[0].x
    evil = "<a href='x'>y</a>"
    figure = confusion_figure(np.eye(2, dtype=np.int64), [evil, "b"])
    assert not any("<a" in name for name in figure.data[0].x)
    figure = images_figure(np.zeros((1, 4, 4)), [evil])
    assert "<a" not in figure.layout.annotations[0].text
    assert plain("a & <b>") == "a &amp; &lt;b&gt;"


def test_a_line_per_run_and_the_median_of_all():
    table = zoo_table()
    figure = population_figure(table, epochs=2, highlight=3)
    lines = {trace.name: trace for trace in figure.data}
    assert np.isnan(np.array(figure.data[0].y, dtype=float)).sum() == 11
    expected = table.groupby("epoch")["test_accuracy"].median()
    assert list(lines["median"].y) == pytest.approx(expected.tolist())
    assert list(lines["this run"].y) == table[table["run"] == 3]["test_accuracy"].tolist()


def test_curves_may_be_unequally_long_and_diverge():
    table = zoo_table().drop(index=[2, 5, 8])
    table.loc[10, "test_accuracy"] = np.nan
    assert population_figure(table).data
    assert population_figure(table.head(1)).data[0].mode == "markers"


def test_per_class_accuracy_is_the_share_on_the_diagonal():
    confusion = np.array([[8, 2], [5, 5]])
    figure = confusion_figure(confusion, ["cat", "dog"])
    assert list(figure.data[1].x) == [0.8, 0.5]
    assert list(figure.data[0].z[0]) == pytest.approx([0.8, 0.2])
    written = [text for trace in figure.data[2:] for text in trace.text]
    assert sorted(written) == ["2", "5", "5", "8"]


def test_a_class_without_samples_is_no_error():
    assert confusion_figure(np.array([[3, 0], [0, 0]]), ["a", "b"]).data[1].x[1] == 0


def test_mistakes_say_what_was_given_how_surely_and_the_truth():
    figure = mistakes_figure(np.zeros((2, 3, 4, 4)), ["7", "1"], ["2", "9"], np.array([0.97, 0.5]), np.array([14, 3]))
    assert [note.text for note in figure.layout.annotations] == ["7 (97%)<br>is 2", "1 (50%)<br>is 9"]
    assert figure.data[0].type == "image"
    assert mistakes_figure(np.zeros((1, 4, 4)), ["7"], ["2"], np.array([1.0]), np.array([0])).data[0].type == "heatmap"


def test_pictures_of_any_sizes_lie_side_by_side():
    figure = pictures_figure({"a": np.zeros((8, 8)), "b": np.ones((32, 16))})
    assert [trace.z.shape for trace in figure.data] == [(8, 8), (32, 16)]
