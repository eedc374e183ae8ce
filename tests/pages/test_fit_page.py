import time
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from streamlit.testing.v1 import AppTest

from app_pages.fit_cost import TIMED, fit_cost
from app_pages.fitted import _zipped
from app_pages.handles import _jobs, jobs
from wsexplore.align import align
from wsexplore.embed import EncoderConfig, fit_encoder
from wsexplore.generate import VARIANTS, FlowConfig, WeightFlow, fit_flow
from wsexplore.population import train_zoo
from wsexplore.settings import settings
from wsexplore.zoo import Zoo, shelf

HOME = Path(__file__).resolve().parents[2]
PLAIN = replace(VARIANTS["raw"], width=16, layers=2, steps=40)
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def quick(steps):
    """The settings of a small plain flow in the link."""
    preset = "raw-small-usual"
    return {"kind": "raw", "size": "Small", f"{preset}-steps": str(steps), f"{preset}-width": "16"}


@pytest.fixture(scope="module")
def zoo():
    return train_zoo(
        "mlp",
        "digits",
        models=24,
        epochs=3,
        checkpoints=[1, 3],
        vary={"lr": (1e-3, 1e-2)},
        seed=0,
        config={"widths": [64, 6, 10]},
    )


@pytest.fixture(scope="module")
def flow(zoo):
    return fit_flow(zoo, where="epoch = 3", config=PLAIN)


@pytest.fixture
def user(tmp_path, monkeypatch, zoo):
    monkeypatch.setenv("WSEXPLORE_USER", str(tmp_path))
    settings.cache_clear()
    zoo.save(tmp_path / "zoos" / "mine")
    yield tmp_path
    _jobs.clear()
    settings.cache_clear()


def opened(**query):
    at = AppTest.from_file(str(HOME / "app.py"), default_timeout=180)
    at.run()
    for name, value in {"zoo": "mine", **query}.items():
        at.query_params[name] = value
    return at.switch_page("app_pages/fit.py").run()


def until(at, there, seconds=120):
    """Rerun until something is there."""
    end = time.monotonic() + seconds
    while not there(at) and time.monotonic() < end:
        time.sleep(0.1)
        at.run()
    assert there(at), [*sentences(at), *(text.value for text in at.caption)]
    assert not at.exception
    return at


def measured(at):
    return until(at, lambda at: any("on this machine" in text.value for text in at.markdown))


def done(at):
    return until(at, lambda at: any(box.key == "keep-flow-name" for box in at.text_input))


def fit(at):
    return at.button(key="fit").click().run()


def sentences(at):
    return [found.value for found in [*at.error, *at.warning]]


def captions(at):
    return " ".join(found.value for found in at.caption)


def charts(at):
    return [found.proto.id.split("-", 2)[-1] for found in at.get("plotly_chart")]


def labelled(at, label):
    return next(button for button in at.button if button.label == label)


def keep(at, name, over=False):
    at.text_input(key="keep-flow-name").set_value(name)
    at.checkbox(key="keep-flow-over").set_value(over)
    labelled(at, "Keep").click().run()
    return at


def compared(at):
    return next(frame.value for frame in at.dataframe if "kind" in frame.value)


def test_the_cost_is_said_before_anything_is_fitted(user):
    at = measured(opened(**quick(40)))
    assert not sentences(at)
    assert "**24** of 48 networks" in captions(at)
    assert "40 steps" in captions(at)
    assert not jobs().listed()
    at.toggle(key="last").set_value(False).run()
    assert "**48** of 48 networks" in captions(at)
    at.text_input(key="where").set_value("run < 20").run()
    assert "**40** of 48 networks" in captions(at)


