import re
from urllib.parse import parse_qs, urlparse

import pytest

from benchmarks.browser import painted, settled
from wsexplore.generate import FlowConfig, fit_flow
from wsexplore.zoo import Zoo

pytestmark = pytest.mark.browser


@pytest.fixture
def flows(tmp_path):
    config = FlowConfig(kind="preconditioned", coupling="independent", width=32, layers=1, steps=20, held_out=0.0)
    fit_flow(Zoo.open("digit-fields"), config=config).save(tmp_path / "flows" / "fields")
    return tmp_path


def test_a_tile_of_the_wall_is_picked_by_a_click_and_stays_in_the_link(flows, fresh_app, tab):
    tab.goto(f"{fresh_app}/sample?flow=fields&n=24")
    tile = tab.locator(".st-key-wall-figure .scatterlayer .point").nth(5)
    tile.wait_for(state="attached")
    settled(tab)
    tab.get_by_text("Verdict.").wait_for()
    settled(tab)
    tile.scroll_into_view_if_needed()
    box = tile.bounding_box()
    tab.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    tab.wait_for_url(re.compile("sample=flow-0-5"))
    tab.locator(".st-key-trio .js-plotly-plot").get_by_text("flow-0-5").wait_for()


def test_a_slider_tells_a_new_cost_and_only_the_button_draws(flows, fresh_app, tab):
    tab.goto(f"{fresh_app}/sample?flow=fields&n=24")
    painted(tab)
    tab.get_by_text("Verdict.").wait_for()
    settled(tab)
    points = tab.locator(".st-key-wall-figure .scatterlayer .point")
    slider = tab.locator(".st-key-n").get_by_role("slider")
    slider.focus()
    slider.press("ArrowRight")
    tab.wait_for_url(re.compile("n=25"))
    settled(tab)
    assert points.count() == 24
    tab.get_by_role("button", name="Draw", exact=False).first.click()
    tab.wait_for_function("() => document.querySelectorAll('.st-key-wall-figure .scatterlayer .point').length === 25")
    assert parse_qs(urlparse(tab.url).query)["n"] == ["25"]
