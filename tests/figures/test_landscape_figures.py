import numpy as np
import pandas as pd
import pytest

from wsexplore.figures import (
    classes_figure,
    contour_figure,
    costly_figure,
    decisions_figure,
    learning_figure,
    plane_finding,
    surface_figure,
)


@pytest.fixture
def plane():
    xs = ys = np.linspace(-1, 1, 11, dtype=np.float32)
    losses = (0.1 + xs[None] ** 2 + 2 * ys[:, None] ** 2).astype(np.float32)
    return xs, ys, losses, np.clip(1 - losses / 3, 0, 1).astype(np.float32)


def marks(count=2):
    return pd.DataFrame(
        {
            "name": [f"<b>net{place}</b>" for place in range(count)],
            "kind": ["network"] * count,
            "x": np.linspace(-0.5, 0.5, count),
            "y": np.zeros(count),
            "loss": np.linspace(0.1, 0.4, count),
            "accuracy": np.linspace(0.9, 0.8, count),
            "distance": np.zeros(count),
        }
    )


@pytest.mark.parametrize("draw", [contour_figure, surface_figure])
@pytest.mark.parametrize("measure", ["loss", "accuracy"])
def test_a_plane_keeps_its_values_and_shows_names_letter_by_letter(draw, measure, plane):
    figure = draw(*plane, marks(), measure=measure, paths={"training": np.zeros((3, 2), np.float32)})
    np.testing.assert_array_equal(figure.data[0].customdata[..., 0], plane[2])
    text = figure.to_json()
    assert "<b>net0" not in text
    assert "&lt;b&gt;net0" in text.replace("\\u003c", "<").replace("\\u003e", ">").replace("\\u0026", "&")


def test_the_colours_of_the_loss_are_logarithmic(plane):
    xs, ys, losses, accuracies = plane
    figure = contour_figure(xs, ys, losses, accuracies, marks())
    np.testing.assert_allclose(figure.data[0].z, np.log10(losses), rtol=1e-5)
    ticks = figure.data[0].colorbar
    np.testing.assert_allclose(10.0 ** np.array(ticks.tickvals), [float(text) for text in ticks.ticktext], rtol=1e-2)


def test_many_checkpoints_are_drawn_without_their_names_and_the_last_one_stands_out(plane):
    figure = contour_figure(*plane, marks(9))
    assert all(trace.text is None for trace in figure.data[1:])
    assert figure.data[-1].marker.symbol == "star"


@pytest.mark.parametrize("draw", [contour_figure, surface_figure])
def test_a_plane_that_is_not_judged_yet_is_drawn_empty(draw, plane):
    xs, ys, losses, accuracies = plane
    draw(xs, ys, np.full_like(losses, np.nan), np.full_like(accuracies, np.nan), marks(0))
    assert "nothing is judged" in plane_finding(
        "A plane", np.full_like(losses, np.inf), marks(0), samples=9, split="test"
    )


@pytest.mark.parametrize("draw", [contour_figure, surface_figure])
def test_networks_without_a_finite_loss_are_no_colour(draw, plane):
    xs, ys, losses, accuracies = plane
    losses[0, 0], losses[1, 1] = np.inf, np.nan
    z = np.asarray(draw(xs, ys, losses, accuracies, marks()).data[0].z, float)
    assert np.isnan(z[0, 0])
    assert np.isnan(z[1, 1])
    assert np.isfinite(z[5, 5])


def test_the_finding_of_a_plane_tells_its_range(plane):
    told = plane_finding("Plane", plane[2], marks(), samples=360, split="test")
    assert "test loss from 0.1 to 3.1 nats over 121 networks" in told


def test_costly_samples_are_pictures_or_bars():
    table = pd.DataFrame(
        {
            "sample": [3, 1],
            "class": ["four", "<i>"],
            "said_by_first": ["four", "one"],
            "said_by_between": ["nine", "one"],
            "said_by_second": ["four", "one"],
            "excess": [2.5, 1.25],
        }
    )
    pictures = costly_figure(np.zeros((2, 8, 8), np.float32), table)
    assert len(pictures.data) == 2
    assert "+2.5 nats" in pictures.layout.annotations[0].text
    assert "<i>" not in pictures.layout.annotations[1].text
    bars = costly_figure(None, table)
    assert list(bars.data[0].x) == [2.5, 1.25]


def test_classes_show_excess_and_accuracies():
    table = pd.DataFrame(
        {
            "class": ["a", "b"],
            "samples": [3, 4],
            "excess": [0.5, 0.1],
            "standard_error": [0.1, 0.05],
            "accuracy_first": [1.0, 0.9],
            "accuracy_between": [0.5, 0.8],
            "accuracy_second": [1.0, 0.95],
        }
    )
    figure = classes_figure(table)
    assert list(figure.data[0].y) == [0.5, 0.1]
    assert [trace.name for trace in figure.data[1:]] == ["first network", "between them", "second network"]


def test_decisions_have_a_row_per_sample_and_a_colour_per_class():
    targets = np.array([0, 0, 1, 2, 2])
    answers = np.tile(targets, (7, 1))
    answers[3, 1] = 2
    figure = decisions_figure(np.linspace(0, 1, 7), targets, answers, ["a", "b", "c"])
    assert np.asarray(figure.data[0].z).shape == (5, 7)
    assert list(figure.layout.yaxis.ticktext) == ["a", "b", "c"]
    assert len(figure.data[0].colorscale) == 6


def test_learning_is_followed_epoch_by_epoch():
    figure = learning_figure(np.array([0.5, 0.2, 0.1], np.float32))
    assert list(figure.data[0].x) == [1, 2, 3]
