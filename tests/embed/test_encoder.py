import json
import math

import numpy as np
import pytest
import torch

from wsexplore.align import align
from wsexplore.embed.config import HYPER, EncoderConfig
from wsexplore.embed.encoder import Encoder
from wsexplore.embed.fit import fit_encoder
from wsexplore.embed.plane import LatentPlane
from wsexplore.embed.reference import best_row
from wsexplore.embed.sampling import SampleSettings, sample_encoder
from wsexplore.embed.training import normalized_cross_entropy
from wsexplore.nets import architecture
from wsexplore.population import train_zoo
from wsexplore.symmetry import permute_weights, random_permutation
from wsexplore.zoo import Zoo, concat

SMALL = EncoderConfig(latent=8, width=16, layers=1, heads=2, steps=60, batch=8, learning_rate=5e-3)


def random_zoo(arch, models=24, seed=0):
    weights = torch.stack([arch.initial_weights(seed=seed + one) for one in range(models)])
    return Zoo.from_weights(arch, weights)


@pytest.fixture(scope="module")
def zoo():
    trained = train_zoo(
        "mlp", "digits", models=24, epochs=3, checkpoints=[1, 3], seed=0, config={"widths": [64, 6, 10]}
    )
    return align(trained, reference=1)


@pytest.fixture(scope="module")
def encoder(zoo):
    return fit_encoder(zoo, config=SMALL, seed=0)


def test_training_lowers_the_error_of_held_out_networks(encoder):
    first, last = encoder.history[0], encoder.history[-1]
    assert last.held_out_loss < 0.9 * first.held_out_loss
    assert last.step == SMALL.steps
    assert encoder.stopped == ""


def test_the_same_seed_gives_the_same_encoder(zoo, encoder):
    again = fit_encoder(zoo, config=SMALL, seed=0)
    assert again.fingerprint == encoder.fingerprint
    assert fit_encoder(zoo, config=SMALL, seed=1).fingerprint != encoder.fingerprint


def test_points_are_means_of_latents(zoo, encoder):
    latents = encoder.latents(zoo).numpy()
    assert latents.shape == (len(zoo), 16, SMALL.latent)
    np.testing.assert_allclose(encoder.embed(zoo), latents.mean(1), rtol=1e-5, atol=1e-6)
    layers = encoder.embed(zoo, pool="layers")
    np.testing.assert_allclose(layers[:, : SMALL.latent], latents[:, :6].mean(1), rtol=1e-5, atol=1e-6)
    assert encoder.embed(zoo, pool="tokens").shape == (len(zoo), 16 * SMALL.latent)


def test_latents_decode_to_what_reconstruct_gives(zoo, encoder):
    weights = encoder.decode(encoder.latents(zoo))
    made = encoder.reconstruct(zoo)
    assert torch.equal(made.weights, weights)
    assert "test_accuracy" not in made.table
    error = ((weights - zoo.weights).square().sum() / (zoo.weights - zoo.weights.mean()).square().sum()).item()
    assert error < 1


def test_blocks_change_nothing(zoo, encoder, monkeypatch):
    whole = encoder.embed(zoo)
    monkeypatch.setattr("wsexplore.embed.encoder.MEMORY", 1)
    np.testing.assert_allclose(encoder.embed(zoo), whole, rtol=1e-5, atol=1e-6)


def test_aligned_to_its_reference_the_order_of_units_does_not_matter(zoo, encoder):
    reader = encoder.tokenizers[0]
    random = random_permutation(reader.spec, seed=3, models=len(zoo))
    shuffled = zoo.with_weights(permute_weights(zoo.weights, random, reader.spec, zoo.architecture.layout), zoo.recipe)
    straight = encoder.embed(encoder.align(zoo))
    np.testing.assert_allclose(encoder.embed(shuffled, align=True), straight, rtol=1e-4, atol=1e-5)
    assert np.abs(encoder.embed(shuffled) - straight).max() > 1e-3


def test_a_stored_encoder_gives_the_same_bits(zoo, encoder, tmp_path):
    opened = Encoder.open(encoder.save(tmp_path / "encoder"))
    assert opened.fingerprint == encoder.fingerprint
    assert np.array_equal(opened.embed(zoo), encoder.embed(zoo))
    assert opened.history == encoder.history
    assert opened.recipe == encoder.recipe


