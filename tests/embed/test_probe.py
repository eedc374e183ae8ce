import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from wsexplore.embed import estimators
from wsexplore.embed.estimators import STRENGTHS, ridge_out_of_fold, run_folds
from wsexplore.embed.intervals import balanced_interval, r2_interval, tau_interval
from wsexplore.embed.labels import Label
from wsexplore.embed.probe import probe

RUNS, EPOCHS = 40, 5


def table(runs=RUNS, epochs=EPOCHS, seed=0):
    draw = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "id": [f"n{row}" for row in range(runs * epochs)],
            "run": np.repeat(draw.permutation(runs), epochs),
            "epoch": np.tile(np.arange(epochs), runs),
            "lr": np.repeat(10.0 ** draw.uniform(-4, -1, runs), epochs),
            "init": np.repeat(np.array(["normal", "uniform"])[np.arange(runs) % 2], epochs),
        }
    )


def noise(count, width=6, seed=1):
    return np.random.default_rng(seed).standard_normal((count, width)).astype(np.float32)


def linear(frame, values):
    return frame.assign(test_accuracy=values @ np.arange(1, values.shape[1] + 1) / 10)


def test_a_linear_target_is_predicted_and_its_control_is_not():
    values = noise(RUNS * EPOCHS)
    report = probe({"made": values}, linear(table(), values), ["test_accuracy"], models=["ridge"])
    row = report.frame.iloc[0]
    assert row["r2"] > 0.99
    assert row["tau"] > 0.95
    assert row["r2_low"] <= row["r2"] <= row["r2_high"]
    assert row["tau_low"] <= row["tau"] <= row["tau_high"]
    assert abs(row["control_r2"]) < 0.1
    assert (row["runs"], row["networks"], row["dropped"], row["scale"]) == (RUNS, RUNS * EPOCHS, 0, "linear")


def test_boosting_finds_what_is_not_linear():
    values, frame = noise(300, 3), table(60)
    frame = frame.assign(test_accuracy=np.abs(values[:, 0]) + (values[:, 1] > 0))
    report = probe({"made": values}, frame, ["test_accuracy"], folds=3)
    ridge, boosting = report.frame["r2"]
    assert boosting > 0.8 > 0.6 > ridge
    assert report.best()["model"].tolist() == ["boosting"]
    assert report.frame["control_r2"].max() < 0.1


@pytest.mark.parametrize("model", ["ridge", "boosting"])
def test_features_that_tell_the_run_only_tell_nothing_of_other_runs(model):
    frame = table()
    own = np.random.default_rng(5).standard_normal((RUNS, 12)).astype(np.float32)[frame["run"]]
    of_run = np.random.default_rng(6).standard_normal(RUNS)
    report = probe({"run": own}, frame.assign(target=of_run[frame["run"]]), ["target"], models=[model])
    assert report.frame["r2"].iloc[0] < 0.15


@settings(max_examples=25, deadline=None)
@given(lengths=st.lists(st.integers(1, 6), min_size=5, max_size=30), seed=st.integers(0, 99))
def test_no_run_is_on_both_sides_and_every_network_is_judged_once(lengths, seed):
    runs = np.repeat(np.arange(len(lengths)), lengths)
    folds = run_folds(runs, 5, seed)
    for train, test in folds:
        assert not set(runs[train]) & set(runs[test])
    assert sorted(np.concatenate([test for _, test in folds]).tolist()) == list(range(len(runs)))


def test_not_even_the_penalty_is_chosen_with_a_run_on_both_sides():
    frame = table(60, 5)
    own = np.random.default_rng(5).standard_normal((60, 200))[frame["run"]]
    of_run = np.random.default_rng(6).standard_normal(60)[frame["run"]]
    chosen = estimators._strengths(own, of_run[:, None], frame["run"].to_numpy(), 0)
    assert STRENGTHS[chosen[0]] >= 100


@pytest.mark.parametrize("width", [4, 150])
def test_ridge_is_that_of_scikit_learn(width):
    values, runs = noise(60, width).astype(float), np.repeat(np.arange(20), 3)
    labels = np.random.default_rng(0).standard_normal((60, 2))
    train, test = run_folds(runs, 5, 0)[0]
    paths = estimators._ridge_paths(values[train], labels[train], values[test])
    scaler = StandardScaler().fit(values[train])
    for place in (0, 8, 14):
        known = Ridge(STRENGTHS[place]).fit(scaler.transform(values[train]), labels[train])
        np.testing.assert_allclose(paths[place], known.predict(scaler.transform(values[test])), atol=1e-6)


