import json
import os
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load, save
from streamlit import config
from streamlit.testing.v1 import AppTest

from app_pages.handles import jobs
from app_pages.judge import state_dict_bytes
from app_pages.plain import plain
from app_pages.vary import parse_numbers
from wsexplore.nets import architecture
from wsexplore.population import train_zoo
from wsexplore.settings import settings
from wsexplore.zoo import Zoo, shelf

HOME = Path(__file__).resolve().parents[2]
SHIPPED = sorted(path.name for path in (HOME / "data" / "zoos").iterdir() if path.name[0] != ".")
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture
def user(tmp_path, monkeypatch):
    monkeypatch.setenv("WSEXPLORE_USER", str(tmp_path))
    settings.cache_clear()
    yield tmp_path
    settings.cache_clear()


@pytest.fixture
def loopback():
    before = config.get_option("server.address")
    config.set_option("server.address", "127.0.0.1")
    yield
    config.set_option("server.address", before)


@pytest.fixture(scope="module")
def cnn_zoo():
    return train_zoo(
        "cnn",
        "digits",
        models=6,
        epochs=2,
        checkpoints=[0, 2],
        vary={"lr": (1e-3, 1e-2), "activation": ["relu", "tanh"]},
        config={"input": [1, 8, 8], "channels": [4, 6], "pool": [2, 1], "hidden": [12]},
    )


def opened(page, **query):
    at = AppTest.from_file(str(HOME / "app.py"), default_timeout=180)
    at.run()
    for name, value in query.items():
        at.query_params[name] = value
    at.switch_page(f"app_pages/{page}.py").run()
    return at


def until(at, found, seconds=120):
    """Rerun until `found(at)`, as the page does by itself in a browser."""
    end = time.monotonic() + seconds
    while not found(at) and time.monotonic() < end:
        time.sleep(0.2)
        at.run()
    assert found(at)
    return at


def charts(at):
    return {found.proto.id.rsplit("-", 1)[-1]: found.proto for found in at.get("plotly_chart")}


def alts(at):
    return [found.proto.alt for found in at.get("plotly_chart")]


def sentences(at):
    return [found.value for found in [*at.error, *at.warning]]


def said(at):
    return " ".join(found.value for found in [*at.markdown, *at.caption, *at.info, *at.success, *at.error, *at.warning])


def metric(at, label):
    return next(found.value for found in at.metric if found.label == label)


def press(at, label):
    next(button for button in at.button if button.label == label).click().run()
    return at


@pytest.mark.parametrize("page", ["zoo", "network", "train"])
def test_each_page_opens_cold_and_its_charts_say_what_they_show(page):
    at = opened(page)
    assert not at.exception
    assert not sentences(at)
    assert at.title
    assert alts(at)
    assert all(len(alt) > 20 for alt in alts(at))


def test_every_zoo_has_a_card_and_opening_one_shows_it(user, cnn_zoo):
    cnn_zoo.save(user / "zoos" / "my-cnn")
    at = opened("zoo")
    assert "**12** networks from **6** runs" in said(at)
    assert metric(at, "Networks") == "4,000"
    at.button(key="open-my-cnn").click().run()
    assert not at.exception
    assert metric(at, "Networks") == "12"
    assert at.selectbox(key="zoo").value == "my-cnn"
    assert at.button(key="open-my-cnn").disabled


def test_a_deleted_zoo_can_be_brought_back_with_its_maps(user, cnn_zoo):
    home = cnn_zoo.save(user / "zoos" / "mine")
    (user / "projections" / "mine" / "pca-raw").mkdir(parents=True)
    at = opened("zoo", zoo="mine")
    at.button(key="delete-mine").click().run()
    assert not at.exception
    assert list(shelf("zoos")) == SHIPPED
    assert at.selectbox(key="zoo").value == "digits-mlp"
    assert not (user / "projections" / "mine").exists()
    press(at, "Undo")
    assert Zoo.open(home).fingerprint == cnn_zoo.fingerprint
    assert (user / "projections" / "mine" / "pca-raw").is_dir()
    assert "Undo" not in [button.label for button in at.button]


