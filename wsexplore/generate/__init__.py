from wsexplore.generate.checkpoint import forget_training
from wsexplore.generate.config import VARIANTS, FlowConfig
from wsexplore.generate.controls import CONTROLS, control
from wsexplore.generate.distil import distil
from wsexplore.generate.fit import fit_flow
from wsexplore.generate.flow import WeightFlow
from wsexplore.generate.quality import NOVEL, QualityReport, quality, verdict
from wsexplore.generate.solver import SOLVER, SOLVERS, STEPS, TOLERANCE
from wsexplore.generate.tokens import UnitTokens
from wsexplore.generate.training import FitStep

__all__ = [
    "CONTROLS",
    "NOVEL",
    "SOLVER",
    "SOLVERS",
    "STEPS",
    "TOLERANCE",
    "VARIANTS",
    "FitStep",
    "FlowConfig",
    "QualityReport",
    "UnitTokens",
    "WeightFlow",
    "control",
    "distil",
    "fit_flow",
    "forget_training",
    "quality",
    "verdict",
]
