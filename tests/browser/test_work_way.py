import re
from urllib.parse import parse_qs, urlparse

import pytest

from benchmarks.browser import painted, settled

pytestmark = pytest.mark.browser
MINUTES = "n=1000&steps=200&draw=78&solver=Runge-Kutta"
"""A draw that looks at the velocity 800,000 times: it lasts until it is cancelled."""


def sidebar(tab):
    return tab.locator('[data-testid="stSidebar"]')


def test_work_that_was_left_is_found_again_in_the_sidebar_and_cancelled_there(fresh_app, tab):
    tab.goto(f"{fresh_app}/sample?{MINUTES}")
    tab.locator('[data-testid="stProgress"]').wait_for()
    sidebar(tab).get_by_role("link", name="Atlas", exact=True).click()
    tab.wait_for_url("**/atlas**")
    painted(tab, 2)
    row = sidebar(tab).get_by_role("link", name=re.compile("Drawing 1,000 networks"))
    row.wait_for()
    sidebar(tab).get_by_role("progressbar").wait_for()
    row.click()
    tab.wait_for_url("**/sample**")
    assert parse_qs(urlparse(tab.url).query)["draw"] == ["78"]
    tab.locator('[data-testid="stMain"] [data-testid="stProgress"]').wait_for()
    sidebar(tab).get_by_role("link", name="Align", exact=True).click()
    tab.wait_for_url("**/align**")
    settled(tab)
    sidebar(tab).locator('[class*="st-key-stop-"] button').first.click()
    sidebar(tab).get_by_text(re.compile("stopping|cancelled at")).wait_for()
    sidebar(tab).get_by_text("cancelled at").wait_for()
    sidebar(tab).locator('[class*="st-key-drop-"] button').first.click()
    row.wait_for(state="detached")