def test_a_shipped_zoo_has_no_delete_button(user):
    assert not [button for button in opened("zoo").button if button.label == "Delete"]


def test_a_zoo_that_cannot_be_opened_still_has_a_card(user, cnn_zoo):
    home = cnn_zoo.save(user / "zoos" / "cut")
    file = home / "weights.safetensors"
    file.write_bytes(file.read_bytes()[:-9])
    at = opened("zoo")
    assert not at.exception
    assert "It cannot be opened" in said(at)


def test_published_zoos_are_found_by_words():
    at = opened("zoo", shelf="Published")
    assert "Model Zoos: SVHN" in said(at)
    at.text_input(key="search").set_value("resnet cifar100").run()
    titles = [text.value for text in at.markdown if text.value.startswith("##### ")]
    assert titles == ["##### Model Zoos: ResNet-18 on CIFAR-100"]
    at.text_input(key="search").set_value("<b>nothing</b>").run()
    assert "No published zoo matches" in at.info[0].value


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"where": "depth = 3"}, "no column"),
        ({"where": "drop table zoo"}, "more than a condition"),
        ({"column": "depth"}, "asks for column 'depth'"),
        ({"by": "depth"}, "asks for column 'depth'"),
        ({"shelf": "attic"}, "asks for shelf 'attic'"),
        ({"zoo": "![x](http://x)"}, "asks for zoo"),
    ],
)
def test_a_broken_link_to_the_zoo_page_gives_one_sentence(query, sentence):
    at = opened("zoo", **query)
    assert not at.exception
    assert len(sentences(at)) == 1
    assert sentence in sentences(at)[0]


def test_the_columns_follow_the_filter_and_the_controls():
    at = opened("zoo", where="epoch = 30 and design = 'varied'", column="lr", by="optimizer")
    assert metric(at, "Networks") == "600"
    assert "lr of 600 networks" in alts(at)[0]
    assert "coloured by optimizer" in alts(at)[0]
    assert "600 runs as lines through optimizer, lr" in alts(at)[1]
    at.text_input(key="where").set_value("design = 'seeds' and epoch = 30").run()
    assert "nothing to compare" in said(at)


def test_a_ticked_row_leads_to_its_network():
    at = AppTest.from_file(str(HOME / "app.py"), default_timeout=180)
    at.run()
    at.session_state["networks"] = {"selection": {"rows": [2], "columns": [], "cells": []}}
    at.switch_page("app_pages/zoo.py").run()
    link = next(found for found in at.page_link if "Open network" in found.proto.label)
    assert link.proto.query_string == "a=v00000e003"


def test_folders_of_the_server_are_offered_on_loopback_only(user):
    at = opened("zoo", shelf="Bring your own")
    assert not at.exception
    assert "import-path" not in [field.key for field in at.text_input]


def test_a_folder_is_recognised_before_it_is_imported(user, loopback, tmp_path):
    source = tmp_path / "nets"
    source.mkdir()
    kind = architecture("mlp", widths=[64, 8, 10])
    for seed in range(3):
        state = kind.layout.unflatten(kind.initial_weights(seed=seed))
        (source / f"net{seed}.safetensors").write_bytes(save({name: part.clone() for name, part in state.items()}))
    at = opened("zoo", shelf="Bring your own")
    at.text_input(key="import-path").set_value(str(tmp_path / "nowhere")).run()
    assert len(sentences(at)) == 1
    at.text_input(key="import-path").set_value(str(source)).run()
    assert "3 networks of mlp with 610 parameters" in at.success[0].value
    assert list(shelf("zoos")) == SHIPPED
    at.text_input(key="import-name-nets").set_value("../up").run()
    at.button(key="import").click().run()
    assert "is no name for a folder" in at.error[0].value
    at.text_input(key="import-name-nets").set_value("theirs").run()
    at.button(key="import").click().run()
    until(at, lambda at: "networks are here as theirs" in said(at))
    torch.testing.assert_close(Zoo.open("theirs").rows([1])[0], kind.initial_weights(seed=1))
    at.button(key="show-brought").click().run()
    assert at.selectbox(key="zoo").value == "theirs"


