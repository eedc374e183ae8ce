import re
import time
from urllib.parse import parse_qs, urlparse

import pytest
from safetensors import safe_open

from benchmarks.browser import painted, settled

pytestmark = pytest.mark.browser


def query(tab):
    return {name: values for name, values in parse_qs(urlparse(tab.url).query).items()}


def sidebar(tab, page):
    tab.locator('[data-testid="stSidebar"]').get_by_role("link", name=page, exact=True).click()
    tab.wait_for_url(f"**/{page.lower()}**")
    settled(tab)


def tick(tab, row):
    """Click the box of a row of the first table."""
    grid = tab.locator('[data-testid="stDataFrame"]').first
    grid.scroll_into_view_if_needed()
    tab.wait_for_timeout(500)
    box = grid.bounding_box()
    tab.mouse.click(box["x"] + 22, box["y"] + 35 * (row + 1.5))
    settled(tab)


def test_from_the_zoo_to_a_network_and_on_to_a_pair(app, tab):
    tab.goto(f"{app}/zoo")
    painted(tab, 1)
    tick(tab, 4)
    tab.get_by_role("link", name="Open network").click()
    tab.wait_for_url("**/network**")
    painted(tab, 4)
    assert query(tab)["a"] == ["v00000e030"]
    with tab.expect_download() as waiting:
        tab.get_by_role("button", name="Download as safetensors").click()
    with safe_open(waiting.value.path(), framework="pt") as file:
        assert sorted(file.keys()) == ["layers.0.bias", "layers.0.weight", "layers.1.bias", "layers.1.weight"]
    tab.reload()
    painted(tab, 4)
    assert query(tab)["a"] == ["v00000e030"]
    tab.get_by_role("link", name="Align with another").click()
    tab.wait_for_url("**/align**")
    settled(tab)
    assert query(tab)["a"] == ["v00000e030"]
    sidebar(tab, "Network")
    assert query(tab)["a"] == ["v00000e030"]
    tab.go_back()
    tab.wait_for_url("**/align**")


def test_a_zoo_is_trained_live_kept_opened_deleted_and_brought_back(fresh_app, tab):
    tab.goto(f"{fresh_app}/train?models=40&epochs=30")
    tab.get_by_text("of weights:").wait_for()
    tab.get_by_role("button", name="Train", exact=True).click()
    tab.get_by_text("Take them with you").wait_for()
    settled(tab)
    tab.get_by_label("Keep as a zoo called", exact=True).fill("mine")
    tab.get_by_role("button", name="Keep", exact=True).click()
    tab.get_by_text("Kept as mine").wait_for()
    sidebar(tab, "Zoo")
    card = tab.locator(".st-key-card-mine")
    card.get_by_role("button", name="Open").click()
    settled(tab)
    assert query(tab)["zoo"] == ["mine"]
    card.get_by_role("link", name="Atlas").click()
    tab.wait_for_url("**/atlas**")
    tab.get_by_text("has no map yet").wait_for()
    assert query(tab)["zoo"] == ["mine"]
    sidebar(tab, "Zoo")
    tab.locator(".st-key-card-mine").get_by_role("button", name="Delete").click()
    tab.get_by_text("mine was deleted").wait_for()
    assert tab.locator(".st-key-card-mine").count() == 0
    tab.get_by_role("button", name="Undo").click()
    tab.locator(".st-key-card-mine").wait_for()


def test_a_long_training_leaves_the_other_pages_open_and_stops_when_asked(app, tab):
    tab.goto(f"{app}/train?models=300&epochs=300&random-batch_size=32")
    tab.get_by_text("of weights:").wait_for()
    tab.get_by_role("button", name="Train", exact=True).click()
    tab.get_by_text("have reached a checkpoint").wait_for()
    sidebar(tab, "Zoo")
    painted(tab, 1)
    sidebar(tab, "Train")
    tab.get_by_text("have reached a checkpoint").wait_for()
    begun = time.monotonic()
    tab.get_by_role("button", name="Cancel").click()
    tab.get_by_text(re.compile("was cancelled|stopping")).first.wait_for()
    assert time.monotonic() - begun < 3
    tab.get_by_text("was cancelled").wait_for()


@pytest.mark.parametrize("page", ["zoo", "zoo?shelf=Published", "zoo?shelf=Bring+your+own", "network", "train"])
def test_a_narrow_dark_screen_shows_every_page_of_the_zoo(app, chromium, page):
    context = chromium.new_context(viewport={"width": 420, "height": 900}, color_scheme="dark")
    context.set_default_timeout(90_000)
    tab = context.new_page()
    tab.goto(f"{app}/{page}")
    painted(tab)
    wide = tab.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
    context.close()
    assert wide <= 1


def test_nonsense_in_a_training_is_one_sentence_and_the_page_goes_on(app, tab):
    tab.goto(f"{app}/train")
    tab.get_by_text("of weights:").wait_for()
    box = tab.get_by_label("Learning rate", exact=True)
    box.fill("<img src=x onerror=alert(1)>")
    box.press("Enter")
    tab.get_by_text("takes 0.01, a range").wait_for()
    box.fill("0.001..0.01")
    box.press("Enter")
    tab.get_by_text("of weights:").wait_for()
