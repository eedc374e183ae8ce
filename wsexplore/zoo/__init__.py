from wsexplore.zoo.export import to_safetensors
from wsexplore.zoo.files import atomic_folder, check_target, full_disk_said, read_arrays, read_manifest, write_manifest
from wsexplore.zoo.joining import concat
from wsexplore.zoo.library import find, item, keep_path, shelf
from wsexplore.zoo.predicate import select_rows
from wsexplore.zoo.recipe import Recipe, config_flags
from wsexplore.zoo.shards import Matrix
from wsexplore.zoo.writer import ZooWriter, zoo_writer
from wsexplore.zoo.zoo import Zoo

__all__ = [
    "Matrix",
    "Recipe",
    "Zoo",
    "ZooWriter",
    "atomic_folder",
    "check_target",
    "concat",
    "config_flags",
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
    "zoo_writer",
]