def test_uploaded_files_become_a_zoo_whatever_their_names_say(user):
    kind = architecture("mlp", widths=[64, 8, 10])
    files = []
    for seed, name in enumerate(["../../a.safetensors", "<b>:smile:.safetensors"]):
        state = kind.layout.unflatten(kind.initial_weights(seed=seed))
        files.append((name, save({key: part.clone() for key, part in state.items()}), "application/octet-stream"))
    at = opened("zoo", shelf="Bring your own")
    at.file_uploader(key="files").set_value(files).run()
    at.text_input(key="upload-name").set_value("mine").run()
    at.button(key="upload").click().run()
    until(at, lambda at: "networks are here as mine" in said(at))
    assert sorted(path.name for path in user.iterdir() if not path.name.startswith(".")) == ["zoos"]
    assert len(Zoo.open("mine")) == 2


def test_an_upload_that_is_no_network_gives_one_sentence_and_no_zoo(user):
    at = opened("zoo", shelf="Bring your own")
    at.file_uploader(key="files").set_value([("a.pt", b"not a network", "application/octet-stream")]).run()
    at.button(key="upload").click().run()
    until(at, lambda at: bool(at.error))
    assert not at.exception
    assert len(at.error) == 1
    assert list(shelf("zoos")) == SHIPPED


def test_an_upload_leaves_nothing_behind_when_it_is_cancelled_while_it_waits(user, tmp_path, monkeypatch):
    temporary = tmp_path / "temporary"
    for name, days in (("wsexplore-upload-old", 2), ("wsexplore-upload-new", 0.5), ("other-old", 2)):
        (temporary / name).mkdir(parents=True)
        os.utime(temporary / name, times=(time.time() - days * 86400,) * 2)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    kept = ["other-old", "wsexplore-upload-new"]
    free = threading.Event()
    busy = [jobs().start("busy", lambda on_step: free.wait(60)) for _ in range(2)]
    try:
        at = opened("zoo", shelf="Bring your own")
        at.file_uploader(key="files").set_value([("a.pt", b"waiting", "application/octet-stream")]).run()
        at.button(key="upload").click().run()
        names = sorted(path.name for path in temporary.iterdir())
        assert len(names) == 3
        assert set(kept) < set(names)
        assert all(jobs().status(job).state == "running" for job in busy)
        press(at, "Cancel")
    finally:
        free.set()
    until(at, lambda at: "The import was cancelled" in said(at))
    until(at, lambda at: sorted(path.name for path in temporary.iterdir()) == kept, seconds=10)


def test_a_broken_region_is_told_letter_by_letter(user):
    at = opened("atlas", region="![x](http://x)")
    assert not at.exception
    assert "![x](" not in at.warning[0].value


def test_a_network_opens_from_its_link():
    at = opened("network", a="v00000e030", layer="layers.1.weight")
    assert not at.exception
    assert not sentences(at)
    assert at.selectbox(key="a").value == "v00000e030"
    assert any(alt.startswith("layers.1.weight, 10 x 32, as an image") for alt in alts(at))
    table = Zoo.open("digits-mlp").table
    accuracy = table.loc[table["id"] == "v00000e030", "test_accuracy"].iloc[0]
    assert metric(at, "Test accuracy") == f"{accuracy:.1%}"
    assert any(f"{accuracy:.1%} right" in alt for alt in alts(at))


@pytest.mark.parametrize(
    ("query", "sentence"),
    [({"a": "nobody"}, "asks for network 'nobody'"), ({"layer": "layers.9.weight"}, "asks for layer")],
)
def test_a_broken_link_to_a_network_gives_one_sentence(query, sentence):
    at = opened("network", **query)
    assert not at.exception
    assert len(sentences(at)) == 1
    assert sentence in sentences(at)[0]


