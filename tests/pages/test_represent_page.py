import time
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pytest
import torch
from streamlit.testing.v1 import AppTest

from app_pages.encoders import _zipped
from app_pages.probed import some_runs
from wsexplore.align import align
from wsexplore.embed import Encoder, EncoderConfig, fit_encoder
from wsexplore.nets import architecture
from wsexplore.population import train_zoo
from wsexplore.settings import settings
from wsexplore.zoo import Zoo

HOME = Path(__file__).resolve().parents[2]
SMALL = EncoderConfig(latent=8, width=16, layers=1, heads=2, steps=60, batch=8, learning_rate=5e-3)
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(scope="module")
def zoo():
    return train_zoo(
        "mlp",
        "digits",
        models=20,
        epochs=4,
        checkpoints=[1, 4],
        vary={"lr": (1e-4, 1e-2)},
        seed=0,
        config={"widths": [64, 6, 10]},
    )


@pytest.fixture(scope="module")
def encoder(zoo):
    return fit_encoder(align(zoo, by="run"), config=SMALL)


@pytest.fixture
def user(tmp_path, monkeypatch, zoo, encoder):
    monkeypatch.setenv("WSEXPLORE_USER", str(tmp_path))
    settings.cache_clear()
    zoo.save(tmp_path / "zoos" / "mine")
    encoder.save(tmp_path / "encoders" / "own")
    yield tmp_path
    settings.cache_clear()


def opened(**query):
    at = AppTest.from_file(str(HOME / "app.py"), default_timeout=180)
    at.run()
    for name, value in {"zoo": "mine", **query}.items():
        at.query_params[name] = value
    at.switch_page("app_pages/represent.py").run()
    return finished(at)


def finished(at):
    until = time.monotonic() + 120
    while at.get("progress") and time.monotonic() < until:
        time.sleep(0.2)
        at.run()
    assert not at.get("progress")
    assert not at.exception
    return at


def keys(at):
    return [found.proto.id.rsplit("-", 1)[-1] for found in at.get("plotly_chart")]


def alt(at, key):
    return next(found.proto.alt for found in at.get("plotly_chart") if found.proto.id.endswith(f"-{key}"))


def metric(at, label):
    return next(found.value for found in at.metric if found.label == label)


def sentences(at):
    return [found.value for found in [*at.error, *at.warning]]


def test_every_point_of_the_plane_decodes_into_a_network(user):
    at = opened()
    assert keys(at) == ["plane"]
    assert metric(at, "Test accuracy").endswith("%")
    assert metric(at, "Nearest network").startswith("r")
    first = metric(at, "Novelty")
    at = opened(at="3,-2")
    assert metric(at, "Novelty") != first


def test_probes_name_the_best_features_of_every_target(user):
    at = opened(part="Probes")
    assert keys(at) == ["probes"]
    said = next(text.value for text in at.markdown if text.value.startswith("Of a network's weights alone"))
    assert all(
        f"{target} is predicted best" in said for target in ("test accuracy", "generalization gap", "epoch", "lr")
    )
    assert not sentences(at)


def test_the_columns_to_predict_are_chosen(user):
    at = opened(part="Probes", targets="train_loss")
    assert at.multiselect(key="targets").value == ["train_loss"]
    said = alt(at, "probes")
    assert "train loss is predicted best" in said
    assert "lr is predicted" not in said
    assert not at.toggle(key="classes").disabled
    at.multiselect(key="targets").set_value([]).run()
    assert any("Choose a column" in found.value for found in at.info)


def test_whole_runs_are_drawn_in_a_time_that_rows_decide():
    runs = np.repeat(np.arange(50_000), 4)
    table = pd.DataFrame({"id": [str(i) for i in range(len(runs))], "run": runs, "epoch": np.tile(range(4), 50_000)})
    began = time.perf_counter()
    drawn = some_runs(Zoo.from_weights(architecture("mlp", widths=[1, 1, 1]), torch.zeros(len(runs), 4), table=table))
    assert time.perf_counter() - began < 1.5
    assert len(drawn) == 2000
    assert (np.unique(runs[drawn], return_counts=True)[1] == 4).all()


def test_a_reconstruction_is_compared_with_the_networks(user):
    at = opened(part="Reconstruction")
    assert keys(at) == ["rebuilt"]
    assert metric(at, "Mean test accuracy").endswith("%")
    assert "40 networks" in alt(at, "rebuilt")


