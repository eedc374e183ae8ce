import time

import pytest
from streamlit.testing.v1 import AppTest

from app_pages.handles import jobs
from app_pages.work import lasting
from wsexplore.settings import settings

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture
def user(tmp_path, monkeypatch):
    monkeypatch.setenv("WSEXPLORE_USER", str(tmp_path))
    settings.cache_clear()
    yield tmp_path
    settings.cache_clear()


@pytest.fixture
def go(user):
    """Lets the work of the page below come to its end."""
    gate = user / "open"
    yield gate
    gate.touch()


def page():
    """A page with one long job that counts to four."""
    import time

    import streamlit as st

    from app_pages.work import ask_first, result_of
    from wsexplore.settings import settings

    gate = settings().user / "open"

    def work(progress):
        found = tuple(progress.earlier or ())
        for number in range(len(found), 4):
            progress(number / 4, f"at {number}")
            found += (number,)
            progress.partial(found)
            while number == 1 and not gate.exists():
                progress(0.5, "at the gate")
                time.sleep(0.01)
        return found

    cost = 3720.0 if st.query_params.get("long") else 5.0
    if ask_first("count", cost):
        found = result_of("count", "Counting", work, cost=cost, show=lambda part: st.write(f"so far {part}"))
        st.write(f"counted {found}")


def opened(**query):
    at = AppTest.from_function(page, default_timeout=30)
    for name, value in query.items():
        at.query_params[name] = value
    return at.run()


def said(at):
    return " ".join(found.value for found in [*at.markdown, *at.info, *at.error])


def until(at, text, seconds=20):
    end = time.monotonic() + seconds
    while text not in said(at) and time.monotonic() < end:
        time.sleep(0.05)
        at.run()
        assert not at.exception
    assert text in said(at)
    assert not at.exception
    return at


def press(at, label):
    next(button for button in at.button if button.label == label).click().run()
    return at


def test_partial_results_are_drawn_until_the_result_is_there(go):
    at = until(opened(), "so far (0, 1)")
    assert at.get("progress")
    assert "counted" not in said(at)
    go.touch()
    until(at, "counted (0, 1, 2, 3)")
    assert not at.get("progress")


def test_a_cancelled_job_shows_what_was_done_and_goes_on_from_there(go):
    at = until(opened(), "so far (0, 1)")
    press(at, "Cancel")
    until(at, "Cancelled at 50%; what was done is kept.")
    assert "so far (0, 1)" in said(at)
    go.touch()
    until(press(at, "Go on"), "counted (0, 1, 2, 3)")


def test_a_cancelled_job_can_start_anew(go):
    at = until(opened(), "so far (0, 1)")
    press(at, "Cancel")
    until(at, "Cancelled")
    at = until(press(at, "Start anew"), "so far (0, 1)")
    status = jobs().status(jobs().id_of("count"))
    assert (status.state, status.updates) == ("running", 2)


def test_an_interrupted_job_shows_what_was_done_and_goes_on_from_there(go):
    at = until(opened(), "so far (0, 1)")
    jobs().close()
    from app_pages import handles

    handles._jobs.clear()
    at = until(opened(), "Interrupted by the end of the app at 50%; what was done is kept.")
    assert "so far (0, 1)" in said(at)
    go.touch()
    until(press(at, "Go on"), "counted (0, 1, 2, 3)")


def test_a_result_is_there_at_once_after_a_restart(go):
    from app_pages import handles

    go.touch()
    until(opened(), "counted (0, 1, 2, 3)")
    jobs().close()
    handles._jobs.clear()
    assert "counted (0, 1, 2, 3)" in said(opened())


def test_long_work_says_its_cost_and_waits_for_a_yes(go):
    at = opened(long="yes")
    assert "This takes about 1 h 2 min on this machine." in said(at)
    assert jobs().listed() == []
    at.run()
    assert jobs().listed() == []
    go.touch()
    until(press(at, "Compute it anyway"), "counted (0, 1, 2, 3)")
    assert "counted" in said(opened(long="yes"))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "0 s"),
        (3.4, "3 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (240, "4 min"),
        (3599, "1 h"),
        (4200, "1 h 10 min"),
        (7200, "2 h"),
        (86_400, "24 h"),
        (400_000, "5 days"),
    ],
)
def test_durations_are_told_in_words(seconds, text):
    assert lasting(seconds) == text