def test_a_convolutional_network_has_its_page(user, cnn_zoo):
    cnn_zoo.save(user / "zoos" / "cnns")
    at = opened("network", zoo="cnns", layer="convs.1.weight")
    assert not at.exception
    assert not sentences(at)
    assert any("convs.1.weight, 6 x 4 x 3 x 3, as an image" in alt for alt in alts(at))
    assert any("cnn of 4 blocks" in alt for alt in alts(at))
    best = cnn_zoo.table["test_accuracy"].max()
    assert any(f"{best:.1%} right" in alt for alt in alts(at))


def test_a_field_shows_its_picture_in_place_of_answers(user):
    zoo = train_zoo("siren", "digits", models=3, epochs=60, lr=3e-3, config={"widths": [2, 16, 16, 1]})
    zoo.save(user / "zoos" / "pictures")
    at = opened("network", zoo="pictures")
    assert not at.exception
    assert not sentences(at)
    assert any("The picture that network" in alt for alt in alts(at))
    assert not any("Confusion" in alt for alt in alts(at))
    assert metric(at, "PSNR").endswith("dB")


def test_a_network_whose_data_are_unknown_is_judged_on_what_fits(user):
    kind = architecture("mlp", widths=[64, 8, 10])
    weights = torch.stack([kind.initial_weights(seed=seed) for seed in range(3)])
    Zoo.from_weights(kind, weights).save(user / "zoos" / "bare")
    at = opened("network", zoo="bare")
    assert not at.exception
    assert at.selectbox(key="data").options[0] == "digits"
    assert any("Confusion on 360 test samples" in alt for alt in alts(at))
    other = architecture("mlp", widths=[3, 8, 2])
    Zoo.from_weights(other, torch.stack([other.initial_weights(seed=seed) for seed in range(3)])).save(
        user / "zoos" / "odd"
    )
    at = opened("network", zoo="odd")
    assert not at.exception
    assert "no data set here fits" in said(at)


@pytest.mark.parametrize("name", ["folder:/etc", "text:/etc/passwd", "gone", "<img src=x onerror=alert(1)>"])
def test_a_data_set_that_a_zoo_names_opens_no_file_of_this_machine(user, cnn_zoo, name):
    cnn_zoo.with_table(cnn_zoo.table.assign(dataset=name)).save(user / "zoos" / "sly")
    at = opened("network", zoo="sly")
    assert not at.exception
    assert "It cannot be judged here" in said(at)
    assert "registry" in said(at)


def test_a_downloaded_network_is_its_state_dict(cnn_zoo):
    module = architecture("cnn", **cnn_zoo.architecture_of(3).config).build()
    module.load_state_dict(load(state_dict_bytes(cnn_zoo, 3)))
    inputs = cnn_zoo.architecture.example_input(4)
    with torch.no_grad():
        torch.testing.assert_close(module.eval()(inputs), cnn_zoo.module(3)(inputs))


def test_names_from_files_are_shown_letter_by_letter(user, cnn_zoo):
    cnn_zoo.save(user / "zoos" / "![x](y) :smile: <b>")
    at = opened("zoo")
    assert not at.exception
    assert "##### !\\[x\\](y) :\N{WORD JOINER}smile: \\<b>" in [text.value for text in at.markdown]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a_b*c*", "a\\_b\\*c\\*"),
        ("1. x", "1\\. x"),
        ("- x", "\\- x"),
        ("$x$", "\\$x\\$"),
        ("digits-mlp > 0.9", "digits-mlp > 0.9"),
    ],
)
def test_markup_is_escaped(text, shown):
    assert plain(text) == shown


