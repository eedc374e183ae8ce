import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.manifold import trustworthiness

from wsexplore.align import spec_of
from wsexplore.embed import Projection, fit_projection, inside, parse_polygon, polygon_text, weight_statistics
from wsexplore.nets import architecture
from wsexplore.symmetry import permute_weights, random_permutation
from wsexplore.zoo import Zoo

ARCH = architecture("mlp", widths=[5, 6, 3])


def make(models=40, seed=0):
    draw = torch.Generator().manual_seed(seed)
    centres = torch.randn(4, ARCH.layout.size, generator=draw) * 3
    weights = centres[torch.arange(models) % 4] + torch.randn(models, ARCH.layout.size, generator=draw) * 0.3
    return Zoo.from_weights(ARCH, weights)


def test_pca_places_the_fitted_networks_where_they_are():
    zoo = make()
    projection = fit_projection(zoo)
    np.testing.assert_allclose(projection.place(zoo.weights.numpy(), zoo), projection.points, atol=1e-3)


def test_principal_axes_are_orthonormal_and_ordered_by_variance():
    projection = fit_projection(make())
    np.testing.assert_allclose(projection.axes @ projection.axes.T, np.eye(len(projection.axes)), atol=1e-4)
    assert (np.diff(projection.variance) <= 1e-7).all()
    assert projection.variance.sum() <= 1.0001


def test_a_stored_map_is_the_fitted_one(tmp_path):
    projection = fit_projection(make())
    projection.save(tmp_path / "map")
    again = Projection.open(tmp_path / "map")
    for name in ("points", "mean", "axes", "variance"):
        np.testing.assert_array_equal(getattr(again, name), getattr(projection, name))
    assert (again.fitted_on, again.recipe) == (make().fingerprint, projection.recipe)


def test_umap_keeps_neighbours_and_places_networks_among_theirs():
    zoo = make(60)
    projection = fit_projection(zoo, method="umap")
    assert trustworthiness(zoo.weights.numpy(), projection.points, n_neighbors=5) > 0.8
    placed = projection.place(zoo.weights.numpy() + 1e-6, zoo)
    assert np.abs(placed - projection.points).max() < 0.1
    with pytest.raises(ValueError, match="shows 60 networks, this zoo has 40"):
        projection.place(zoo.weights.numpy(), make(40))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fit_projection(make(), method="tsne"), "choose one of pca, umap"),
        (lambda: fit_projection(make(2)), "at least 3 networks"),
        (lambda: fit_projection(make()).place(np.zeros((1, 7), np.float32), make()), "these have 7"),
    ],
)
def test_wrong_arguments_are_refused_with_a_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_folder_without_all_arrays_is_no_map(tmp_path):
    fit_projection(make()).save(tmp_path / "map")
    manifest = json.loads((tmp_path / "map" / "manifest.json").read_text())
    (tmp_path / "map" / "manifest.json").write_text(json.dumps({**manifest, "method": "magic"}))
    with pytest.raises(ValueError, match="fit it again"):
        Projection.open(tmp_path / "map")


def test_weight_statistics_do_not_change_when_units_are_permuted():
    zoo, spec = make(), spec_of(ARCH)
    moved = permute_weights(zoo.weights, random_permutation(spec, seed=0, models=40), spec, ARCH.layout)
    one, other = weight_statistics(zoo), weight_statistics(zoo.with_weights(moved, zoo.recipe))
    np.testing.assert_allclose(one.drop(columns="id"), other.drop(columns="id"), rtol=1e-4, atol=1e-6)


def test_weight_statistics_are_those_of_numpy():
    zoo = make()
    first = zoo.weights[:, :30].numpy()
    table = weight_statistics(zoo)
    np.testing.assert_allclose(table["layers.0.weight.std"], first.std(1), rtol=1e-4)
    np.testing.assert_allclose(table["layers.0.weight.q25"], np.quantile(first, 0.25, axis=1), rtol=1e-3, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(corners=st.integers(3, 200), radius=st.floats(0.5, 50), x=st.floats(-5, 5), y=st.floats(-5, 5))
def test_a_drawn_region_survives_as_text(corners, radius, x, y):
    turn = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    polygon = parse_polygon(polygon_text((x + radius * np.cos(turn)).tolist(), (y + radius * np.sin(turn)).tolist()))
    assert 3 <= len(polygon) <= 30
    points = np.array([[x, y], [x + 3 * radius, y]], np.float32)
    assert inside(points, polygon).tolist() == [True, False]


def test_a_region_that_crosses_itself_still_selects():
    bow = np.array([[0, 0], [2, 2], [2, 0], [0, 2.0]])
    assert inside(np.array([[0.2, 1], [1.8, 1], [1, 1.9]], np.float32), bow).tolist() == [True, True, False]


@pytest.mark.parametrize("text", ["x", "1,2", "1,2 3,4", "1,2 3,4 nan,5", "1,2 3 4,5", "1,2,3 1,2,3 1,2,3"])
def test_text_that_is_no_region_is_refused(text):
    with pytest.raises(ValueError, match="three or more corners"):
        parse_polygon(text)
