"""A zoo as one file for other programs."""

import json

from safetensors.torch import save

from wsexplore.zoo.zoo import Zoo


def to_safetensors(zoo: Zoo) -> bytes:
    """The bytes of one safetensors file: each parameter by its name in the module, stacked over networks.

    `{name: tensor[i] for name, tensor in load_file(path).items()}` is the state dict of network `i`. The metadata
    hold the architecture, the recipe, and the table as JSON records.
    """
    state = {name: value.contiguous() for name, value in zoo.architecture.layout.unflatten(zoo.weights).items()}
    metadata = {
        "format": "wsexplore",
        "architecture": json.dumps(zoo.architecture.to_dict()),
        "recipe": json.dumps(zoo.recipe.to_dict()),
        "table": zoo.table.to_json(orient="records") or "[]",
    }
    return save(state, metadata=metadata)
