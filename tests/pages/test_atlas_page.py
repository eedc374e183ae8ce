import json
from base64 import b64decode

import numpy as np
import pytest

from tests.pages.test_pages import chart, charts, finished, metric, opened, sentences, user  # noqa: F401
from wsexplore.align import align_permutations
from wsexplore.embed import EncoderConfig, fit_encoder, fit_projection
from wsexplore.population import train_zoo

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

BOTH = "A:-99,-99 1,-99 1,99 -99,99;B:0,-99 99,-99 99,99 0,99"


def networks(at):
    return int(metric(at, "Networks").replace(",", ""))


def alt(at, key):
    return next(found.proto.alt for found in charts(at) if found.proto.id.endswith(f"-{key}"))


def keyed(at, key):
    return json.loads(next(found.proto.spec for found in charts(at) if found.proto.id.endswith(f"-{key}")))


def test_regions_compose_and_the_link_tells_it():
    count = {part: networks(opened("atlas", region=f"{BOTH};{part}")) for part in ("A", "B", "A and B", "A or B")}
    assert count["A"] + count["B"] == count["A and B"] + count["A or B"] == 4000 + count["A and B"]
    assert 0 < count["A and B"] < count["A"]
    at = opened("atlas", region=f"{BOTH};A and not B")
    assert networks(at) == count["A"] - count["A and B"]
    assert at.text_input(key="expression").value == "A and not B"
    at.text_input(key="expression").set_value("not A").run()
    assert at.text_input(key="region").value.endswith(";not A")
    assert networks(at) == 4000 - count["A"]


def test_a_region_is_renamed_removed_and_cleared():
    at = opened("atlas", region=f"{BOTH};A and B")
    both = networks(at)
    at.text_input(key="name-A").set_value("left").run()
    assert at.text_input(key="expression").value == "left and B"
    assert networks(at) == both
    at.button(key="drop-B").click().run()
    assert at.text_input(key="region").value.startswith("left:-99,-99")
    assert networks(at) > both
    at.button(key="clear-regions").click().run()
    assert at.text_input(key="region").value == ""
    assert networks(at) == 4000
    assert not at.exception


@pytest.mark.parametrize(
    ("expression", "said"),
    [("A and C", "which is no region"), ("A and", "cannot be read"), ("A.b", "holds '.'")],
)
def test_an_expression_that_means_nothing_gets_one_sentence_and_changes_nothing(expression, said):
    at = opened("atlas", region=BOTH)
    before = networks(at)
    at.text_input(key="expression").set_value(expression).run()
    assert not at.exception
    assert len(sentences(at)) == 1
    assert said in sentences(at)[0]
    assert networks(at) == before
    assert at.text_input(key="expression").value == "A or B"


def test_a_drawn_lasso_becomes_the_next_region():
    at = opened("atlas", region="-9,-9 1,-9 1,9 -9,9")
    shape = {"x": [0, 9, 9, 0, 4], "y": [-9, -9, 9, 9, 0]}
    at.session_state["map"] = {"selection": {"points": [], "lasso": [shape], "box": []}}
    from app_pages import regions

    state = {"map": at.session_state["map"], "region": at.text_input(key="region").value}
    held = regions.st
    try:
        regions.st = type("Streamlit", (), {"session_state": state})
        regions.keep_polygon()
        once = state["region"]
        regions.keep_polygon()
    finally:
        regions.st = held
    assert once.startswith("A:-9,-9 1,-9 1,9 -9,9;B:")
    assert state["region"] == once


def test_trust_is_told_of_the_map_and_of_each_point():
    at = opened("atlas", where="epoch = 30 and design = 'seeds'")
    assert 0 <= float(metric(at, "Neighbours kept").rstrip("%")) <= 100
    assert 0 < float(metric(at, "Distance not shown").rstrip("%")) <= 100
    at.run()
    assert "neighbours kept" in chart(at)["data"][-1]["hovertemplate"]


def test_the_raster_counts_every_network_and_draws_half_as_many():
    at = opened("atlas", raster="Count", paths="false")
    drawn = chart(at)
    assert [trace["type"] for trace in drawn["data"]] == ["heatmap", "scattergl"]
    assert any("Grey: all 4,000" in caption.value for caption in at.caption)
    at.get_by_key("raster").set_value("mean").run()
    assert "mean test accuracy" in json.dumps(chart(at)["data"][0])
    at.selectbox(key="colour").select("optimizer").run()
    assert any("has no mean per cell" in caption.value for caption in at.caption)
    assert not at.exception


def test_the_prediction_error_colours_the_map_around_zero():
    at = finished(opened("atlas", where="epoch = 30 and design = 'seeds'", colour="prediction error"))
    at.run()
    marker = chart(at)["data"][-1]["marker"]
    assert marker["cmin"] == -marker["cmax"]
    assert "coloured by prediction error" in charts(at)[0].proto.alt


def test_two_selections_are_compared_in_columns_and_layers():
    at = opened("atlas", region=f"{BOTH};A and not B", look="Compare selections")
    told = [text.value for text in at.markdown if "What differs most" in text.value]
    assert len(told) == 2
    assert "spreads" in told[0]
    assert "layers\\.".replace("\\", "") in told[1]
    assert "What differs most is" in alt(at, "columns-apart")
    at.selectbox(key="this").select("A")
    at.selectbox(key="that").select("B").run()
    assert not at.exception
    assert any("networks lie in both" in caption.value for caption in at.caption)
    empty = opened("atlas", look="Compare selections")
    assert any("Draw a region" in info.value for info in empty.info)


