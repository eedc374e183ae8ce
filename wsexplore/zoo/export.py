"""A zoo as one file for other programs."""

import json

from safetensors.torch import save

from wsexplore.zoo.zoo import Zoo


def to_safetensors(zoo: Zoo) -> bytes:
    """The bytes of one safetensors file: parameters and statistics by their names in the module, stacked over networks.

    `{name: tensor[i] for name, tensor in load_file(path).items()}` is the state dict of network `i`. The metadata
    hold the architecture, the recipe, and the table as JSON records.
    """
    layouts = ((zoo.architecture.layout, zoo.weights), (zoo.architecture.buffers, zoo.buffers))
    state = {name: value.contiguous() for layout, held in layouts for name, value in layout.unflatten(held).items()}
    metadata = {
        "format": "wsexplore",
        "architecture": json.dumps(zoo.architecture.to_dict()),
        "recipe": json.dumps(zoo.recipe.to_dict()),
        "table": zoo.table.to_json(orient="records") or "[]",
    }
    return save(state, metadata=metadata)
