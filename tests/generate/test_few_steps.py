"""A student lands in few steps where its teacher walks; a fit that was stopped goes on to the same flow."""

from dataclasses import replace

import pytest
import torch
from small_zoos import SMALL

from wsexplore.generate import FlowConfig, WeightFlow, distil, fit_flow, forget_training
from wsexplore.generate.checkpoint import Checkpoint


@pytest.fixture(scope="module")
def teacher(zoo) -> WeightFlow:
    """A flow whose paths bend: two clouds far from each other."""
    side = torch.randint(2, (len(zoo), 1), generator=torch.Generator().manual_seed(0)) * 2.0 - 1
    apart = zoo.with_weights(zoo.weights * 0.2 + side, recipe=zoo.recipe)
    config = FlowConfig(
        kind="preconditioned", frame="raw", coupling="independent", width=64, layers=2, steps=400, held_out=0.0
    )
    return fit_flow(apart, config=config)


def test_a_student_lands_nearer_to_the_teachers_end_than_the_teacher_in_as_many_steps(teacher):
    student = distil(teacher, 1, walks=512, iterations=600)
    goal = teacher.sample(50, seed=9, steps=64, solver="midpoint").weights
    hasty = (teacher.sample(50, seed=9, steps=1).weights - goal).norm(dim=1).mean()
    taught = (student.sample(50, seed=9).weights - goal).norm(dim=1).mean()
    assert taught < 0.6 * hasty
    assert student.steps == 1


def test_a_student_is_the_same_for_the_same_seed_and_comes_back_from_disk(flow, tmp_path):
    student = distil(flow, 2, walks=16, iterations=5, seed=1)
    assert distil(flow, 2, walks=16, iterations=5, seed=1).fingerprint == student.fingerprint
    again = WeightFlow.open(student.save(tmp_path / "student"))
    assert (again.steps, again.fingerprint) == (2, student.fingerprint)
    assert student.recipe.inputs == {"flow": flow.fingerprint}
    assert list(student.sample(2).table["steps"]) == [2, 2]


def test_teaching_can_be_cancelled(flow):
    def stop(fraction: float, message: str) -> None:
        if fraction > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        distil(flow, 2, walks=16, iterations=20, on_step=stop)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"steps": 0}, "steps must be a whole number from 1 to 32, got 0"),
        ({"walks": 0}, "walks must be a whole number of at least 1"),
        ({"iterations": 0}, "iterations must be a whole number"),
        ({"learning_rate": 2.0}, "learning_rate must be between 0 and 1"),
    ],
)
def test_lessons_out_of_range_are_refused(flow, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        distil(flow, **arguments)


class Stopped(Exception):
    pass


def test_a_fit_that_was_stopped_goes_on_to_the_same_flow_and_leaves_nothing(zoo, tmp_path):
    config = replace(SMALL, steps=40, dropout=0.1, patience=0)
    whole = fit_flow(zoo, config=config)
    place, begun = tmp_path / "flow.partial", list[float]()

    def stop(fraction: float, message: str) -> None:
        if fraction > 0.6:
            raise Stopped

    with pytest.raises(Stopped):
        fit_flow(zoo, config=config, checkpoint=place, on_step=stop)
    assert place.is_dir()
    resumed = fit_flow(zoo, config=config, checkpoint=place, on_step=lambda fraction, message: begun.append(fraction))
    assert begun[0] > 0.5
    assert resumed.fingerprint == whole.fingerprint
    assert resumed.history == whole.history
    again = fit_flow(zoo, config=config, checkpoint=place)
    assert again.fingerprint == whole.fingerprint
    forget_training(place)
    forget_training(place)
    assert not place.exists()


def test_a_checkpoint_of_another_fit_or_a_broken_one_is_not_gone_on_with(tmp_path):
    kept = Checkpoint.of(tmp_path / "here", "zoo", SMALL, 0)
    assert kept.read() is None
    kept.keep({"step": 3, "network": {"w": torch.ones(2)}})
    assert kept.read()["step"] == 3
    assert Checkpoint.of(tmp_path / "here", "zoo", SMALL, 1).read() is None
    (tmp_path / "here" / "training.pt").write_bytes(b"no")
    assert kept.read() is None
    (tmp_path / "here" / "mine").write_text("stays")
    forget_training(tmp_path / "here")
    assert [one.name for one in (tmp_path / "here").iterdir()] == ["mine"]


def test_checks_are_told_as_they_are_made_and_early_stopping_says_why(zoo):
    told = []
    flow = fit_flow(zoo, config=replace(SMALL, steps=200, patience=2, learning_rate=0.3), on_check=told.append)
    assert tuple(told) == flow.history
    assert flow.stopped == "2 checks in a row did not lower the held-out loss"
    assert flow.history[-1].step < 200
    assert flow.history[0].accuracy is not None
    assert len(flow.held_out) == 2
    assert set(flow.held_out) <= set(zoo.table["id"])
