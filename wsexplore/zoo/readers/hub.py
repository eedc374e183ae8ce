"""Repositories of the Hugging Face hub: `hf:owner/name@revision`, or `hf:datasets/owner/name@revision`.

Only files of weights and tables are fetched, at one commit, into the hub's own cache. Where there is no network, what
the cache holds is taken.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wsexplore.zoo.readers.found import Found
from wsexplore.zoo.readers.tree import Tree

if TYPE_CHECKING:
    from huggingface_hub import DatasetInfo, ModelInfo

PREFIX = "hf:"
ADDRESS = re.compile(r"hf:(?P<kind>datasets/)?(?P<name>[\w.-]{1,96}/[\w.-]{1,96})(?:@(?P<revision>[\w./-]{1,128}))?")
COMMIT = re.compile(r"[0-9a-f]{40}")
WANTED = (
    "*.safetensors",
    "*.pt",
    "*.pth",
    "*.npy",
    "*.nnet",
    "*.csv",
    "*.csv.gz",
    "*.tsv",
    "*.parquet",
    "*.json",
    "*/checkpoints",
)
"""Files of weights and tables; nothing else is fetched."""

LARGEST = 64 << 30
"""Most bytes that are fetched."""


@dataclass(frozen=True, slots=True)
class Address:
    """A repository at a revision; without one, the newest commit is taken and kept in the recipe."""

    name: str
    kind: str
    revision: str | None

    @classmethod
    def of(cls, text: str) -> "Address":
        """The address in `hf:owner/name@revision`.

        Raises:
            ValueError: it has another form.
        """
        match = ADDRESS.fullmatch(text)
        if match is None or ".." in text:
            raise ValueError(f"{text[:120]!r} is no repository; write hf:owner/name@revision or hf:datasets/owner/name")
        return cls(match["name"], "dataset" if match["kind"] else "model", match["revision"])


def look(text: str) -> Found:
    """What a repository holds, without fetching it.

    Raises:
        ValueError: the address has another form, there is no such repository, or no network and nothing in the cache.
    """
    address = Address.of(text)
    with _said(address):
        info = _info(address)
        files = [file for file in info.siblings or [] if _is_wanted(file.rfilename)]
        size = sum(file.size or 0 for file in files)
        says = {"commit": info.sha, "files": len(files), "licence": _licence(info)}
        obstacle = "" if files else f"{address.name} holds no file of weights"
        return Found("repository of the Hugging Face hub", address.name, len(files), None, size, says, (), obstacle)


def fetched(text: str, on_step: Callable[[float, str], None]) -> tuple[Tree, dict[str, Any]]:
    """The files of a repository in the hub's cache, and the commit and licence for the recipe.

    Raises:
        ValueError: the address has another form, there is no such repository, it is too large, or there is no network
            and nothing in the cache.
    """
    address = Address.of(text)
    with _said(address):
        from httpx2 import TransportError
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import OfflineModeIsEnabled

        notes: dict[str, Any] = {"repository": address.name}
        on_step(0.0, f"asking for {address.name}")
        try:
            found = look(text)
            if found.obstacle or found.bytes > LARGEST:
                raise ValueError(
                    found.obstacle
                    or f"{address.name} holds {found.bytes >> 30:,} GiB; at most {LARGEST >> 30} are fetched"
                )
            address = replace(address, revision=str(found.says["commit"]))
            notes["licence"] = found.says["licence"]
            offline = False
        except (TransportError, OfflineModeIsEnabled, Unreachable):
            offline = True
        folder = snapshot_download(
            address.name,
            repo_type=address.kind,
            revision=address.revision,
            allow_patterns=list(WANTED),
            local_files_only=offline,
        )
        commit = Path(folder).name
        if not COMMIT.fullmatch(commit):
            raise ValueError(f"the cache of {address.name} is not that of a commit; delete it and fetch it again")
        return Tree.of(folder), {**notes, "commit": commit}


class Unreachable(ValueError):
    """The hub cannot be reached."""


def _info(address: Address) -> "ModelInfo | DatasetInfo":
    from huggingface_hub import HfApi

    info: Any = HfApi().repo_info(
        address.name, repo_type=address.kind, revision=address.revision, files_metadata=True, timeout=20
    )
    if not isinstance(info.sha, str) or not COMMIT.fullmatch(info.sha):
        raise ValueError(f"the hub gives no commit for {address.name}; name one with @revision")
    return info  # type: ignore[no-any-return]


def _is_wanted(name: str) -> bool:
    from fnmatch import fnmatch

    return any(fnmatch(name, pattern) for pattern in WANTED)


def _licence(info: Any) -> str:
    tags = [tag.removeprefix("license:") for tag in info.tags or [] if tag.startswith("license:")]
    return ", ".join(tags)[:100] or "not stated"


@contextmanager
def _said(address: Address) -> Iterator[None]:
    """Turn what the hub's library raises into one sentence.

    Raises:
        ValueError: the library is missing, or the hub refuses.
    """
    try:
        from httpx2 import TransportError
        from huggingface_hub.errors import (
            GatedRepoError,
            HfHubHTTPError,
            LocalEntryNotFoundError,
            OfflineModeIsEnabled,
            RepositoryNotFoundError,
            RevisionNotFoundError,
        )
    except ImportError:
        raise ValueError("reading from the Hugging Face hub needs its library; install wsexplore[hub]") from None
    try:
        yield
    except GatedRepoError:
        raise ValueError(f"{address.name} wants its terms accepted first; do so on its page and log in") from None
    except RevisionNotFoundError:
        raise ValueError(f"{address.name} has no revision {address.revision}; check it") from None
    except LocalEntryNotFoundError:
        raise ValueError(
            f"{address.name} cannot be reached and its files are not in the cache; fetch it where there is a network"
        ) from None
    except RepositoryNotFoundError:
        raise ValueError(
            f"there is no repository {address.name} on the hub, or it is private; check the name"
        ) from None
    except (TransportError, OfflineModeIsEnabled):
        raise Unreachable(f"the hub cannot be reached to ask for {address.name}; check the network") from None
    except HfHubHTTPError as error:
        raise ValueError(f"the hub refuses {address.name}: {str(error).splitlines()[0][:200]}") from None
