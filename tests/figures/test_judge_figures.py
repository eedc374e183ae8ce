import json
import re

import numpy as np
import pandas as pd
import pytest

from wsexplore.embed.magnitude import magnitude_curve
from wsexplore.figures import (
    class_coverage_figure,
    class_coverage_finding,
    coverage_figure,
    coverage_finding,
    frechet_figure,
    frechet_finding,
    generators_magnitude_figure,
    generators_magnitude_finding,
    novelty_figure,
    novelty_finding,
    overlap_figure,
    overlap_finding,
    quality_figure,
    quality_finding,
    reliability_figure,
    reliability_finding,
    tuning_curves_figure,
    tuning_curves_finding,
)
from wsexplore.generate.judge import memory_of

EVIL = "<b>x</b>"
GENERATORS = ("zoo", "flow", "held_out", "gaussian", "independent", "averages", "gaussian_matched", "noise_matched")
DRAW = np.random.default_rng(0)


def report(names=GENERATORS, fields=False):
    count = len(names)
    columns = {
        "generator": list(names),
        "models": 50,
        "novelty": np.linspace(0.6, 1.1, count),
        "coverage": np.linspace(1, 0.2, count),
        "density": np.linspace(0, 3, count),
        "dispersion": 1.0,
        "mmd_p": 0.5,
    }
    if fields:
        columns |= {"accepted": 0.8, "classes": 9, "frechet": np.arange(count) + 1.0, "frechet_error": 0.1}
        columns |= {"frechet_floor": 0.05}
    else:
        columns |= {"mean_accuracy": np.linspace(0.9, 0.5, count), "std_accuracy": 0.01, "best_accuracy": 0.97}
        columns |= {"overlap": 0.5, "overlap_expected": 0.6, "ensemble_accuracy": 0.9, "ensemble_ece": 0.04}
    return pd.DataFrame(columns)


def networks(names=GENERATORS, ids="n"):
    rows = [
        {
            "generator": name,
            "id": f"{ids}{row}",
            "test_accuracy": 0.9 - 0.01 * row,
            "errors": 3 * row,
            "overlap": np.nan if row == 0 else 0.3,
            "overlap_expected": np.nan if row == 0 else 0.4,
        }
        for name in names
        for row in range(4)
    ]
    return pd.DataFrame(rows)


def distances(names=("samples", "held out", "zoo")):
    return pd.DataFrame([{"population": name, "distance": float(value)} for name in names for value in DRAW.random(20)])


def reliability(names=GENERATORS):
    rows = [(name, c, a, 10) for name in names for c, a in ((0.5, 0.4), (0.9, 0.95))]
    return pd.DataFrame(rows, columns=["generator", "confidence", "accuracy", "samples"])


def curves(names=("flow", "zoo", "gaussian_matched", "fresh"), data="digits"):
    rows = [
        (name, data, epoch, 0.5 + 0.1 * epoch + 0.01 * k) for name in names for epoch in (0, 1, 2) for k in range(3)
    ]
    return pd.DataFrame(rows, columns=["start", "dataset", "epoch", "test_accuracy"])


def classes(names=GENERATORS, labels="01"):
    rows = [(name, label, place, place / 50) for name in names for place, label in enumerate(labels)]
    return pd.DataFrame(rows, columns=["generator", "class", "pictures", "share"])


def magnitudes(names=GENERATORS):
    return {name: magnitude_curve(DRAW.normal(size=(20, 3))) for name in names}


def written(figure):
    return figure.to_json()


def test_matched_controls_are_filled_plain_ones_hollow_and_a_line_joins_them():
    figure = quality_figure(report())
    marks = {trace.name: trace for trace in figure.data if trace.mode == "markers"}
    assert marks["full-covariance Gaussian"].marker.symbol == "square-open"
    assert marks["full-covariance Gaussian, matched"].marker.symbol == "square"
    (line,) = [trace for trace in figure.data if trace.mode == "lines"]
    rows = report().set_index("generator")
    assert list(line.x) == [rows.novelty["gaussian"], rows.novelty["gaussian_matched"]]


def test_a_control_is_named_once_in_the_legend_of_the_slide():
    named = [trace.name for trace in quality_figure(report()).data if trace.showlegend is not False]
    assert "full-covariance Gaussian, matched" in named
    assert "full-covariance Gaussian" not in named
    assert "independent Gaussian" in named