def test_a_fit_is_watched_kept_and_never_written_over_unasked(user, zoo, flow):
    at = done(fit(measured(opened(**quick(40)))))
    assert not sentences(at)
    assert {"losses", "accuracies", "dispersion"} <= {name.split("-")[-1] for name in charts(at)}
    (made,) = (user / "fits").glob("*/flow")
    again = fit_flow(Zoo.open(user / "zoos" / "mine"), where="epoch = 3", config=PLAIN)
    assert WeightFlow.open(made).config == again.config
    assert WeightFlow.open(made).history == again.history
    assert WeightFlow.open(made).fingerprint == again.fingerprint
    keep(at, "mine-own")
    assert "Kept as mine-own." in [found.value for found in at.success]
    at.run()
    kept = WeightFlow.open(shelf("flows")["mine-own"])
    assert kept.where == "epoch = 3"
    assert kept.networks == 24
    assert "mine-own" in compared(at)["flow"].tolist()
    flow.save(user / "flows" / "other")
    before = (user / "flows" / "other" / "manifest.json").read_bytes()
    keep(at, "other")
    assert "there is already a flow called other" in at.error[0].value.lower()
    assert (user / "flows" / "other" / "manifest.json").read_bytes() == before
    keep(at, "other", over=True)
    assert "Kept as other." in [found.value for found in at.success]
    assert (user / "flows" / "other" / "manifest.json").read_bytes() != before
    for name, said in (("../x", "is no name for a folder"), ("digits-mlp", "ships with wsexplore")):
        keep(at, name, over=True)
        assert said in at.error[0].value


def test_a_cancelled_fit_goes_on_after_a_restart_to_the_same_numbers(user):
    steps = 800
    at = fit(measured(opened(**quick(steps))))
    job = next(status.id for status in jobs().listed())
    at = until(at, lambda at: (part := jobs().status(job).partial) is not None and len(part[1]) > 1)
    next(button for button in at.button if button.label == "Cancel").click().run()
    until(at, lambda at: jobs().status(job).ended)
    heard = jobs().status(job).partial[1]
    if jobs().status(job).state != "cancelled":
        pytest.fail("the fit ended before it could be cancelled")
    assert (user / "fits" / job / "training").is_dir()
    _jobs.clear()
    at = opened(**quick(steps))
    assert "Cancelled at" in at.info[0].value
    labelled(at, "Go on").click().run()
    done(at)
    (made,) = (user / "fits").glob("*/flow")
    history = WeightFlow.open(made).history
    assert history[: len(heard)] == heard
    stored = Zoo.open(user / "zoos" / "mine")
    whole = fit_flow(stored, where="epoch = 3", config=replace(PLAIN, steps=steps))
    assert history == whole.history
    labelled(at, "Forget this fit").click().run()
    assert not list((user / "fits").glob("*"))
    assert at.button(key="fit")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"where": "epoch >"}, "cannot be read"),
        ({"where": "depth = 3"}, "no column"),
        ({"where": "epoch = 99"}, "at least 16 networks, this filter leaves 0"),
        ({"where": "run < 5"}, "at least 16 networks, this filter leaves 5"),
        ({"kind": "gan"}, "asks for a kind of flow 'gan'"),
        ({"kind": "latent"}, "No encoder reads these networks"),
        ({"conditions": "id"}, "asks for a condition on column 'id'"),
        ({"seed": "-1"}, "asks for seed '-1'"),
        ({"tokens-usual-usual-width": "30"}, "idth must be a multiple of heads"),
        ({"tokens-usual-usual-steps": "lots"}, "asks for Steps of 'lots'"),
        ({"size": "Huge"}, "asks for a size of 'Huge'"),
        ({"flows": "gone"}, ""),
    ],
)
def test_what_cannot_be_fitted_gets_one_sentence(user, query, said):
    at = opened(**query)
    assert not at.exception
    assert said in " ".join(sentences(at))
    assert len(sentences(at)) == (1 if said else 0)


def test_networks_of_two_kinds_are_told_apart_first(user):
    mixed = train_zoo("mlp", "digits", models=20, epochs=1, vary={"activation": ["relu", "tanh"]}, seed=2)
    mixed.save(user / "zoos" / "mixed")
    at = opened(zoo="mixed")
    assert "differ in activation" in at.error[0].value
    at.text_input(key="where").set_value("activation = 'relu'").run()
    assert "differ in activation" not in " ".join(sentences(at))


def test_a_latent_flow_is_fitted_to_what_an_encoder_of_the_zoo_reads(user, zoo):
    small = EncoderConfig(latent=8, width=16, layers=1, heads=2, steps=20, batch=8)
    fit_encoder(align(zoo, by="run"), config=small).save(user / "encoders" / "own")
    preset = "latent-small-short"
    query = {f"{preset}-steps": "20", f"{preset}-width": "16", "size": "Small", "length": "Short"}
    at = done(fit(measured(opened(kind="latent", encoder="own", **query))))
    assert not sentences(at)
    (made,) = (user / "fits").glob("*/flow")
    assert WeightFlow.open(made).config.kind == "latent"


