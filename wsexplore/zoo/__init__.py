from wsexplore.zoo.export import to_safetensors
from wsexplore.zoo.files import atomic_folder, check_target, full_disk_said, read_arrays, read_manifest, write_manifest
from wsexplore.zoo.library import find, item, keep_path, shelf
from wsexplore.zoo.recipe import Recipe
from wsexplore.zoo.table import select_rows
from wsexplore.zoo.zoo import Zoo, concat

__all__ = [
    "Recipe",
    "Zoo",
    "atomic_folder",
    "check_target",
    "concat",
    "find",
    "full_disk_said",
    "item",
    "keep_path",
    "read_arrays",
    "read_manifest",
    "select_rows",
    "shelf",
    "to_safetensors",
    "write_manifest",
]
