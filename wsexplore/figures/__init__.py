from plotly.graph_objects import Figure

from wsexplore.figures.anatomy import anatomy_figure
from wsexplore.figures.answers import confusion_figure, images_figure, mistakes_figure, pictures_figure
from wsexplore.figures.blocks import Block, blocks_of
from wsexplore.figures.collapse import collapse_figure
from wsexplore.figures.columns import histogram_figure, is_number, parallel_figure, varying
from wsexplore.figures.compare import difference_figure
from wsexplore.figures.cost import cost_figure
from wsexplore.figures.curves import population_figure
from wsexplore.figures.encoder import history_figure, reconstruction_figure, tuning_figure
from wsexplore.figures.epochs import epochs_figure
from wsexplore.figures.groups import SpecAxis, SpecGroup, SpecParameter, spec_groups, spec_parameters
from wsexplore.figures.magnitude import magnitude_figure, magnitude_finding
from wsexplore.figures.map import map_figure, placed_figure, space_figure
from wsexplore.figures.methods import methods_figure
from wsexplore.figures.moving import lens_figure, training_figure
from wsexplore.figures.orbit import attack_figure, rescale_figure
from wsexplore.figures.pairs import barriers_figure, distances_figure
from wsexplore.figures.path import curves_figure, objective_figure, scrub_figure
from wsexplore.figures.pictures import gallery_figure, morph_figure
from wsexplore.figures.plane import plane_figure
from wsexplore.figures.probes import probe_figure, probe_finding
from wsexplore.figures.quality import quality_figure
from wsexplore.figures.ribbons import ribbon_figure
from wsexplore.figures.runs import runs_figure
from wsexplore.figures.spec import spec_figure
from wsexplore.figures.units import filters_figure, matrices_figure, unit_images
from wsexplore.figures.weights import drawn, spread_figure, weight_figure

__all__ = [
    "Block",
    "Figure",
    "SpecAxis",
    "SpecGroup",
    "SpecParameter",
    "anatomy_figure",
    "attack_figure",
    "barriers_figure",
    "blocks_of",
    "collapse_figure",
    "confusion_figure",
    "cost_figure",
    "curves_figure",
    "difference_figure",
    "distances_figure",
    "drawn",
    "epochs_figure",
    "filters_figure",
    "gallery_figure",
    "histogram_figure",
    "history_figure",
    "images_figure",
    "is_number",
    "lens_figure",
    "magnitude_figure",
    "magnitude_finding",
    "map_figure",
    "matrices_figure",
    "methods_figure",
    "mistakes_figure",
    "morph_figure",
    "objective_figure",
    "parallel_figure",
    "pictures_figure",
    "placed_figure",
    "plane_figure",
    "population_figure",
    "probe_figure",
    "probe_finding",
    "quality_figure",
    "reconstruction_figure",
    "rescale_figure",
    "ribbon_figure",
    "runs_figure",
    "scrub_figure",
    "space_figure",
    "spec_figure",
    "spec_groups",
    "spec_parameters",
    "spread_figure",
    "training_figure",
    "tuning_figure",
    "unit_images",
    "varying",
    "weight_figure",
]
