import numpy as np
import pytest
import torch

import wsexplore as wx
from wsexplore.generate import CONTROLS, FlowConfig, control, fit_flow, quality
from wsexplore.generate.controls import MATCHED
from wsexplore.generate.judge import FRESH, FieldJudge, Ground, Tuning, matched_scale, tuning_curves, tuning_summary
from wsexplore.jobs.codec import decode, encode
from wsexplore.symmetry import permute_weights, random_permutation
from wsexplore.zoo import Zoo


@pytest.fixture(scope="module")
def trained() -> Zoo:
    return wx.train_zoo("mlp", "digits", models=64, epochs=8, lr=5e-3, config={"widths": [64, 8, 10]}, seed=0)


@pytest.fixture(scope="module")
def fields() -> Zoo:
    config = {"widths": [2, 8, 8, 1], "w0": 5.0}
    return wx.train_zoo("siren", "digits", epochs=40, lr=1e-2, seed=0, shared_init=True, config=config)


@pytest.fixture(scope="module")
def halves(trained) -> tuple[Zoo, Zoo]:
    """Networks to fit on, and others of the same kind."""
    return trained.select(range(40)), trained.select(range(40, 64))


@pytest.fixture(scope="module")
def unseen_report(halves):
    """A perfect generator: it gives networks of the zoo's own kind that were not fitted on."""
    fitted, others = halves
    return quality(others.select(range(12)), fitted, "digits", models=24, held_out=others.select(range(12, 24)))


@pytest.mark.parametrize("name", MATCHED)
@pytest.mark.parametrize("share", [0.75, 1.0, 1.3])
def test_a_matched_control_lies_as_far_from_the_zoo_as_it_should(name, share, trained):
    ground = Ground.of(trained)
    rows = np.arange(32)
    own = float(np.median(ground.nearest(ground.zoo.rows(rows), left_out=[np.array([row]) for row in rows]).distance))
    scale = matched_scale(ground, name, 32, share * own, seed=1)
    made = control(ground.zoo, name, 32, seed=1, scale=scale)
    found = float(np.median(ground.nearest(ground.place(made)).distance))
    assert found == pytest.approx(share * own, rel=0.03)


def test_a_distance_that_no_scale_gives_is_left_at_the_end(trained):
    ground = Ground.of(trained)
    assert matched_scale(ground, "gaussian", 8, 0.0) == 0
    assert matched_scale(ground, "gaussian", 8, 1e6) == 8


def test_averages_on_the_way_from_a_network_start_at_the_network(trained):
    start = control(trained, "averages", 5, seed=3, scale=0.0).weights
    assert torch.cdist(start, trained.weights).amin(1).max() < 1e-2
    half = control(trained, "averages", 5, seed=3, scale=0.5).weights
    torch.testing.assert_close(half, (start + control(trained, "averages", 5, seed=3).weights) / 2)


def test_a_generator_of_unseen_networks_is_new_and_as_good_as_the_zoo(unseen_report):
    report, rows = unseen_report, unseen_report.frame.set_index("generator")
    assert not report.memory.memorises
    assert report.memory.unseen == "held-out networks"
    assert report.memory.networks == 12
    assert rows.loc["flow", "novelty"] == pytest.approx(1, abs=0.05)
    assert abs(rows.loc["zoo", "difference"]) < 3 * rows.loc["zoo", "difference_error"]
    assert rows.loc["flow", "mmd_p"] > 0.01
    assert rows.loc["noise_matched", "difference"] > 0
    assert "better than" in report.findings["controls"]


def test_controls_are_judged_as_they_are_and_at_the_novelty_of_the_samples(unseen_report):
    rows = unseen_report.frame.set_index("generator")
    assert list(rows.index) == ["zoo", "flow", "held_out", *CONTROLS, *(f"{name}_matched" for name in MATCHED)]
    for name in MATCHED:
        assert rows.loc[f"{name}_matched", "novelty"] == pytest.approx(rows.loc["flow", "novelty"], rel=0.03)
        assert rows.loc[f"{name}_matched", "matched"]
    assert (rows.loc[list(CONTROLS), "scale"] == 1).all()


