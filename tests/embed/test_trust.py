import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from wsexplore.embed import (
    Projection,
    column_contrast,
    fit_projection,
    held_out_error,
    layer_contrast,
    neighbours_kept,
    rasterise,
    residuals,
)
from wsexplore.nets import architecture

DRAW = np.random.default_rng(0)


def cloud(models=120, features=6, seed=0):
    draw = np.random.default_rng(seed)
    centres = draw.normal(size=(4, features)) * 5
    return (centres[np.arange(models) % 4] + draw.normal(size=(models, features))).astype(np.float32)


def test_a_map_that_only_turns_and_scales_keeps_every_neighbour():
    plane = cloud(features=2)
    turn = np.array([[0.6, -0.8], [0.8, 0.6]], np.float32)
    assert neighbours_kept(plane, 3 * plane @ turn).tolist() == [1.0] * len(plane)


def test_a_shuffled_map_keeps_neighbours_by_chance_only():
    points = cloud(400, 2)
    kept = neighbours_kept(cloud(400, 5, seed=1)[DRAW.permutation(400)], points)
    assert kept.mean() < 3 * 10 / 399
    assert ((kept >= 0) & (kept <= 1)).all()


def test_neighbours_are_those_of_a_plain_search():
    rows, points = cloud(60, 5), cloud(60, 2, seed=3)

    def nearest(places):
        apart = np.linalg.norm(places[:, None] - places[None], axis=2) + np.diag([np.inf] * len(places))
        return np.argsort(apart, axis=1)[:, :10]

    truth = [len(set(a) & set(b)) / 10 for a, b in zip(nearest(rows), nearest(points), strict=True)]
    np.testing.assert_allclose(neighbours_kept(rows, points), truth, atol=1e-6)


def test_networks_on_one_point_are_neighbours_of_each_other_not_of_themselves():
    rows = np.zeros((30, 3), np.float32)
    kept = neighbours_kept(rows, np.zeros((30, 2), np.float32))
    assert ((kept >= 0) & (kept <= 1)).all()
    with pytest.raises(ValueError, match="at least 3"):
        neighbours_kept(rows[:2], rows[:2, :2])


def test_the_residual_is_what_the_directions_leave_out():
    rows = cloud()
    projection = fit_projection(rows, name="cloud")
    pca = PCA(2).fit(rows)
    left = np.linalg.norm(rows - pca.inverse_transform(pca.transform(rows)), axis=1)
    truth = left / np.linalg.norm(rows - rows.mean(0), axis=1)
    np.testing.assert_allclose(residuals(projection, rows), truth, atol=1e-3)
    np.testing.assert_allclose(residuals(fit_projection(rows[:, :2]), rows[:, :2]), 0, atol=2e-2)
    with pytest.raises(ValueError, match="belongs to a PCA map"):
        residuals(fit_projection(rows, method="tsne"), rows)


def test_what_the_embedding_tells_is_predicted_and_what_it_does_not_is_not():
    codes, runs = cloud(200), np.arange(200) // 4
    told = codes @ np.arange(1.0, 7.0)
    assert np.abs(held_out_error(codes, told, runs)).max() < 0.05 * told.std()
    noise = DRAW.normal(size=200)
    assert held_out_error(codes, noise, runs).std() > 0.9 * noise.std()


