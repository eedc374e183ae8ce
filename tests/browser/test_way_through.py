import json
import re
from urllib.parse import parse_qs, urlparse

import pytest
import torch
from safetensors import safe_open
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from benchmarks.browser import painted, settled

pytestmark = pytest.mark.browser

SLIDER = ".slider-container .slider-rail-touch-rect"


def metric(tab, label):
    box = tab.locator('[data-testid="stMetric"]', has_text=label).first
    return box.locator('[data-testid="stMetricValue"]').inner_text()


def number(text):
    return float(re.search(r"-?[\d.]+(e-?\d+)?", text.replace(",", "")).group())


def query(tab):
    return {name: values[0] for name, values in parse_qs(urlparse(tab.url).query).items()}


def lasso(tab, corners):
    box = tab.locator(".js-plotly-plot .nsewdrag").first.bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in corners]
    tab.mouse.move(*places[0])
    tab.mouse.down()
    for place in [*places[1:], places[0]]:
        tab.mouse.move(*place, steps=6)
    tab.mouse.up()
    settled(tab)


def scrub(tab, share):
    """Press on the slider of the first figure at a share of its length."""
    rail = tab.locator(SLIDER).first
    rail.scroll_into_view_if_needed()
    box = rail.bounding_box()
    tab.mouse.click(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
    tab.wait_for_timeout(300)


def plain_network(state):
    network = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10))
    network.load_state_dict(
        {
            "0.weight": state["layers.0.weight"],
            "0.bias": state["layers.0.bias"],
            "2.weight": state["layers.1.weight"],
            "2.bias": state["layers.1.bias"],
        }
    )
    return network


def test_the_way_through(app, tab):
    tab.goto(app)
    painted(tab)
    stands = "() => document.querySelector('.js-plotly-plot').layout.sliders[0].active"
    before = tab.evaluate(stands)
    tab.locator(".updatemenu-button", has_text="Play").first.click()
    tab.wait_for_timeout(600)
    assert tab.evaluate(stands) != before

    tab.get_by_role("link", name="Atlas").first.click()
    painted(tab, 3)
    whole = number(metric(tab, "Networks"))
    lasso(tab, [(0.03, 0.02), (0.45, 0.02), (0.45, 0.45), (0.03, 0.45)])
    tab.wait_for_function("() => location.search.includes('region=')")
    selected = number(metric(tab, "Networks"))
    assert 2 <= selected < whole
    assert tab.get_by_label("Region", exact=True).input_value()

    tab.get_by_role("link", name="Align them").click()
    tab.wait_for_url("**/align**")
    painted(tab)
    tab.get_by_text("Largest change of an output").wait_for()
    pair = query(tab)["a"], query(tab)["b"]
    change = tab.locator('[data-testid="stMetricDelta"]').first.inner_text()
    assert number(change) < 0
    assert number(metric(tab, "Largest change of an output")) < 1e-3

    tab.get_by_role("link", name="Interpolate").first.click()
    tab.wait_for_url("**/interpolate**")
    painted(tab)
    assert (query(tab)["a"], query(tab)["b"]) == pair
    place = "() => document.querySelector('.js-plotly-plot').data.find(t => t.name === 'here').x[0]"
    assert tab.evaluate(place) == 0
    scrub(tab, 0.5)
    assert 0.3 < tab.evaluate(place) < 0.7

    tab.get_by_role("link", name="Sample").first.click()
    tab.get_by_text("Verdict").wait_for()
    painted(tab, 3)
    with tab.expect_download() as waiting:
        tab.get_by_role("button", name="Download as safetensors").click()
    with safe_open(waiting.value.path(), framework="pt") as file:
        stacked = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        table = json.loads(file.metadata()["table"])
    bunch = load_digits()
    train, test, _, truth = train_test_split(
        bunch.images / 16.0, bunch.target, test_size=360, random_state=0, stratify=bunch.target
    )
    inputs = torch.tensor((test - train.mean()) / train.std(), dtype=torch.float32).flatten(1)
    accuracies = []
    for row, said in enumerate(table):
        network = plain_network({name: value[row] for name, value in stacked.items()})
        with torch.no_grad():
            accuracies.append((network(inputs).argmax(1).numpy() == truth).mean())
        assert accuracies[-1] == pytest.approx(said["test_accuracy"], abs=1e-6)
    assert len(accuracies) == 16
    assert number(metric(tab, "Mean test accuracy")) == pytest.approx(100 * sum(accuracies) / 16, abs=0.06)


