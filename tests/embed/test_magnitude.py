import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsexplore.embed.magnitude import common_scale, magnitude_curve


def cloud(points=120, dimensions=8, seed=0):
    return np.random.default_rng(seed).standard_normal((points, dimensions))


@settings(max_examples=25, deadline=None)
@given(distance=st.floats(1e-3, 20), scale=st.floats(0.1, 3))
def test_two_points_have_the_magnitude_of_the_formula(distance, scale):
    curve = magnitude_curve(np.array([[0.0, 0.0], [distance, 0.0]]), [scale])
    assert curve.values[0] == pytest.approx(2 / (1 + np.exp(-scale * distance)), rel=1e-6)


def test_points_far_apart_count_as_so_many():
    assert magnitude_curve(1e3 * cloud(50), [1.0]).values[0] == pytest.approx(50, rel=1e-6)


def test_a_curve_rises_from_one_to_the_share_of_its_points():
    curve = magnitude_curve(cloud())
    assert curve.values[0] == pytest.approx(1.2, rel=2e-3)
    assert curve.values[-1] == pytest.approx(0.95 * 120, rel=2e-3)
    assert (np.diff(curve.values) > 0).all()
    assert len(curve.scales) == 30
    assert 0 < curve.area < 1


def test_larger_distances_move_the_curve_and_leave_its_area():
    one, other = magnitude_curve(cloud()), magnitude_curve(10 * cloud())
    assert one.half == pytest.approx(10 * other.half, rel=0.02)
    assert one.area == pytest.approx(other.area, rel=0.01)
    assert one.difference(other) > 0.1
    assert one.difference(one) == 0
    assert one.difference(other) == pytest.approx(other.difference(one))


def test_the_wider_cloud_has_the_larger_area_to_a_common_scale():
    narrow, wide = magnitude_curve(0.1 * cloud()), magnitude_curve(5 * cloud())
    top = common_scale([narrow, wide])
    assert wide.scales[-1] < top < narrow.scales[-1]
    assert 0 < narrow.area_to(top) < wide.area_to(top) - 0.3 < 1
    assert narrow.area_to(float(narrow.scales[-1])) == narrow.area


def test_the_area_counts_scale_times_distance():
    curve, tenfold = magnitude_curve(cloud()), magnitude_curve(10 * cloud())
    for scale in (0.5, 5.0, 50.0):
        assert curve.area_to(scale) == pytest.approx(tenfold.area_to(scale / 10), rel=2e-3)
    assert curve.area_to(1e4) == pytest.approx(1, abs=0.01)


def test_copies_add_nothing():
    points = cloud(60)
    curve = magnitude_curve(np.concatenate([points, points + 1e-13]))
    assert (len(curve), curve.merged) == (60, 60)
    assert curve.rows.tolist() == list(range(60))
    assert "60 near-duplicates merged" in curve.sentence
    np.testing.assert_allclose(curve.values, magnitude_curve(points).values, rtol=1e-2)


def test_weights_sum_to_the_magnitude_and_are_largest_at_the_boundary():
    curve = magnitude_curve(cloud(300, 16))
    assert curve.weighting(float(curve.scales[12])).sum() == pytest.approx(curve.values[12])
    assert np.corrcoef(curve.weighting(), np.linalg.norm(curve.points, axis=1))[0, 1] > 0.9


def test_distances_are_kept_where_32_coordinates_hold_them():
    flat = cloud(80, 20) @ np.random.default_rng(1).standard_normal((20, 100))
    curve = magnitude_curve(flat)
    assert curve.points.shape == (80, 32)
    apart = [np.linalg.norm(some[3] - some[5]) for some in (flat, curve.points)]
    assert apart[0] == pytest.approx(apart[1])


def test_of_many_points_some_are_drawn_and_said_so():
    curve = magnitude_curve(cloud(2100, 2), [1e-3], seed=4)
    assert (curve.given, curve.drawn) == (2100, 2000)
    assert curve.sentence.startswith("2,000 points of 2,100, drawn by a seed")
    assert "drawn by a seed" in curve._repr_html_()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: magnitude_curve(np.zeros((5, 2))), "at least 2 different points, got 1"),
        (lambda: magnitude_curve(np.zeros((0, 2))), "at least 2 different points, got 0"),
        (lambda: magnitude_curve(np.array([[0.0, np.nan], [1, 1]])), "finite coordinates"),
        (lambda: magnitude_curve(cloud(9), [-1.0]), "positive numbers"),
        (lambda: magnitude_curve(cloud(9), [2.0, 1.0]), "scales must rise"),
        (lambda: magnitude_curve(cloud(9)).weighting(0.0), "positive numbers"),
        (lambda: magnitude_curve(cloud(9)).area_to(np.inf), "positive numbers"),
        (lambda: common_scale([]), "at least one curve"),
    ],
)
def test_wrong_arguments_are_refused_with_a_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
