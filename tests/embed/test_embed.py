import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file
from sklearn.manifold import trustworthiness

from wsexplore.align import Alignment, align_permutations, spec_of
from wsexplore.embed import (
    ALWAYS,
    FEWEST,
    METHODS,
    Projection,
    fit_projection,
    inside,
    map_zoo,
    parse_polygon,
    polygon_text,
    thinned,
    weight_statistics,
)
from wsexplore.nets import architecture
from wsexplore.symmetry import permute_weights, random_permutation
from wsexplore.zoo import Zoo, write_manifest

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
    with pytest.raises(ValueError, match="shows another zoo"):
        projection.place(zoo.weights.numpy(), make(40))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fit_projection(make(), method="mds"), "choose one of pca, umap, tsne"),
        (lambda: fit_projection(make(2)), "at least 4 networks"),
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


def test_the_smallest_zoo_that_has_a_map_has_every_map():
    zoo = make(FEWEST)
    for method in METHODS:
        for dims in (2, 3):
            assert fit_projection(zoo, method=method, dims=dims).points.shape == (FEWEST, dims)


def test_wide_networks_are_mapped_by_their_principal_directions():
    arch = architecture("mlp", widths=[40, 30, 5])
    weights = torch.randn(30, arch.layout.size, generator=torch.Generator().manual_seed(0))
    projection = fit_projection(Zoo.from_weights(arch, weights))
    centred = weights - weights.mean(0)
    largest = torch.linalg.svdvals(centred)[:2].square()
    np.testing.assert_allclose(projection.points.var(0) * 30, largest.numpy(), rtol=1e-3)


def test_map_zoo_stores_every_map_of_this_very_zoo(tmp_path):
    zoo, told = make(12), []
    map_zoo(zoo, tmp_path / "a", tmp_path / "p", on_step=lambda f, m: told.append(f))
    assert {folder.name for folder in (tmp_path / "p").iterdir() if folder.name[0] != "."} == {
        f"{method}-{frame}" for method in ALWAYS for frame in ("raw", "aligned")
    }
    assert Projection.open(tmp_path / "p" / "pca-raw").fitted_on == zoo.fingerprint
    assert Alignment.open(tmp_path / "a").fitted_on == zoo.fingerprint
    assert told == sorted(told)
    assert told[-1] == 1


def test_a_large_selection_is_thinned_evenly_and_the_same_every_time():
    rows = np.arange(10_000)
    some = thinned(rows, 100)
    assert len(some) == 100 == len(set(some.tolist()))
    assert 4000 < some.mean() < 6000
    np.testing.assert_array_equal(some, thinned(rows, 100))
    assert len(thinned(rows)) == 8000


@pytest.mark.parametrize("kind", [Projection, Alignment])
def test_a_broken_folder_gives_one_sentence(tmp_path, kind):
    zoo = make(6)
    if kind is Projection:
        stored = lambda: fit_projection(zoo).save(tmp_path / "x")  # noqa: E731
    else:
        stored = lambda: align_permutations(zoo).save(tmp_path / "x")  # noqa: E731

    def edited(**changes):
        file = stored() / "manifest.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))

    def rewritten(change):
        file = next(stored().glob("*.safetensors"))
        arrays = load_file(file)
        change(arrays)
        save_file(arrays, file)
        old = json.loads((file.parent / "manifest.json").read_text())
        write_manifest(file.parent, old.pop("kind"), {k: v for k, v in old.items() if k != "files"})

    def garbage():
        file = next(stored().glob("*.safetensors"))
        file.write_bytes(b"no tensors")
        write_manifest(file.parent, kind.__name__.lower(), {"method": "pca", "recipe": {}})

    def cut(arrays):
        name = "points" if kind is Projection else next(name for name in arrays if name.startswith("group."))
        arrays[name] = np.ascontiguousarray(arrays[name][:, :1])

    for broken in (
        lambda: edited(recipe=None),
        lambda: edited(files={}),
        lambda: edited(method=["weights"]),
        garbage,
        lambda: rewritten(cut),
    ):
        broken()
        with pytest.raises(ValueError, match=r"\w+ \w+"):
            kind.open(tmp_path / "x")