def test_runs_move_on_one_clock():
    at = opened("atlas", look="Epoch by epoch", where="epoch < 30")
    figure = keyed(at, "clock")
    assert figure["frames"][0]["name"] == "0"
    assert "move most from epoch" in alt(at, "clock")
    assert len(json.dumps(figure)) < 2_000_000
    still = opened("atlas", look="Epoch by epoch", where="epoch = 30")
    assert any("No run has two checkpoints" in info.value for info in still.info)


def test_further_maps_are_made_when_asked_and_kept(user):  # noqa: F811
    train_zoo("mlp", "digits", models=12, epochs=2, checkpoints=[0, 1, 2]).save(user / "zoos" / "small")
    at = opened("atlas", zoo="small")
    at.button(key="make-maps").click().run()
    finished(at)
    at.run()
    for query in ({"method": "t-SNE"}, {"frame": "function"}, {"frame": "statistics"}, {"dims": "3-D"}):
        at = opened("atlas", zoo="small", **query)
        assert "It takes about" in at.info[0].value
        next(button for button in at.button if button.label == "Make this map").click().run()
        finished(at)
        at.run()
        assert not at.exception
        assert metric(at, "Networks") == "36"
    kept = {folder.name for folder in (user / "projections" / "small").iterdir() if folder.name[0] != "."}
    assert kept >= {"tsne-aligned", "pca-function", "pca-statistics", "pca-aligned-3d"}
    assert chart(at)["data"][0]["type"] == "scatter3d"
    assert any("lasso is not possible in 3-D" in caption.value for caption in at.caption)
    beside = opened("atlas", zoo="small", beside="true", region="-90,-90 90,-90 0,90")
    assert "by their answers" in alt(beside, "function-map")
    opacity = keyed(beside, "function-map")["data"][-1]["marker"]["opacity"]
    assert np.isin(np.frombuffer(b64decode(opacity["bdata"]), np.float32), [1, 0.12]).size == 36


def test_a_map_of_another_zoo_of_the_same_name_is_not_shown(user):  # noqa: F811
    train_zoo("mlp", "digits", models=8, epochs=1, seed=0).save(user / "zoos" / "small")
    at = opened("atlas", zoo="small")
    at.button(key="make-maps").click().run()
    finished(at)
    train_zoo("mlp", "digits", models=8, epochs=1, seed=1).save(user / "zoos" / "small")
    again = opened("atlas", zoo="small")
    assert "has no map yet" in again.info[0].value


def test_a_map_of_latents_belongs_to_the_encoder_that_is_chosen(user):  # noqa: F811
    zoo = train_zoo("mlp", "digits", models=12, epochs=2, checkpoints=[0, 1, 2], config={"widths": [64, 6, 10]}, seed=0)
    zoo.save(user / "zoos" / "small")
    found = align_permutations(zoo, by="run")
    found.save(user / "alignments" / "small")
    for frame, source in {"raw": zoo, "aligned": found.apply(zoo)}.items():
        fit_projection(source, method="pca").save(user / "projections" / "small" / f"pca-{frame}")
    config = EncoderConfig(latent=4, width=8, layers=1, heads=2, steps=10, batch=4)
    fit_encoder(found.apply(zoo), config=config, seed=0).save(user / "encoders" / "first")
    at = made(opened("atlas", zoo="small", frame="encoder"))
    assert metric(at, "Networks") == "36"
    assert 0 <= float(metric(at, "Neighbours kept").rstrip("%")) <= 100
    first = chart(at)["data"][-1]["x"]
    at = finished(opened("atlas", zoo="small", frame="encoder", colour="prediction error"))
    at.run()
    assert not sentences(at)
    assert "coloured by prediction error" in charts(at)[0].proto.alt
    fit_encoder(found.apply(zoo), config=config, seed=1).save(user / "encoders" / "another")
    at = opened("atlas", zoo="small", frame="encoder")
    assert at.selectbox(key="encoder").options == ["another", "first"]
    assert "There is no PCA of the latents yet" in at.info[0].value
    second = chart(made(at))["data"][-1]["x"]
    assert first != second
    again = opened("atlas", zoo="small", frame="encoder", encoder="first")
    assert chart(again)["data"][-1]["x"] == first


def made(at):
    """The page after its missing map was made."""
    next(button for button in at.button if button.label == "Make this map").click().run()
    finished(at)
    at.run()
    assert not at.exception
    assert not sentences(at)
    return at


def test_the_clock_says_what_it_lacks_in_space(user):  # noqa: F811
    at = opened("atlas", frame="statistics", dims="3-D", look="Epoch by epoch")
    next(button for button in at.button if button.label == "Make this map").click().run()
    finished(at)
    at.run()
    assert not at.exception
    assert any("The clock runs on the 2-D map" in info.value for info in at.info)


@pytest.mark.parametrize("drawn", ["flow", "encoder"])
def test_diversity_is_compared_with_as_many_samples_over_the_same_scales(drawn):
    where = "epoch = 30 and run between 600 and 639"
    at = finished(opened("atlas", look="Diversity", where=where, sampled=f"Samples of the {drawn} digits-mlp"))
    at.run()
    assert not at.exception
    assert not sentences(at)
    assert alt(at, "magnitude").startswith("Areas up to scale")
    count = {line.split(":")[0] for line in alt(at, "magnitude").split("; ")}
    assert any(f"samples of the {drawn}" in one for one in count)
    assert 0 < float(metric(at, f"Samples of the {drawn}")) <= 1
