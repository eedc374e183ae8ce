"""Flow files from strangers: whatever is wrong with them, one sentence says so, and nothing large is allocated."""

import copy
import hashlib
import json
import random
import resource
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from wsexplore.generate import WeightFlow
from wsexplore.generate.storage import FILE

ODD: list[Any] = [
    None,
    -1,
    0,
    3,
    10**12,
    10**30,
    1.5,
    float("nan"),
    float("inf"),
    "",
    "tokens",
    "../x",
    [],
    [0],
    {},
    True,
]
ROUNDS = 100


@pytest.fixture(scope="module")
def kept(flow: WeightFlow, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return flow.save(tmp_path_factory.mktemp("flows") / "flow")


def resealed(folder: Path, manifest: dict[str, Any]) -> None:
    """Write the manifest with the hash that the array file has now."""
    body = (folder / FILE).read_bytes()
    manifest["files"][FILE] = {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [path] if path else []
    for key, one in inner:
        found += leaves(one, (*path, key))
    return found


def replaced(manifest: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(manifest)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return changed


def opened_or_refused(folder: Path) -> None:
    """Opening gives a flow that samples finite networks, or one sentence."""
    before, said = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, ""
    try:
        said = f"finite: {bool(WeightFlow.open(folder).sample(1, steps=2).weights.isfinite().all())}"
    except ValueError as error:
        said = str(error)
    assert said
    assert "\n" not in said
    assert said != "finite: False"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1 << 20, "a GiB was allocated"


def test_any_value_in_the_manifest_may_be_anything(kept, tmp_path):
    folder, draw = tmp_path / "flow", random.Random(0)
    shutil.copytree(kept, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    places = [path for path in leaves(manifest) if path[0] not in ("files", "format", "kind", "version")]
    for _ in range(ROUNDS):
        changed = replaced(manifest, draw.choice(places), draw.choice(ODD))
        (folder / "manifest.json").write_text(json.dumps(changed))
        opened_or_refused(folder)


def test_any_byte_of_the_arrays_may_be_anything(kept, tmp_path):
    folder, draw = tmp_path / "flow", random.Random(1)
    shutil.copytree(kept, folder)
    manifest, body = json.loads((folder / "manifest.json").read_text()), (folder / FILE).read_bytes()
    head = 8 + int.from_bytes(body[:8], "little")
    for number in range(ROUNDS // 2):
        bad = bytearray(body)
        for _ in range(draw.choice([1, 4, 64])):
            bad[draw.randrange(head if number % 2 else len(bad))] = draw.randrange(256)
        cut = len(bad) if number % 5 else draw.randrange(len(bad))
        (folder / FILE).write_bytes(bytes(bad[:cut]))
        resealed(folder, copy.deepcopy(manifest))
        opened_or_refused(folder)


def test_arrays_whose_hash_is_wrong_are_refused(kept, tmp_path):
    folder = tmp_path / "flow"
    shutil.copytree(kept, folder)
    body = bytearray((folder / FILE).read_bytes())
    body[-1] ^= 1
    (folder / FILE).write_bytes(bytes(body))
    with pytest.raises(ValueError, match=FILE):
        WeightFlow.open(folder)


@pytest.mark.parametrize("name", ["coordinates.mean", "coordinates.variance", "network.offsets"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_arrays_that_are_not_finite_are_refused(kept, tmp_path, name, value):
    folder = tmp_path / "flow"
    shutil.copytree(kept, folder)
    tensors = load_file(folder / FILE)
    tensors[name] = torch.full_like(tensors[name], value)
    save_file(tensors, folder / FILE)
    resealed(folder, json.loads((folder / "manifest.json").read_text()))
    with pytest.raises(ValueError, match="not finite"):
        WeightFlow.open(folder)


def test_a_configuration_that_asks_for_terabytes_is_refused_before_anything_is_built(kept, tmp_path):
    folder = tmp_path / "flow"
    shutil.copytree(kept, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    for field, value in (("width", 10**9), ("layers", 10**9), ("expansion", 10**9)):
        manifest["config"] = {**manifest["config"], field: value, "heads": 1}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        with pytest.raises(ValueError, match="does not hold a flow that fits its manifest"):
            WeightFlow.open(folder)


def test_a_flow_of_an_older_version_says_how_to_fit_it_again(kept, tmp_path):
    folder = tmp_path / "flow"
    shutil.copytree(kept, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["flow_version"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ValueError, match="older version; fit it again: wsexplore flow fit ZOO"):
        WeightFlow.open(folder)
