"""Other people's networks: recognised first, then read in the background."""

import ipaddress
import shutil
import tempfile
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import time
from typing import Any

import streamlit as st

from app_pages.handles import jobs
from app_pages.link import here
from app_pages.plain import plain
from app_pages.work import watch
from wsexplore.population import OnStep
from wsexplore.zoo import check_target, keep_path, shelf

HERE, PUBLISHED, BRING = "On this machine", "Published", "Bring your own"
"""The three shelves of the Zoo page."""

MEGABYTES = 100
"""Most that one upload may hold, all files together."""

FILES = 2000
"""Most files of one upload."""

PREFIX = "wsexplore-upload-"
"""Of the temporary folders that hold uploads until they are read."""

STALE = 24 * 3600
"""Seconds after which a temporary folder of an upload is left over from an app that was killed."""

SUFFIXES = ("safetensors", "pt", "pth", "csv")


def on_loopback() -> bool:
    """Whether only this machine can reach the app, so that its visitor may name folders of it."""
    address = str(st.get_option("server.address") or "")
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def bring_in() -> None:
    """Upload files, or name a folder of this machine; both become a zoo that every page can open."""
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Upload networks")
        _upload()
    with right:
        st.subheader("Import a folder")
        if on_loopback():
            _import()
        else:
            st.caption(
                "Folders of the server can be named only where the app listens on this machine alone: start it with "
                "`--server.address 127.0.0.1`, or run `wsexplore zoo import FOLDER --out ZOO` there."
            )


def _upload() -> None:
    st.caption(
        f"State dicts as safetensors or as `.pt` and `.pth` files without code, one network each, at most {MEGABYTES} "
        "MB together. A `table.csv` with a column `file` adds what is known of each."
    )
    given = st.file_uploader(
        "Files",
        SUFFIXES,
        accept_multiple_files=True,
        key="files",
        max_upload_size=MEGABYTES,
        label_visibility="collapsed",
    )
    name = st.text_input("Keep as a zoo called", "uploaded", key="upload-name")
    if st.button("Make a zoo", key="upload", icon=":material/upload:", disabled=not given):
        _try(lambda: _start(str(_stored(given)), name, last=False, uploaded=True), name)