def test_networks_kept_out_may_be_named_by_id_and_are_left_out_of_the_controls(trained, halves, unseen_report):
    fitted, others = halves
    ids = [str(one) for one in others.table["id"][12:24]]
    whole = trained.select(list(range(40)) + list(range(52, 64)))
    report = quality(others.select(range(12)), whole, "digits", models=24, held_out=ids)
    assert len(report.reached) == len(fitted)
    once, again = (one.frame.drop(columns="magnitude") for one in (unseen_report, report))
    np.testing.assert_allclose(once.select_dtypes("number"), again.select_dtypes("number"), atol=2e-3, rtol=1e-3)


def test_a_flow_names_the_networks_that_it_was_not_fitted_on(trained):
    config = FlowConfig(width=16, layers=1, heads=2, steps=2, batch=8, held_out=0.25)
    report = quality(fit_flow(trained, config=config), trained, "digits", models=12)
    assert report.memory.unseen == "held-out networks"
    assert report.memory.networks == 12
    assert len(report.reached) == 48


def test_ids_that_are_not_in_the_zoo_are_refused(halves):
    fitted, others = halves
    with pytest.raises(ValueError, match="none of the 2 networks kept out is in the zoo"):
        quality(others, fitted, "digits", held_out=["a", "b"])


def test_too_few_networks_kept_out_are_replaced_by_the_zoos_own(halves):
    fitted, others = halves
    report = quality(others.select(range(6)), fitted, "digits", models=6, held_out=others.select([7, 8]))
    assert "each left out once" in report.memory.unseen
    assert "held_out" not in set(report.frame["generator"])


def test_a_report_comes_back_from_its_bytes(unseen_report):
    again = decode(encode(unseen_report))
    assert again.frame.equals(unseen_report.frame)
    assert again.networks.equals(unseen_report.networks)
    assert again.memory == unseen_report.memory
    assert again.verdict == unseen_report.verdict


def test_the_same_seed_gives_the_same_report(halves, unseen_report):
    fitted, others = halves
    again = quality(others.select(range(12)), fitted, "digits", models=24, held_out=others.select(range(12, 24)))
    assert again.frame.equals(unseen_report.frame)
    assert again.verdict == unseen_report.verdict


def test_every_sample_has_its_nearest_network_counted(unseen_report):
    assert unseen_report.reached["samples"].sum() == 12
    near = unseen_report.reached.dropna(subset=["distance"])
    assert set(near["id"]) == set(unseen_report.per_sample["nearest"])
    assert near["distance"].min() == unseen_report.per_sample["distance"].min()


def test_averages_spread_less_and_are_told_so(trained):
    report = quality(control(wx.align(trained), "triples", 40, seed=5), trained, "digits", models=40)
    assert "it averages" in report.findings["spread"]
    assert "too near to count as new" in report.findings["novelty"]


@pytest.fixture(scope="module")
def deep() -> Zoo:
    config = {"widths": [64, 8, 8, 10]}
    return wx.train_zoo("mlp", "digits", models=16, epochs=3, lr=5e-3, config=config, seed=0)


def test_deep_networks_of_the_frame_stay_in_it_and_shuffled_ones_come_back(deep):
    ground = Ground.of(deep)
    torch.testing.assert_close(ground.place(ground.zoo), ground.zoo.weights)
    shuffled = permute_weights(
        ground.zoo.weights,
        random_permutation(ground.spec, seed=1, models=len(deep)),
        ground.spec,
        deep.architecture.layout,
    )
    back = ground.place(Zoo.from_weights(deep.architecture, shuffled))
    assert np.median(ground.nearest(back).distance) < 0.1 * np.median(ground.nearest(shuffled).distance + 0.1)


def test_deep_networks_are_judged(deep):
    report = quality(deep.select(range(6)), deep.select(range(6, 16)), "digits", models=6)
    assert np.isfinite(report.frame["mean_accuracy"]).all()


def test_controls_of_networks_with_running_statistics_have_their_own():
    kind = wx.architecture("cnn", input=[1, 8, 8], channels=[4], pool=2, hidden=[], classes=10, norm="batch")
    weights = torch.stack([kind.initial_weights(seed=seed) for seed in range(9)])
    inputs = wx.dataset("digits").train.inputs[:64]
    made = Zoo.from_weights(kind, weights, buffers=wx.reset_statistics(kind, weights, inputs))
    averages = control(made, "averages", 3, inputs=inputs)
    expected = wx.reset_statistics(kind, averages.weights, inputs)
    torch.testing.assert_close(averages.buffers, expected)
    assert not torch.equal(control(made, "averages", 3).buffers, expected)
    report = quality(made.select(range(3)), made.select(range(3, 9)), "digits", models=3)
    assert np.isfinite(report.frame["mean_accuracy"]).all()


