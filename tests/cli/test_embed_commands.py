import json

import pandas as pd
import pytest
from typer.testing import CliRunner

import wsexplore
from wsexplore.cli import cli
from wsexplore.embed import Encoder
from wsexplore.population import train_zoo
from wsexplore.zoo import Zoo

SMALL = [
    word
    for setting in ("latent=8", "width=16", "layers=1", "heads=2", "steps=40", "batch=8")
    for word in ("--set", setting)
]


def run(*words):
    return CliRunner().invoke(cli, [str(word) for word in words])


def answer(*words):
    result = run(*words, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    path = tmp_path_factory.mktemp("zoo") / "mine"
    train_zoo(
        "mlp",
        "digits",
        models=20,
        epochs=3,
        checkpoints=[1, 3],
        vary={"lr": (1e-4, 1e-2)},
        seed=0,
        config={"widths": [64, 6, 10]},
        out=path,
    )
    return path


@pytest.fixture(scope="module")
def encoder(zoo, tmp_path_factory):
    path = tmp_path_factory.mktemp("encoder") / "own"
    facts = answer("embed", "fit", zoo, "--method", "sane", "--out", path, *SMALL)
    assert facts["networks"] == 40
    assert facts["stopped"] == "no"
    return path


def test_the_recipe_names_what_was_set(encoder):
    opened = Encoder.open(encoder)
    assert opened.config.latent == 8
    assert "--set latent=8" in opened.recipe.cli


def test_the_recipe_makes_the_same_encoder_again(encoder, zoo, tmp_path):
    opened = Encoder.open(encoder)
    words = opened.recipe.cli.replace("ZOO", str(zoo)).replace("ENCODER", str(tmp_path / "again")).split()
    assert run(*words[1:]).exit_code == 0
    assert Encoder.open(tmp_path / "again").fingerprint == opened.fingerprint
    source = Zoo.open(zoo)
    assert eval(opened.recipe.python, {"wx": wsexplore, "zoo": source}).fingerprint == opened.fingerprint
    assert opened.recipe.inputs == {"zoo": source.fingerprint}


def test_networks_are_embedded(encoder, zoo, tmp_path):
    facts = answer("embed", "apply", encoder, zoo, "--out", tmp_path / "points.csv", "--pool", "layers")
    assert facts["numbers"] == 16
    points = pd.read_csv(tmp_path / "points.csv")
    assert points["id"].tolist() == Zoo.open(zoo).table["id"].tolist()


def test_a_zoo_is_probed(encoder, zoo, tmp_path):
    facts = answer(
        "embed",
        "probe",
        zoo,
        "--encoder",
        encoder,
        "--features",
        "statistics,encoder",
        "--targets",
        "test_accuracy",
        "--out",
        tmp_path / "probes.csv",
    )
    assert set(pd.read_csv(tmp_path / "probes.csv")["features"]) == {"statistics", "encoder"}
    assert facts["probes"]


def test_the_accuracy_of_each_class_can_be_probed(zoo, tmp_path):
    words = ["--features", "statistics", "--classes", "--targets", "epoch", "--out", tmp_path / "classes.csv"]
    answer("embed", "probe", zoo, *words)
    targets = set(pd.read_csv(tmp_path / "classes.csv")["target"])
    assert {"epoch", "test_accuracy_0", "test_accuracy_9"} <= targets


def test_networks_are_decoded_and_sampled(encoder, zoo, tmp_path):
    facts = answer("embed", "decode", encoder, zoo, "--out", tmp_path / "decoded")
    assert len(Zoo.open(tmp_path / "decoded")) == 40
    assert 0 <= facts["mean_accuracy_decoded"] <= 1
    facts = answer("embed", "sample", encoder, zoo, "--out", tmp_path / "fresh", "--models", 4, "--where", "epoch = 3")
    assert len(Zoo.open(tmp_path / "fresh")) == 4
    assert "The encoder's networks classify" in facts["verdict"]


def test_one_encoder_reads_two_zoos(zoo, tmp_path):
    other = tmp_path / "other"
    train_zoo("mlp", "digits", models=16, epochs=1, seed=1, config={"widths": [64, 5, 4, 10]}, out=other)
    facts = answer("embed", "fit", zoo, other, "--method", "hyper", "--out", tmp_path / "both", *SMALL)
    assert facts["networks"] == 56
    assert len(Encoder.open(tmp_path / "both").tokenizers) == 2


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["fit", "ZOO", "--method", "sane", "--set", "depth=3"], "no setting depth"),
        (["fit", "ZOO", "--method", "sane", "--set", "width=15"], "even and a multiple of heads"),
        (["fit", "ZOO", "ZOO", "--method", "pca"], "a map shows one zoo, got 2"),
        (["fit", "ZOO", "ZOO", "--method", "sane"], "the same architecture"),
        (["fit", "ZOO", "--set", "steps=3"], "--set and --data are for an encoder"),
        (["fit", "digit-fields", "--method", "magic"], "choose one of pca, umap, tsne, sane, hyper"),
        (["fit", "ZOO", "--method", "sane", "--dims", "3"], "--dims is for a map"),
        (["sample", "ENCODER", "ZOO", "--rounds", "3"], "at least 2 candidates"),
        (["apply", "nowhere", "ZOO"], "nowhere"),
        (["apply", "ENCODER", "digit-fields"], "these networks are"),
        (["apply", "ENCODER", "ZOO", "--pool", "max"], "pool 'max' is unknown"),
        (["probe", "ZOO", "--targets", "depth"], "depth"),
        (["probe", "ZOO", "--features", "magic"], "features 'magic' are unknown"),
        (["decode", "ENCODER", "digit-fields"], "these networks are"),
        (["sample", "ENCODER", "ZOO", "--where", "epoch = 99"], "no network is left as an anchor"),
        (["sample", "ENCODER", "ZOO", "--bandwidth", "-1"], "bandwidth must be a number from 0 to 10"),
    ],
)
def test_wrong_words_are_one_sentence_and_write_nothing(encoder, zoo, tmp_path, words, sentence):
    places = {"ZOO": zoo, "ENCODER": encoder}
    result = run("embed", *[places.get(word, word) for word in words], "--out", tmp_path / "out")
    assert result.exit_code == 2, result.stderr
    assert sentence in result.stderr.replace("\n", " ")
    assert not list(tmp_path.iterdir())
