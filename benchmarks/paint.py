"""How long each page takes until its first figure is drawn, and what scrubbing sends.

    python -m benchmarks.paint

Cold: the first visit after the server started, by a browser that has never seen the app. Warm: a later visit by the
same browser, the better of two.
"""

import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, Page

from benchmarks.browser import PLOT, launched, painted, served

PAGES = ("", "atlas", "align", "interpolate", "sample")


def first_paint(tab: Page, url: str) -> float:
    """Seconds from asking for a page to its first figure."""
    begun = time.perf_counter()
    tab.goto(url)
    tab.wait_for_selector(PLOT)
    seconds = time.perf_counter() - begun
    painted(tab)
    return seconds


def scrubbed_bytes(browser: Browser, url: str) -> tuple[int, int]:
    """Characters sent and received over the web socket while the Interpolate page loads, and while it is scrubbed."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    context.set_default_timeout(120_000)
    tab, sizes = context.new_page(), []
    tab.on(
        "websocket",
        lambda socket: (
            socket.on("framesent", lambda frame: sizes.append(len(frame))),
            socket.on("framereceived", lambda frame: sizes.append(len(frame))),
        ),
    )
    tab.goto(url)
    painted(tab)
    tab.wait_for_timeout(1500)
    loading, rail = sum(sizes), tab.locator(".slider-container .slider-rail-touch-rect").first
    sizes.clear()
    rail.scroll_into_view_if_needed()
    box = rail.bounding_box()
    assert box is not None
    for place in range(1, 20):
        tab.mouse.click(box["x"] + place / 20 * box["width"], box["y"] + box["height"] / 2)
        tab.wait_for_timeout(60)
    context.close()
    return loading, sum(sizes)


def main() -> None:
    print(f"{'page':14s}{'cold':>8s}{'warm':>8s}")
    with launched() as browser:
        for page in PAGES:
            with tempfile.TemporaryDirectory() as user, served(Path(user)) as url:
                context = browser.new_context(viewport={"width": 1400, "height": 1000})
                context.set_default_timeout(120_000)
                tab = context.new_page()
                cold = first_paint(tab, f"{url}/{page}")
                warm = min(first_paint(tab, f"{url}/{page}") for _ in range(2))
                context.close()
                print(f"{page or 'home':14s}{cold:7.1f}s{warm:7.1f}s", flush=True)
        with tempfile.TemporaryDirectory() as user, served(Path(user)) as url:
            loading, scrubbing = scrubbed_bytes(browser, f"{url}/interpolate")
            print(f"web socket: {loading:,} bytes to load Interpolate, {scrubbing:,} while it is scrubbed 19 times")


if __name__ == "__main__":
    main()
