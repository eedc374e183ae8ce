import re
from urllib.parse import parse_qs, urlparse

import pytest

from benchmarks.browser import painted, settled

pytestmark = pytest.mark.browser
QUICK = "raw-small-short-steps=400&raw-small-short-width=64&size=Small&length=Short"


def query(tab):
    return parse_qs(urlparse(tab.url).query)


def sidebar(tab):
    return tab.locator('[data-testid="stSidebar"]')


def test_a_flow_is_fitted_left_found_again_kept_and_drawn_from(fresh_app, tab):
    tab.goto(f"{fresh_app}/fit?{QUICK}")
    tab.locator(".st-key-kind-raw").get_by_role("button", name="Choose").click()
    tab.get_by_text("on this machine").wait_for()
    settled(tab)
    assert query(tab)["kind"] == ["raw"]
    tab.get_by_role("button", name="Fit the flow").click()
    tab.get_by_text("checks samples 64 networks").wait_for()
    sidebar(tab).get_by_role("link", name="Zoo", exact=True).click()
    tab.wait_for_url("**/zoo**")
    sidebar(tab).get_by_role("link", name=re.compile("Fitting a flow to digits-mlp")).click()
    tab.wait_for_url("**/fit**")
    tab.get_by_label("Keep it as", exact=True).wait_for()
    painted(tab, 3)
    assert query(tab)["kind"] == ["raw"]
    tab.get_by_label("Keep it as", exact=True).fill("mine")
    tab.get_by_role("button", name="Keep", exact=True).click()
    link = tab.get_by_role("link", name="Draw networks from mine")
    link.wait_for()
    settled(tab)
    with tab.expect_download() as waiting:
        tab.get_by_role("button", name="Download the flow").click()
    assert waiting.value.suggested_filename == "digits-mlp-plain.zip"
    tab.reload()
    tab.get_by_label("Keep it as", exact=True).wait_for()
    link.click()
    tab.wait_for_url("**/sample**")
    assert query(tab)["flow"] == ["mine"]


@pytest.mark.parametrize("dark", [False, True])
def test_a_narrow_screen_shows_the_fit_page(app, chromium, dark):
    scheme = "dark" if dark else "light"
    context = chromium.new_context(viewport={"width": 420, "height": 900}, color_scheme=scheme)
    context.set_default_timeout(90_000)
    tab = context.new_page()
    tab.goto(f"{app}/fit?kind=preconditioned&{QUICK}")
    tab.get_by_text("on this machine").wait_for()
    tab.get_by_text("More settings").click()
    tab.get_by_label("Weight decay", exact=True).wait_for()
    settled(tab)
    wide = tab.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
    context.close()
    assert wide <= 1
