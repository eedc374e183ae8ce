from wsexplore.embed.projection import METHODS, Projection, fit_projection
from wsexplore.embed.selection import inside, parse_polygon, polygon_text
from wsexplore.embed.statistics import weight_statistics

__all__ = [
    "METHODS",
    "Projection",
    "fit_projection",
    "inside",
    "parse_polygon",
    "polygon_text",
    "weight_statistics",
]
