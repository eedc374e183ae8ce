import gzip
import shutil
from urllib.parse import parse_qs

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import wsexplore
from app_pages.handles import open_alignment, open_projection, open_zoo
from app_pages.plain import plain
from app_pages.travelled import placed_ways, watched
from app_pages.turn import in_turn
from tests.pages.test_pages import chart, charts, finished, metric, opened, sentences
from wsexplore.datasets.registry import _once
from wsexplore.embed import Selection, parse_selection, rows_in
from wsexplore.generate import FlowConfig, WeightFlow, fit_flow
from wsexplore.settings import settings
from wsexplore.zoo import Zoo

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
SMALL = {"kind": "preconditioned", "coupling": "independent", "width": 32, "layers": 1, "steps": 20, "held_out": 0.0}


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """Flows that take a moment to fit: they start as the Gaussian of their zoo, and hardly learn more."""
    home = tmp_path_factory.mktemp("flows")
    seeds = "design = 'seeds'"
    mlp = fit_flow(Zoo.open("digits-mlp").select(seeds), where=seeds, config=FlowConfig(**SMALL))
    mlp.save(home / "small")
    varied = "epoch = 30 and design = 'varied'"
    listening = FlowConfig(**SMALL, conditions=("optimizer", "test_accuracy"))
    fit_flow(Zoo.open("digits-mlp").select(varied), where=varied, config=listening).save(home / "listening")
    fields = FlowConfig(**SMALL, conditions=("label",))
    fit_flow(Zoo.open("digit-fields"), config=fields).save(home / "fields")
    return home


@pytest.fixture(scope="module")
def user(fitted, tmp_path_factory):
    """One folder for all tests, so that what was drawn and judged once is there for the next."""
    home = tmp_path_factory.mktemp("user")
    shutil.copytree(fitted, home / "flows")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WSEXPLORE_USER", str(home))
        settings.cache_clear()
        yield home
    settings.cache_clear()


def named(at, key):
    """The chart of this key."""
    place = next(place for place, found in enumerate(charts(at)) if f"-{key}" in found.proto.id)
    return chart(at, place)


def codes(at):
    return "\n".join(code.value for code in at.code)


def test_samples_are_shown_before_they_are_judged(user):
    at = opened("sample", flow="small", n="3")
    while at.get("progress") and not at.metric:
        at.run()
    assert at.metric
    if at.get("progress"):
        assert metric(at, "Novelty") == "judging…"
        assert named(at, "ways")
    finished(at)
    assert float(metric(at, "Novelty")) > 0
    assert not sentences(at)
    assert not at.exception


def test_networks_move_from_noise_to_where_they_fall(user):
    at = finished(opened("sample", flow="small", n="5", steps="4"))
    frames = named(at, "ways")["frames"]
    assert frames[0]["name"] == "0.00"
    assert frames[-1]["name"] == "1.00"
    assert any("mean test accuracy of 5 networks goes from" in found.proto.alt for found in charts(at))
    assert "flow.sample(5, seed=0, steps=4)" in codes(at)


@pytest.mark.parametrize("part", ["Errors", "Coverage", "Calibration"])
def test_every_part_of_the_report_opens_from_its_link(user, part):
    at = finished(opened("sample", flow="small", n="4", report=part))
    assert not at.exception
    assert not sentences(at)
    assert any("Verdict" in text.value for text in at.markdown)


def test_samples_are_trained_further_when_they_are_asked_to(user):
    at = finished(opened("sample", flow="small", n="4", report="Fine-tuning"))
    assert any("are trained for" in info.value for info in at.info)
    at.button(key="tune").click().run()
    finished(at)
    assert not at.exception
    assert any("tuning" in found.proto.id for found in charts(at))


def test_samples_are_trained_further_on_another_data_set_of_their_inputs(user, tmp_path, monkeypatch):
    digits = load_digits()
    images = np.pad(np.kron(digits.images * 15, np.ones((3, 3))), ((0, 0), (2, 2), (2, 2))).astype(np.uint8)
    (tmp_path / "mnist").mkdir()
    for part, rows in (("train", slice(0, 300)), ("t10k", slice(300, 400))):
        for kind, values in (("images-idx3", images[rows]), ("labels-idx1", digits.target[rows].astype(np.uint8))):
            head = bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">i4").tobytes()
            file = tmp_path / "mnist" / f"{part}-{kind}-ubyte.gz"
            file.write_bytes(gzip.compress(head + values.tobytes()))
    monkeypatch.setenv("WSEXPLORE_DATA", str(tmp_path))
    settings.cache_clear()
    try:
        at = finished(opened("sample", flow="small", n="4", report="Fine-tuning", transfer="mnist@8"))
        assert not sentences(at)
        assert at.selectbox(key="transfer").options == ["none", "mnist@8"]
        assert at.selectbox(key="transfer").value == "mnist@8"
        assert any(plain("epochs of mnist@8") in info.value for info in at.info)
        at.button(key="tune").click().run()
        finished(at)
        assert not at.exception
        assert "mnist" in named(at, "tuning")["layout"]["yaxis"]["title"]["text"]
    finally:
        monkeypatch.undo()
        settings.cache_clear()
        _once.cache_clear()