def test_a_run_is_never_predicted_from_itself():
    runs = np.arange(120) // 4
    secret = np.random.default_rng(5).normal(size=30)[runs]
    codes = np.eye(30, dtype=np.float32)[runs]  # each run has a direction of its own: other runs tell nothing of it
    error = held_out_error(codes, secret, runs)
    assert np.corrcoef(error + secret, secret)[0, 1] < 0.3
    secret[:4] = np.nan
    assert np.isnan(held_out_error(codes, secret, runs)[:4]).all()
    with pytest.raises(ValueError, match="at least 3 runs"):
        held_out_error(codes, secret, runs // 20)


@settings(max_examples=25, deadline=None)
@given(models=st.integers(1, 500), cells=st.integers(2, 40), seed=st.integers(0, 1000))
def test_every_network_is_counted_once(models, cells, seed):
    draw = np.random.default_rng(seed)
    points = draw.standard_cauchy(size=(models, 2)).astype(np.float32)
    values = draw.normal(size=models)
    values[::7] = np.nan
    grid = rasterise(points, values, cells=cells)
    assert grid.counts.sum() + grid.outside == models
    assert grid.counts.shape == grid.means.shape == (cells, cells)
    assert grid.outside <= 0.03 * models + 4
    known = np.isfinite(grid.means)
    assert (grid.counts[known] > 0).all()
    assert (np.abs(grid.means[known]) <= np.nanmax(np.abs(values), initial=0) + 1e-9).all()


def test_a_cell_lies_where_its_networks_are():
    points = np.concatenate([np.full((50, 2), 0.0), np.full((50, 2), [4.0, 8.0])]).astype(np.float32)
    grid = rasterise(points, np.repeat([1.0, 3.0], 50), cells=9)
    rows, columns = np.nonzero(grid.counts)
    assert [(round(float(grid.x[c])), round(float(grid.y[r]))) for r, c in zip(rows, columns, strict=True)] == [
        (0, 0),
        (4, 8),
    ]
    assert grid.means[rows, columns].tolist() == [1.0, 3.0]


def test_columns_are_sorted_by_how_far_they_lie_apart():
    table = pd.DataFrame(
        {
            "id": [f"n{row}" for row in range(200)],
            "run": np.arange(200),
            "same": 1.0,
            "lr": np.where(np.arange(200) < 100, 1.0, 2.0) + DRAW.normal(size=200) * 0.1,
            "noise": DRAW.normal(size=200),
            "optimizer": ["adam", "sgd"] * 50 + ["adam"] * 100,
            "gap": np.where(np.arange(200) % 3, np.nan, 0.5 + np.arange(200) / 100),
        }
    )
    found = column_contrast(table, np.arange(100), np.arange(100, 200))
    assert found["column"].tolist()[0] == "lr"
    assert set(found["column"]) == {"lr", "noise", "optimizer", "gap"}
    lr = found.iloc[0]
    ours, theirs = table["lr"][:100], table["lr"][100:]
    d = (ours.mean() - theirs.mean()) / np.sqrt((ours.var(ddof=0) + theirs.var(ddof=0)) / 2)
    assert lr["difference"] == pytest.approx(d)
    sgd = found[found["column"] == "optimizer"].iloc[0]
    assert sorted([sgd["first"], sgd["second"]]) in ([0.0, 0.5], [0.5, 1.0])
    assert found[found["column"] == "gap"].iloc[0]["first_networks"] == 34
    assert np.isfinite(found["difference"]).all()
    with pytest.raises(ValueError, match="at least one network"):
        column_contrast(table, np.arange(0), np.arange(3))


def test_the_layer_that_was_moved_is_the_first():
    arch = architecture("mlp", widths=[3, 4, 2])
    draw = torch.Generator().manual_seed(0)
    first = torch.randn(80, arch.layout.size, generator=draw).numpy()
    second = torch.randn(60, arch.layout.size, generator=draw).numpy()
    same = layer_contrast(first, second, arch.layout)
    assert (same["distance"] < 3 * same["chance"]).all()
    assert same["chance"].iloc[0] == pytest.approx(np.sqrt(1 / 80 + 1 / 60))
    slot = arch.layout.slots[2]
    second[:, slot.start : slot.stop] += 2
    found = layer_contrast(first, second, arch.layout)
    assert found["parameter"].iloc[0] == slot.name
    assert found["distance"].iloc[0] == pytest.approx(2, rel=0.2)
    assert int(found["numbers"].sum()) == arch.layout.size


@pytest.mark.parametrize("method", ["pca", "umap", "tsne"])
@pytest.mark.parametrize("dims", [2, 3])
def test_any_embedding_has_a_map_that_is_stored_with_its_name(tmp_path, method, dims):
    rows = cloud(40)
    projection = fit_projection(rows, method=method, dims=dims, name="cloud", inputs={"of": "zoo"})
    assert projection.points.shape == (40, dims)
    again = Projection.open(projection.save(tmp_path / "map"))
    np.testing.assert_array_equal(again.points, projection.points)
    assert (again.embedding, again.dims, again.recipe.inputs["of"]) == ("cloud", dims, "zoo")
    if method == "tsne":
        with pytest.raises(ValueError, match="cannot place further networks"):
            again.place(rows[:2], rows)
    else:
        assert np.abs(again.place(rows + 1e-7, rows) - projection.points).max() < 0.1
        if method == "umap":
            with pytest.raises(ValueError, match="another zoo"):
                again.place(rows, rows[::-1].copy())


def test_a_tsne_map_of_a_large_zoo_shows_the_fitted_networks_only(tmp_path, monkeypatch):
    monkeypatch.setattr("wsexplore.embed.projection.SAMPLE", 30)
    projection = fit_projection(cloud(50), method="tsne", name="cloud")
    assert projection.shown.sum() == 30
    assert Projection.open(projection.save(tmp_path / "map")).shown.sum() == 30


@pytest.mark.parametrize(
    ("rows", "settings", "said"),
    [
        (np.full((20, 3), np.nan, np.float32), {}, "is not finite"),
        (np.ones((20, 3), np.float32), {}, "the same for all networks"),
        (cloud(features=2), {"dims": 3}, "needs as many features"),
        (cloud(), {"dims": 4}, "2 or 3 dimensions"),
        (cloud(3), {}, "at least 4 networks"),
    ],
)
def test_an_embedding_without_a_map_gets_one_sentence(rows, settings, said):
    with pytest.raises(ValueError, match=said):
        fit_projection(rows, name="cloud", **settings)