def test_samples_are_judged_and_trained_further(user):
    at = opened(part="Sampling", n="4", bandwidth="0.1")
    assert set(keys(at)) == {"drawn", "starts"}, sentences(at)
    assert any("The encoder's networks classify" in text.value for text in at.markdown)
    assert "from scratch" in alt(at, "starts")


def test_recipes_of_a_point_and_of_samples_run_as_they_stand(user):
    at = opened(at="0.123456789,-0.5")
    lines = next(code.value for code in at.code if "LatentPlane.of(" in code.value)
    assert "[[0.123456789, -0.5]]" in lines
    held: dict[str, object] = {}
    exec(lines, held)
    assert held["weights"].shape == (1, held["zoo"].architecture.layout.size)
    assert not sentences(at)
    at = opened(part="Sampling", n="4", kernel="Each token alone", rounds="2", best_of="2", anchors="epoch = 4")
    assert not sentences(at)
    lines = next(code.value for code in at.code if "sample_encoder(" in code.value)
    assert "SampleSettings(0.2, 'token', 2, 2)" in lines
    assert "where='epoch = 4'" in lines
    exec(lines, held)
    assert len(held["fresh"]) == 4


def test_an_encoder_is_trained_and_kept(user):
    at = opened(part="Train", steps="40", width="16", latent="4")
    assert "own" in at.dataframe[0].value["encoder"].tolist()
    next(button for button in at.button if button.label == "Train the encoder").click().run()
    finished(at)
    assert any("Trained in" in text.value for text in at.success)
    at.text_input("keep-encoder-name").input("second")
    next(button for button in at.button if button.label == "Keep").click().run()
    finished(at)
    assert (user / "encoders" / "second" / "manifest.json").is_file()
    at.text_input("keep-encoder-name").input("own")
    next(button for button in at.button if button.label == "Keep").click().run()
    assert any("already an encoder called own" in text for text in sentences(at))
    assert Encoder.open(user / "encoders" / "second").tells


def test_an_encoder_is_downloaded_and_deleted(user):
    at = opened(part="Train", encoder="own")
    packed = _zipped("own")
    with ZipFile(BytesIO(packed)) as whole:
        whole.extractall(user / "elsewhere")
    assert Encoder.open(user / "elsewhere" / "own").fingerprint == Encoder.open(user / "encoders" / "own").fingerprint
    at.button(key="delete-encoder-now").click().run()
    assert not at.exception
    assert not (user / "encoders" / "own").exists()
    assert all("own" not in frame.value.get("encoder", []) for frame in at.dataframe)


def test_latents_may_tell_nothing(user):
    at = opened(part="Train", steps="10", width="8", latent="2", told="nothing")
    assert not sentences(at)
    next(button for button in at.button if button.label == "Train the encoder").click().run()
    finished(at)
    at.text_input("keep-encoder-name").input("silent")
    next(button for button in at.button if button.label == "Keep").click().run()
    assert not Encoder.open(user / "encoders" / "silent").tells


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"part": "Nonsense"}, "asks for part"),
        ({"at": "here"}, "two numbers like"),
        ({"at": "nan,1"}, "two finite numbers"),
        ({"encoder": "nobody"}, "asks for encoder 'nobody'"),
        ({"part": "Probes", "models": "deep"}, "asks for models 'deep'"),
        ({"part": "Sampling", "n": "4", "anchors": "acc > 1"}, "names 'acc', which is no column"),
        ({"part": "Sampling", "n": "4", "anchors": "epoch = 99"}, "no network"),
        ({"part": "Probes", "targets": "nobody"}, "asks for the column 'nobody'"),
        ({"part": "Sampling", "n": "4", "kernel": "box"}, "asks for noise around 'box'"),
        ({"part": "Sampling", "n": "4", "rounds": "99"}, "a number of rounds of '99'"),
        ({"part": "Train", "told": "lies"}, "asks for latents that tell 'lies'"),
        ({"part": "Train", "width": "50"}, "multiple of heads"),
        ({"part": "Train", "steps": "many"}, "a number of steps of 'many'"),
    ],
)
def test_nonsense_in_the_link_is_one_sentence(user, query, sentence):
    assert any(sentence.lower() in text.lower() for text in sentences(opened(**query))), sentences(opened(**query))


def test_without_an_encoder_the_baselines_are_still_probed(user):
    import shutil

    shutil.rmtree(user / "encoders")
    at = opened()
    assert keys(at) == ["probes"]
    at = opened(part="Reconstruction")
    assert any("Train one in the part Train" in found.value for found in at.info)