def test_a_zoo_that_names_no_data_is_fitted_without_live_accuracy(user, zoo):
    zoo.with_table(zoo.table.drop(columns="dataset")).save(user / "zoos" / "bare")
    at = measured(opened(zoo="bare", **quick(40)))
    assert "No live accuracy: the zoo names no data set" in captions(at)
    done(fit(at))
    assert not any(name.endswith("accuracies") for name in charts(at))
    assert any("dispersion" in name for name in charts(at))


def test_columns_that_cannot_be_learnt_are_listed_with_the_reason(user):
    at = opened()
    offered = at.multiselect(key="conditions").options
    assert {"lr", "test_accuracy"} <= set(offered)
    assert not {"id", "run", "seed", "dataset", "epoch"} & set(offered)
    why = at.table[0].value["why not"]
    assert "one value alone" in why["epoch"]
    assert "tells networks apart" in why["id"]


def test_a_flow_listens_to_the_conditions_it_was_given(user):
    at = done(fit(measured(opened(conditions="lr", **quick(20)))))
    (made,) = (user / "fits").glob("*/flow")
    assert [column.name for column in WeightFlow.open(made).listens.columns] == ["lr"]
    assert not sentences(at)


def test_flows_of_one_zoo_are_compared_and_others_are_not(user, zoo, flow):
    flow.save(user / "flows" / "first")
    fit_flow(zoo, config=replace(VARIANTS["preconditioned"], width=16, steps=20)).save(user / "flows" / "second")
    fit_flow(zoo.select(range(20)), config=PLAIN).save(user / "flows" / "stranger")
    (user / "flows" / "broken").mkdir()
    at = opened()
    table = compared(at).set_index("flow")
    assert set(table.index) == {"first", "second"}
    assert "broken" in captions(at)
    assert table.loc["first", "where"] == "epoch = 3"
    assert table.loc["first", "networks"] == 24
    assert table.loc["second", "kind"] == "Preconditioned"
    assert table.loc["first", "parameters"] == flow.size
    assert {"accuracy", "histories"} <= {name.split("-")[-1] for name in charts(at)}
    assert "do not compare" in captions(at)

    until(at, lambda at: compared(at)["seconds"].notna().all())


@pytest.mark.parametrize("kind", ["tokens", "raw", "aligned", "preconditioned"])
def test_the_parameters_that_are_said_are_those_of_the_flow(zoo, kind):
    part = zoo.select("epoch = 3")
    config = replace(VARIANTS[kind], width=16, steps=20, conditions=("lr",))
    found = fit_cost(part, config, None, lambda fraction, message: None, gaussian=True)
    assert found.parameters == fit_flow(part, config=config).size
    assert found.seconds > 20 * found.step > 0


@pytest.mark.parametrize("kind", ["raw", "aligned"])
def test_only_steps_of_the_optimiser_are_timed_as_steps(zoo, kind, monkeypatch):
    heard = []

    def fit_and_hear(*args, on_step, **options):
        def tell(fraction, message):
            heard.append(fraction)
            on_step(fraction, message)

        return fit_flow(*args, on_step=tell, **options)

    monkeypatch.setattr("app_pages.fit_cost.fit_flow", fit_and_hear)
    config = replace(VARIANTS[kind], width=16, steps=20)
    fit_cost(zoo.select("epoch = 1"), config, None, lambda fraction, message: None, gaussian=False)
    assert sum(fraction > 0 for fraction in heard) == TIMED
    assert (0.0 in heard) == (kind == "aligned")


def test_a_download_holds_the_flow(tmp_path, flow):
    folder = flow.save(tmp_path / "flow")
    with ZipFile(BytesIO(_zipped(folder))) as whole:
        whole.extractall(tmp_path / "unpacked")
    assert WeightFlow.open(tmp_path / "unpacked" / "flow").fingerprint == flow.fingerprint


def test_the_kinds_and_sizes_of_the_page_are_those_of_the_variants():
    from app_pages.fit_kinds import KINDS, kind_of
    from app_pages.fit_settings import CHOICES, NUMBERS, SIZES

    known = FlowConfig().to_dict()
    assert set(KINDS) < set(VARIANTS)
    assert {number.name for number in NUMBERS} | set(CHOICES) <= set(known)
    for name in KINDS:
        config = VARIANTS[name]
        assert kind_of(config) == KINDS[name].title
        usual = SIZES["Usual"][0 if config.kind == "tokens" else 1]
        assert config.width == usual[0]
