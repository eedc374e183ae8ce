import pytest
import torch

from wsexplore.datasets import dataset


def write(path, rows, header="text,label"):
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return f"text:{path}"


ROWS = [f"{'ab' * (1 + n % 3)},x" for n in range(10)] + [f'"c, {n}",y' for n in range(5)]


def test_texts_become_numbers_of_characters_and_back(tmp_path):
    data = dataset(write(tmp_path / "t.csv", ROWS))
    assert (data.kind, data.classes, data.image_shape, data.input_shape) == ("text", ("x", "y"), None, (6,))
    assert data.vocabulary[0] == ""
    assert (len(data.train), len(data.test)) == (12, 3)
    texts = {
        "".join(data.vocabulary[int(token)] for token in row)
        for split in (data.train, data.test)
        for row in split.inputs
    }
    assert texts == {"ab", "abab", "ababab", *(f"c, {n}" for n in range(5))}


def test_tokens_are_neither_shifted_nor_scaled(tmp_path):
    data = dataset(write(tmp_path / "t.csv", ROWS))
    assert (data.mean, data.std) == (0, 1)
    assert torch.equal(data.train.inputs, data.train.inputs.round())
    assert data.train.inputs.min() == 0
    assert data.train.inputs.max() < len(data.vocabulary)


def test_the_name_holds_a_hash_of_the_content(tmp_path):
    name = write(tmp_path / "t.csv", ROWS)
    first = dataset(name)
    assert torch.equal(dataset(first.name).train.inputs, first.train.inputs)
    stale = dataset(f"{name}@3").name
    write(tmp_path / "t.csv", ROWS[1:])
    assert dataset(name).name != first.name
    with pytest.raises(ValueError, match="is no longer what"):
        dataset(stale)


def test_texts_are_cut_only_where_it_is_asked_for(tmp_path):
    name = write(tmp_path / "t.csv", [*ROWS, f"{'a' * 2000},x"])
    with pytest.raises(ValueError, match="text 16 has 2,000 characters, they have 1 to 1,024; write @"):
        dataset(name)
    assert dataset(f"{name}@32").input_shape == (32,)
    with pytest.raises(ValueError, match="cut to 1 to 1,024 characters, not 2000"):
        dataset(f"{name}@2000")


@pytest.mark.parametrize(
    ("header", "rows", "sentence"),
    [
        ("text", ["a"], "has no column label"),
        ("a,b", ["c,d"], "has no column text and no column label"),
        ("", [], "has no column text"),
        ("text,label", [], "holds no texts"),
        ("text,label", ["a,x", "b,x"], "all texts are of class 'x'"),
        ("text,label", ["a,x", "b,x", "c,y"], "class 'y' has 1 of the texts"),
        ("text,label", ["a,x", "b,x", "c,", "d,"], "have an empty label"),
        ("text,label", ["a,x", "b"], "line 3 is too short"),
        ("text,label", ["a,x", ",x"], "text 2 has 0 characters"),
        ("text,label", ["a,x", '"b,x'], "cannot be read as CSV"),
        ("text,label", [f"{'a' * 200_000},x"], "cannot be read as CSV"),
        ("text,label", [f"{chr(1000 + n)},{n % 2}" for n in range(1200)], "1,200 different characters are more than"),
        ("text,label", [f"a,{n}" for n in range(1200)], "1,200 classes are more than 1,000"),
    ],
)
def test_a_table_that_makes_no_sense_gives_one_sentence(tmp_path, header, rows, sentence):
    with pytest.raises(ValueError, match=sentence):
        dataset(write(tmp_path / "t.csv", rows, header))


def test_a_missing_file_or_one_that_is_no_text_gives_one_sentence(tmp_path):
    with pytest.raises(ValueError, match="is no file; give a CSV file with the columns text and label"):
        dataset(f"text:{tmp_path}")
    (tmp_path / "t.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="cannot be read as CSV in UTF-8"):
        dataset(f"text:{tmp_path / 't.csv'}")


@pytest.mark.parametrize(
    ("limit", "value", "sentence"), [("MOST_ROWS", 14, "more than 14 rows"), ("MOST_BYTES", 20, "is larger than")]
)
def test_a_table_that_is_too_large_is_refused(tmp_path, monkeypatch, limit, value, sentence):
    monkeypatch.setattr(f"wsexplore.datasets.text.{limit}", value)
    with pytest.raises(ValueError, match=sentence):
        dataset(write(tmp_path / "t.csv", ROWS))