def test_what_is_asked_for_travels_in_the_link_and_is_compared_with_what_came(user):
    at = finished(
        opened("sample", flow="listening", n="4", ask_optimizer="sgd", ask_test_accuracy="0.9", guidance="2.0")
    )
    assert at.slider(key="ask_test_accuracy").value == 0.9
    assert not at.toggle(key="open_test_accuracy").value
    assert any("Asked for test accuracy 0.9, got" in text.value for text in at.markdown)
    assert "condition={'optimizer': 'sgd', 'test_accuracy': 0.9}, guidance=2.0" in codes(at)
    assert any("You asked for optimizer sgd and test accuracy 0.9;" in text.value for text in at.markdown)


def test_a_column_that_is_left_open_is_not_asked_for(user):
    at = finished(opened("sample", flow="listening", n="4"))
    assert at.toggle(key="open_test_accuracy").value
    assert "condition=" not in codes(at)


def test_fields_are_a_wall_that_turns_from_noise_to_pictures(user):
    at = finished(opened("sample", flow="fields", n="14", steps="3", ask_label="7"))
    assert not at.exception
    assert not sentences(at)
    assert len(named(at, "wall-figure")["frames"]) == 4
    assert any("14 pictures that are networks" in found.proto.alt for found in charts(at))
    assert any("a classifier of real images sees it in" in text.value for text in at.markdown)
    at.selectbox(key="sample").select("flow-0-9").run()
    assert any(found.proto.alt.startswith("flow-0-9, its nearest") for found in charts(at))


def test_pictures_are_asked_for_every_word_in_turn_at_first(user):
    at = finished(opened("sample", flow="fields", n="14", steps="3"))
    assert not at.exception
    assert not sentences(at)
    hover = next(trace["text"] for trace in named(at, "wall-figure")["data"] if trace.get("text"))
    assert ["asked for label 3" in text for text in hover] == [place % 10 == 3 for place in range(14)]
    words = " ".join(text.value for text in at.markdown)
    assert "You asked for each label in turn and temperature 0.9; the report compares that with the whole zoo." in words
    assert "Asked for each label in turn, a classifier of real images sees it in" in words
    assert at.slider(key="guidance").value == 1.5
    assert "return" in codes(at)
    assert "in_turn(14, 0)" in codes(at)


def test_what_is_asked_in_turn_is_what_the_recipe_makes_and_begins_what_is_larger(fitted):
    flow = WeightFlow.open(fitted / "fields")
    turn = tuple(("label", value) for value in flow.listens.columns[0].values)
    request = {"steps": 3, "temperature": 0.9, "guidance": 1.5}

    def drawn(count, *, trajectory=False):
        def one(own, pair, tell):
            asked = {**request, "condition": dict([pair])}
            return flow.sample(own, seed=4, trajectory=trajectory, on_step=tell, **asked)

        return in_turn(one, turn, count, lambda share, message: None, seed=4, request=request)

    few, many, ways = drawn(13), drawn(27), drawn(13, trajectory=True)
    assert few.table["asked_label"].tolist() == [turn[place % len(turn)][1] for place in range(13)]
    torch.testing.assert_close(many.weights[:13], few.weights)
    torch.testing.assert_close(ways.weights[3::4], few.weights)
    assert ways.table["id"].is_unique
    assert ways.table["run"].tolist() == [row // 4 for row in range(52)]
    names = {"flow": flow, "wx": wsexplore, "np": np}
    lines, call = few.recipe.python.rsplit("\n", 1)
    exec(lines, names)
    torch.testing.assert_close(eval(call, names).weights, few.weights)


def test_samples_of_a_region_lie_inside_it_and_the_share_is_said(user):
    region = "3,0 3.6,0 3.6,0.4 3,0.4"
    at = finished(opened("sample", flow="small", n="5", within=region))
    said = next(text.value for text in at.markdown if "fell inside the region" in text.value)
    assert said.startswith("**5 of ")
    traces = {trace.get("name"): trace for trace in named(at, "placed")["data"]}
    places = np.column_stack([numbers(traces["sampled"][axis]) for axis in "xy"])
    assert len(rows_in(places, parse_selection(region))) == len(places) == 5
    assert "parse_selection('3,0 3.6,0 3.6,0.4 3,0.4')" in codes(at)
    at.get_by_key("watch").set_value("way").run()
    assert any("the first 5 of the seed, before the region is applied" in text.value for text in at.caption)
    at.button(key="everywhere").click().run()
    finished(at)
    assert not any("fell inside" in text.value for text in at.markdown)


def test_a_region_that_the_flow_does_not_reach_says_so(user):
    at = finished(opened("sample", flow="small", n="4", within="90,90 91,90 91,91"))
    assert not at.exception
    assert "none of 4,000 networks fell inside the region" in sentences(at)[0]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"solver": "Newton"}, "asks for solver 'Newton'"),
        ({"guidance": "99"}, "asks for guidance '99'"),
        ({"within": "abc"}, "region cannot be read"),
        ({"on": "t-SNE"}, "asks for map 't-SNE'"),
        ({"report": "Luck"}, "asks for part of the report 'Luck'"),
        ({"watch": "film"}, "asks for view of the map 'film'"),
        ({"sample": "nobody"}, "asks for sample 'nobody'"),
        ({"flow": "listening", "ask_optimizer": "magic"}, "asks for optimizer of 'magic'"),
        ({"flow": "listening", "ask_test_accuracy": "7"}, "asks for test accuracy of '7'"),
    ],
)
def test_a_broken_link_gives_one_sentence(user, query, said):
    at = finished(opened("sample", **{"flow": "small", "n": "2", **query}))
    assert not at.exception
    assert len(sentences(at)) == 1
    assert said in sentences(at)[0]