def test_a_broken_file_is_one_sentence(encoder, tmp_path):
    folder = encoder.save(tmp_path / "encoder")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["config"]["width"] = 32
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ValueError, match="does not hold an encoder that fits its manifest"):
        Encoder.open(folder)
    with pytest.raises(ValueError, match="nowhere"):
        Encoder.open(tmp_path / "nowhere")


def test_one_encoder_reads_several_architectures(tmp_path):
    zoos = [random_zoo(architecture("mlp", widths=[5, 4, 3])), random_zoo(architecture("mlp", widths=[6, 4, 4, 3]))]
    both = fit_encoder(zoos, config=SMALL)
    assert [len(both.embed(zoo)[0]) for zoo in zoos] == [SMALL.latent] * 2
    assert [both.reconstruct(zoo).weights.shape for zoo in zoos] == [zoo.weights.shape for zoo in zoos]
    opened = Encoder.open(both.save(tmp_path / "both"))
    assert np.array_equal(opened.embed(zoos[1]), both.embed(zoos[1]))


def test_a_network_longer_than_the_window_is_read_with_context(zoo):
    whole, cut = (
        EncoderConfig(**{**SMALL.to_dict(), "steps": 2}),
        EncoderConfig(**{**SMALL.to_dict(), "steps": 2, "window": 8}),
    )
    latents = fit_encoder(zoo, config=cut).latents(zoo)
    assert latents.shape == fit_encoder(zoo, config=whole).latents(zoo).shape
    assert bool(latents.isfinite().all())


@pytest.mark.parametrize("window", [1, 2, 3, 5, 15, 16, 17])
def test_windows_cover_every_token_once(zoo, encoder, window):
    from dataclasses import replace

    narrow = replace(encoder, config=replace(SMALL, window=window))
    reader = narrow.tokenizers[0]
    values = torch.arange(16.0).view(1, 16, 1)
    assert narrow._windows(reader, values, lambda some, position: some).flatten().tolist() == list(range(16))


def test_hyper_representations_are_the_case_of_one_latent(zoo, tmp_path):
    config = EncoderConfig(**{**SMALL.to_dict(), "latent_of": "network"})
    fitted = fit_encoder(zoo, config=config)
    assert fitted.latents(zoo).shape == (len(zoo), 1, SMALL.latent)
    assert fitted.reconstruct(zoo).weights.shape == zoo.weights.shape
    assert Encoder.open(fitted.save(tmp_path / "hyper")).fingerprint == fitted.fingerprint
    assert HYPER.latent_of == "network"


def test_views_of_one_network_attract_each_other():
    one = torch.eye(4)
    assert normalized_cross_entropy(torch.cat([one, one]), 0.1) < normalized_cross_entropy(
        torch.cat([one, one.flip(0)]), 0.1
    )
    equal = torch.ones(6, 3)
    assert normalized_cross_entropy(equal, 0.1).item() == pytest.approx(math.log(5))


def test_every_check_hands_over_an_encoder(zoo):
    seen = []
    fit_encoder(
        zoo, config=EncoderConfig(**{**SMALL.to_dict(), "steps": 20}), on_check=lambda s, e: seen.append((s, e))
    )
    assert [step.step for step, _ in seen] == list(range(1, 21))
    assert not np.array_equal(seen[0][1].embed(zoo), seen[-1][1].embed(zoo))


def test_a_training_that_diverges_keeps_its_last_good_state(zoo, monkeypatch):
    from wsexplore.embed import training

    plain, calls = training.losses, []

    def breaking(*arguments):
        calls.append(1)
        error, contrast, told = plain(*arguments)
        return (error * math.nan if len(calls) > 40 else error), contrast, told

    monkeypatch.setattr(training, "losses", breaking)
    kept = fit_encoder(zoo, config=SMALL)
    assert kept.stopped.startswith("the loss was not finite at step ")
    assert "; kept step " in kept.stopped
    assert np.isfinite(kept.embed(zoo)).all()
    calls += [1] * 100
    with pytest.raises(ValueError, match="choose a smaller learning_rate"):
        fit_encoder(zoo, config=SMALL)


def test_the_mean_latent_learns_to_tell_what_networks_answer(zoo):
    config = EncoderConfig(**{**SMALL.to_dict(), "steps": 300, "telling": 1.0})
    told = fit_encoder(zoo, data="digits", config=config)
    assert told.history[-1].told < 0.8 * told.history[0].told
    facts = told.embed(zoo, pool="told")
    assert facts.shape == (len(zoo), 28 + 32)
    weight, bias = told.tellers[0].weight, told.tellers[0].bias
    np.testing.assert_allclose(facts, told.embed(zoo) @ weight.T.numpy() + bias.numpy(), rtol=1e-4, atol=1e-5)
    silent = fit_encoder(zoo, config=EncoderConfig(**{**SMALL.to_dict(), "telling": 0.0}))
    assert {step.told for step in silent.history} == {0.0}