def test_a_feature_that_never_changes_changes_nothing():
    values, runs = noise(100), np.repeat(np.arange(20), 5)
    labels, folds = values[:, :1].astype(float), run_folds(runs, 5, 0)
    with_constant = np.concatenate([values, np.full((100, 1), 7, np.float32)], 1)
    one, other = (ridge_out_of_fold(some, labels, runs, folds, 0) for some in (values, with_constant))
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_many_features_are_boosted_by_their_principal_coordinates():
    draw = np.random.default_rng(0)
    hidden = draw.standard_normal((300, 3))
    values = (hidden @ draw.standard_normal((3, 200)) + 0.1 * draw.standard_normal((300, 200))).astype(np.float32)
    frame = table(60).assign(target=hidden[:, 0])
    report = probe({"wide": values}, frame, ["target"], models=["boosting"], folds=2)
    assert report.frame["r2"].iloc[0] > 0.7


def test_learning_rates_are_predicted_by_their_logarithm_and_metrics_are_not():
    frame = table().assign(test_loss=lambda t: t["lr"] * 2, test_accuracy_one=lambda t: t["lr"])
    assert Label.of(frame, "lr").scale == "log10"
    np.testing.assert_allclose(Label.of(frame, "lr").values, np.log10(frame["lr"]))
    for name in ("test_loss", "test_accuracy_one", "epoch"):
        assert Label.of(frame, name).scale == "linear"


def test_a_text_is_predicted_as_a_class_with_balanced_accuracy():
    frame = table()
    known = np.where(frame["init"] == "normal", 2.0, -2.0)[:, None].astype(np.float32)
    report = probe({"told": known + noise(len(frame), 1), "noise": noise(len(frame), 1)}, frame, ["init"])
    told, nothing = (report.frame[report.frame["features"] == name] for name in ("told", "noise"))
    assert (told["score"] == "balanced accuracy").all()
    assert (told["r2"] > 0.9).all()
    assert (nothing["r2"].sub(0.5).abs() < 0.15).all()
    assert (report.frame["control_r2"].sub(0.5).abs() < 0.2).all()
    assert report.frame["tau"].isna().all()
    assert report.errors("told", "init").isin([0.0, 1.0]).all()


def test_errors_are_predicted_less_true_by_id():
    values = noise(RUNS * EPOCHS)
    frame = linear(table(), values)
    report = probe({"made": values}, frame, ["test_accuracy", "lr"], models=["ridge"])
    errors = report.errors("made", "test_accuracy", "ridge")
    assert errors.index.tolist() == frame["id"].tolist()
    rows = report.predictions.query("target == 'test_accuracy' and model == 'ridge'")
    np.testing.assert_allclose(rows["truth"] + errors.to_numpy(), rows["predicted"])
    np.testing.assert_array_equal(rows["truth"], frame["test_accuracy"])
    with pytest.raises(ValueError, match="'epoch' was not predicted from 'made'"):
        report.errors("made", "epoch")


def test_diverged_networks_are_dropped_and_counted():
    values = noise(RUNS * EPOCHS)
    frame = linear(table(), values)
    values[3, 0] = np.inf
    frame.loc[7, "test_accuracy"] = np.nan
    report = probe({"made": values}, frame, ["test_accuracy"], models=["ridge"])
    assert report.frame[["networks", "dropped"]].iloc[0].tolist() == [RUNS * EPOCHS - 2, 2]
    assert not report.predictions["id"].isin(["n3", "n7"]).any()


@pytest.mark.parametrize("name", ["epoch", "lr", "target"])
def test_the_control_keeps_all_values_and_moves_them(name):
    frame = table().assign(target=noise(RUNS * EPOCHS, 1)[:, 0])
    label, runs = Label.of(frame, name), frame["run"].to_numpy()
    mixed = label.permuted(np.arange(len(frame)), runs, 0)
    np.testing.assert_allclose(np.sort(mixed), np.sort(label.values))
    assert abs(np.corrcoef(mixed, label.values)[0, 1]) < 0.5
    parts = [set(mixed[runs == run]) for run in range(RUNS)]
    assert all(len(part) == (1 if name == "lr" else EPOCHS) for part in parts)


