import os
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from wsexplore.datasets import dataset, read_folder


def write_image(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels, np.uint8)).save(path, **options)


@pytest.fixture
def pictures(tmp_path):
    """Ten dark and ten light grey images of 6 rows and 5 columns."""
    draw = np.random.default_rng(0)
    for label, low in (("dark", 0), ("light", 128)):
        for number in range(10):
            write_image(tmp_path / "pictures" / label / f"{number}.png", draw.integers(low, low + 128, (6, 5)))
    return tmp_path / "pictures"


def table(folder, rows):
    (folder / "labels.csv").write_text("file,label\n" + "".join(f"{file},{label}\n" for file, label in rows))


def test_sub_folders_are_classes_and_a_fifth_of_each_is_for_testing(pictures):
    data = dataset(f"folder:{pictures}")
    assert data.classes == ("dark", "light")
    assert (len(data.train), len(data.test), data.input_shape, data.image_shape) == (16, 4, (6, 5), (1, 6, 5))
    assert torch.bincount(data.test.targets).tolist() == [2, 2]
    means = data.images(data.test.inputs).mean((1, 2))
    assert ((means > 0.5) == (data.test.targets == 1)).all()


def test_pixels_are_read_as_they_were_written(pictures):
    written = {np.asarray(Image.open(file)).tobytes() for file in pictures.rglob("*.png")}
    raw = read_folder(str(pictures))
    assert {image.tobytes() for image in np.concatenate([raw.train[0], raw.test[0]])} == written


def test_the_name_holds_a_hash_of_the_content(pictures, tmp_path):
    first = dataset(f"folder:{pictures}")
    assert dataset(first.name).name == first.name
    assert torch.equal(dataset(first.name).train.inputs, first.train.inputs)
    pictures.rename(tmp_path / "moved")
    moved = dataset(f"folder:{tmp_path / 'moved'}")
    assert moved.name.split("#")[1] == first.name.split("#")[1]
    assert torch.equal(moved.train.inputs, first.train.inputs)


def test_other_content_than_the_name_says_is_refused(pictures):
    name = dataset(f"folder:{pictures}@8").name
    assert "@8#" in name
    write_image(pictures / "dark" / "0.png", np.ones((6, 5)))
    with pytest.raises(ValueError, match="is no longer what"):
        dataset(name)


def test_a_change_is_seen_where_no_hash_was_asked_for(pictures):
    before = dataset(f"folder:{pictures}")
    write_image(pictures / "dark" / "0.png", np.ones((6, 5)))
    assert dataset(f"folder:{pictures}").name != before.name


@pytest.mark.parametrize("name", ["a.jpg", "a.jpeg", "a.webp", "a.PNG"])
def test_jpeg_and_webp_are_images_too(pictures, name):
    write_image(pictures / "dark" / name, np.zeros((6, 5)))
    assert len(dataset(f"folder:{pictures}").train) == 17


def test_images_take_the_most_common_size_or_the_one_asked_for(pictures):
    write_image(pictures / "dark" / "wide.png", np.zeros((6, 50)))
    assert dataset(f"folder:{pictures}").input_shape == (6, 5)
    assert dataset(f"folder:{pictures}@7").input_shape == (7, 7)


def test_one_colour_image_makes_them_all_coloured_and_gray_undoes_it(pictures):
    red = np.zeros((6, 5, 3))
    red[..., 0] = 255
    write_image(pictures / "dark" / "red.png", red)
    raw = read_folder(str(pictures))
    images = np.concatenate([raw.train[0], raw.test[0]])
    assert images.shape[1:] == (3, 6, 5)
    assert any((image[0] == 255).all() and not image[1:].any() for image in images)
    assert dataset(f"folder:{pictures}:gray").input_shape == (6, 5)


def test_transparent_parts_are_white(pictures):
    write_image(pictures / "dark" / "clear.png", np.zeros((6, 5, 4)))
    raw = read_folder(str(pictures))
    assert any((image == 255).all() for image in np.concatenate([raw.train[0], raw.test[0]]))


