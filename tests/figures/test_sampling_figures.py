import numpy as np
import pytest

from wsexplore.figures.sampling import fallen_figure, travel_figure, travel_finding
from wsexplore.figures.wall import DEEPEST, tile_text, trio_figure, wall_figure


@pytest.fixture
def ways():
    generator = np.random.default_rng(0)
    places = np.cumsum(generator.normal(size=(6, 9, 2)), axis=0)
    scores = np.linspace(0.1, 0.9, 6)[:, None] + 0.02 * generator.normal(size=(6, 9))
    return places, scores, generator.normal(size=(50, 2))


def test_travel_begins_in_the_noise_and_ends_at_the_samples(ways):
    places, scores, crowd = ways
    figure = travel_figure(places, scores, crowd, labels=("PC 1", "PC 2"), goal=0.95)
    for frame, place in ((figure.frames[0], places[0]), (figure.frames[-1], places[-1])):
        np.testing.assert_allclose(frame.data[0].x, place[:, 0], rtol=1e-5)
        np.testing.assert_allclose(frame.data[0].y, place[:, 1], rtol=1e-5)
    np.testing.assert_allclose(figure.frames[-1].data[1].y, [scores[-1].mean()], rtol=1e-5)
    assert len(figure.layout.sliders[0].steps) == len(figure.frames)


def test_travel_passes_every_step_of_the_solver(ways):
    places, scores, crowd = ways
    figure = travel_figure(places, scores, crowd, labels=("PC 1", "PC 2"))
    seen = np.array([frame.data[0].x for frame in figure.frames])
    for place in places:
        assert np.abs(seen - place[:, 0]).max(1).min() < 1e-5


@pytest.mark.parametrize("steps", [1, 7, 200])
def test_travel_has_a_bounded_number_of_pictures(steps):
    places = np.zeros((steps + 1, 3, 2))
    places[..., 0] = np.linspace(0, 1, steps + 1)[:, None]
    places[..., 1] = np.arange(3)
    figure = travel_figure(places, None, places[0], labels=("PC 1", "PC 2"))
    assert 2 <= len(figure.frames) <= 102
    assert figure.frames[-1].name == "1.00"


def test_the_finding_tells_when_half_of_the_rise_is_done(ways):
    _, scores, _ = ways
    told = travel_finding(scores)
    assert "9 networks" in told
    assert "half of the rise is done at" in told
    assert "half" not in travel_finding(scores[::-1])


def test_samples_are_joined_to_their_nearest_network():
    crowd, fresh = np.eye(2) * 3, np.array([[0.0, 0.1], [0.2, 0.0]])
    texts = [tile_text("a", ["x"]), tile_text("b", ["y"])]
    outline = {"A": np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]])}
    figure = fallen_figure(
        crowd,
        fresh,
        np.array([1, 0]),
        None,
        texts,
        labels=("x", "y"),
        outside=np.ones((4, 2)),
        regions=outline,
        chosen=1,
    )
    lines = next(trace for trace in figure.data if trace.name == "to its nearest network")
    np.testing.assert_allclose(lines.x[:2], [fresh[0, 0], crowd[1, 0]])
    assert {"fell outside", "region A"} <= {trace.name for trace in figure.data}


def test_a_wall_holds_its_pictures_in_rows():
    pictures = np.linspace(0, 1, 2 * 5 * 3 * 3).reshape(2, 5, 3, 3)
    figure = wall_figure(pictures, list("abcde"), columns=3, room=6)
    canvas = np.asarray(figure.frames[-1].data[0].z)
    assert canvas.shape == (7, 11)
    np.testing.assert_array_equal(canvas[:3, 4:7], np.round(pictures[1, 1] * DEEPEST))
    np.testing.assert_array_equal(canvas[4:, 0:3], np.round(pictures[1, 3] * DEEPEST))
    assert (canvas[3] == 255).all()
    assert (canvas[4:, 8:] == 255).all()
    assert len(figure.layout.shapes) == 1


def test_a_wall_of_one_moment_has_no_clock():
    figure = wall_figure(np.full((1, 2, 4, 4), np.nan), ["a", "b"], columns=2, chosen=1)
    assert not figure.frames
    assert not figure.layout.sliders
    assert (np.asarray(figure.data[0].z)[:, :4] == 0).all()


def test_names_on_a_wall_are_shown_letter_by_letter():
    assert tile_text("<b>", ["a & b"]) == "<b>&lt;b&gt;</b><br>a &amp; b"


def test_pictures_stand_side_by_side():
    figure = trio_figure([("one", np.zeros((4, 4))), ("two", np.ones((4, 4)))])
    assert [np.asarray(trace.z).shape for trace in figure.data] == [(4, 4), (4, 4)]
