from wsexplore.generate.config import FlowConfig
from wsexplore.generate.fit import fit_flow
from wsexplore.generate.flow import WeightFlow
from wsexplore.generate.training import FitStep
from wsexplore.generate.tokens import UnitTokens

__all__ = ["FitStep", "FlowConfig", "UnitTokens", "WeightFlow", "fit_flow"]
