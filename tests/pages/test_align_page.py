import json
import time
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app_pages.gathered import gathered
from app_pages.legs import Way, routes, seen
from app_pages.matched import WORK
from wsexplore.align import METHODS
from wsexplore.datasets import dataset
from wsexplore.landscape import QUICK, repairs_of
from wsexplore.population import train_zoo
from wsexplore.settings import settings
from wsexplore.zoo import Zoo

HOME = Path(__file__).resolve().parents[2]
PARTS = {
    "Barrier": ["barrier"],
    "Units": ["ribbons", "units", "gain", "similarity", "objective"],
    "Methods": ["methods"],
    "Whole zoo": ["distances", "lens", "collapse", "barriers"],
    "Scales": ["rescale"],
    "Attack": ["attack"],
}
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture
def user(tmp_path, monkeypatch):
    monkeypatch.setenv("WSEXPLORE_USER", str(tmp_path))
    settings.cache_clear()
    yield tmp_path
    settings.cache_clear()


@pytest.fixture(scope="module")
def batch_norm_zoo():
    config = {"input": [1, 8, 8], "channels": [6, 6], "pool": [2, 1], "norm": "batch", "hidden": [12]}
    return train_zoo("cnn", "digits", models=3, epochs=2, checkpoints=[2], config=config, seed=1)


@pytest.fixture(scope="module")
def tanh_zoo():
    config = {"widths": [64, 16, 12, 10], "activation": "tanh"}
    return train_zoo("mlp", "digits", models=3, epochs=2, checkpoints=[2], config=config, seed=1)


def opened(page="align", **query):
    at = AppTest.from_file(str(HOME / "app.py"), default_timeout=180)
    at.run()
    for name, value in query.items():
        at.query_params[name] = value
    at.switch_page(f"app_pages/{page}.py").run()
    until = time.monotonic() + 120
    while at.get("progress") and time.monotonic() < until:
        time.sleep(0.2)
        at.run()
    assert not at.get("progress")
    return at


def keys(at):
    return [found.proto.id.rsplit("-", 1)[-1] for found in at.get("plotly_chart")]


def spec(at, key):
    return json.loads(next(one.proto.spec for one in at.get("plotly_chart") if one.proto.id.endswith(f"-{key}")))


def metric(at, label):
    return next(found.value for found in at.metric if found.label == label)


def number(text):
    return float(text.split()[0].replace(",", ""))


def sentences(at):
    return [found.value for found in [*at.error, *at.warning]]


def said(at):
    return " ".join(found.value for found in [*at.markdown, *at.caption, *at.info])


@pytest.mark.parametrize("part", PARTS)
def test_every_part_opens_from_its_link_and_its_charts_say_what_they_show(part):
    at = opened(part=part)
    assert not at.exception
    assert not sentences(at)
    assert keys(at) == PARTS[part]
    assert all(len(found.proto.alt) > 20 for found in at.get("plotly_chart"))
    assert any("wx." in code.value or "zoo" in code.value for code in at.code)


@pytest.mark.parametrize("matching", sorted(set(METHODS) - {"auto"}))
def test_every_method_lowers_the_barrier_of_the_first_example(matching):
    at = opened(matching=matching, scales="minimum-norm")
    assert not at.exception
    delta = next(found.delta for found in at.metric if found.label == "Barrier")
    assert number(delta) < 0
    assert number(metric(at, "Largest change of an output")) < 1e-3


def test_the_curves_share_one_axis_and_show_loss_or_accuracy():
    at = opened(measure="accuracy")
    names = [trace["name"] for trace in spec(at, "barrier")["data"] if "name" in trace]
    assert names == ["naive", "aligned", "aligned + REPAIR"]
    assert "test accuracy" in at.get("plotly_chart")[0].proto.alt.lower()


def test_slow_methods_come_on_demand():
    at = opened(part="Methods")
    before = len(spec(at, "methods")["layout"]["annotations"])
    at.button(key="try-slow").click().run()
    assert not at.exception
    assert len(spec(at, "methods")["layout"]["annotations"]) == before + len(set(METHODS) - set(QUICK))


@pytest.mark.parametrize("frame", ["network", "mean", "cycle"])
def test_a_zoo_draws_together_in_every_frame(frame):
    at = opened(part="Whole zoo", over=frame, count="20", among="epoch = 30 and test_accuracy > 0.95", handful="4")
    assert not at.exception
    assert metric(at, "Networks").startswith("20 of ")
    assert "Subsampled" in said(at)
    delta = next(found.delta for found in at.metric if found.label == "Mean distance")
    assert number(delta) < 0


def test_rescaling_moves_the_weights_and_no_answer():
    at = opened(part="Scales")
    assert len(spec(at, "rescale")["frames"]) == 33
    assert "10³⁵" in metric(at, "Orders of the units")
    assert metric(at, "Free scales") == "32"


def test_an_attack_is_undone_by_least_norm_and_matching():
    at = opened(part="Attack")
    before, attacked, undone = (number(metric(at, f"Barrier {what}")) for what in ("before", "attacked", "undone"))
    assert attacked > 10
    assert undone < before + 0.01
    assert number(metric(at, "Largest change of an output")) < 1e-3