def test_a_training_is_asked_for_by_its_link():
    at = opened("train", family="cnn", models="8", epochs="3", design="Grid")
    assert not at.exception
    assert not sentences(at)
    assert at.selectbox(key="family").value == "cnn"
    assert any("cnn of 5 blocks" in alt for alt in alts(at))
    assert "6 combinations" in said(at)
    until(at, lambda at: "of weights: 32 networks from 8 runs" in said(at))


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"family": "perceptron"}, "asks for architecture 'perceptron'"),
        ({"models": "a million"}, "asks for a number of networks of"),
        ({"design": "chaos"}, "asks for design 'chaos'"),
        ({"checkpoints": "0, one"}, "takes whole numbers"),
        ({"checkpoints": "0, 99"}, "epochs from 0 to 12"),
        ({"random-lr": "fast"}, "takes 0.01, a range"),
        ({"random-lr": "-1..2"}, "lr must lie in"),
        ({"design": "Grid", "grid-lr": "0.1..0.2"}, "a grid goes through lists"),
        ({"mlp-0-widths": "32, many"}, "Hidden widths takes whole numbers"),
    ],
)
def test_nonsense_in_a_training_gives_one_sentence(query, sentence):
    at = opened("train", **query)
    until(at, lambda at: bool(sentences(at)))
    assert not at.exception
    assert len(sentences(at)) == 1
    assert plain(sentence).lower() in sentences(at)[0].lower()


@pytest.mark.parametrize("family", ["mlp", "small-cnn", "cnn", "resnet", "vit", "siren", "field-mlp", "gru"])
def test_every_family_can_be_asked_for(family):
    at = opened("train", family=family, models="2", epochs="1", looks="2")
    until(at, lambda at: "of weights" in said(at) or bool(sentences(at)))
    assert not at.exception
    assert not sentences(at)


def test_a_training_is_watched_kept_and_opened(user):
    at = opened("train", models="12", epochs="3")
    until(at, lambda at: "of weights" in said(at))
    at.button(key="train").click().run()
    until(at, lambda at: any("runs; median at the end" in alt for alt in alts(at)))
    assert not at.exception
    assert metric(at, "Networks") == "48"
    at.text_input(key="keep-name").set_value("twelve")
    press(at, "Keep")
    assert at.success[0].value == "Kept as twelve."
    zoo = Zoo.open("twelve")
    assert zoo.table["run"].nunique() == 12
    assert zoo.table["epoch"].unique().tolist() == [0, 1, 2, 3]
    link = next(found for found in at.page_link if "in the Atlas" in found.proto.label)
    assert link.proto.query_string == "zoo=twelve"


def test_curves_grow_while_a_training_runs_and_cancel_ends_it(user):
    at = opened("train", models="300", epochs="400", **{"random-batch_size": "16"})
    until(at, lambda at: "of weights" in said(at))
    at.button(key="train").click().run()
    assert at.button(key="train").disabled
    until(at, lambda at: any("runs so far" in alt for alt in alts(at)))
    spec = json.loads(next(found for found in at.get("plotly_chart") if "runs so far" in found.proto.alt).proto.spec)
    assert spec["layout"]["xaxis"]["range"] == [-8, 408]
    begun = time.monotonic()
    press(at, "Cancel")
    until(at, lambda at: "was cancelled" in said(at), seconds=10)
    assert time.monotonic() - begun < 5
    assert not at.button(key="train").disabled
    assert list(shelf("zoos")) == SHIPPED


@pytest.mark.parametrize(
    ("text", "numbers"), [("0.1", 0.1), ("1e-3..1e-2", (1e-3, 1e-2)), ("0, 0.5", [0.0, 0.5]), (" 3 ", 3.0)]
)
def test_numbers_ranges_and_lists_are_told_apart(text, numbers):
    assert parse_numbers(text, "x") == numbers


def test_numbers_are_never_guessed():
    for text in ("", "a..b", "1,,2", "1..2..3", "nan..x"):
        with pytest.raises(ValueError, match="takes"):
            parse_numbers(text, "x")
    assert np.isnan(parse_numbers("nan", "x"))
