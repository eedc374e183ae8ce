"""Align: two networks, and a whole zoo, before and after their units are put in one order."""

import streamlit as st

from app_pages.anatomy import anatomy
from app_pages.attacked import attack
from app_pages.chosen import chosen
from app_pages.frame import sentence
from app_pages.link import check_link
from app_pages.methods import method_by_method
from app_pages.mountain import mountain
from app_pages.pair import Pair
from app_pages.partners import partners
from app_pages.pick import current_pair, current_zoo, data_of
from app_pages.rescaling import rescaling
from app_pages.whole import whole
from wsexplore.align import METHODS, spec_of
from wsexplore.landscape import repairs_of

PARTS = {
    "Barrier": mountain,
    "Units": partners,
    "Methods": method_by_method,
    "Whole zoo": whole,
    "Scales": rescaling,
    "Attack": attack,
}
MATCHED = ("Barrier", "Units", "Methods", "Whole zoo")
"""Parts that ask how units are matched."""

REPAIRED = ("Methods", "Attack")
"""Parts that ask what is done to the networks between; the others show all there is."""

TOLD = {
    "none": "Units keep the scales that training gave them.",
    "minimum-norm": "Both networks go to their least norm, the functions stay.",
    "unit-norm": "Every unit receives weights of norm 1, the functions stay.",
}
"""Representatives of the scale symmetry, as the caption tells of them."""

BETWEEN = {
    "none": "Judged as they are; running statistics are mixed like weights.",
    "reset": "Running statistics are measured anew on training samples.",
    "repair": "Every channel gets the spread that it has at the two ends (REPAIR).",
}
"""Repairs of the networks between, as the caption tells of them."""

METHODS_TOLD = "\n".join(f"- **{key}**: {found.description}" for key, found in METHODS.items())
SCALES_TOLD = (
    "Bring every network to one representative of its scale symmetry before matching: "
    "the least norm of all weights, or norm 1 for what each unit receives."
)
BETWEEN_TOLD = "A mean of two networks has statistics of its own. What is done about it before it is judged."

name, zoo = current_zoo()
st.title("Is the mountain between two networks real?")
st.caption(
    "Hidden units have no order of their own: permute them, and the network computes the same function. "
    "Matching finds the order in which the second network lies closest to the first, and most of the barrier is gone."
)
first, second = current_pair(zoo)
with sentence():
    spec = spec_of(zoo.architecture_of(first))
parts = list(PARTS) if len(zoo) > 1 and spec.groups else ["Scales"]
if len(zoo) == 1:
    st.info("This zoo holds one network. Matching needs two; what may be permuted and rescaled in one is shown here.")
elif not spec.groups:
    st.info("These networks have no hidden units that may be permuted, so there is nothing to align.")
part = parts[0]
if len(parts) > 1:
    check_link("part", parts, "part")
    part = st.segmented_control(
        "Part of the page",
        parts,
        default=part,
        required=True,
        key="part",
        bind="query-params",
        label_visibility="collapsed",
        wrap=True,
    )
data = data_of(zoo)
method, canonical, repair = "auto", "none", "none"
cells = st.columns(2)
if part in MATCHED and part != "Methods":
    names = [key for key, found in METHODS.items() if not (zoo.architecture.task == "field" and found.needs_data)]
    with cells[0]:
        method = chosen("matching", "Matching", names, what="matching method", help=METHODS_TOLD)
        st.caption(f"{METHODS[method].description}.")
if part in MATCHED and set(spec.rescaling.kinds.values()) - {"sign"}:
    with cells[0 if part == "Methods" else 1]:
        canonical = chosen("scales", "Scales first", list(TOLD), what="canonical form", help=SCALES_TOLD)
        st.caption(TOLD[canonical])
ways = repairs_of(zoo.architecture_of(first)) if part in REPAIRED and zoo.architecture.task != "field" else ()
if ways:
    usual = "reset" if "reset" in ways else "none"
    with cells[1 if part == "Methods" else 0]:
        repair = chosen("between", "Networks between", ("none", *ways), what="repair", help=BETWEEN_TOLD, usual=usual)
        st.caption(BETWEEN[repair])
pair = Pair(name, zoo, first, second, data, method, canonical, repair)
with sentence():
    PARTS[part](pair)
anatomy(pair)
