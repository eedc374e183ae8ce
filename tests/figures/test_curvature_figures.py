"""Figures of curvature: what each draws, and that it says it in words."""

import json

import numpy as np
import pytest

from wsexplore.figures import profiles_figure, spectrum_figure, spectrum_finding, trace_figure

POSITIONS = np.linspace(-1, 6, 701)
WIDTH = 0.02


def peaks(values, weights):
    heights = np.exp(-0.5 * ((POSITIONS[:, None] - values) / WIDTH) ** 2) @ np.asarray(weights)
    return heights / (WIDTH * np.sqrt(2 * np.pi))


DENSITY = peaks([-0.5, 0.0, 0.3, 3.0, 5.0], [0.02, 0.8, 0.16, 0.01, 0.01])
LARGEST = np.array([5.0, 3.0])


def spectrum(**settings):
    return spectrum_figure(POSITIONS, DENSITY, LARGEST, smallest=-0.5, **settings)


def named(figure, name):
    return next(trace for trace in figure.data if trace.name and trace.name.startswith(name))


def test_the_spectrum_has_a_part_below_zero_and_one_above_on_a_logarithmic_axis():
    figure = spectrum()
    assert figure.layout.yaxis.type == "log"
    below, above = named(figure, "below 0"), named(figure, "above 0")
    assert max(below.x) <= 0 <= min(above.x)
    assert below.fillcolor != above.fillcolor
    assert {below.fill, above.fill} == {"tozeroy"}
    shown = 10.0 ** np.asarray(figure.layout.yaxis.range)
    assert shown[0] < DENSITY[np.abs(POSITIONS - 5) < WIDTH].min()
    assert shown[1] > DENSITY.max()
    assert min(below.y) >= shown[0] * (1 - 1e-9)


def test_a_spectrum_without_a_negative_part_does_not_name_one():
    figure = spectrum_figure(POSITIONS, peaks([1.0, 5.0], [0.9, 0.1]), np.array([5.0]))
    assert {trace.name for trace in figure.data} == {"above 0", "largest"}


def test_leading_eigenvalues_are_marked_where_they_are_and_labelled_where_there_is_room():
    figure = spectrum(bounds=np.array([1e-6, 2e-6]))
    largest = named(figure, "largest")
    np.testing.assert_array_equal(largest.x, LARGEST)
    np.testing.assert_allclose(largest.y, np.interp(LARGEST, POSITIONS, DENSITY))
    assert list(largest.text) == ["λ₁ 5", "λ₂ 3"]
    assert "within" in largest.hovertemplate
    close = spectrum_figure(POSITIONS, DENSITY, np.array([5.0, 4.9, 3.0]))
    assert list(named(close, "largest").text) == ["λ₁ 5", "", "λ₃ 3"]
    assert "within" not in named(close, "largest").hovertemplate
    assert named(figure, "smallest").name == "smallest, -0.5"


def test_the_error_of_the_density_is_a_band_around_it():
    band = spectrum(errors=0.1 * DENSITY).data[0]
    half = len(POSITIONS)
    assert (np.asarray(band.y[:half]) >= np.asarray(band.y[half:])[::-1]).all()
    assert band.fill == "toself"


@pytest.mark.parametrize("value", [0.0, 2.0])
def test_a_single_eigenvalue_is_a_spectrum_too(value):
    positions = np.linspace(value - 0.1, value + 0.1, 50)
    figure = spectrum_figure(positions, np.exp(-((positions - value) ** 2) * 1e3), np.array([value]))
    assert np.isfinite(figure.layout.yaxis.range).all()


def test_profiles_are_solid_and_the_quadratic_model_is_dotted():
    distances = [np.linspace(-1, 1, 5), np.linspace(-2, 2, 5)]
    losses, models = [x**2 + x**3 for x in distances], [x**2 for x in distances]
    figure = profiles_figure(distances, losses, models, [2.0, 1.5])
    solid = [trace for trace in figure.data if trace.line.dash is None]
    dotted = [trace for trace in figure.data if trace.line.dash == "dot" and len(trace.x) > 1]
    for measured, model, x, loss, quadratic in zip(solid, dotted, distances, losses, models, strict=True):
        np.testing.assert_array_equal(measured.x, x)
        np.testing.assert_array_equal(measured.y, loss)
        np.testing.assert_array_equal(model.y, quadratic)
        assert measured.line.color == model.line.color
        assert measured.legendgroup == model.legendgroup
    assert len({trace.line.color for trace in solid}) == len({trace.marker.symbol for trace in solid}) == 2
    assert [trace.name for trace in figure.data if trace.showlegend is not False] == [
        "along eigenvector 1, λ₁ 2",
        "along eigenvector 2, λ₂ 1.5",
        "quadratic model",
    ]


def test_the_running_trace_ends_at_the_mean_with_its_standard_error():
    estimates = np.random.default_rng(0).normal(10, 3, 40)
    figure = trace_figure(estimates)
    mean = named(figure, "mean so far")
    assert mean.y[-1] == pytest.approx(estimates.mean())
    assert mean.customdata[-1, 0] == pytest.approx(estimates.std(ddof=1) / np.sqrt(40))
    band = figure.data[0]
    assert band.y[38] == pytest.approx(mean.y[-1] + mean.customdata[-1, 0])
    np.testing.assert_array_equal(named(figure, "one random vector").y, estimates)


def test_units_are_said_and_are_no_markup():
    for figure in (
        spectrum(unit="<b>x</b>"),
        trace_figure(np.arange(3.0), unit="<b>x</b>"),
        profiles_figure([np.arange(3.0)], [np.arange(3.0)], [np.arange(3.0)], [1.0], unit="<b>x</b>"),
    ):
        text = json.dumps(figure.to_plotly_json(), default=lambda value: value.tolist())
        assert "<b>x" not in text
        assert "&lt;b&gt;x" in text


def test_backgrounds_and_text_are_left_to_the_theme():
    for figure in (spectrum(), trace_figure(np.arange(4.0))):
        assert figure.layout.paper_bgcolor is None
        assert figure.layout.plot_bgcolor is None
        assert figure.layout.font.color is None


def test_the_finding_says_what_the_spectrum_shows():
    text = spectrum_finding(np.array([5.0, 3.0]), -0.5, 12.34, 0.5, 0.02)
    assert text == (
        "Largest eigenvalues 5, 3 nats; 2% of the eigenvalues are clearly below 0, the smallest is -0.5; "
        "their sum is 12.3 ± 0.5 nats"
    )
    assert "none is below 0, the smallest is 0.1" in spectrum_finding(np.array([5.0]), 0.1, 6.0, 0.1, 0.0)
