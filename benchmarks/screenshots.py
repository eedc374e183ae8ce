"""Pictures of the real app.

python -m benchmarks.screenshots                         # those of the README
python -m benchmarks.screenshots --every --out pictures  # every page, light and dark, wide and narrow
"""

import argparse
import tempfile
from pathlib import Path

from playwright.sync_api import Browser

from benchmarks.browser import HOME, launched, painted, served

README = (
    ("atlas", "atlas", 1010),
    ("represent", "represent", 1000),
    ("align", "align", 1120),
    ("landscape", "landscape?plane=Along+a+learned+curve", 1060),
    ("sample", "sample?flow=digit-fields", 1250),
)
"""Name of the picture, link, and height in pixels."""

PAGES = {
    "home": "",
    "atlas": "atlas",
    "represent": "represent",
    "align": "align",
    "interpolate": "interpolate?aligned=false&blame=true&answers=true&paths=true",
    "around": "landscape",
    "three": "landscape?plane=Through+three&aligned-three=false&minima=true",
    "curve": "landscape?plane=Along+a+learned+curve",
    "training": "landscape?plane=Along+a+training&view=In+3-D",
    "curvature": "landscape?part=Curvature",
    "layers": "landscape?part=Similarity",
    "answers": "landscape?part=Similarity&like=Answers",
    "functions": "landscape?part=Similarity&like=Weights+and+functions",
    "basins": "landscape?part=Similarity&like=Basins",
    "phases": "landscape?part=Phases",
    "fit": "fit",
    "sample": "sample",
    "wall": "sample?flow=digit-fields",
}
WIDTHS = (1400, 420)
TALLEST = 4200


def picture(browser: Browser, url: str, file: Path, *, width: int, height: int | None, theme: str) -> None:
    """Write a picture of a page; without a height of the whole page."""
    context = browser.new_context(viewport={"width": width, "height": height or 900}, color_scheme=theme)
    context.set_default_timeout(120_000)
    tab = context.new_page()
    tab.goto(url)
    painted(tab)
    tab.wait_for_function("() => !document.querySelector('[data-testid=\"stProgress\"]')")
    painted(tab)
    if height is None:
        whole = tab.evaluate("() => document.querySelector('[data-testid=\"stMain\"]').scrollHeight")
        tab.set_viewport_size({"width": width, "height": min(int(whole) + 40, TALLEST)})
    tab.wait_for_timeout(2000)
    file.parent.mkdir(parents=True, exist_ok=True)
    tab.screenshot(path=file)
    context.close()
    print(file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=HOME / "docs" / "images")
    parser.add_argument("--every", action="store_true", help="every page, light and dark, wide and narrow")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as user, served(Path(user)) as url, launched() as browser:
        if not arguments.every:
            for name, link, height in README:
                file = arguments.out / f"{name}.png"
                picture(browser, f"{url}/{link}", file, width=1400, height=height, theme="light")
            return
        for name, link in PAGES.items():
            for theme in ("light", "dark"):
                for width in WIDTHS:
                    file = arguments.out / f"{name}-{theme}-{width}.png"
                    picture(browser, f"{url}/{link}", file, width=width, height=None, theme=theme)


if __name__ == "__main__":
    main()