def test_the_anatomy_is_drawn_when_it_is_opened():
    assert "spec" not in keys(opened())
    at = opened(anatomy="true")
    assert "spec" in keys(at)
    assert "input of the network" in said(at)


def test_an_odd_activation_shows_signs_and_groups(user, tanh_zoo):
    tanh_zoo.save(user / "zoos" / "odd")
    at = opened(zoo="odd", part="Scales")
    assert keys(at) == ["signs"]
    assert "only signs are free" in said(at)
    assert number(metric(at, "Largest change of an output")) < 1e-5
    at = opened(zoo="odd", part="Units", group="layers.1")
    assert metric(at, "Moved in this group").endswith("of 12")
    assert "-0." not in metric(at, "Mean likeness of partners")


def test_batch_norm_gets_all_four_curves(user, batch_norm_zoo):
    batch_norm_zoo.save(user / "zoos" / "bn")
    names = [trace["name"] for trace in spec(opened(zoo="bn"), "barrier")["data"] if "name" in trace]
    assert names == ["naive", "aligned", "aligned + reset", "aligned + REPAIR"]
    for part in ("Units", "Methods", "Whole zoo", "Scales"):
        at = opened(zoo="bn", part=part)
        assert not at.exception
        assert not sentences(at)
        assert keys(at)


def test_batch_norm_networks_are_compared_and_attacked_with_repaired_statistics(user, batch_norm_zoo):
    batch_norm_zoo.save(user / "zoos" / "bn")
    for part, key in (("Methods", "methods"), ("Attack", "attack")):
        at = opened(zoo="bn", part=part)
        assert at.selectbox(key="between").value == "reset"
        assert "measured anew" in said(at)
        raw = opened(zoo="bn", part=part, between="none")
        assert spec(raw, key) != spec(at, key)
        assert any(f"repair={'reset'!r}" in code.value for code in at.code)


def test_batch_norm_matrices_show_every_repair_in_the_frame_and_at_the_scales_that_are_chosen(user, batch_norm_zoo):
    batch_norm_zoo.save(user / "zoos" / "bn")

    def drawn(**query):
        at = opened(zoo="bn", part="Whole zoo", **query)
        assert not at.exception
        alt = next(one.proto.alt for one in at.get("plotly_chart") if one.proto.id.endswith("-collapse"))
        return alt, " ".join(code.value for code in at.code)

    usual, code = drawn()
    for name in ("naive", "aligned", "aligned + reset", "aligned + REPAIR"):
        assert name in usual
    assert "frame='network'" in code
    rest = usual.partition(" naive")[2]
    for query, word in (
        ({"over": "cycle"}, "frame='cycle'"),
        ({"scales": "minimum-norm"}, "canonical='minimum-norm'"),
        ({"matching": "activations"}, "method='activations'"),
    ):
        alt, code = drawn(**query)
        assert word in code
        assert query.get("over") or alt.partition(" naive")[2] != rest


def test_what_is_chosen_comes_back_after_a_visit_to_a_part_that_hides_it():
    at = opened(matching="weights")
    at.selectbox(key="scales").select("minimum-norm").run()
    for part in ("Scales", "Attack", "Methods", "Barrier"):
        at.segmented_control(key="part").select(part).run()
        assert not at.exception
    assert at.selectbox(key="scales").value == "minimum-norm"
    assert at.selectbox(key="matching").value == "weights"
    assert at.query_params["scales"] == "minimum-norm"


def test_an_attack_has_a_strength_and_a_draw():
    weak, strong, other = (
        opened(part="Attack", strength=strength, luck=luck) for strength, luck in (("1", "0"), ("4", "0"), ("4", "7"))
    )
    attacked = [number(metric(at, "Barrier attacked")) for at in (weak, strong, other)]
    assert attacked[0] < attacked[1] != attacked[2]
    assert "seed=7" in " ".join(code.value for code in other.code)


def test_jobs_of_the_page_end_when_they_are_cancelled(batch_norm_zoo):
    def stop(fraction, message):
        raise KeyError("stop")

    asked = {
        "pair": (0, 1, "digits", "ste", "none", ""),
        "curves": (0, 1, "digits", "auto", "none", "test"),
        "methods": (0, 1, "digits", "weights, ste", "none", "reset"),
        "attack": (0, 1, "digits", 1.0, True, True, "reset", 0),
        "distances": ("digits", "", 3, "network", "auto", "none"),
        "matrices": ("digits", "", 3, "network", "auto", "none"),
    }
    assert set(asked) == set(WORK)
    for kind, words in asked.items():
        with pytest.raises(KeyError):
            WORK[kind](batch_norm_zoo, stop, *words)


