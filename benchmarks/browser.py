"""The app on a free port of this machine, and a Chromium to look at it with."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

HOME = Path(__file__).resolve().parents[1]
CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]
PLOT = ".js-plotly-plot .main-svg"


@contextmanager
def served(user: Path) -> Iterator[str]:
    """The address of the app while the block runs; what users keep goes to `user`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(HOME / "app.py"), "--server.headless", "true"]
    command += ["--server.address", "127.0.0.1", "--server.port", str(port)]
    process = subprocess.Popen(
        command,
        cwd=HOME,
        env={**os.environ, "WSEXPLORE_USER": str(user)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield _answering(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait()


def _answering(url: str) -> str:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2) as answer:
                if answer.read() == b"ok":
                    return url
        except OSError:
            time.sleep(0.2)
    raise AssertionError("the app did not start within a minute")


@contextmanager
def launched() -> Iterator[Browser]:
    """Chromium without a window."""
    if not Path(CHROMIUM).exists():
        raise AssertionError("Chromium is missing: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def painted(tab: Page, count: int = 1) -> None:
    """Wait until `count` figures are drawn and the page has come to rest."""
    tab.wait_for_function(f"() => document.querySelectorAll('{PLOT}').length >= {count}")
    settled(tab)


def settled(tab: Page) -> None:
    """Wait until the page has come to rest."""
    rest = "[data-testid='stApp'][data-test-script-state='notRunning']"
    tab.wait_for_timeout(300)
    tab.wait_for_selector(rest)
    tab.wait_for_timeout(400)
    tab.wait_for_selector(rest)
