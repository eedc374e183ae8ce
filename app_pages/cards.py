"""Cards: every zoo on this machine, and every published one we know of."""

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from app_pages.frame import sentence
from app_pages.handles import open_zoo, version_of
from app_pages.plain import plain
from wsexplore.settings import settings
from wsexplore.zoo import item, shelf
from wsexplore.zoo.published import PUBLISHED, PublishedZoo
from wsexplore.zoo.trash import discard, discarded, is_kept, restore


@dataclass(frozen=True, slots=True)
class Facts:
    """What a card says of a zoo.

    Attributes:
        architecture: name of the family.
        parameters: of one network.
        data: the data set, empty where the table does not tell.
        networks: number of rows.
        runs: number of trained networks.
        megabytes: on disk.
        quality: mean test accuracy, or PSNR of fields, of the last checkpoint of each run; how good they are.
        licence: of the weights, empty where the recipe does not tell.
        source: where they come from.
        problem: why the zoo cannot be opened; then nothing else is known.
    """

    architecture: str = ""
    parameters: int = 0
    data: str = ""
    networks: int = 0
    runs: int = 0
    megabytes: float = 0.0
    quality: str = ""
    licence: str = ""
    source: str = ""
    problem: str = ""


@st.cache_data(max_entries=256, show_spinner="Looking at the zoos…")
def _facts(name: str, version: float) -> Facts:
    folder = item("zoos", name)
    try:
        zoo = open_zoo(name)
    except (ValueError, OSError) as error:
        return Facts(problem=str(error))
    table, told = zoo.table, zoo.recipe.arguments
    names = [str(value) for value in table["dataset"].unique()[:3]] if "dataset" in table else []
    return Facts(
        zoo.architecture.name,
        zoo.architecture.layout.size,
        ", ".join(names),
        len(zoo),
        int(table["run"].nunique()),
        sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6,
        _quality(table),
        str(told.get("licence") or ("" if is_kept(name) else "MIT")),
        "ships with wsexplore" if not is_kept(name) else f"kept here, made by {zoo.recipe.action}",
    )


def _quality(table: pd.DataFrame) -> str:
    """The mean of the last checkpoints' metric, in words."""
    for column, text in (("test_accuracy", "mean test accuracy **{:.1%}**"), ("psnr", "mean PSNR **{:.1f} dB**")):
        if column in table and table[column].notna().any():
            return text.format(table.loc[table.groupby("run")["epoch"].idxmax(), column].mean())
    return "how good they are is not known"


def facts_of(name: str) -> Facts:
    """What there is to say of a zoo on the shelf."""
    try:
        version = version_of("zoos", name)
    except ValueError as error:
        return Facts(problem=str(error))
    return _facts(name, version)


def zoo_cards(opened: str) -> None:
    """One card for each zoo on this machine; `opened` is the one that the page shows below."""
    _undo()
    with st.grid("auto", min_column_width=300):
        for name in sorted(shelf("zoos"), key=lambda name: (is_kept(name), name)):
            with st.container(border=True, height="stretch", key=f"card-{name}", gap="small"):
                _card(name, facts_of(name), opened=name == opened)


def _card(name: str, facts: Facts, *, opened: bool) -> None:
    st.markdown(f"##### {plain(name)}")
    if facts.problem:
        st.caption(plain(f"It cannot be opened: {facts.problem}."))
    else:
        st.markdown(
            f"**{facts.networks:,}** networks from **{facts.runs:,}** runs  \n"
            f"{plain(facts.architecture)} of **{facts.parameters:,}** parameters  \n"
            f"trained on {plain(facts.data or 'data it does not name')}  \n"
            f"{facts.quality}"
        )
        licence = f"{plain(facts.licence)}, " if facts.licence else ""
        st.caption(f"{facts.megabytes:,.1f} MB. {licence}{plain(facts.source)}.")
    st.space("stretch")
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        if not facts.problem:
            st.button(
                "Shown" if opened else "Open",
                key=f"open-{name}",
                icon=":material/check:" if opened else ":material/folder_open:",
                disabled=opened,
                on_click=_open,
                args=(name,),
            )
            if opened:
                st.page_link("app_pages/atlas.py", label="Atlas", icon=":material/map:", width="content")
        if is_kept(name):
            st.button(
                "Delete",
                key=f"delete-{name}",
                icon=":material/delete:",
                type="tertiary",
                on_click=_delete,
                args=(name,),
            )


def _open(name: str) -> None:
    st.session_state["zoo"] = name


def _delete(name: str) -> None:
    _tried(lambda: discard(name))
    if st.session_state.get("zoo") == name:
        del st.session_state["zoo"]


def _tried(act: object) -> None:
    """Run a callback's work; what goes wrong is said on the page that follows."""
    st.session_state.pop("went-wrong", None)
    try:
        act()  # type: ignore[operator]
    except (ValueError, OSError) as error:
        st.session_state["went-wrong"] = str(error)


def _undo() -> None:
    """What went wrong with the last click, and the way back from the last deletion."""
    if (wrong := st.session_state.pop("went-wrong", None)) is not None:
        with sentence():
            raise ValueError(wrong)
    name = discarded()
    if name is None:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            f"{plain(name)} was deleted. It can be brought back until something else is deleted.", width="content"
        )
        st.button("Undo", key="undo", icon=":material/undo:", type="tertiary", on_click=_tried, args=(restore,))


def published_cards(search: str) -> None:
    """One card for each published zoo whose text holds every word of `search`."""
    wanted = search.lower().split()
    found = [zoo for zoo in PUBLISHED if all(word in _text(zoo) for word in wanted)]
    if not found:
        st.info("No published zoo matches these words. Try a data set, like mnist, or an architecture, like resnet.")
        return
    with st.grid("auto", min_column_width=300):
        for zoo in found:
            with st.container(border=True, height="stretch", key=f"published-{zoo.name}", gap="small"):
                _published_card(zoo)


def _text(zoo: PublishedZoo) -> str:
    return f"{zoo.name} {zoo.title} {zoo.architecture} {zoo.data} {zoo.licence}".lower()


def _published_card(zoo: PublishedZoo) -> None:
    runs = f"**{zoo.runs:,}** runs" if zoo.runs else "number of runs not stated"
    networks = f", **{zoo.networks:,}** networks" if zoo.networks and zoo.networks != zoo.runs else ""
    size = f" of **{zoo.parameters:,}** parameters" if zoo.parameters else ""
    st.markdown(f"##### {zoo.title}")
    st.markdown(f"{runs}{networks}  \n{plain(zoo.architecture)}{size}  \ntrained on {plain(zoo.data)}")
    weights = ""
    if zoo.megabytes is not None:
        amount = f"{zoo.megabytes / 1000:,.1f} GB" if zoo.megabytes >= 1000 else f"{zoo.megabytes:,.1f} MB"
        weights = f"{amount} of weights" + ("" if zoo.networks else ", one checkpoint per run") + ". "
    st.caption(f"{weights}Licence: {zoo.licence}. {zoo.note}")
    st.space("stretch")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.link_button("Source", zoo.source, icon=":material/open_in_new:")
        if zoo.folder:
            with st.popover("Import it", icon=":material/download:", type="tertiary", key=f"how-{zoo.name}"):
                st.markdown("Download it from its source, unpack it, and run")
                st.code(zoo.command(str(settings().user / "zoos" / zoo.name)), language="bash", wrap_lines=True)
                st.caption("or name the unpacked folder under *Bring your own*.")