def test_sixteen_bits_are_read_as_their_upper_eight(pictures):
    deep = pictures / "dark" / "deep.png"
    Image.fromarray(np.full((6, 5), 0x4280, np.uint16)).save(deep)
    raw = read_folder(str(pictures))
    assert any((image == 0x42).all() for image in np.concatenate([raw.train[0], raw.test[0]]))


def test_photos_are_turned_as_their_camera_says(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    for label in ("one", "two"):
        for number in range(2):
            pixels = np.full((6, 10), 200)
            pixels[:, :5] = 40 + number
            write_image(tmp_path / label / f"{number}.jpg", pixels, exif=exif, quality=100)
    raw = read_folder(str(tmp_path))
    assert raw.train[0].shape[1:] == (10, 6)
    assert (raw.train[0][:, :4] < 100).all()
    assert (raw.train[0][:, 6:] > 150).all()


def test_a_table_names_files_and_labels(pictures):
    files = [f"{label}/{number}.png" for label in ("dark", "light") for number in range(10)]
    table(pictures, [(file, f"class {row % 4}") for row, file in enumerate(files)])
    data = dataset(f"folder:{pictures}")
    assert data.classes == ("class 0", "class 1", "class 2", "class 3")
    assert (len(data.train), len(data.test)) == (16, 4)


def test_the_order_of_a_table_does_not_matter(pictures):
    rows = [(f"{label}/{number}.png", label) for label in ("dark", "light") for number in range(10)]
    table(pictures, rows)
    name = dataset(f"folder:{pictures}").name
    table(pictures, rows[::-1])
    assert dataset(f"folder:{pictures}").name == name


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("/etc/passwd.png,x", "by their path inside of the folder"),
        ("../outside.png,x", "by their path inside of the folder"),
        (",x", "by their path inside of the folder"),
        ("dark/notes.txt,x", r"images are \.png, \.jpg"),
        ("dark/nine.png,x", "is not there, or is no file"),
        ("dark/1.png,dark", "twice; an image has one label"),
        ("dark/9.png", "line 3 is too short"),
        ("dark/9.png,", "have an empty label"),
        ("dark/9.png,rare", "class 'rare' has 1 of the images; each class takes 2"),
    ],
)
def test_a_row_that_makes_no_sense_is_refused(pictures, row, sentence):
    rest = "".join(f"{label}/{number}.png,{label}\n" for label in ("dark", "light") for number in range(2, 6))
    (pictures / "labels.csv").write_text(f"file,label\ndark/1.png,dark\n{row}\n{rest}")
    with pytest.raises(ValueError, match=sentence):
        dataset(f"folder:{pictures}")


def test_a_table_needs_its_columns(pictures):
    (pictures / "labels.csv").write_text("name,class\na.png,x\n")
    with pytest.raises(ValueError, match="has no column file and no column label"):
        dataset(f"folder:{pictures}")


def test_a_folder_that_is_not_there_or_holds_no_images_is_refused(tmp_path):
    with pytest.raises(ValueError, match="is no folder; give the folder whose sub-folders are the classes"):
        dataset(f"folder:{tmp_path / 'nowhere'}")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no images"):
        dataset(f"folder:{tmp_path}")


def test_one_class_or_images_without_a_class_are_refused(pictures):
    (pictures / "light").rename(pictures / ".hidden")
    with pytest.raises(ValueError, match="all images are of class 'dark'; at least two classes are needed"):
        dataset(f"folder:{pictures}")
    write_image(pictures / "stray.png", np.zeros((6, 5)))
    with pytest.raises(ValueError, match=r"stray\.png has no class; put it into a sub-folder"):
        dataset(f"folder:{pictures}")


