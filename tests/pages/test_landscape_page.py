import json
import time
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app_pages.drawn_plane import VIEWS
from app_pages.ground import KINDS
from wsexplore.generate import WeightFlow
from wsexplore.population import train_zoo
from wsexplore.settings import settings
from wsexplore.zoo import Zoo

HOME = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(autouse=True)
def user(tmp_path, monkeypatch):
    monkeypatch.setenv("WSEXPLORE_USER", str(tmp_path))
    settings.cache_clear()
    yield tmp_path
    settings.cache_clear()


@pytest.fixture(scope="module")
def small():
    return train_zoo("mlp", "digits", models=4, epochs=3, checkpoints=[0, 1, 2, 3], vary={"lr": [1e-3, 1e-2]}, seed=0)


def finished(at, seconds=120):
    until = time.monotonic() + seconds
    while at.get("progress") and time.monotonic() < until:
        time.sleep(0.2)
        at.run()
    assert not at.get("progress")
    return at


def opened(page="landscape", **query):
    at = AppTest.from_file(str(HOME / "app.py"), default_timeout=180)
    at.run()
    for name, value in query.items():
        at.query_params[name] = value
    return finished(at.switch_page(f"app_pages/{page}.py").run())


def keys(at):
    return [found.proto.id.split("-", 1)[-1] for found in at.get("plotly_chart")]


def drawn(at, key):
    found = [one for one in keys(at) if one.endswith(f"-{key}") or one == key]
    return bool(found)


def spec(at, key):
    return json.loads(next(one.proto.spec for one in at.get("plotly_chart") if one.proto.id.endswith(f"-{key}")))


def sentences(at):
    return [one.value for one in [*at.error, *at.warning]]


def marked(at):
    """The networks that a plane is about."""
    return next(one.value for one in at.dataframe if "name" in one.value)


def captions(at):
    return " ".join(one.value for one in at.caption)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("view", VIEWS)
def test_every_plane_is_drawn(kind, view):
    at = opened(plane=kind, view=view, points="21")
    assert not at.exception
    assert not sentences(at)
    assert drawn(at, "plane-figure")
    assert "441 of 441 networks" in captions(at)


def test_the_middle_of_a_plane_has_the_loss_of_the_network():
    at = opened(points="21")
    own = Zoo.open("digits-mlp").table.set_index("id").loc[marked(at)["name"].iloc[0], "test_loss"]
    assert marked(at)["loss"].iloc[0] == pytest.approx(own, rel=1e-3)
    grid = next(one.value for one in at.dataframe if "samples" in one.value)
    assert grid.loc[grid[["x", "y"]].abs().sum(axis=1).idxmin(), "loss"] == pytest.approx(own, rel=1e-3)


def test_a_plane_shows_its_minima_when_it_is_asked_to():
    at = opened(plane="Through three", points="51", minima="true", **{"aligned-three": "false"})
    assert not at.exception
    assert drawn(at, "tree")
    assert drawn(at, "persistence")
    assert "3 of 3 minima" in captions(at)


@pytest.mark.parametrize(
    ("query", "key"),
    [
        ({"part": "Curvature", "probes": "32"}, "spectrum"),
        ({"part": "Similarity"}, "cka"),
        ({"part": "Similarity", "like": "Answers"}, "agreement"),
        ({"part": "Similarity", "like": "Weights and functions", "pairs": "100"}, "apart"),
        ({"part": "Similarity", "like": "Basins", "basin_count": "4"}, "basins"),
    ],
)
def test_every_part_of_the_page_is_drawn(query, key):
    at = opened(**query)
    assert not at.exception
    assert not sentences(at)
    assert drawn(at, key)


def test_phases_are_measured_over_the_controls_of_a_zoo(user):
    zoo = train_zoo(
        "mlp", "digits", models=8, epochs=2, vary={"lr": [1e-3, 1e-2], "batch_size": [64, 256]}, design="grid", seed=0
    )
    zoo.save(user / "zoos" / "grid")
    at = opened(part="Phases", zoo="grid", zoos="grid", y="batch_size")
    assert not at.exception
    assert not sentences(at)
    assert drawn(at, "phases")
    assert "Phases of 4 cells" in captions(at) or "of 4 cells" in captions(at)


