"""A user's own images: a sub-folder for each class, or a table of files and labels."""

import hashlib
import os
import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from wsexplore.datasets.pixels import check_room
from wsexplore.datasets.samples import Raw, stratified
from wsexplore.datasets.text import class_numbers, read_table

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
FORMATS = ("PNG", "JPEG", "WEBP")
MOST_IMAGES = 100_000
MOST_PIXELS = 1 << 25
"""Most pixels of one image: 33,554,432."""
MOST_BYTES = 4 << 30
"""Most bytes of all files together."""
TABLE = "labels.csv"

_BROKEN = (OSError, SyntaxError, ValueError, EOFError, KeyError, IndexError, TypeError, struct.error, zlib.error)
"""What Pillow raises for a broken file."""


@dataclass(frozen=True, slots=True)
class _Found:
    """An image file, its label, and what its header says."""

    file: Path
    label: str
    size: tuple[int, int]
    grey: bool


def read_folder(path: str, side: int | None = None) -> Raw:
    """PNG, JPEG and WebP images of a folder, as bytes; a fifth of each class is for testing.

    The classes are the sub-folders, with all that lies below them, or the labels of `labels.csv` (columns `file` and
    `label`). All images are resized to the most common size, or to `side` by `side`, whatever their proportions. They
    are grey if all files are, otherwise in colour; transparent parts are white. Hidden files and files of other kinds
    are left out.

    Raises:
        ValueError: there is nothing to read, an image is broken or too large, or a link leads out of the folder.
    """
    root = Path(path)
    if not root.is_dir():
        raise ValueError(f"{path} is no folder; give the folder whose sub-folders are the classes")
    files = _from_table(root) if (root / TABLE).exists() else _from_folders(root)
    classes, targets = class_numbers(path, [label for _, label in files], "images")
    _check_bytes(root, files)
    found = [_look(file, label) for file, label in files]
    grey = all(image.grey for image in found)
    width, height = (side, side) if side else _most_common([image.size for image in found])
    check_room(len(found) * width * height * (1 if grey else 3), max(width, height))
    images = np.empty((len(found), height, width) if grey else (len(found), 3, height, width), np.uint8)
    content = hashlib.sha256()
    for row, image in enumerate(found):
        images[row], digest = _decode(root, image.file, width, height, grey=grey)
        content.update(f"{image.file.relative_to(root).as_posix()}\0{image.label}\0{digest}\n".encode())
    train, test = stratified(targets)
    return Raw((images[train], targets[train]), (images[test], targets[test]), classes, digest=content.hexdigest()[:16])


def _from_folders(root: Path) -> list[tuple[Path, str]]:
    """Every image below a sub-folder, with the sub-folder's name, in the order of the paths."""
    files: list[tuple[Path, str]] = []
    for place, folders, names in os.walk(root, onerror=_unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in folders:
            if (Path(place) / name).is_symlink():
                raise ValueError(f"{Path(place) / name} is a link to a folder; put the images themselves there")
        inside = Path(place).relative_to(root).parts
        for name in sorted(names):
            if name.startswith(".") or not name.lower().endswith(SUFFIXES):
                continue
            if not inside:
                raise ValueError(
                    f"{root / name} has no class; put it into a sub-folder that is named after its class, "
                    f"or list it in {TABLE} with the columns file and label"
                )
            if len(files) == MOST_IMAGES:
                raise ValueError(f"{root} holds more than {MOST_IMAGES:,} images; use a part of them")
            files.append((_inside(root, Path(place) / name), inside[0]))
    return sorted(files)


def _from_table(root: Path) -> list[tuple[Path, str]]:
    """Every image that the table lists, with its label, in the order of the paths."""
    _, rows = read_table(_inside(root, root / TABLE), ("file", "label"))
    if len(rows) > MOST_IMAGES:
        raise ValueError(f"{root / TABLE} lists more than {MOST_IMAGES:,} images; use a part of them")
    files = [(_inside(root, root / file), label) for file, label in rows if _is_plain(root, file)]
    if twice := [str(file) for file, count in Counter(file for file, _ in files).items() if count > 1]:
        raise ValueError(f"{root / TABLE} lists {twice[0]} twice; an image has one label")
    return sorted(files)


def _is_plain(root: Path, file: str) -> bool:
    if not file or "\0" in file or Path(file).is_absolute() or ".." in Path(file).parts:
        raise ValueError(f"{root / TABLE} lists {file!r}; files are named by their path inside of the folder")
    if not file.lower().endswith(SUFFIXES):
        raise ValueError(f"{root / TABLE} lists {file!r}; images are {', '.join(SUFFIXES)}")
    return True


def _unreadable(error: OSError) -> None:
    raise ValueError(f"{error.filename} cannot be read ({error.strerror}); check its permissions")


def _inside(root: Path, file: Path) -> Path:
    if not file.resolve().is_relative_to(root.resolve()):
        raise _Refused(f"{file} is a link that leads out of the folder; put the image itself there")
    if not file.is_file():
        raise _Refused(f"{file} is not there, or is no file")
    return file


def _check_bytes(root: Path, files: list[tuple[Path, str]]) -> None:
    if (total := sum(file.stat().st_size for file, _ in files)) > MOST_BYTES:
        raise ValueError(f"the images in {root} take {total:,} bytes, more than {MOST_BYTES:,}; use a part of them")


def _look(file: Path, label: str) -> _Found:
    with _reading(file), file.open("rb") as stream:
        image = _open(file, stream)
        turned = image.format != "PNG" and image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
        width, height = image.size
        grey = image.mode in ("1", "L", "LA") or image.mode.startswith("I")
        return _Found(file, label, (height, width) if turned else (width, height), grey)


def _decode(root: Path, file: Path, width: int, height: int, *, grey: bool) -> tuple[NDArray[np.uint8], str]:
    """The pixels at this size, and the hash of the file."""
    with _reading(file), _inside(root, file).open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        stream.seek(0)
        upright = ImageOps.exif_transpose(_open(file, stream))
        plain = _plain(upright).convert("L" if grey else "RGB")
        pixels = np.asarray(plain.resize((width, height), Image.Resampling.BILINEAR))
    return (pixels if grey else pixels.transpose(2, 0, 1)), digest


def _open(file: Path, stream: IO[bytes]) -> Image.Image:
    """The image, of which Pillow has read the header only."""
    image = Image.open(stream, formats=FORMATS)
    if image.width * image.height > MOST_PIXELS:
        raise _too_large(file)
    return image


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    """Turn what Pillow raises for a broken or huge file into one sentence."""
    try:
        yield
    except _Refused:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large(file) from None
    except _BROKEN as error:
        raise _Refused(
            f"{file} is no PNG, JPEG or WebP image, or is broken ({type(error).__name__}); remove or replace it"
        ) from None


class _Refused(ValueError):
    """A file that is refused with a sentence of its own."""


def _too_large(file: Path) -> ValueError:
    return _Refused(f"{file} has more than {MOST_PIXELS:,} pixels; make it smaller")


def _plain(image: Image.Image) -> Image.Image:
    """Eight bits and no transparency: what is transparent becomes white."""
    if image.mode.startswith("I"):
        return Image.fromarray((np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8))
    if not image.has_transparency_data:
        return image
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))


def _most_common(sizes: list[tuple[int, int]]) -> tuple[int, int]:
    counts = Counter(sizes)
    return min(counts, key=lambda size: (-counts[size], size))
