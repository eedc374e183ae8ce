import threading
import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app_pages import working
from app_pages.handles import jobs
from wsexplore.settings import settings

HOME = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture
def go(tmp_path, monkeypatch):
    """Lets the work of a test come to its end."""
    monkeypatch.setenv("WSEXPLORE_USER", str(tmp_path))
    monkeypatch.setattr(working, "SHORT", 0.0)
    settings.cache_clear()
    event = threading.Event()
    yield event
    event.set()
    jobs().close()
    settings.cache_clear()


def counting(go):
    def work(progress):
        progress.partial((1, 2))
        while not go.is_set():
            progress(0.25, "counting")
            time.sleep(0.01)
        return 3

    return work


def until(found, seconds=10):
    end = time.monotonic() + seconds
    while not found() and time.monotonic() < end:
        time.sleep(0.01)
    assert found()


def opened():
    return AppTest.from_file(str(HOME / "app.py"), default_timeout=120).run()


def links(at):
    icons = set(working.ICONS.values())
    return [found.proto for found in at.sidebar.get("page_link") if found.proto.icon in icons]


def words(at):
    return " ".join(found.proto.body for found in at.sidebar.get("html"))


def button(at, kind):
    return next(found for found in at.sidebar.button if found.label == f":material/{kind}:")


def test_nothing_is_told_where_nothing_runs(go):
    at = opened()
    assert links(at) == []
    assert words(at) == ""


def test_a_running_job_is_told_with_the_way_back_and_can_be_cancelled(go):
    job = jobs().start("Counting _up_", counting(go), name="n", link="atlas?zoo=digits-mlp&where=epoch+%3D+30")
    until(lambda: jobs().status(job).fraction)
    at = opened()
    (link,) = links(at)
    assert (link.label, link.icon) == ("Counting \\_up\\_", ":material/progress_activity:")
    assert link.query_string == "zoo=digits-mlp&where=epoch+%3D+30"
    assert "25%" in words(at)
    assert 'aria-valuenow="25"' in words(at)
    button(at, "close").click().run()
    until(lambda: jobs().status(job).state == "cancelled")
    at.run()
    assert "cancelled at 25%" in words(at)
    button(at, "delete").click().run()
    assert jobs().status(job) is None
    assert links(at) == []
    assert not at.exception


def test_what_ended_is_told_for_a_while(go, monkeypatch):
    job = jobs().start("Counting", counting(go), name="n", link="atlas")
    go.set()
    until(lambda: jobs().status(job).state == "done")
    at = opened()
    assert [link.icon for link in links(at)] == [":material/check_circle:"]
    assert "done in 0 s" in words(at)
    monkeypatch.setattr(working, "RECENT", -1.0)
    assert links(at.run()) == []


def test_what_a_restart_interrupted_is_told(go):
    job = jobs().start("Counting", counting(go), name="n", link="landscape?a=s0003")
    until(lambda: jobs().status(job).fraction)
    jobs().close()
    from app_pages import handles

    handles._jobs.clear()
    at = opened()
    (link,) = links(at)
    assert (link.icon, link.query_string) == (":material/pause_circle:", "a=s0003")
    assert "interrupted at 25%" in words(at)


@pytest.mark.parametrize("link", ["", "https://x.example/?a=b", "../etc", "nowhere?zoo=1", "atlas?zoo=%ff&a&=b&=&&"])
def test_a_strange_link_breaks_nothing(go, link):
    job = jobs().start("![x](http://x)", counting(go), name="n", link=link)
    until(lambda: jobs().status(job).fraction)
    at = opened()
    assert not at.exception
    assert "25%" in words(at)
    assert not any("![x](" in text.value for text in at.sidebar.markdown)


def test_many_jobs_are_counted(go):
    held = [jobs().start(f"Counting {n}", counting(go), name=f"n{n}", link="atlas") for n in range(8)]
    until(lambda: jobs().status(held[1]).fraction)
    at = opened()
    assert len(links(at)) == working.MOST
    assert any("and 3 more" in text.value for text in at.sidebar.caption)
