import pytest

from wsexplore.population import train_zoo
from wsexplore.settings import settings
from wsexplore.zoo import Zoo, shelf
from wsexplore.zoo.published import PUBLISHED, UNKNOWN
from wsexplore.zoo.trash import discard, discarded, is_kept, restore


@pytest.fixture
def user(tmp_path, monkeypatch):
    monkeypatch.setenv("WSEXPLORE_USER", str(tmp_path))
    settings.cache_clear()
    yield tmp_path
    settings.cache_clear()


@pytest.fixture(scope="module")
def small():
    return train_zoo("mlp", "digits", models=2, epochs=1)


def test_restoring_undoes_the_last_deletion_only(user, small):
    for name in ("one", "two"):
        small.save(user / "zoos" / name)
    discard("one")
    assert discarded() == "one"
    discard("two")
    assert discarded() == "two"
    assert not {"one", "two"} & set(shelf("zoos"))
    assert restore() == "two"
    assert discarded() is None
    assert Zoo.open("two").fingerprint == small.fingerprint
    with pytest.raises(ValueError, match="nothing was deleted"):
        restore()


def test_a_shipped_zoo_is_never_deleted(user, small):
    with pytest.raises(ValueError, match="ships with wsexplore"):
        discard("digits-mlp")
    small.save(user / "zoos" / "digits-mlp")
    assert is_kept("digits-mlp")
    discard("digits-mlp")
    assert not is_kept("digits-mlp")
    assert len(Zoo.open("digits-mlp")) == 4000


@pytest.mark.parametrize("name", ["gone", "..", "../zoos", ""])
def test_only_a_zoo_on_the_shelf_can_be_deleted(user, small, name):
    small.save(user / "zoos" / "mine")
    with pytest.raises(ValueError, match="no zoos called"):
        discard(name)
    assert "mine" in shelf("zoos")


def test_a_new_zoo_is_not_replaced_by_an_old_one(user, small):
    small.save(user / "zoos" / "mine")
    discard("mine")
    train_zoo("mlp", "digits", models=3, epochs=1, out=user / "zoos" / "mine")
    with pytest.raises(ValueError, match="a new zoo called mine"):
        restore()
    assert len(Zoo.open("mine")) == 3


def test_the_counts_of_the_collection_add_up_to_its_paper():
    collection = [zoo for zoo in PUBLISHED if zoo.name.startswith("model-zoos-")]
    assert sum(zoo.runs or 0 for zoo in collection) == 50_360


def test_every_published_zoo_has_a_name_a_source_and_a_licence():
    assert len({zoo.name for zoo in PUBLISHED}) == len(PUBLISHED)
    for zoo in PUBLISHED:
        assert zoo.source.startswith("https://")
        assert zoo.licence in ("CC BY 4.0", "MIT", UNKNOWN)
        assert zoo.command("out") == "" or zoo.command("out").startswith("wsexplore zoo import ")


def test_published_sizes_are_those_of_our_architectures():
    from wsexplore.nets import architecture

    sizes = {zoo.name: zoo.parameters for zoo in PUBLISHED}
    assert sizes["model-zoos-mnist"] == architecture("small-cnn").layout.size
    assert sizes["model-zoos-cifar10-small"] == architecture("small-cnn", channels=3).layout.size
    assert sizes["model-zoos-cifar10-large"] == architecture("small-cnn", channels=3, variant="cnn3").layout.size
    assert sizes["model-zoos-cifar10-resnet18"] == architecture("resnet", depth=18).layout.size
    assert sizes["acas-xu"] == architecture("mlp", widths=[5, 50, 50, 50, 50, 50, 50, 5]).layout.size
    assert sizes["dws-inr-mnist"] == architecture("siren").layout.size