def lying_png(width, height):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    packed = zlib.compress(b"\0" * 100)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "is no PNG, JPEG or WebP image, or is broken"),
        (b"GIF89a" + b"\0" * 100, "is no PNG, JPEG or WebP image"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 100, "is no PNG, JPEG or WebP image"),
        (b"RIFF\x20\0\0\0WEBPVP8 " + b"\0" * 20, "is no PNG, JPEG or WebP image"),
        (lying_png(50, 50), "is no PNG, JPEG or WebP image, or is broken"),
        (lying_png(6000, 6000), "has more than 33,554,432 pixels"),
        (lying_png(10_000, 10_000), "has more than 33,554,432 pixels"),
        (lying_png(1 << 30, 1 << 30), "has more than 33,554,432 pixels"),
        (lying_png(0, 5), "is no PNG, JPEG or WebP image"),
    ],
)
def test_a_broken_or_huge_image_is_named(pictures, body, sentence):
    (pictures / "dark" / "3.png").write_bytes(body)
    with pytest.raises(ValueError, match=rf"dark/3\.png {sentence}"):
        dataset(f"folder:{pictures}")


def test_every_truncation_of_an_image_is_refused(pictures):
    whole = (pictures / "dark" / "3.png").read_bytes()
    for length in range(0, whole.index(b"IDAT") + 12, 4):
        (pictures / "dark" / "3.png").write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"dark/3\.png is no PNG"):
            dataset(f"folder:{pictures}")


def test_links_out_of_the_folder_are_refused_and_links_within_are_read(pictures, tmp_path):
    (pictures / "dark" / "twin.png").symlink_to(pictures / "dark" / "1.png")
    assert len(dataset(f"folder:{pictures}").train) == 17
    write_image(tmp_path / "secret.png", np.zeros((6, 5)))
    (pictures / "dark" / "way.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(ValueError, match=r"way\.png is a link that leads out of the folder"):
        dataset(f"folder:{pictures}")
    (pictures / "dark" / "way.png").unlink()
    (pictures / "third").symlink_to(pictures / "dark")
    with pytest.raises(ValueError, match="third is a link to a folder"):
        dataset(f"folder:{pictures}")


def test_a_table_cannot_lead_out_of_the_folder_by_a_link(pictures, tmp_path):
    write_image(tmp_path / "away" / "secret.png", np.zeros((6, 5)))
    (pictures / "way").symlink_to(tmp_path / "away")
    table(pictures, [("dark/1.png", "a"), ("way/secret.png", "b")])
    with pytest.raises(ValueError, match=r"secret\.png is a link that leads out of the folder"):
        dataset(f"folder:{pictures}")
    (tmp_path / "elsewhere.csv").write_text("file,label\n")
    (pictures / "labels.csv").unlink()
    (pictures / "labels.csv").symlink_to(tmp_path / "elsewhere.csv")
    with pytest.raises(ValueError, match=r"labels\.csv is a link that leads out of the folder"):
        dataset(f"folder:{pictures}")


def test_a_pipe_that_is_called_an_image_is_refused(pictures):
    os.mkfifo(pictures / "dark" / "pipe.png")
    with pytest.raises(ValueError, match=r"pipe\.png is not there, or is no file"):
        dataset(f"folder:{pictures}")


@pytest.mark.parametrize(
    ("limit", "value", "sentence"),
    [
        ("folder.MOST_IMAGES", 19, "holds more than 19 images"),
        ("folder.MOST_BYTES", 1000, "bytes, more than 1,000"),
        ("folder.MOST_PIXELS", 29, r"dark/0\.png has more than 29 pixels"),
        ("pixels.LARGEST", 599, "have 600 values, more than 599; choose a smaller size"),
    ],
)
def test_too_many_or_too_large_images_are_refused(pictures, monkeypatch, limit, value, sentence):
    monkeypatch.setattr(f"wsexplore.datasets.{limit}", value)
    with pytest.raises(ValueError, match=sentence):
        dataset(f"folder:{pictures}")