def test_runs_of_different_lengths_are_mixed_row_by_row():
    runs = np.repeat([0, 1, 2], [4, 5, 6])
    frame = pd.DataFrame({"run": runs, "target": np.arange(15.0)})
    mixed = Label.of(frame, "target").permuted(np.arange(15), runs, 0)
    assert sorted(mixed) == list(range(15))
    assert (mixed != np.arange(15)).any()


def test_an_interval_holds_the_true_score_about_as_often_as_it_says():
    held = 0
    for seed in range(60):
        draw = np.random.default_rng(seed)
        runs = np.repeat(np.arange(100), 3)
        truth = np.repeat(draw.standard_normal(100), 3) + 0.3 * draw.standard_normal(300)
        predicted = truth + np.repeat(draw.standard_normal(100), 3) * 0.5
        _, low, high = r2_interval(truth, predicted, runs, seed)
        held += low <= 1 - 0.25 / 1.09 <= high
    assert held >= 51


def test_checkpoints_of_one_run_do_not_count_as_so_many_networks():
    draw = np.random.default_rng(0)
    truth, missed = draw.standard_normal(40), 0.5 * draw.standard_normal(40)
    for interval in (r2_interval, tau_interval):
        widths = []
        for copies in (1, 10):
            runs = np.repeat(np.arange(40), copies)
            _, low, high = interval(np.repeat(truth, copies), np.repeat(truth + missed, copies), runs, 0)
            widths.append(high - low)
        assert widths[1] == pytest.approx(widths[0], rel=0.25)


def test_balanced_accuracy_counts_every_class_alike():
    truth, runs = np.array([0] * 90 + [1] * 10), np.arange(100)
    assert balanced_interval(truth, np.zeros(100, int), runs, 0)[0] == 0.5
    assert balanced_interval(truth, truth, runs, 0) == (1.0, 1.0, 1.0)


def test_a_report_is_json_and_a_table_and_repeats_by_its_seed():
    values = noise(RUNS * EPOCHS)
    told = []
    frame = linear(table(), values)
    report = probe(
        {"<b>": values}, frame, ["epoch", "test_accuracy"], models=["ridge"], on_step=lambda f, m: told.append(f)
    )
    again = probe({"<b>": values}, frame, ["epoch", "test_accuracy"], models=["ridge"])
    pd.testing.assert_frame_equal(report.frame, again.frame)
    assert len(json.loads(json.dumps(report.to_dict(), allow_nan=False))["probes"]) == 2
    assert "&lt;b&gt;" in report._repr_html_()
    assert told == sorted(told)
    assert told[-1] == 1


def stopped(fraction, message):
    raise InterruptedError


def test_a_probe_can_be_cancelled():
    with pytest.raises(InterruptedError):
        probe({"made": noise(RUNS * EPOCHS)}, table(), ["epoch"], on_step=stopped)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"targets": ["width"]}, "no column 'width' to predict; it has id, run"),
        ({"targets": ["same"]}, "every network has the same same"),
        ({"targets": ["word"]}, "every network has the same word"),
        ({"targets": ["none"]}, "every network has the same none"),
        ({"targets": []}, "needs features, a target and a model"),
        ({"models": ["forest"]}, "model 'forest' is unknown; choose one of ridge, boosting"),
        ({"folds": 50}, "50 folds need at least 50 runs; 40 have finite made features and lr"),
        ({"folds": 1}, "at least 2 folds"),
        ({"features": {"made": noise(7)}}, r"made features have shape \(7, 6\), the table has 200 networks"),
        ({"features": {"made": np.full((200, 6), np.nan, np.float32)}}, "0 have finite made features"),
        ({"table": table().drop(columns="run")}, "no column run"),
    ],
)
def test_wrong_arguments_are_refused_with_a_sentence(change, message):
    frame = table().assign(same=3.0, word="adam", none=np.nan)
    given = {"features": {"made": noise(200)}, "table": frame, "targets": ["lr"], **change}
    with pytest.raises(ValueError, match=message):
        probe(**given)
