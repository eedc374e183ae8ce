from wsexplore.embed.projection import Projection, fit_projection
from wsexplore.embed.statistics import weight_statistics

__all__ = ["Projection", "fit_projection", "weight_statistics"]
