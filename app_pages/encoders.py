"""The encoders that there are, and how they compare."""

import shutil
import zipfile
from io import BytesIO

import pandas as pd
import streamlit as st

from app_pages.frame import sentence, show
from app_pages.handles import open_alignment, open_encoder
from app_pages.plain import plain
from wsexplore.align import Alignment, align
from wsexplore.embed.reference import best_row
from wsexplore.figures import history_figure
from wsexplore.population import OnStep
from wsexplore.settings import settings
from wsexplore.zoo import Zoo, item, shelf

HASHED = 100_000
"""Networks up to which a zoo is told from others by its content; hashing more takes seconds."""


def encoders_of(zoo: Zoo) -> list[str]:
    """Names of the encoders that read a zoo's networks; those fitted to this very zoo first."""
    found = []
    for name in sorted(shelf("encoders")):
        try:
            encoder = open_encoder(name)
            encoder.reader_of(zoo.architecture)
        except ValueError:
            continue
        found.append((len(zoo) > HASHED or zoo.fingerprint not in encoder.fitted_on, name))
    return [name for _, name in sorted(found)]


def aligned_zoo(name: str, zoo: Zoo, on_step: OnStep | None = None) -> Zoo:
    """The zoo in one frame: as it was stored with its maps, else aligned by run to its best network."""
    stored = _stored(name, zoo)
    if stored is not None:
        return stored.apply(zoo, on_step=on_step)
    return align(zoo, reference=best_row(zoo), by="run", on_step=on_step)


def _stored(name: str, zoo: Zoo) -> Alignment | None:
    """The alignment that was stored with the maps, where it is of this very zoo."""
    try:
        stored = open_alignment(name)
    except ValueError:
        return None
    return stored if stored.fitted_on == zoo.fingerprint else None


def python_of(name: str, zoo: Zoo, encoder: str) -> str:
    """Lines of Python that make the zoo, the encoder and the aligned zoo, as `aligned_zoo` gives it."""
    if _stored(name, zoo) is not None:
        aligned = f'wx.Alignment.open(item("alignments", {name!r})).apply(zoo)'
    else:
        aligned = f'wx.align(zoo, reference={best_row(zoo)}, by="run")'
    return "\n".join(
        [
            "import numpy as np",
            "import wsexplore as wx",
            "from wsexplore.embed import LatentPlane, SampleSettings",
            "from wsexplore.zoo import item",
            f'zoo = wx.Zoo.open(item("zoos", {name!r}))',
            f"encoder = wx.Encoder.open({encoder!r})",
            f"aligned = {aligned}",
        ]
    )


def compared(zoo: Zoo, names: list[str]) -> None:
    """What each encoder is, and how far its training went."""
    st.header("Encoders of these networks")
    rows = []
    for name in names:
        encoder = open_encoder(name)
        best = min(encoder.history, key=lambda one: one.judged)
        rows.append(
            {
                "encoder": name,
                "latent of": encoder.config.latent_of,
                "latent": encoder.config.latent,
                "parameters": encoder.size,
                "steps": best.step,
                "error": best.loss,
                "error, kept out": best.held_out_loss,
                "networks": sum(encoder.networks),
            }
        )
    st.dataframe(pd.DataFrame(rows), hide_index=True, key="encoders")
    name = st.session_state.get("encoder", names[0])
    chosen = open_encoder(name)
    show(
        history_figure(chosen.history),
        key="history",
        alt=f"Error of reconstruction by step; {chosen.history[-1].judged:.3f} at the end",
        table=pd.DataFrame(
            [{"step": one.step, "error": one.loss, "held_out": one.held_out_loss} for one in chosen.history]
        ),
    )
    if chosen.stopped:
        st.warning(f"The training ended early: {chosen.stopped}.")
    _take_or_delete(name)


def _take_or_delete(name: str) -> None:
    """A download of the chosen encoder, and the way to delete one that was kept."""
    if (wrong := st.session_state.pop("encoder-went-wrong", None)) is not None:
        with sentence():
            raise ValueError(wrong)
    with st.container(horizontal=True):
        st.download_button(
            f"Download {plain(name)}",
            lambda: _zipped(name),
            f"{name}.zip",
            "application/zip",
            key="download-encoder",
            icon=":material/download:",
            on_click="ignore",
            help="A folder of safetensors and a manifest. Unpacked, `wx.Encoder.open` and the commands read it.",
        )
        if (settings().user / "encoders" / name).is_dir():
            with st.popover("Delete", icon=":material/delete:", type="tertiary", key="delete-encoder"):
                st.write(plain(f"{name} is gone for good then; download it first to keep it elsewhere."))
                st.button("Delete it", key="delete-encoder-now", on_click=_delete, args=(name,))


def _zipped(name: str) -> bytes:
    """The folder of an encoder as one file."""
    folder, packed = item("encoders", name), BytesIO()
    with zipfile.ZipFile(packed, "w") as whole:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            whole.write(file, f"{name}/{file.relative_to(folder)}")
    return packed.getvalue()


def _delete(name: str) -> None:
    """Delete a kept encoder, whole or not at all; what goes wrong is said on the page that follows."""
    home = settings().user / "encoders" / name
    gone = home.with_name(f".{name}-deleted")
    try:
        shutil.rmtree(gone, ignore_errors=True)
        home.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)
    except OSError as error:
        st.session_state["encoder-went-wrong"] = f"{name} cannot be deleted: {error.strerror}"
        return
    st.session_state.pop("encoder", None)
