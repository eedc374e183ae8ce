from wsexplore.embed.behaviour import class_accuracies, function_features
from wsexplore.embed.config import HYPER, EncoderConfig
from wsexplore.embed.contrast import column_contrast, layer_contrast
from wsexplore.embed.encoder import POOLS, Encoder
from wsexplore.embed.features import KINDS, features_of
from wsexplore.embed.fit import fit_encoder
from wsexplore.embed.magnitude import Magnitude, magnitude_curve
from wsexplore.embed.maps import ALWAYS, EMBEDDINGS, LARGE, add_map, embedded, map_name, map_zoo
from wsexplore.embed.plane import LatentPlane
from wsexplore.embed.probe import TARGETS, probe
from wsexplore.embed.probed import ProbeReport
from wsexplore.embed.probing import probe_zoo
from wsexplore.embed.projection import FEWEST, METHODS, SAMPLE, Projection, content_hash, fit_projection
from wsexplore.embed.raster import Raster, rasterise
from wsexplore.embed.sampling import SampleSettings, sample_encoder
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
from wsexplore.embed.spectrum import spectral_statistics
from wsexplore.embed.statistics import weight_statistics
from wsexplore.embed.tokens import RowTokens
from wsexplore.embed.training import EncoderStep
from wsexplore.embed.trust import held_out_error, neighbours_kept, residuals

__all__ = [
    "ALWAYS",
    "EMBEDDINGS",
    "FEWEST",
    "HYPER",
    "KINDS",
    "LARGE",
    "METHODS",
    "POOLS",
    "REGIONS",
    "SAMPLE",
    "TARGETS",
    "Encoder",
    "EncoderConfig",
    "EncoderStep",
    "LatentPlane",
    "Magnitude",
    "ProbeReport",
    "Projection",
    "Raster",
    "RowTokens",
    "SampleSettings",
    "Selection",
    "add_map",
    "class_accuracies",
    "column_contrast",
    "content_hash",
    "embedded",
    "features_of",
    "fit_encoder",
    "fit_projection",
    "function_features",
    "held_out_error",
    "inside",
    "layer_contrast",
    "magnitude_curve",
    "map_name",
    "map_zoo",
    "neighbours_kept",
    "parse_polygon",
    "parse_selection",
    "polygon_text",
    "probe",
    "probe_zoo",
    "rasterise",
    "residuals",
    "rows_in",
    "sample_encoder",
    "selection_text",
    "simplified",
    "spectral_statistics",
    "thinned",
    "weight_statistics",
]
