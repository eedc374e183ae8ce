"""How the Atlas stands a million networks, in a real Chromium.

    python -m benchmarks.million_map
    python -m benchmarks.million_map --models 100000 --keep /tmp/million

writes a zoo of tiny networks in clusters (12 weights each), its alignment (nothing is permuted) and its two PCA maps,
then opens the Atlas on it. First paint: from asking for the page until the first figure is drawn, by a browser that has
seen the app on the shipped zoo, whose own time stands beside; cold is the first visit of that zoo after the server
started, warm the better of two later ones. Lasso: from letting go of the mouse until the number of networks has
changed. Bytes are those of all messages over the web socket, down and up. The server runs on the same machine as the
browser.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from playwright.sync_api import Browser, Page

import wsexplore as wx
from benchmarks.browser import PLOT, launched, painted, served, settled
from wsexplore.align import Alignment, spec_of
from wsexplore.embed import fit_projection
from wsexplore.zoo import Recipe, Zoo, zoo_writer

NAME = "million"
CHUNK = 1 << 16
CLUSTERS, EPOCHS = 40, 10
LASSOS = (
    [(0.1, 0.1), (0.45, 0.12), (0.5, 0.5), (0.12, 0.55)],
    [(0.3, 0.2), (0.8, 0.2), (0.9, 0.8), (0.4, 0.9)],
    [(0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98)],
)
COUNT = """() => [...document.querySelectorAll('[data-testid="stMetric"]')]
    .find(box => box.innerText.startsWith('Networks'))?.querySelector('[data-testid="stMetricValue"]').innerText"""


def write(user: Path, models: int) -> Zoo:
    """A zoo in clusters that wander from epoch to epoch."""
    architecture = wx.architecture("mlp", widths=[2, 2, 2])
    draw, numbers = torch.Generator().manual_seed(0), np.random.default_rng(0)
    centres = torch.randn(CLUSTERS, architecture.layout.size, generator=draw) * 3
    with zoo_writer(user / "zoos" / NAME, architecture) as writer:
        for start in range(0, models, CHUNK):
            rows = np.arange(start, min(start + CHUNK, models))
            run, epoch = rows // EPOCHS, rows % EPOCHS
            noise = torch.randn(len(rows), architecture.layout.size, generator=draw)
            weights = centres[run % CLUSTERS] * torch.from_numpy(0.3 + epoch / EPOCHS).float()[:, None] + 0.4 * noise
            table = pd.DataFrame({"run": run, "epoch": epoch, "seed": run % CLUSTERS})
            table["lr"] = 10 ** numbers.uniform(-4, -1, len(rows))
            table["optimizer"] = np.array(["adam", "adamw", "sgd"])[run % 3]
            table["activation"] = "tanh"
            table["test_accuracy"] = np.clip(0.1 + 0.08 * epoch + 0.05 * numbers.standard_normal(len(rows)), 0, 1)
            table["test_loss"] = 2.3 * (1 - table["test_accuracy"])
            writer.append(weights, table)
    return Zoo.open(user / "zoos" / NAME)


def lay_out(user: Path, zoo: Zoo) -> None:
    """An alignment that moves nothing, and the maps by PCA."""
    models, spec = len(zoo), spec_of(zoo.architecture)
    ones, first = np.ones(models, np.float32), zoo.rows([0])[0].numpy()
    orders = {group: np.tile(np.arange(size), (models, 1)) for group, size in spec.sizes.items()}
    recipe = Recipe.of("million_map")
    found = Alignment(orders, ones, ones, first, "n000000", "weights", zoo.fingerprint, recipe)
    found.save(user / "alignments" / NAME)
    for frame in ("raw", "aligned"):
        fit_projection(zoo).save(user / "projections" / NAME / f"pca-{frame}")


def wired(tab: Page) -> tuple[list[int], list[int]]:
    """Sizes of the messages that come down and go up from now on."""
    down: list[int] = []
    up: list[int] = []
    tab.on(
        "websocket",
        lambda socket: (
            socket.on("framereceived", lambda frame: down.append(len(frame))),
            socket.on("framesent", lambda frame: up.append(len(frame))),
        ),
    )
    return down, up


def visit(browser: Browser, url: str) -> tuple[float, float, float, int]:
    """Seconds to the first figure of the shipped zoo, of this one, and to its numbers; bytes until the page rests."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    context.set_default_timeout(120_000)
    tab = context.new_page()
    tab.goto(f"{url}/atlas")
    painted(tab, 2)
    begun = time.perf_counter()
    tab.goto(f"{url}/atlas")
    tab.wait_for_selector(PLOT)
    shipped = time.perf_counter() - begun
    painted(tab, 2)
    down, _ = wired(tab)
    begun = time.perf_counter()
    tab.goto(f"{url}/atlas?zoo={NAME}")
    tab.wait_for_selector(PLOT)
    first = time.perf_counter() - begun
    tab.wait_for_function(f"() => ({COUNT})()")
    numbers = time.perf_counter() - begun
    rest(tab)
    context.close()
    return shipped, first, numbers, sum(down)


