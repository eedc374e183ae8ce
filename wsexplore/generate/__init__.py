from wsexplore.generate.config import FlowConfig
from wsexplore.generate.controls import CONTROLS, control
from wsexplore.generate.fit import fit_flow
from wsexplore.generate.flow import WeightFlow
from wsexplore.generate.quality import NOVEL, QualityReport, quality, verdict
from wsexplore.generate.solver import SOLVER, STEPS
from wsexplore.generate.tokens import UnitTokens
from wsexplore.generate.training import FitStep

__all__ = [
    "CONTROLS",
    "NOVEL",
    "SOLVER",
    "STEPS",
    "FitStep",
    "FlowConfig",
    "QualityReport",
    "UnitTokens",
    "WeightFlow",
    "control",
    "fit_flow",
    "quality",
    "verdict",
]
