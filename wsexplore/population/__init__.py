from wsexplore.population.evaluate import Scores, evaluate, predict, score
from wsexplore.population.steps import OnStep, device_of
from wsexplore.population.train import train_zoo
from wsexplore.population.vary import FIELDS, hyper_parameters

__all__ = [
    "FIELDS",
    "OnStep",
    "Scores",
    "device_of",
    "evaluate",
    "hyper_parameters",
    "predict",
    "score",
    "train_zoo",
]
