import pytest
import torch

from wsexplore.nets import architecture
from wsexplore.population import evaluate, train_zoo
from wsexplore.population.tune import fine_tune
from wsexplore.zoo import Zoo

ARCH = architecture("mlp", widths=[64, 8, 10])


def test_training_goes_on_from_the_networks_given():
    begun = train_zoo(ARCH, "digits", models=3, epochs=4, seed=3)
    tuned = fine_tune(begun, "digits", epochs=2, lr=1e-3)
    assert tuned.table["epoch"].tolist() == [0, 1, 2] * 3
    assert torch.equal(tuned.select("epoch = 0").weights, begun.weights)
    assert tuned.table["start"].tolist() == [name for name in begun.table["id"] for _ in range(3)]
    last = tuned.select("epoch = 2")
    assert (
        evaluate(last, "digits", split="train")["train_loss"] < evaluate(begun, "digits", split="train")["train_loss"]
    ).all()


def test_from_an_initialisation_it_is_training():
    scratch = train_zoo(ARCH, "digits", models=3, epochs=2, seed=5, checkpoints=[0, 2], lr=2e-3)
    again = fine_tune(scratch.select("epoch = 0"), "digits", epochs=2, seed=5, checkpoints=[2], lr=2e-3)
    torch.testing.assert_close(again.weights, scratch.select("epoch = 2").weights, rtol=1e-5, atol=1e-6)


def test_running_statistics_go_on_too():
    arch = architecture("resnet", depth=8, width=2, input=[1, 8, 8])
    begun = train_zoo(arch, "digits", models=2, epochs=1, seed=0)
    tuned = fine_tune(begun, "digits", epochs=1)
    assert torch.equal(tuned.select("epoch = 0").buffers, begun.buffers)


def test_it_can_be_cancelled_and_refuses_nonsense():
    begun = Zoo.from_weights(ARCH, torch.stack([ARCH.initial_weights(seed=s) for s in range(2)]))

    def stop(fraction, message):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fine_tune(begun, "digits", on_step=stop)
    for arguments, sentence in (
        ({"epochs": 0}, "at least 1, got 0"),
        ({"epochs": 2, "checkpoints": [3]}, "from 0 to 2"),
        ({"learning": 3}, "learning is no hyper-parameter"),
    ):
        with pytest.raises(ValueError, match=sentence):
            fine_tune(begun, "digits", **arguments)
    with pytest.raises(ValueError, match="the zoo is empty"):
        fine_tune(begun.select([]), "digits")
