from wsexplore.embed.maps import map_zoo
from wsexplore.embed.projection import FEWEST, METHODS, Projection, fit_projection
from wsexplore.embed.selection import inside, parse_polygon, polygon_text, thinned
from wsexplore.embed.statistics import weight_statistics

__all__ = [
    "FEWEST",
    "METHODS",
    "Projection",
    "fit_projection",
    "inside",
    "map_zoo",
    "parse_polygon",
    "polygon_text",
    "thinned",
    "weight_statistics",
]
