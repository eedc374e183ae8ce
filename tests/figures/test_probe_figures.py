import numpy as np
import pandas as pd
import pytest

from wsexplore.embed.magnitude import magnitude_curve
from wsexplore.embed.probed import ProbeReport
from wsexplore.figures.magnitude import magnitude_figure, magnitude_finding
from wsexplore.figures.plane import plane_figure
from wsexplore.figures.probes import LOWEST, probe_figure, probe_finding


def report(targets=("test_accuracy", "epoch", "lr")):
    rows = [
        {
            "features": features,
            "target": target,
            "model": model,
            "score": "R2",
            "scale": "log10" if target == "lr" else "linear",
            "r2": score,
            "r2_low": score - 0.1,
            "r2_high": score + 0.05,
            "tau": np.nan if target == "epoch" else score,
            "tau_low": score - 0.1,
            "tau_high": score + 0.1,
            "control_r2": -0.02,
            "runs": 10,
            "networks": 50,
            "dropped": 0,
        }
        for target in targets
        for features, base in (("statistics", 0.9), ("<b>pca</b>", 0.3))
        for model, score in (("ridge", base), ("boosting", -7.5 if base < 0.5 else base - 0.1))
    ]
    return ProbeReport(pd.DataFrame(rows), pd.DataFrame())


def dots(figure):
    return [trace for trace in figure.data if trace.error_x.array is not None]


def test_every_score_is_a_dot_with_its_interval_and_a_hollow_control():
    figure = probe_figure(report())
    assert sum(len(trace.x) for trace in dots(figure)) == 12
    for trace in dots(figure):
        for x, up, down in zip(trace.x, trace.error_x.array, trace.error_x.arrayminus, strict=True):
            assert up == pytest.approx(0.05) or x == LOWEST
            assert down == pytest.approx(0.1) or x == LOWEST
    hollow = [trace for trace in figure.data if str(trace.marker.symbol).endswith("-open")]
    assert all(value == -0.02 for trace in hollow for value in trace.x)
    assert len(hollow) == len(dots(figure)) == 6


def test_each_target_has_a_panel_that_names_its_scale():
    figure = probe_figure(report())
    titles = [note.text for note in figure.layout.annotations]
    assert titles == ["<b>test accuracy</b> (R²)", "<b>epoch</b> (R²)", "<b>lr</b> (R², log10)"]
    assert {trace.xaxis for trace in figure.data} == {"x", "x2", "x3"}


def test_a_score_below_the_axis_is_drawn_at_its_edge_and_told():
    trace = next(trace for trace in dots(probe_figure(report())) if trace.name == "boosted trees")
    assert trace.x[1] == LOWEST
    assert trace.marker.symbol[1] == "triangle-left"
    assert "-7.500" in trace.hovertext[1]


def test_the_legend_names_each_model_once_and_names_are_no_markup():
    figure = probe_figure(report())
    assert sum(bool(trace.showlegend) for trace in figure.data) == 4
    assert "&lt;b&gt;pca" in figure.layout.yaxis.ticktext[1]
    assert all("<b>pca" not in text for trace in dots(figure) for text in trace.hovertext)


def test_the_finding_names_the_best_and_the_worst_features():
    said = probe_finding(report(["lr"]))
    assert said == "lr is predicted best from statistics, R2 0.90, and worst from <b>pca</b>, 0.30"


def test_one_target_is_one_panel():
    assert probe_figure(report(["lr"])).layout.height < probe_figure(report()).layout.height


def test_magnitude_is_drawn_by_the_logarithm_of_the_scale_up_to_the_number_of_points():
    points = np.random.default_rng(0).standard_normal((60, 4))
    curves = {"zoo": magnitude_curve(points), "<i>samples": magnitude_curve(points[:30] / 5)}
    figure = magnitude_figure(curves)
    assert figure.layout.xaxis.type == "log"
    lines = [trace for trace in figure.data if trace.mode == "lines+markers"]
    assert [trace.y[-1] < len(curve) for trace, curve in zip(lines, curves.values(), strict=True)] == [True, True]
    assert lines[1].name.startswith("&lt;i&gt;samples, area")
    assert "half of zoo is told apart at the smallest scale" in magnitude_finding(curves)
    assert "60 points" in magnitude_finding({"zoo": curves["zoo"]})


def test_clouds_of_one_form_and_two_sizes_are_told_apart_by_the_legend():
    points = np.random.default_rng(0).standard_normal((60, 4))
    curves = {"narrow": magnitude_curve(0.1 * points), "wide": magnitude_curve(5 * points)}
    assert curves["narrow"].area == pytest.approx(curves["wide"].area, abs=0.01)
    lines = [trace for trace in magnitude_figure(curves).data if trace.mode == "lines+markers"]
    narrow, wide = (float(trace.name.rsplit(" ", 1)[-1]) for trace in lines)
    assert narrow < wide - 0.3
    assert magnitude_finding(curves).startswith("Areas up to scale")


def test_a_network_that_was_not_judged_is_hollow_and_not_of_accuracy_zero():
    axis = np.linspace(-1, 1, 3)
    points = np.zeros((4, 2), np.float32)
    own = np.array([0.5, np.nan, 0.9, np.nan])
    figure = plane_figure(axis, axis, np.full((3, 3), 0.4), points, own, list("abcd"), labels=("x", "y"))
    traces = {trace.name: trace for trace in figure.data}
    assert list(traces["trained"].marker.color) == [0.5, 0.9]
    assert list(traces["not judged"].text) == ["b", "d"]
    assert traces["not judged"].marker.symbol == "circle-open"
