import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsexplore.embed import REGIONS, Selection, parse_selection, rows_in, selection_text

SQUARES = {
    "A": np.array([[0, 0], [2, 0], [2, 2], [0, 2.0]]),
    "B": np.array([[1, 1], [3, 1], [3, 3], [1, 3.0]]),
    "C": np.array([[-9, -9], [9, -9], [9, 9], [-9, 9.0]]),
}
POINTS = np.array([[0.5, 0.5], [1.5, 1.5], [2.5, 2.5], [5, 5], [20, 20]], np.float32)


@pytest.mark.parametrize(
    ("expression", "rows"),
    [
        ("", [0, 1, 2, 3]),
        ("A", [0, 1]),
        ("A and B", [1]),
        ("A or B", [0, 1, 2]),
        ("A and not B", [0]),
        ("not A", [2, 3, 4]),
        ("C and not (A or B)", [3]),
        ("not A and not B", [3, 4]),
        ("A or B and C", [0, 1, 2]),
        ("not not A", [0, 1]),
        (" (A) ", [0, 1]),
    ],
)
def test_regions_are_joined_as_the_expression_says(expression, rows):
    assert rows_in(POINTS, Selection(SQUARES, expression)).tolist() == rows


def test_nothing_is_selected_without_a_region():
    assert rows_in(POINTS, parse_selection("")).tolist() == []
    assert not parse_selection("  ")


def expressions(names):
    leaf = st.sampled_from(names)
    return st.recursive(
        leaf,
        lambda part: st.one_of(
            part.map(lambda one: f"not {one}" if " " not in one else f"not ({one})"),
            st.tuples(part, st.sampled_from(["and", "or"]), part).map(lambda p: f"({p[0]}) {p[1]} ({p[2]})"),
        ),
        max_leaves=8,
    )


@settings(max_examples=60, deadline=None)
@given(expression=expressions(["A", "B", "C"]))
def test_a_selection_survives_as_text_and_means_what_sets_mean(expression):
    selection = Selection(SQUARES, expression)
    again = parse_selection(selection_text(selection))
    assert again.expression == expression
    assert list(again.regions) == list(SQUARES)
    held = {name: set(rows_in(POINTS, Selection({name: corners})).tolist()) for name, corners in SQUARES.items()}
    truth = [
        row
        for row in range(len(POINTS))
        if eval(expression, {"__builtins__": {}}, {name: row in rows for name, rows in held.items()})
    ]
    assert rows_in(POINTS, again).tolist() == truth


def test_a_link_with_one_outline_still_opens_and_stays_as_short():
    selection = parse_selection("-50,-50 50,-50 50,50 -50,50")
    assert list(selection.regions) == ["A"]
    assert selection_text(selection) == "-50,-50 50,-50 50,50 -50,50"
    assert rows_in(POINTS, selection).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("abc", "three or more corners"),
        ("A:0,0 1,1", "three or more corners"),
        ("A:0,0 1,0 1,1;A:0,0 1,0 1,1", "comes twice"),
        ("not:0,0 1,0 1,1", "no name for a region"),
        ("A b:0,0 1,0 1,1", "no name for a region"),
        ("<b>:0,0 1,0 1,1", "no name for a region"),
        ("A:0,0 1,0 1,1;B", "names 'B', which is no region; the regions are A"),
        ("A:0,0 1,0 1,1;A and", "cannot be read"),
        ("A:0,0 1,0 1,1;A A", "cannot be read"),
        ("A:0,0 1,0 1,1;()", "cannot be read"),
        ("A:0,0 1,0 1,1;A if A else A", "cannot be read"),
        ("A:0,0 1,0 1,1;A is A", "cannot be read"),
        ("A:0,0 1,0 1,1;A and None", "cannot be read"),
        ("A:0,0 1,0 1,1;lambda", "cannot be read"),
        ("A:0,0 1,0 1,1;await A", "cannot be read"),
        ("A:0,0 1,0 1,1;A.b", "holds '.'"),
        ("A:0,0 1,0 1,1;A and \N{GREEK SMALL LETTER ALPHA}", "holds '\N{GREEK SMALL LETTER ALPHA}'"),
        ("A:0,0 1,0 1,1;" + "(" * 140 + "A" + ")" * 139, "cannot be read"),
        ("A:0,0 1,0 1,1;" + "not " * 90 + "A", "at most 300"),
        (";".join(f"R{k}:0,0 1,0 1,1" for k in range(REGIONS + 1)), f"at most {REGIONS} regions"),
    ],
)
def test_what_is_no_selection_gets_one_sentence(text, said):
    with pytest.raises(ValueError, match=r"\w+ \w+") as error:
        parse_selection(text)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_drawing_adds_regions_to_what_is_selected():
    outline = SQUARES["A"]
    selection = Selection().drawn(outline).drawn(outline + 1).drawn(outline + 2)
    assert list(selection.regions) == ["A", "B", "C"]
    assert selection.joined == "A or B or C"
    assert Selection(SQUARES, "A and not B").drawn(outline).joined == "(A and not B) or D"


def test_regions_are_renamed_and_removed_with_the_expression():
    selection = Selection(SQUARES, "A and not B")
    renamed = selection.renamed("A", "good")
    assert renamed.expression == "good and not B"
    assert rows_in(POINTS, renamed).tolist() == rows_in(POINTS, selection).tolist()
    assert selection.without("C").expression == "A and not B"
    assert selection.without("B").joined == "A or C"
    for name in ("B", "and", "", "two words", "x" * 21):
        with pytest.raises(ValueError, match="region"):
            selection.renamed("A", name)


def test_points_that_are_nowhere_are_in_no_region():
    nowhere = np.full((1, 2), np.nan, np.float32)
    assert rows_in(nowhere, Selection(SQUARES)).tolist() == []