def test_the_cost_is_said_before_the_click(user):
    at = finished(opened("sample", flow="small", n="4"))
    assert any("Drawing takes about" in caption.value for caption in at.caption)
    assert any("nobody waits" in caption.value for caption in at.sidebar.caption)


def test_a_server_that_does_not_answer_leaves_the_page_usable(user):
    at = finished(opened("sample", flow="small", n="4", by="A server", host="http://127.0.0.1:9"))
    assert not sentences(at)
    at.text_input(key="token").set_value("secret")
    next(button for button in at.button if button.label == "Connect").click().run()
    finished(at)
    assert not at.exception
    assert len(sentences(at)) == 1
    assert "nothing answers" in sentences(at)[0].lower()
    assert charts(at)
    assert "secret" not in str(at.query_params)
    assert "secret" not in codes(at)


def test_kept_samples_are_led_to_every_page(user):
    at = finished(opened("sample", flow="small", n="4"))
    at.text_input(key="keep-name").set_value("fresh")
    next(button for button in at.button if button.label == "Keep").click().run()
    links = [link.proto for link in at.get("page_link")]
    pages = {link.page for link in links if parse_qs(link.query_string).get("zoo") == ["fresh"]}
    assert {"atlas", "network", "align", "interpolate", "landscape"} <= pages


def test_a_selection_of_the_atlas_leads_to_samples_from_there(user):
    at = opened("atlas", region="3,0 3.4,0 3.4,0.3 3,0.3")
    link = next(found.proto for found in at.get("page_link") if found.proto.label == "Sample here")
    query = parse_qs(link.query_string)
    assert query["within"] == ["3,0 3.4,0 3.4,0.3 3,0.3"]
    assert query["on"] == ["aligned weights, PCA"]
    assert not link.disabled
    at.get_by_key("frame").set_value("raw").run()
    link = next(found.proto for found in at.get("page_link") if found.proto.label == "Sample here")
    assert parse_qs(link.query_string)["on"] == ["raw weights, PCA"]


def test_a_way_ends_where_the_network_lies_on_the_map():
    zoo, alignment = open_zoo("digits-mlp"), open_alignment("digits-mlp")
    projection = open_projection("digits-mlp", "pca", "aligned")
    ends = zoo.rows(np.arange(3900, 3906))
    ways = torch.stack([0.3 * ends, ends], dim=1)
    placed = placed_ways(ways, alignment, projection, zoo.architecture)
    straight = projection.place(alignment.place(ends, zoo.architecture).numpy(), zoo)
    np.testing.assert_allclose(placed[-1], straight, atol=1e-4)
    origin = projection.place(np.zeros((1, ends.shape[1]), np.float32), zoo)
    np.testing.assert_allclose(placed[0], 0.7 * origin + 0.3 * placed[1], atol=1e-4)


def test_what_is_watched_stays_affordable():
    assert watched(16, 10, 2410) == 16
    assert watched(1000, 200, 2410) * 201 <= 2000
    assert watched(1000, 10, 10_000_000) == 2
    assert not Selection()


def numbers(values):
    """A list of a figure's trace, whether written out or packed."""
    if isinstance(values, dict):
        import base64

        return np.frombuffer(base64.b64decode(values["bdata"]), np.dtype(values["dtype"]))
    return np.asarray(values, float)
