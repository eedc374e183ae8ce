from dataclasses import replace

import numpy as np
import pytest

from wsexplore.figures import phases_figure, phases_finding
from wsexplore.figures.phases import SHORT
from wsexplore.landscape import PHASES, PhaseCell, PhaseGrid, Thresholds
from wsexplore.zoo import Recipe

KINDS = {
    "I": (1.0, (-9.0, -8.0), 0.5),
    "II": (1.0, (9.0, 8.0), 0.5),
    "III": (0.01, (-9.0, -8.0), 0.5),
    "IV-A": (0.01, (0.0, -0.1), 0.5),
    "IV-B": (0.001, (0.0, -0.1), 0.99),
}


def cell(x, y, name, error):
    loss, connectivities, cka = KINDS[name]
    return PhaseCell(x, y, ("a", "b"), loss, error / 2, loss, error, 0.5, -1.5, cka, connectivities)


@pytest.fixture
def grid():
    """Two rows of three cells, of which one has no runs, with a cell for each phase."""
    places = [(0.01, 4.0), (0.1, 4.0), (1.0, 4.0), (0.01, 16.0), (0.1, 16.0)]
    cells = tuple(cell(*place, name, 9.0 - k) for k, (place, name) in enumerate(zip(places, KINDS, strict=True)))
    return PhaseGrid(
        x="lr",
        y="width",
        x_values=np.array([0.01, 0.1, 1.0]),
        y_values=np.array([4.0, 16.0]),
        cells=cells,
        of=5,
        thresholds=Thresholds(),
        data="digits",
        split="train",
        samples=64,
        differing=(),
        recipe=Recipe.of("phases"),
    )


def maps(figure):
    return [trace for trace in figure.data if trace.type == "heatmap"]


def test_the_phase_of_every_cell_is_written_into_it(grid):
    phase, *_ = maps(phases_figure(grid))
    assert phase.text.tolist() == [["I", "II", "III"], ["IV-A", "IV-B", ""]]
    assert "%{text}" in phase.texttemplate
    assert list(phase.x) == ["0.01", "0.1", "1"]
    assert list(phase.y) == ["4", "16"]
    assert len(set(phase.z[np.isfinite(phase.z)])) == 5


def test_every_phase_that_is_there_is_explained(grid):
    shown = [trace.name for trace in phases_figure(grid).data if trace.type == "scatter"]
    assert shown == [f"{name} {SHORT[name]}" for name in PHASES]
    few = replace(grid, cells=grid.cells[:1])
    assert [trace.name for trace in phases_figure(few).data if trace.type == "scatter"] == [f"I {SHORT['I']}"]


def test_four_maps_show_what_was_measured(grid):
    figure = phases_figure(grid)
    _, loss, sharpness, cka, connectivity = maps(figure)
    np.testing.assert_allclose(loss.z[0], np.log10([1.0, 1.0, 0.01]))
    np.testing.assert_allclose(sharpness.z[0], 0.5)
    np.testing.assert_allclose(cka.z[0], 0.5)
    assert connectivity.zmin == -connectivity.zmax
    assert (np.sign(connectivity.z[0]) == [-1, 1, -1]).all()
    assert connectivity.text.tolist()[0] == ["-8.5", "8.5", "-8.5"]
    titles = [note.text for note in figure.layout.annotations]
    assert titles == [
        "phase, 5 cells",
        "training loss (nats, log)",
        "leading eigenvalue (log10 nats)",
        "CKA of the logits",
        "mode connectivity (%)",
    ]
    assert "trace (log10 nats)" in [note.text for note in phases_figure(grid, sharpness="trace").layout.annotations]


def test_a_card_tells_all_metrics_with_their_units(grid):
    for trace in maps(phases_figure(grid)):
        card = trace.hovertext[0][0]
        for words in (
            "lr 0.01, width 4",
            "<b>I</b>, under-fitted and under-sized",
            "training loss 1 nats, error 4.50 %",
            "test loss 1 nats, error 9.00 %",
            "leading eigenvalue 3.16 nats, trace 0.0316 nats",
            "CKA 0.500",
            "mode connectivity -8.50 ± 0.50 % (2 pairs)",
            "2 runs",
        ):
            assert words in card
        assert trace.hovertext[1][2] == ""


def test_thresholds_move_the_letters(grid):
    phase = maps(phases_figure(grid, loss=2.0))[0]
    assert phase.text.tolist() == [["III", "IV-A", "III"], ["IV-A", "IV-B", ""]]
    assert "2 in III" in phases_finding(grid, loss=2.0)


def test_a_phase_that_the_pairs_dispute_has_a_question_mark(grid):
    doubted = replace(grid.cells[0], connectivities=(-9.0, 3.0))
    assert maps(phases_figure(replace(grid, cells=(doubted, *grid.cells[1:]))))[0].text[0, 0] == "I?"


def test_a_cell_with_one_run_has_no_letter_and_says_why(grid):
    lonely = replace(grid.cells[0], networks=("a",), cka=np.nan, connectivities=())
    alone = replace(grid, cells=(lonely, *grid.cells[1:]))
    phase = maps(phases_figure(alone))[0]
    assert phase.text[0, 0] == "\N{EN DASH}"
    assert "one run only" in phase.hovertext[0][0]
    assert "1 has one run only, and so no phase" in phases_finding(alone)


def test_a_grid_that_is_not_whole_can_be_drawn(grid):
    part, none = replace(grid, cells=grid.cells[:2]), replace(grid, cells=())
    assert phases_figure(part).layout.annotations[0].text == "phase, 2 of 5 cells"
    assert np.isnan(maps(phases_figure(none))[0].z).all()
    assert "none known" in phases_finding(none)


def test_values_that_are_not_finite_are_left_out(grid):
    wild = replace(grid.cells[0], train_loss=np.inf, eigenvalue=np.nan)
    figure = phases_figure(replace(grid, cells=(wild, *grid.cells[1:])))
    _, loss, sharpness, *_ = maps(figure)
    assert np.isfinite([loss.zmin, loss.zmax, sharpness.zmin, sharpness.zmax]).all()
    assert "leading eigenvalue not known" in loss.hovertext[0][0]


def test_a_large_grid_has_no_letters(grid):
    values = np.arange(20.0)
    cells = tuple(cell(float(value), 4.0, "I", 1.0) for value in values)
    wide = replace(grid, x_values=values, cells=cells, of=20)
    assert maps(phases_figure(wide))[0].texttemplate is None


def test_names_are_shown_letter_by_letter(grid):
    figure = phases_figure(replace(grid, x="<b>lr</b>"))
    assert "&lt;b&gt;lr" in figure.layout.xaxis.title.text
    assert "&lt;b&gt;lr" in maps(figure)[0].hovertext[0][0]


def test_what_differs_within_cells_is_said(grid):
    assert "Within cells weight decay differs, too" in phases_finding(replace(grid, differing=("weight_decay",)))


def test_an_unknown_sharpness_is_refused(grid):
    with pytest.raises(ValueError, match="choose one of eigenvalue, trace"):
        phases_figure(grid, sharpness="gradient")


def test_the_finding_counts_phases_and_names_the_best_cell(grid):
    assert phases_finding(grid) == (
        "Phases of 5 cells over lr 0.01 to 1 by width 4 to 16: 1 in I (under-fitted and under-sized), 1 in II "
        "(under-fitted), 1 in III (under-sized), 1 in IV-A (fitted, runs differ), 1 in IV-B (fitted, runs alike). The "
        "lowest test error, 5.00 %, is at lr 0.1, width 16, in phase IV-B"
    )
