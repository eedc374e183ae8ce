from wsexplore.population.cost import TrainingCost, training_cost
from wsexplore.population.evaluate import Scores, evaluate, logits_of, predict, score
from wsexplore.population.fields import field_errors, field_grid, field_targets, pictures_of, psnr, render
from wsexplore.population.steps import OnStep, device_of
from wsexplore.population.train import train_zoo
from wsexplore.population.tune import fine_tune
from wsexplore.population.vary import FIELDS, hyper_parameters

__all__ = [
    "FIELDS",
    "OnStep",
    "Scores",
    "TrainingCost",
    "device_of",
    "evaluate",
    "field_errors",
    "field_grid",
    "field_targets",
    "fine_tune",
    "hyper_parameters",
    "logits_of",
    "pictures_of",
    "predict",
    "psnr",
    "render",
    "score",
    "train_zoo",
    "training_cost",
]
