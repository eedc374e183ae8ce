"""Sample: new networks from a flow over weights, watched on their way, judged, and compared with what was trained."""

from typing import Any

import streamlit as st

from app_pages.beside import beside
from app_pages.draw import DrawSettings, draw_settings, told_cost
from app_pages.drawing import Drawn, draw_networks, drawing_cost, fitted_rows
from app_pages.drawn import filling, wall
from app_pages.frame import recipe
from app_pages.maps import ensure_maps
from app_pages.offer import Offer, flow_there, say_offer
from app_pages.onward import onward
from app_pages.pick import current_flow
from app_pages.report import compared, judged, judging_cost, short_verdict, show_report
from app_pages.seat import choose_seat, heard
from app_pages.summary import answered, summary
from app_pages.travel import travel
from app_pages.tuned import tuned
from app_pages.within import choose_within, said_share
from app_pages.work import result_of

st.title("Can we draw a network that nobody trained?")
st.caption(
    "A flow over weights turns noise into the weights of a network. Watch it happen; then see whether the samples are "
    "any good, whether they are new, and what does as well without a flow."
)
seat = choose_seat()
with heard():
    offer = Offer.of(seat, flow_there(seat, current_flow()))
    home, source = offer.home()
say_offer(offer)
ensure_maps(home, source)
field = source.architecture.task == "field"


def said_cost(settings: DrawSettings) -> str:
    """What a click takes."""
    judging = judging_cost(source.architecture.layout.size, offer.networks)
    return told_cost(drawing_cost(seat, offer, source, settings), judging)


within = choose_within()
settings = draw_settings(offer, said_cost, field=field)
told = f"{offer.key} {source.fingerprint} {settings} {within}"


def draw(progress: Any) -> Drawn:
    """The work of a click."""
    return draw_networks(
        seat, offer, home, source, settings, within, progress, progress.partial if field else lambda film: None
    )


drawn: Drawn = result_of(
    f"draw {told}",
    f"Drawing {settings.count:,} networks",
    draw,
    cost=drawing_cost(seat, offer, source, settings),
    show=(lambda film: filling(film, settings.count, settings.turn)) if field else None,
)
if within.selection:
    st.markdown(said_share(len(drawn.zoo), len(drawn.outside), settings.count))
numbers = st.container()
slot = st.container()
part = source.select(fitted_rows(source, offer))
report = judged(told, offer, source, drawn, settings.seed, slot)
with numbers:
    goal = summary(drawn, part, report)
    answered(drawn, settings, report)
if report is not None:
    slot.markdown(f"**Verdict.** {compared(settings, within)}{short_verdict(report)}")
if field:
    wall(drawn, source, settings.turn)
travel(home, drawn, within, goal)
if not field:
    beside(drawn, source)
recipe(drawn.zoo.recipe)
if report is not None:
    st.divider()
    show_report(report, lambda: tuned(told, offer.dataset, part, drawn))
onward(drawn.zoo, f"{offer.name}-drawn-{settings.seed}")