def test_scrubbing_sends_nothing_over_the_wire(app, tab):
    sent = []
    tab.on(
        "websocket",
        lambda socket: (
            socket.on("framesent", lambda frame: sent.append(frame)),
            socket.on("framereceived", lambda frame: sent.append(frame)),
        ),
    )
    tab.goto(f"{app}/interpolate")
    painted(tab)
    assert sent
    tab.wait_for_timeout(1500)
    sent.clear()
    for share in (0.2, 0.4, 0.6, 0.8):
        scrub(tab, share)
    assert [frame for frame in sent if len(frame) > 64] == []


def test_a_page_is_found_again_as_it_was_left(app, tab):
    tab.goto(f"{app}/atlas?where=epoch%20%3D%2030&region=-50%2C-50+50%2C-50+50%2C50+-50%2C50")
    painted(tab, 2)
    assert number(metric(tab, "Networks")) == 1600
    tab.get_by_role("link", name="Align").first.click()
    tab.wait_for_url("**/align**")
    painted(tab, 2)
    tab.get_by_role("link", name="Atlas").first.click()
    tab.wait_for_url("**/atlas**")
    painted(tab, 2)
    assert query(tab) == {"where": "epoch = 30", "region": "-50,-50 50,-50 50,50 -50,50"}
    assert number(metric(tab, "Networks")) == 1600


def test_a_link_restores_the_page_and_back_returns(app, tab):
    tab.goto(f"{app}/atlas?frame=raw&method=UMAP&colour=lr&where=epoch%20%3D%2030")
    painted(tab, 2)
    assert query(tab) == {"frame": "raw", "method": "UMAP", "colour": "lr", "where": "epoch = 30"}
    assert tab.get_by_label("Filter", exact=True).input_value() == "epoch = 30"
    tab.reload()
    painted(tab, 2)
    assert query(tab)["frame"] == "raw"
    tab.get_by_role("link", name="Align").first.click()
    tab.wait_for_url("**/align**")
    painted(tab, 2)
    tab.go_back()
    tab.wait_for_url("**/atlas**")
    painted(tab, 2)
    assert tab.get_by_role("heading", name="Where do trained networks live?").is_visible()


def test_nonsense_in_the_filter_gives_one_sentence(app, tab):
    tab.goto(f"{app}/atlas")
    painted(tab, 2)
    box = tab.get_by_label("Filter", exact=True)
    box.fill("drop table; --")
    box.press("Enter")
    tab.get_by_text("is more than a condition").wait_for()
    box.fill("")
    box.press("Enter")
    painted(tab, 2)


def test_the_first_visitor_by_a_deep_link_gets_the_whole_frame(fresh_app, tab):
    tab.goto(f"{fresh_app}/interpolate")
    painted(tab)
    names = tab.locator('[data-testid="stSidebar"] [data-testid="stPageLink"]').all_inner_texts()
    assert [name.split("\n")[-1].strip() for name in names] == [
        "Home",
        "Zoo",
        "Train",
        "Atlas",
        "Network",
        "Represent",
        "Align",
        "Interpolate",
        "Landscape",
        "Fit",
        "Sample",
    ]


@pytest.mark.parametrize("page", ["", "atlas", "represent", "align", "interpolate", "landscape", "sample"])
def test_a_narrow_dark_screen_shows_every_page(app, chromium, page):
    context = chromium.new_context(viewport={"width": 420, "height": 900}, color_scheme="dark")
    context.set_default_timeout(90_000)
    tab = context.new_page()
    tab.goto(f"{app}/{page}")
    painted(tab)
    wide = tab.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
    colour = tab.evaluate("() => getComputedStyle(document.querySelector('[data-testid=\"stApp\"]')).backgroundColor")
    context.close()
    assert wide <= 1
    assert max(int(part) for part in re.findall(r"\d+", colour)[:3]) < 60


def test_the_other_pages_can_be_reached_while_networks_are_drawn(app, tab):
    tab.goto(f"{app}/sample?n=256&steps=50&draw=77")
    tab.locator('[data-testid="stProgress"]').wait_for()
    tab.locator('[data-testid="stSidebar"]').get_by_role("link", name="Atlas").click()
    tab.wait_for_url("**/atlas**")
    painted(tab, 2)
    assert tab.get_by_role("heading", name="Where do trained networks live?").is_visible()