def rest(tab: Page) -> None:
    """Wait until nothing more is worked out beside the page."""
    for _ in range(3):
        settled(tab)
        tab.wait_for_timeout(1200)


def lassos(browser: Browser, url: str) -> list[tuple[float, int, int, str]]:
    """Seconds from letting go to the new number, bytes down and up, and the number itself."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    context.set_default_timeout(120_000)
    tab = context.new_page()
    down, up = wired(tab)
    tab.goto(f"{url}/atlas?zoo={NAME}")
    painted(tab)
    found = []
    for corners in LASSOS:
        rest(tab)
        tab.locator(".js-plotly-plot").first.scroll_into_view_if_needed()
        tab.wait_for_timeout(300)
        box = tab.locator(".js-plotly-plot .nsewdrag").first.bounding_box()
        assert box is not None
        places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in corners]
        tab.mouse.move(*places[0])
        tab.mouse.down()
        for place in [*places[1:], places[0]]:
            tab.mouse.move(*place, steps=8)
        before = tab.evaluate(COUNT)
        down.clear()
        up.clear()
        begun = time.perf_counter()
        tab.mouse.up()
        tab.wait_for_function(f"before => ({COUNT})() !== before", arg=before)
        seconds = time.perf_counter() - begun
        rest(tab)
        found.append((seconds, sum(down), sum(up), str(tab.evaluate(COUNT))))
        tab.get_by_role("button", name="Clear").click()
    context.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path, help="folder to write to and to use again, instead of a temporary one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="million-map-") as made:
        user = options.keep or Path(made)
        if not (user / "projections" / NAME / "pca-aligned").is_dir():
            begun = time.perf_counter()
            lay_out(user, write(user, options.models))
            print(
                f"{options.models:,} networks written and laid out in {time.perf_counter() - begun:.0f} s", flush=True
            )
        with served(user) as url, launched() as browser:
            cold = visit(browser, url)
            warm = [visit(browser, url) for _ in range(2)]
            best = [min(parts) for parts in zip(*warm, strict=True)]
            print(f"first paint: {cold[1]:.1f} s cold, {best[1]:.1f} s warm; the shipped zoo {best[0]:.1f} s")
            print(f"numbers of the selection: {cold[2]:.1f} s cold, {best[2]:.1f} s warm")
            print(f"web socket, whole page: {cold[3] / 1e6:.2f} MB")
            told = lassos(browser, url)
            for seconds, down, up, count in told:
                print(f"lasso: {seconds:.2f} s to {count} networks, {down / 1e6:.2f} MB down, {up / 1e6:.2f} MB up")
            print(f"lasso, median: {statistics.median(seconds for seconds, *_ in told):.2f} s")


if __name__ == "__main__":
    main()
