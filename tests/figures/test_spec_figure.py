import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsexplore.figures import SpecAxis, SpecGroup, SpecParameter, spec_figure, spec_groups, spec_parameters
from wsexplore.figures.groups import rows_of
from wsexplore.figures.lanes import lanes_of
from wsexplore.figures.theme import TIMES
from wsexplore.nets import FAMILIES, architecture
from wsexplore.symmetry import symmetry_of


def traced(name, **config):
    kind = architecture(name, **config)
    spec = symmetry_of(kind.build(), kind.example_input())
    return spec_parameters(spec), spec_groups(spec)


def letters(figure):
    """What is written in white on the coloured ends of layers, and their colours."""
    boxes = {
        (shape.xanchor, shape.yanchor, (shape.x0 + shape.x1) / 2): shape.fillcolor
        for shape in figure.layout.shapes
        if shape.type == "rect" and shape.x1 - shape.x0 == 22 and shape.fillcolor
    }
    notes = {(note.x, note.y, note.xshift): note.text for note in figure.layout.annotations}
    return {place: (notes[place].removeprefix("<b>").removesuffix("</b>"), fill) for place, fill in boxes.items()}


@pytest.mark.parametrize("name", [name for name in FAMILIES if name != "factory"])
def test_every_parameter_is_on_one_card_and_every_group_has_one_letter(name):
    parameters, groups = traced(name)
    rows = rows_of(parameters)
    assert sorted(p.name for row in rows for p in row.parameters) == sorted(p.name for p in parameters)
    figure = spec_figure(parameters, groups)
    found = set(letters(figure).values())
    assert len(found) == len({letter for letter, _ in found})
    assert {letter for letter, _ in found} == {lane.letter for lane in lanes_of(rows, groups).values()}
    assert set(lanes_of(rows, groups)) == {group.name for group in groups}


def test_a_residual_network_is_one_row_per_matrix_with_its_vectors_folded_in():
    parameters, groups = traced("resnet", depth=20)
    rows = rows_of(parameters)
    assert (len(parameters), len(groups), len(rows)) == (65, 12, 22)
    assert rows[0].title == "conv1 + bn1"
    assert rows[-1].makes == ()
    card = spec_figure(parameters, groups).data[0].text[0]
    assert card.startswith(
        f"<b>conv1.weight</b>  16 {TIMES} 3 {TIMES} 3 {TIMES} 3<br>axis 0 (16): permute A (16 units)"
    )
    assert "axis 1 (3): in order: input of the network" in card
    assert "<b>bn1.weight</b>  16: permute A (16 units), rescale" in card


def test_attention_shows_heads_and_the_units_within_them():
    parameters, groups = traced("vit", depth=6)
    by_title = {row.title: row for row in rows_of(parameters)}
    assert by_title["blocks.0.attn.q"].makes == ("blocks.0.attn.q.heads", "blocks.0.attn.q.query_key")
    assert by_title["blocks.0.attn.proj + norm2"].takes == ("blocks.0.attn.q.heads", "blocks.0.attn.v.value")
    assert by_title["cls_token"].reads is None
    assert by_title["pos_embed"].makes == by_title["head"].takes
    words = [note.text for note in spec_figure(parameters, groups).layout.annotations]
    assert f"B: 4, C: 4 {TIMES} 8 units" in words


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=40))
def test_lanes_that_meet_never_share_a_place(layers):
    parameters = [
        SpecParameter(f"layer{row}.weight", (SpecAxis(4, (f"g{made}",)), SpecAxis(4, (f"g{read}",))))
        for row, (read, made) in enumerate(layers)
    ]
    groups = [SpecGroup(f"g{number}", 4) for number in range(10)]
    lanes = list(lanes_of(rows_of(parameters), groups).values())
    for place, lane in enumerate(lanes):
        for other in lanes[:place]:
            apart = lane.rows[-1] < other.rows[0] or other.rows[-1] < lane.rows[0]
            assert apart or lane.place != other.place
            assert lane.letter != other.letter


def test_lanes_side_by_side_have_different_colours_as_far_as_there_are_colours():
    lanes = list(lanes_of(rows_of(traced("vit", depth=6)[0]), traced("vit", depth=6)[1]).values())
    for place, lane in enumerate(lanes):
        for other in lanes[:place]:
            if max(lane.rows[0], other.rows[0]) <= min(lane.rows[-1], other.rows[-1]):
                assert lane.colour != other.colour


def test_more_groups_than_letters_get_two_letters():
    parameters = [SpecParameter(f"l{k}.weight", (SpecAxis(2, (f"g{k}",)), SpecAxis(2))) for k in range(30)]
    lanes = lanes_of(rows_of(parameters), [SpecGroup(f"g{k}", 2) for k in range(30)])
    assert [lanes[f"g{k}"].letter for k in (0, 25, 26, 29)] == ["A", "Z", "AA", "AD"]


def test_folding_a_drawing_into_columns_keeps_its_layers_and_makes_it_lower():
    parameters, groups = traced("resnet", depth=20)
    long, folded = (spec_figure(parameters, groups, columns=columns) for columns in (1, 3))
    assert folded.layout.height < long.layout.height / 2
    assert {note.text for note in folded.layout.annotations} == {note.text for note in long.layout.annotations}
    assert max(shape.xanchor for shape in folded.layout.shapes) == pytest.approx(2 / 3)


def test_a_layer_that_reads_more_groups_than_there_is_room_for_says_how_many_more():
    wide = SpecAxis(10, tuple(f"g{k}" for k in range(5)))
    figure = spec_figure([SpecParameter("cat.weight", (SpecAxis(3), wide))], [SpecGroup(f"g{k}", 2) for k in range(5)])
    assert "<b>+3</b>" in [note.text for note in figure.layout.annotations]