def test_networks_of_another_zoo_share_a_plane(user):
    drawn_zoo = WeightFlow.open(HOME / "data" / "flows" / "digits-mlp").sample(3, seed=1)
    drawn_zoo.save(user / "zoos" / "fresh")
    fresh = str(drawn_zoo.table["id"].iloc[0])
    at = opened(plane="Through three", points="21", b_zoo="fresh", b=fresh)
    assert not at.exception
    assert not sentences(at)
    assert fresh in marked(at)["name"].tolist()
    assert any("wx.concat" in code.value for code in at.code)


def test_a_grid_that_takes_long_is_asked_about_first(monkeypatch):
    monkeypatch.setattr("app_pages.ground.plane_cost", lambda asked: 3720.0)
    at = opened(points="21")
    assert not at.get("plotly_chart")
    assert "1 h 2 min" in at.info[0].value
    finished(next(button for button in at.button if button.label == "Compute it anyway").click().run())
    assert not at.exception
    assert drawn(at, "plane-figure")


@pytest.mark.parametrize(
    ("page", "query", "said"),
    [
        ("landscape", {"part": "Moon"}, "asks for part 'Moon'"),
        ("landscape", {"plane": "Sphere"}, "asks for plane 'Sphere'"),
        ("landscape", {"points": "7"}, "asks for a number of points of '7'"),
        ("landscape", {"span": "far"}, "asks for a span of 'far'"),
        ("landscape", {"run": "nobody", "plane": "Along a training"}, "asks for training 'nobody'"),
        ("landscape", {"a": "nobody"}, "asks for network 'nobody'"),
        ("landscape", {"b_zoo": "gone"}, ""),
        ("landscape", {"part": "Curvature", "eigenvalues": "0"}, "asks for a number of eigenvalues of '0'"),
        ("interpolate", {"path": "Zigzag"}, "asks for path 'Zigzag'"),
        ("interpolate", {"c": "nobody"}, "asks for third network 'nobody'"),
        ("interpolate", {"a": "s00000e030", "b": "s00000e030"}, "picked twice"),
    ],
)
def test_a_stale_or_broken_link_gives_one_sentence(page, query, said):
    at = opened(page, **query)
    assert not at.exception
    assert all(said in sentence for sentence in sentences(at))
    assert len(sentences(at)) == (1 if said else 0)


def test_a_zoo_of_pictures_has_no_landscape():
    at = opened(zoo="digit-fields")
    assert not at.exception
    assert "pictures" in at.info[0].value


def test_a_training_without_checkpoints_says_what_would_be_right(user, small):
    last = small.select(np.flatnonzero(small.table["epoch"] == 3))
    last.save(user / "zoos" / "last")
    at = opened(zoo="last", plane="Along a training")
    assert not at.exception
    assert "no run of last has three checkpoints" in sentences(at)[0].lower()


@pytest.mark.parametrize("path", ["Arc", "Bezier curve", "Chain"])
def test_every_kind_of_path_is_walked(path):
    at = opened("interpolate", path=path)
    assert not at.exception
    assert not sentences(at)
    assert drawn(at, "path-figure")
    assert float(at.metric[0].value.split()[0]) < 0.3


def test_a_third_network_makes_the_way_a_triangle():
    at = opened("interpolate", c="s00005e030")
    assert not at.exception
    barriers = [one for one in at.metric if one.label.startswith("Barrier")]
    assert len(barriers) == 3
    assert len(spec(at, "path-figure")["frames"]) == 63


def test_a_barrier_is_explained_and_every_answer_shown():
    at = opened("interpolate", aligned="false", blame="true", answers="true")
    assert not at.exception
    assert not sentences(at)
    for key in ("costly", "classes", "decisions"):
        assert drawn(at, key)
    terms = {one.label: float(one.value.split()[0]) for one in at.metric if one.value.endswith("nats")}
    total = terms["Confidence"] + terms["Disagreement won"] + terms["True class lost"]
    assert terms["Excess here"] == pytest.approx(total, abs=2e-3)
    assert terms["Excess here"] == pytest.approx(terms["Barrier"], rel=0.05)
