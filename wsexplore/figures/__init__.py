from plotly.graph_objects import Figure

from wsexplore.figures.map import map_figure, placed_figure
from wsexplore.figures.moving import lens_figure, training_figure
from wsexplore.figures.path import curves_figure, objective_figure, scrub_figure
from wsexplore.figures.quality import quality_figure
from wsexplore.figures.runs import runs_figure
from wsexplore.figures.units import filters_figure, matrices_figure

__all__ = [
    "Figure",
    "curves_figure",
    "filters_figure",
    "lens_figure",
    "map_figure",
    "matrices_figure",
    "objective_figure",
    "placed_figure",
    "quality_figure",
    "runs_figure",
    "scrub_figure",
    "training_figure",
]