def test_it_can_be_cancelled(zoo):
    def stop(fraction, message):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_encoder(zoo, config=SMALL, on_step=stop)


def test_bad_input_is_one_sentence(zoo, encoder):
    with pytest.raises(ValueError, match="at least 16 networks, this zoo has 3"):
        fit_encoder(zoo.select([0, 1, 2]))
    with pytest.raises(ValueError, match="the same architecture"):
        fit_encoder([zoo, zoo])
    with pytest.raises(ValueError, match="there are 1 zoos and 2 data sets"):
        fit_encoder(zoo, data=["digits", "digits"])
    with pytest.raises(ValueError, match="at least one zoo"):
        fit_encoder([])
    other = random_zoo(architecture("mlp", widths=[5, 4, 3]), 2)
    with pytest.raises(ValueError, match="these networks are mlp of 39 weights"):
        encoder.embed(other)
    with pytest.raises(ValueError, match="pool 'max' is unknown"):
        encoder.embed(zoo, pool="max")
    silent = fit_encoder(zoo, config=EncoderConfig(**{**SMALL.to_dict(), "steps": 1, "telling": 0.0}))
    with pytest.raises(ValueError, match="fitted to tell nothing"):
        silent.embed(zoo, pool="told")
    with pytest.raises(ValueError, match=r"the shape \(16, 8\), got \(2, 8\)"):
        encoder.decode(torch.zeros(1, 2, 8))


@pytest.fixture(scope="module")
def mixed(zoo):
    return concat([zoo.with_table(zoo.table.assign(activation=kind)) for kind in ("relu", "tanh")])


def test_activations_may_differ_where_weights_are_read_and_not_where_networks_are_made(mixed):
    assert mixed.architecture.row_fields
    fitted = fit_encoder(mixed, config=SMALL)
    assert fitted.embed(mixed).shape == (len(mixed), SMALL.latent)
    assert len(fitted.reconstruct(mixed).groups()) == 2
    with pytest.raises(ValueError, match="the anchors differ in activation"):
        sample_encoder(fitted, mixed, 4)
    assert len(sample_encoder(fitted, mixed, 4, where="activation = 'tanh'").groups()) == 1
    with pytest.raises(ValueError, match="the networks differ in activation"):
        LatentPlane.of(fitted, mixed)


def test_a_plane_holds_its_networks_and_decodes_every_point(zoo, encoder):
    plane = LatentPlane.of(encoder, zoo)
    assert plane.points.shape == (len(zoo), 2)
    codes = encoder.embed(zoo, pool="tokens")
    np.testing.assert_allclose((codes - codes.mean(0)) @ plane.projection.axes[:2].T, plane.points, atol=1e-3)
    middle = plane.decode(np.zeros((1, 2)))
    torch.testing.assert_close(middle, encoder.decode(encoder.latents(zoo).mean(0, keepdim=True)), rtol=1e-3, atol=1e-4)
    x, y = plane.grid(5)
    assert x[0] < np.median(plane.points[:, 0]) < x[-1]
    assert len(x) == len(y) == 5


def test_the_best_check_is_the_one_that_was_kept(encoder):
    assert encoder.best.whole == min(one.whole for one in encoder.history)


def test_a_network_without_a_metric_is_no_reference(zoo):
    table = zoo.table.assign(test_accuracy=zoo.table["test_accuracy"].where(zoo.table.index != 0))
    broken = zoo.with_table(table)
    assert best_row(broken) == int(table["test_accuracy"].idxmax())
    assert best_row(zoo.with_table(table.drop(columns="test_accuracy"))) == 0


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"token_size": 10**9}, "tokens of 1000000000 numbers"),
        ({"places": [2 * 10**9, 2, 6]}, "size mismatch"),
        ({"config": {"layers": 10**9}}, "not of 1,000,000,000 layers"),
        ({"history": []}, "history is not made of numbers"),
        ({"history": [{"step": "a", "loss": "b", "contrast": 0, "held_out_loss": None}]}, "not made of numbers"),
        ({"networks": "abc"}, "cannot be interpreted as an integer"),
        ({"architectures": None}, "NoneType"),
    ],
)
def test_a_hostile_manifest_is_one_sentence_and_takes_no_memory(encoder, tmp_path, change, sentence):
    folder = encoder.save(tmp_path / "encoder")
    manifest = json.loads((folder / "manifest.json").read_text())
    for name, value in change.items():
        manifest[name] = manifest[name] | value if isinstance(value, dict) else value
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ValueError, match=sentence):
        Encoder.open(folder)


