from plotly.graph_objects import Figure

from wsexplore.figures.agreement import agreement_figure, agreement_finding
from wsexplore.figures.anatomy import anatomy_figure
from wsexplore.figures.answers import confusion_figure, images_figure, mistakes_figure, pictures_figure
from wsexplore.figures.barrier_parts import classes_figure, costly_figure, decisions_figure
from wsexplore.figures.basins import basins_figure, basins_finding
from wsexplore.figures.blocks import Block, blocks_of
from wsexplore.figures.collapse import collapse_figure
from wsexplore.figures.columns import histogram_figure, is_number, parallel_figure, varying
from wsexplore.figures.compare import difference_figure
from wsexplore.figures.cost import cost_figure
from wsexplore.figures.coverage import (
    coverage_figure,
    coverage_finding,
    generators_magnitude_figure,
    generators_magnitude_finding,
)
from wsexplore.figures.curvature import profiles_figure, spectrum_figure, spectrum_finding, trace_figure
from wsexplore.figures.curves import population_figure
from wsexplore.figures.encoder import history_figure, reconstruction_figure, tuning_figure
from wsexplore.figures.epochs import epochs_figure
from wsexplore.figures.groups import SpecAxis, SpecGroup, SpecParameter, spec_groups, spec_parameters
from wsexplore.figures.judged_fields import (
    class_coverage_figure,
    class_coverage_finding,
    frechet_figure,
    frechet_finding,
)
from wsexplore.figures.landscape import contour_figure, plane_finding, surface_figure
from wsexplore.figures.magnitude import magnitude_figure, magnitude_finding
from wsexplore.figures.map import map_figure, placed_figure, space_figure
from wsexplore.figures.methods import methods_figure
from wsexplore.figures.moving import lens_figure, training_figure
from wsexplore.figures.novelty import novelty_figure, novelty_finding, overlap_figure, overlap_finding
from wsexplore.figures.orbit import attack_figure, rescale_figure
from wsexplore.figures.pairs import barriers_figure, distances_figure
from wsexplore.figures.path import curves_figure, learning_figure, objective_figure, scrub_figure
from wsexplore.figures.phases import phases_figure, phases_finding
from wsexplore.figures.pictures import gallery_figure, morph_figure
from wsexplore.figures.plane import plane_figure
from wsexplore.figures.probes import probe_figure, probe_finding
from wsexplore.figures.quality import quality_figure, quality_finding
from wsexplore.figures.ribbons import ribbon_figure
from wsexplore.figures.runs import runs_figure
from wsexplore.figures.similarity import (
    similarity_figure,
    similarity_finding,
    weight_function_figure,
    weight_function_finding,
)
from wsexplore.figures.spec import spec_figure
from wsexplore.figures.tree import basin_colours, merge_tree_figure, merge_tree_finding, persistence_figure
from wsexplore.figures.tuning import (
    reliability_figure,
    reliability_finding,
    tuning_curves_figure,
    tuning_curves_finding,
)
from wsexplore.figures.units import filters_figure, matrices_figure, unit_images
from wsexplore.figures.weights import drawn, spread_figure, weight_figure

__all__ = [
    "Block",
    "Figure",
    "SpecAxis",
    "SpecGroup",
    "SpecParameter",
    "agreement_figure",
    "agreement_finding",
    "anatomy_figure",
    "attack_figure",
    "barriers_figure",
    "basin_colours",
    "basins_figure",
    "basins_finding",
    "blocks_of",
    "class_coverage_figure",
    "class_coverage_finding",
    "classes_figure",
    "collapse_figure",
    "confusion_figure",
    "contour_figure",
    "cost_figure",
    "costly_figure",
    "coverage_figure",
    "coverage_finding",
    "curves_figure",
    "decisions_figure",
    "difference_figure",
    "distances_figure",
    "drawn",
    "epochs_figure",
    "filters_figure",
    "frechet_figure",
    "frechet_finding",
    "gallery_figure",
    "generators_magnitude_figure",
    "generators_magnitude_finding",
    "histogram_figure",
    "history_figure",
    "images_figure",
    "is_number",
    "learning_figure",
    "lens_figure",
    "magnitude_figure",
    "magnitude_finding",
    "map_figure",
    "matrices_figure",
    "merge_tree_figure",
    "merge_tree_finding",
    "methods_figure",
    "mistakes_figure",
    "morph_figure",
    "novelty_figure",
    "novelty_finding",
    "objective_figure",
    "overlap_figure",
    "overlap_finding",
    "parallel_figure",
    "persistence_figure",
    "phases_figure",
    "phases_finding",
    "pictures_figure",
    "placed_figure",
    "plane_figure",
    "plane_finding",
    "population_figure",
    "probe_figure",
    "probe_finding",
    "profiles_figure",
    "quality_figure",
    "quality_finding",
    "reconstruction_figure",
    "reliability_figure",
    "reliability_finding",
    "rescale_figure",
    "ribbon_figure",
    "runs_figure",
    "scrub_figure",
    "similarity_figure",
    "similarity_finding",
    "space_figure",
    "spec_figure",
    "spec_groups",
    "spec_parameters",
    "spectrum_figure",
    "spectrum_finding",
    "spread_figure",
    "surface_figure",
    "trace_figure",
    "training_figure",
    "tuning_curves_figure",
    "tuning_curves_finding",
    "tuning_figure",
    "unit_images",
    "varying",
    "weight_figure",
    "weight_function_figure",
    "weight_function_finding",
]
