from wsexplore.embed.contrast import column_contrast, layer_contrast
from wsexplore.embed.maps import ALWAYS, EMBEDDINGS, LARGE, add_map, embedded, map_name, map_zoo
from wsexplore.embed.projection import FEWEST, METHODS, SAMPLE, Projection, content_hash, fit_projection
from wsexplore.embed.raster import Raster, rasterise
from wsexplore.embed.selection import (
    REGIONS,
    Selection,
    inside,
    parse_polygon,
    parse_selection,
    polygon_text,
    rows_in,
    selection_text,
    simplified,
    thinned,
)
from wsexplore.embed.statistics import weight_statistics
from wsexplore.embed.trust import held_out_error, neighbours_kept, residuals

__all__ = [
    "ALWAYS",
    "EMBEDDINGS",
    "FEWEST",
    "LARGE",
    "METHODS",
    "REGIONS",
    "SAMPLE",
    "Projection",
    "Raster",
    "Selection",
    "add_map",
    "column_contrast",
    "content_hash",
    "embedded",
    "fit_projection",
    "held_out_error",
    "inside",
    "layer_contrast",
    "map_name",
    "map_zoo",
    "neighbours_kept",
    "parse_polygon",
    "parse_selection",
    "polygon_text",
    "rasterise",
    "residuals",
    "rows_in",
    "selection_text",
    "simplified",
    "thinned",
    "weight_statistics",
]
