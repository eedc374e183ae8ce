import json
import shutil
import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app_pages.handles import jobs
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


def opened(page, **query):
    at = AppTest.from_file(str(HOME / "app.py"), default_timeout=180)
    at.run()
    for name, value in query.items():
        at.query_params[name] = value
    at.switch_page(f"app_pages/{page}.py").run()
    return at


def finished(at, seconds=180):
    """Rerun until the page's background job has ended."""
    until = time.monotonic() + seconds
    while at.get("progress") and time.monotonic() < until:
        time.sleep(0.3)
        at.run()
    assert not at.get("progress")
    return at


def charts(at):
    return at.get("plotly_chart")


def chart(at, place=0):
    return json.loads(charts(at)[place].proto.spec)


def metric(at, label):
    return next(found.value for found in at.metric if found.label == label)


def sentences(at):
    return [found.value for found in [*at.error, *at.warning]]


@pytest.mark.parametrize("page", ["home", "atlas", "align", "interpolate", "sample"])
def test_every_page_opens_cold_and_its_charts_say_what_they_show(page):
    at = finished(opened(page))
    assert not at.exception
    assert not sentences(at)
    assert charts(at)
    for found in charts(at):
        assert len(found.proto.alt) > 20
    assert at.title


def test_the_atlas_opens_from_its_link():
    at = opened(
        "atlas", frame="raw", method="UMAP", colour="lr", where="epoch = 30", region="-50,-50 50,-50 50,50 -50,50"
    )
    assert not at.exception
    assert at.get_by_key("frame").value == "raw"
    assert at.get_by_key("method").value == "umap"
    assert at.selectbox(key="colour").value == "lr"
    assert at.text_input(key="where").value == "epoch = 30"
    assert "raw weights, coloured by lr" in charts(at)[0].proto.alt
    assert metric(at, "Networks") == "1,600"


def test_the_map_follows_its_controls():
    at = opened("atlas")
    whole = metric(at, "Networks")
    aligned = chart(at)
    at.get_by_key("frame").set_value("raw").run()
    assert chart(at)["data"] != aligned["data"]
    at.toggle(key="paths").set_value(False).run()
    assert len(chart(at)["data"]) == len(aligned["data"]) - 1
    at.selectbox(key="colour").select("optimizer").run()
    assert {trace.get("name") for trace in chart(at)["data"]} >= {"adam", "adamw", "sgd"}
    at.text_input(key="where").set_value("design = 'seeds'").run()
    assert metric(at, "Networks") == "1,000" != whole
    assert not at.exception


def test_a_region_selects_networks():
    at = opened("atlas", where="design = 'seeds'")
    points = chart(at)["data"]
    assert points
    at.text_input(key="region").set_value("-100,-100 100,-100 100,0.2 -100,0.2").run()
    some = int(metric(at, "Networks").replace(",", ""))
    assert 0 < some < 1000
    at.text_input(key="region").set_value("90,90 91,90 91,91").run()
    assert any("Nothing is selected" in caption.value for caption in at.caption)


@pytest.mark.parametrize(
    ("page", "query", "said"),
    [
        ("atlas", {"zoo": "gone"}, "asks for zoo 'gone'"),
        ("atlas", {"colour": "depth"}, "asks for column 'depth'"),
        ("atlas", {"method": "mds"}, "asks for map 'mds'"),
        ("atlas", {"region": "abc"}, "region cannot be read"),
        ("atlas", {"where": "epoch >"}, "cannot be read"),
        ("atlas", {"where": "depth = 3"}, "no column"),
        ("align", {"a": "nobody"}, "asks for network 'nobody'"),
        ("interpolate", {"b": "nobody"}, "asks for network 'nobody'"),
        ("interpolate", {"samples": "abc"}, "up to eight numbers"),
        ("interpolate", {"samples": "99999"}, "Samples run from 0 to 359"),
        ("sample", {"flow": "gone"}, "asks for flow 'gone'"),
        ("sample", {"n": "9999"}, "asks for a number of networks of '9999'"),
        ("sample", {"heat": "hot"}, "asks for temperature 'hot'"),
    ],
)
def test_a_stale_or_broken_link_gives_one_sentence(page, query, said):
    at = finished(opened(page, **query))
    assert not at.exception
    assert len(sentences(at)) == 1
    assert said in sentences(at)[0]


def test_a_filter_that_nothing_meets_says_so():
    at = opened("atlas", where="epoch = 7")
    assert not at.exception
    assert "No network meets the filter" in at.info[0].value


def test_aligning_lowers_the_barrier_and_keeps_the_function():
    at = opened("align")
    delta = next(found.delta for found in at.metric if found.label == "Barrier")
    assert float(delta.split()[0]) < 0
    assert float(metric(at, "Largest change of an output")) < 1e-3


