from pathlib import Path

import pytest

from benchmarks.browser import CHROMIUM, launched, served


@pytest.fixture(scope="session")
def app(tmp_path_factory):
    with served(tmp_path_factory.mktemp("user")) as url:
        yield url


@pytest.fixture
def fresh_app(tmp_path):
    with served(tmp_path) as url:
        yield url


@pytest.fixture(scope="session")
def chromium():
    if not Path(CHROMIUM).exists():
        pytest.skip("Chromium is missing: apt-get install chromium")
    with launched() as browser:
        yield browser


@pytest.fixture
def tab(chromium):
    context = chromium.new_context(viewport={"width": 1400, "height": 1000}, accept_downloads=True)
    context.set_default_timeout(90_000)
    yield context.new_page()
    context.close()