def test_further_training_lifts_every_start_and_fresh_networks_begin_at_chance(trained):
    starts = {"flow": control(wx.align(trained), "gaussian", 6, seed=1), "zoo": trained}
    plan = Tuning(epochs=(0, 1, 3), models=6)
    curves = tuning_curves(starts, "digits", plan, seed=2)
    assert len(curves) == 3 * 6 * 3
    table = tuning_summary(curves).set_index(["start", "epoch"])["mean_accuracy"]
    assert table["zoo", 0] == pytest.approx(trained.table["test_accuracy"][:6].mean(), abs=1e-6)
    assert table[FRESH, 0] < 0.25
    assert table["flow", 3] > table["flow", 0] > table[FRESH, 0]
    assert table[FRESH, 3] > table[FRESH, 0]


def test_a_new_head_begins_at_chance_and_the_body_stays(trained):
    plan = Tuning(epochs=(0, 6), models=6, new_head=True, learning_rate=1e-2)
    table = tuning_summary(tuning_curves({"zoo": trained}, "digits", plan)).set_index(["start", "epoch"])
    assert table.loc[("zoo", 0), "mean_accuracy"] < 0.3
    assert table.loc[("zoo", 6), "mean_accuracy"] > 0.8


def test_a_plan_of_training_that_makes_no_sense_is_refused(trained):
    for wrong in ({"epochs": ()}, {"epochs": (0,)}, {"models": 0}, {"share": 2.0}, {"learning_rate": 0.0}):
        with pytest.raises(ValueError, match=r"must|epochs are"):
            Tuning(**wrong)
    with pytest.raises(ValueError, match="'fresh' is added"):
        tuning_curves({FRESH: trained}, "digits")


def test_a_report_with_training_names_its_starts(halves):
    fitted, others = halves
    plan = Tuning(epochs=(0, 1), models=3)
    seen: list[float] = []
    report = quality(
        others.select(range(4)), fitted, "digits", models=4, tuning=plan, on_step=lambda done, _: seen.append(done)
    )
    assert list(report.tuning["start"].unique()) == ["flow", "zoo", "gaussian_matched", FRESH]
    assert seen == sorted(seen)
    assert seen[-1] == 1
    assert len(report.to_dict()["tuning"]) == len(report.tuning)


def test_fields_are_judged_by_a_classifier_of_real_images(fields):
    report = quality(control(fields, "averages", 40, seed=1), fields, "digits", models=40)
    rows = report.frame.set_index("generator")
    assert report.classifier > 0.9
    assert "mean_accuracy" not in rows
    assert rows.loc["zoo", "frechet"] < rows.loc["independent", "frechet"]
    assert rows.loc["zoo", "accepted"] > rows.loc["independent", "accepted"]
    assert set(report.classes["generator"]) == set(rows.index)
    counted = report.classes.groupby("generator")["pictures"].sum()
    for name, row in rows.iterrows():
        assert counted[name] == round(row["accepted"] * row["models"])
    assert "Frechet" in report.verdict
    assert decode(encode(report)).classes.equals(report.classes)


def test_the_zoos_own_fields_are_of_images_that_no_distance_is_measured_to(fields):
    judge = FieldJudge.of("digits")
    rows = judge.own_rows(fields)
    assert len(rows) == len(judge.rest_rows)
    assert fields.table["sample"].iloc[rows].min() >= 1437
    assert len(judge.goal.said) + len(judge.rest.said) == 360


def test_real_images_are_as_near_to_real_images_as_the_floor_says():
    judge = FieldJudge.of("digits")
    assert judge.frechet(judge.goal.features) == pytest.approx(0, abs=1e-6)
    assert judge.floor(180) < 0.1
    assert judge.rest.accepted > 0.8


def test_noise_is_far_from_real_images():
    judge = FieldJudge.of("digits")
    noise = torch.randn(100, 64, generator=torch.Generator().manual_seed(0))
    assert judge.frechet(judge.look(noise).features) > 3 * judge.floor(100)


def test_training_fields_further_is_refused(fields):
    with pytest.raises(ValueError, match="fields have no classes"):
        tuning_curves({"zoo": fields}, "digits")
    with pytest.raises(ValueError, match="fields have no classes"):
        quality(fields, fields, "digits", tuning=Tuning())