def test_interpolate_follows_its_controls():
    at = opened("interpolate", samples="3 14 159", aligned="false")
    raw = float(metric(at, "Barrier").split()[0])
    assert any("3 14 159" in caption.value for caption in at.caption)
    at.toggle(key="aligned").set_value(True).run()
    assert float(metric(at, "Barrier").split()[0]) < raw
    test_accuracy = metric(at, "Accuracy of the ends")
    at.get_by_key("split").set_value("train").run()
    assert metric(at, "Accuracy of the ends") != test_accuracy
    assert len(chart(at)["frames"]) == 41


def test_sampling_follows_its_controls(user):
    at = finished(opened("sample", n="4", steps="5", draw="3", heat="0.5"))
    assert not at.exception
    assert at.slider(key="n").value == 4
    assert any("Verdict" in text.value for text in at.markdown)
    cool = metric(at, "Novelty")
    at.slider(key="heat").set_value(1.0)
    at.get_by_key("settings")
    at.button[0].click().run()
    finished(at)
    assert metric(at, "Novelty") > cool


def test_a_sample_is_kept_as_a_zoo_once(user):
    at = finished(opened("sample", n="4"))
    at.text_input(key="keep-name").set_value("mine")
    keep = next(button for button in at.button if button.label == "Keep")
    keep.click().run()
    assert at.success[0].value == "Kept as mine."
    assert len(Zoo.open("mine")) == 4
    for name, said in (("mine", "already a zoo called mine"), ("../x", "is no name for a folder")):
        at.text_input(key="keep-name").set_value(name)
        next(button for button in at.button if button.label == "Keep").click().run()
        assert said in at.error[0].value
    assert list(shelf("zoos")) == [*SHIPPED, "mine"]
    assert "mine" in opened("atlas", zoo="mine").selectbox(key="zoo").options


def test_a_zoo_without_maps_gets_them_in_the_background(user):
    train_zoo("mlp", "digits", models=20, epochs=1, out=user / "zoos" / "small")
    at = opened("atlas", zoo="small")
    assert "has no map yet" in at.info[0].value
    at.button(key="make-maps").click().run()
    finished(at)
    at.run()
    assert not at.exception
    assert metric(at, "Networks") == "20"
    assert (user / "projections" / "small" / "umap-aligned").is_dir()


def test_networks_of_two_kinds_are_not_walked_between(user):
    zoo = train_zoo("mlp", "digits", models=4, epochs=1, vary={"activation": ["relu", "tanh"]}, seed=2)
    zoo.save(user / "zoos" / "mixed")
    kinds = zoo.table.drop_duplicates("activation")["id"].tolist()
    for page in ("align", "interpolate"):
        at = opened(page, zoo="mixed", a=kinds[0], b=kinds[1])
        assert not at.exception
        assert "networks that are joined or compared are of one kind" in at.error[0].value.lower()


def test_a_broken_zoo_gives_one_sentence(user):
    train_zoo("mlp", "digits", models=4, epochs=1).save(user / "zoos" / "cut")
    file = user / "zoos" / "cut" / "weights.safetensors"
    file.write_bytes(file.read_bytes()[:-9])
    at = opened("atlas", zoo="cut")
    assert not at.exception
    assert len(sentences(at)) == 1
    assert "its manifest says" in sentences(at)[0]


def test_a_cancelled_draw_says_so_and_can_be_tried_again(user):
    at = opened("sample", n="64", steps="50", draw="11")
    cancel = next((button for button in at.button if button.label == "Cancel"), None)
    if cancel is None:
        pytest.fail("the draw ended before it could be cancelled")
    assert jobs().listed()[0].link == "sample?flow=digits-mlp&n=64&steps=50&draw=11"
    cancel.click().run()
    finished(at)
    assert "Cancelled at" in at.info[0].value
    next(button for button in at.button if button.label == "Try again").click().run()
    finished(at)
    assert any("Verdict" in text.value for text in at.markdown)


def test_maps_of_another_zoo_of_the_same_name_are_not_shown(user):
    Zoo.open("digits-mlp").select("epoch = 30").select(range(50)).save(user / "zoos" / "digits-mlp")
    at = opened("atlas")
    assert not at.exception
    assert "has no map yet" in at.info[0].value


def test_a_flow_is_drawn_from_under_any_name(user):
    shutil.copytree(HOME / "data" / "flows" / "digits-mlp", user / "flows" / "my-flow")
    at = finished(opened("sample", flow="my-flow", n="4"))
    assert not at.exception
    assert not sentences(at)
    assert any("Verdict" in text.value for text in at.markdown)


def test_a_flow_whose_zoo_is_gone_says_so(user):
    Zoo.open("digits-mlp").select("epoch = 30").select(range(50)).save(user / "zoos" / "digits-mlp")
    at = opened("sample")
    assert not at.exception
    assert "the zoo that digits-mlp was fitted on is not here" in sentences(at)[0].lower()


def test_an_empty_zoo_says_so(user):
    Zoo.open("digits-mlp").select([]).save(user / "zoos" / "empty")
    for page in ("atlas", "align", "interpolate"):
        at = opened(page, zoo="empty")
        assert not at.exception
        assert "the zoo empty is empty" in sentences(at)[0].lower()