def test_fields_are_drawn_by_the_share_accepted():
    figure = quality_figure(report(fields=True))
    assert figure.layout.yaxis.title.text == "pictures accepted"
    assert "accepted" in quality_finding(report(fields=True))


def test_every_network_lies_in_one_bin_of_its_population():
    for trace in novelty_figure(distances()).data:
        assert np.asarray(trace.y)[::2].sum() == pytest.approx(1)


def test_copies_at_distance_zero_can_be_drawn():
    table = distances(("samples",)).assign(distance=0.0)
    assert np.isfinite(np.asarray(novelty_figure(table).data[0].y)).all()


def test_networks_without_errors_are_not_drawn():
    figure = overlap_figure(networks())
    assert all(len(trace.x) == 3 for trace in figure.data[::2])


def test_the_mean_overlap_is_joined_to_what_was_expected():
    line = overlap_figure(networks()).data[1]
    assert list(line.y) == pytest.approx([0.4, 0.3])
    assert list(line.marker.symbol) == ["circle-open", "circle"]


def test_a_density_of_zero_has_a_place_on_the_log_axis():
    density = coverage_figure(report()).data[1]
    assert min(density.x) > 0
    assert coverage_figure(report()).layout.xaxis2.type == "log"


def test_magnitudes_of_plain_controls_are_left_out_and_colours_are_those_of_the_generators():
    figure = generators_magnitude_figure(magnitudes())
    assert len(figure.data) == 2 * 5
    quality = {trace.name: trace.marker.color for trace in quality_figure(report()).data if trace.mode == "markers"}
    for trace in figure.data[1::2]:
        assert trace.line.color == quality[trace.name.split(", area")[0]]


def test_curves_of_training_have_the_mean_and_its_standard_error():
    line = tuning_curves_figure(curves()).data[0]
    assert list(line.y) == pytest.approx([0.51, 0.61, 0.71])
    assert list(line.error_y.array) == pytest.approx([0.01 / 3**0.5] * 3)


def test_the_first_generator_is_on_top_and_the_floor_is_drawn():
    figure = frechet_figure(report(fields=True))
    assert figure.data[0].y[-1] == "the zoo itself"
    assert figure.layout.shapes[0].x0 == 0.05
    assert class_coverage_figure(classes()).data[0].y[-1] == "the zoo itself"


def test_findings_name_every_generator_that_is_compared():
    values = DRAW.random(20)
    for text in (
        quality_finding(report()),
        coverage_finding(report()),
        overlap_finding(report()),
        reliability_finding(report()),
        generators_magnitude_finding(magnitudes()),
        frechet_finding(report(fields=True)),
        class_coverage_finding(classes()),
    ):
        assert "flow" in text
        assert "full-covariance Gaussian, matched" in text
        assert not re.search(r"\bnan\b", text)
    assert "fresh initialisations 51.0% after 0 epochs and 71.0% after 2" in tuning_curves_finding(curves())
    assert "held-out networks" in novelty_finding(memory_of(values, values, values, held_out=True))


def evil_figures():
    yield "quality", quality_figure(report([EVIL]))
    yield "novelty", novelty_figure(distances([EVIL]))
    yield "overlap", overlap_figure(networks([EVIL]))
    yield "overlap ids", overlap_figure(networks(ids=EVIL))
    yield "coverage", coverage_figure(report([EVIL]))
    yield "reliability", reliability_figure(reliability([EVIL]))
    yield "magnitude", generators_magnitude_figure(magnitudes([EVIL]))
    yield "tuning", tuning_curves_figure(curves([EVIL]))
    yield "tuning data", tuning_curves_figure(curves(data=EVIL))
    yield "frechet", frechet_figure(report([EVIL], fields=True))
    yield "classes", class_coverage_figure(classes([EVIL]))
    yield "class labels", class_coverage_figure(classes(labels=[EVIL, "b"]))


@pytest.mark.parametrize(("name", "figure"), [pytest.param(*case, id=case[0]) for case in evil_figures()])
def test_no_text_from_a_file_is_markup_in_a_figure_of_the_judge(name, figure):
    text = json.loads(json.dumps(written(figure))).encode().decode("unicode_escape")
    assert EVIL not in text
    assert "&lt;b&gt;x&lt;/b&gt;" in text