def _stored(given: list[Any]) -> Path:
    """The uploaded files in a folder of their own, under names without a path.

    Raises:
        ValueError: too many, too large, or two of one name.
    """
    if len(given) > FILES:
        raise ValueError(
            f"{len(given):,} files are more than {FILES:,}; use `wsexplore zoo import` for a folder of them"
        )
    if sum(file.size for file in given) > MEGABYTES << 20:
        raise ValueError(f"the files hold more than {MEGABYTES} MB; use `wsexplore zoo import` for them")
    names = [_clean(file.name) for file in given]
    if len(set(names)) < len(names):
        raise ValueError("two of the files have one name; rename one of them")
    _sweep()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    try:
        for name, file in zip(names, given, strict=True):
            (folder / name).write_bytes(file.getbuffer())
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def _sweep() -> None:
    """Remove what an app that was killed left of its uploads."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):
            if time() - folder.lstat().st_mtime > STALE:
                shutil.rmtree(folder)


def _clean(name: str) -> str:
    last = name.replace("\\", "/").rpartition("/")[2].lstrip(".")
    return "".join(part if part.isalnum() or part in "-_." else "_" for part in last)[-80:] or "file"


def _import() -> None:
    st.caption(
        "A folder or file of this machine: a published zoo after unpacking, state dicts, `.nnet` files, or a zoo of "
        "ours. It is recognised first; nothing is read before you say so."
    )
    path = st.text_input("Folder or file", key="import-path", placeholder="downloads/tune_zoo_mnist_uniform")
    if not path.strip():
        return
    try:
        found = _recognise(path.strip())
    except (ValueError, OSError) as error:
        _refuse(error)
        return
    _tell(found)
    if found.obstacle:
        return
    epochs = st.segmented_control(
        "Checkpoints", ("last", "all"), default="last", required=True, key="import-epochs", help="Of every run."
    )
    name = st.text_input("Keep as a zoo called", _as_name(found.name), key=f"import-name-{found.name[:40]}")
    if st.button("Import", key="import", icon=":material/download:", type="primary"):
        _try(lambda: _start(path.strip(), name, last=epochs == "last", uploaded=False), name)


def _recognise(path: str) -> Any:
    from wsexplore.zoo.readers import recognise

    return recognise(path)


def _tell(found: Any) -> None:
    """What lies at the path, before it is read."""
    kind = "of an architecture that the files do not name"
    if found.architecture is not None:
        kind = f"of {found.architecture.name} with {found.architecture.layout.size:,} parameters"
    what = f"{found.format[:1].upper()}{found.format[1:]}"
    text = f"{what}: {found.networks:,} networks {kind}, {found.bytes / 1e6:,.1f} MB."
    (st.error if found.obstacle else st.success)(plain(text + (f" {found.obstacle}" if found.obstacle else "")))
    for problem in found.problems:
        st.warning(plain(problem))
    if found.says:
        with st.expander("What it says about itself", icon=":material/description:"):
            st.dataframe(
                [{"field": str(name), "value": str(value)[:200]} for name, value in found.says.items()],
                hide_index=True,
                key="import-says",
            )


def _as_name(text: str) -> str:
    return _clean(text).replace(".", "-").strip("-_")[:60] or "imported"


def _try(begin: Callable[[], None], name: str) -> None:
    """Begin an import into a zoo of this name; say why where the name is taken or none, or the files are refused."""
    try:
        if name in shelf("zoos"):
            raise ValueError(f"there is already a zoo called {name}; choose another name")
        check_target(keep_path("zoos", name))
        begin()
    except (ValueError, OSError) as error:
        _refuse(error)
    else:
        st.rerun()


def _refuse(error: Exception) -> None:
    """One sentence; the rest of the page stays."""
    text = str(error)
    st.error(plain(f"{text[:1].upper()}{text[1:].removesuffix('.')}."))


def _start(path: str, name: str, *, last: bool, uploaded: bool) -> None:
    """Begin the import as a job that this visitor's page watches."""
    job = jobs().start(f"Importing {name}", _work(path, name, last, uploaded), link=here())
    st.session_state["bringing"] = (job, name)


def _work(path: str, name: str, last: bool, uploaded: bool) -> Callable[[OnStep], int]:
    """The import; an upload is removed after it, and also where it is cancelled before it began."""

    def work(on_step: OnStep) -> int:
        from wsexplore.zoo.readers import import_zoo

        try:
            out = keep_path("zoos", name)
            return len(import_zoo(path, out=out, epochs="last" if last else None, on_step=on_step))
        finally:
            if uploaded:
                shutil.rmtree(path, ignore_errors=True)

    if uploaded:
        weakref.finalize(work, shutil.rmtree, path, ignore_errors=True)
    return work


def brought() -> None:
    """How far the import is that was asked for; once it has ended, what came of it."""
    if (asked := st.session_state.get("bringing")) is None:
        return
    job, name = asked
    status = jobs().status(job)
    if status is not None and not status.ended:
        watch(job)
        return
    del st.session_state["bringing"]
    if status is None or status.state in ("cancelled", "interrupted"):
        st.info("The import was cancelled; nothing was written.")
    elif status.state == "failed":
        _refuse(ValueError(status.error))
    else:
        st.success(plain(f"{status.result:,} networks are here as {name}."))
        st.button(
            f"Show {plain(name)}", key="show-brought", icon=":material/folder_open:", on_click=_show, args=(name,)
        )
    jobs().forget(job)


def _show(name: str) -> None:
    st.session_state["zoo"], st.session_state["shelf"] = name, HERE