def test_repair_leaves_the_ends_of_a_path_with_running_statistics_alone(user, batch_norm_zoo):
    batch_norm_zoo.save(user / "zoos" / "bn")
    ways = ("none", *repairs_of(batch_norm_zoo.architecture))
    assert ways == ("none", "reset", "repair")
    pair = gathered(tuple(("bn", network) for network in batch_norm_zoo.table["id"][:2]))
    found = []
    for repair in ways:
        way = Way(pair, dataset("digits"), "straight", True, "none", "test", repair)
        found.append(seen(way, routes(way), "3 14"))
    for one in found[1:]:
        assert np.array_equal(one.losses[[0, -1]], found[0].losses[[0, -1]])
        assert not np.allclose(one.losses[20], found[0].losses[20])
        assert np.array_equal(one.frames.probabilities[[0, -1]], found[0].frames.probabilities[[0, -1]])
        assert not np.allclose(one.frames.probabilities[20], found[0].frames.probabilities[20])


@pytest.mark.parametrize("part", PARTS)
def test_fields_have_every_part_that_needs_no_classes(part):
    at = opened(zoo="digit-fields", part=part)
    assert not at.exception
    assert not sentences(at)
    if part in ("Methods", "Attack"):
        assert "pictures without classes" in said(at)
    else:
        assert keys(at)
    assert "activations" not in {option for box in at.selectbox for option in box.options}


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"part": "Nonsense"}, "asks for part 'Nonsense'"),
        ({"matching": "magic"}, "asks for matching method 'magic'"),
        ({"scales": "huge"}, "asks for canonical form 'huge'"),
        ({"part": "Whole zoo", "over": "sky"}, "asks for frame 'sky'"),
        ({"part": "Attack", "strength": "9"}, "asks for a strength of '9'"),
        ({"part": "Attack", "luck": "-1"}, "asks for a draw of '-1'"),
        ({"part": "Methods", "between": "glue"}, "asks for repair 'glue'"),
        ({"part": "Whole zoo", "count": "5000"}, "asks for a number of networks of '5000'"),
        ({"part": "Whole zoo", "handful": "x"}, "asks for a handful of 'x'"),
        ({"part": "Whole zoo", "among": "epoch >"}, "cannot be read"),
        ({"part": "Whole zoo", "among": "epoch = 77"}, "two networks, 0 meet"),
    ],
)
def test_a_stale_or_broken_link_gives_one_sentence(query, told):
    at = opened(**query)
    assert not at.exception
    assert len(sentences(at)) == 1
    assert told in sentences(at)[0]


@pytest.mark.parametrize(
    ("models", "widths", "told"), [(1, [64, 8, 10], "one network"), (3, [64, 10], "no hidden units")]
)
def test_a_zoo_in_which_nothing_can_be_matched_says_so(user, models, widths, told):
    zoo = train_zoo("mlp", "digits", models=models, epochs=1, checkpoints=[1], config={"widths": widths})
    zoo.save(user / "zoos" / "still")
    at = opened(zoo="still", part="Whole zoo", anatomy="true")
    assert not at.exception
    assert told in at.info[0].value
    assert "spec" in keys(at)


def test_a_pair_of_two_kinds_gives_one_sentence_in_every_part_that_matches_it(user):
    zoo = train_zoo("mlp", "digits", models=4, epochs=1, vary={"activation": ["relu", "tanh"]}, seed=2)
    zoo.save(user / "zoos" / "mixed")
    kinds = zoo.table.drop_duplicates("activation")["id"].tolist()
    for part in ("Barrier", "Units", "Methods", "Attack"):
        at = opened(zoo="mixed", part=part, a=kinds[0], b=kinds[1])
        assert not at.exception
        assert len(sentences(at)) == 1
    assert not opened(zoo="mixed", part="Whole zoo", a=kinds[0], b=kinds[1]).exception


def test_a_diverged_network_gives_no_traceback(user):
    zoo = Zoo.open("digits-mlp").select("epoch = 30").select(range(4))
    weights = zoo.rows(range(4)).clone()
    weights[1] *= 1e12
    zoo.with_weights(weights, zoo.recipe).save(user / "zoos" / "broken")
    ids = zoo.table["id"].tolist()
    for part in PARTS:
        at = opened(zoo="broken", part=part, a=ids[0], b=ids[1])
        assert not at.exception


@pytest.mark.parametrize("part", PARTS)
def test_what_takes_long_is_a_job_whose_result_is_the_same(part, monkeypatch):
    at_once = [found.value for found in opened(part=part, count="10", handful="4").metric if "Time" not in found.label]
    monkeypatch.setattr("app_pages.matched.AT_ONCE", 0)
    at = opened(part=part, count="10", handful="4")
    assert not at.exception
    assert [found.value for found in at.metric if "Time" not in found.label] == at_once
    assert keys(at) == PARTS[part]


def test_interpolate_shows_every_path_side_by_side_when_it_is_asked_to(user, batch_norm_zoo):
    batch_norm_zoo.save(user / "zoos" / "bn")
    assert keys(opened("interpolate", zoo="bn")) == ["figure"]
    at = opened("interpolate", zoo="bn", paths="true", split="train")
    assert not at.exception
    assert not sentences(at)
    assert keys(at) == ["figure", "loss", "accuracy"]
    for title in ("Raw", "Matched", "Matched, reset", "Matched, REPAIR", "Raw, arc", "Raw, Bezier"):
        assert number(metric(at, title)) >= 0
    at = opened("interpolate", paths="true")
    assert "nothing for: matched, reset" in said(at)