def test_the_one_latent_of_a_network_is_of_all_its_tokens(zoo):
    config = EncoderConfig(**{**SMALL.to_dict(), "latent_of": "network", "window": 4, "steps": 2})
    assert config.length(16) == 16
    fitted = fit_encoder(zoo, config=config)
    changed = zoo.weights.clone()
    changed[:, -1] += 1.0
    moved = fitted.embed(zoo.with_weights(changed, zoo.recipe))
    assert np.abs(moved - fitted.embed(zoo)).max() > 1e-6


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("width", 15, "even and a multiple of heads"),
        ("latent", 0, "at least 1"),
        ("batch", 1, "at least 2"),
        ("contrast", 2.0, "from 0 to 1"),
        ("learning_rate", math.nan, "learning_rate must be a number"),
        ("latent_of", "layer", "choose tokens or network"),
    ],
)
def test_settings_out_of_range_are_one_sentence(field, value, sentence):
    with pytest.raises(ValueError, match=sentence):
        EncoderConfig(**{field: value})
    with pytest.raises(ValueError, match="no setting depth"):
        EncoderConfig.from_dict({"depth": 3})


def test_without_noise_samples_are_reconstructions_of_anchors(zoo, encoder):
    made = sample_encoder(encoder, zoo, 5, settings=SampleSettings(bandwidth=0.0), where="epoch = 3", seed=1)
    rebuilt = encoder.reconstruct(zoo)
    for row, anchor in enumerate(made.table["anchor"]):
        assert zoo.table["epoch"][zoo.row_of(anchor)] == 3
        torch.testing.assert_close(made.weights[row], rebuilt.weights[zoo.row_of(anchor)], rtol=1e-4, atol=1e-5)
    mixed = sample_encoder(encoder, zoo, 5, settings=SampleSettings(bandwidth=0.0, kernel="token"), seed=1)
    assert not any(torch.allclose(mixed.weights[0], one, atol=1e-4) for one in rebuilt.weights)


def test_noise_differs_between_tokens(zoo, encoder):
    chosen = SampleSettings(bandwidth=0.5)
    a, b = (
        sample_encoder(encoder, zoo, 4, settings=chosen, seed=1),
        sample_encoder(encoder, zoo, 4, settings=chosen, seed=1),
    )
    assert torch.equal(a.weights, b.weights)
    rebuilt = encoder.reconstruct(zoo).weights
    shift = encoder.tokenizers[0].tokens.split(a.weights[:1] - rebuilt[zoo.row_of(a.table["anchor"][0])])
    assert shift.std(1).mean() > 0.3 * shift.abs().mean()


def test_the_best_of_several_candidates_have_a_lower_loss(zoo, encoder):
    from wsexplore.population import evaluate

    plain = sample_encoder(encoder, zoo, 8, data="digits", settings=SampleSettings(bandwidth=1.0), seed=0)
    best = sample_encoder(encoder, zoo, 8, data="digits", settings=SampleSettings(bandwidth=1.0, candidates=8), seed=0)
    again = sample_encoder(
        encoder, zoo, 8, data="digits", settings=SampleSettings(bandwidth=1.0, candidates=8, rounds=3), seed=0
    )
    losses = [evaluate(made, "digits")["test_loss"].mean() for made in (plain, best, again)]
    assert losses[1] < losses[0]
    assert losses[2] < losses[0]


def test_sampling_refuses_nonsense(zoo, encoder):
    for arguments, sentence in (
        ({"n": 0}, "at least 1 network, got 0"),
        ({"n": 2, "where": "epoch = 99"}, "no network is left as an anchor"),
        ({"n": 2, "settings": SampleSettings(candidates=2)}, "name a data set"),
    ):
        with pytest.raises(ValueError, match=sentence):
            sample_encoder(encoder, zoo, **arguments)
    for field, value in (("bandwidth", -1.0), ("kernel", "layer"), ("candidates", 0), ("rounds", True)):
        with pytest.raises(ValueError, match=field):
            SampleSettings(**{field: value})
