from wsexplore.generate.judge.answers import BINS, Answers, Ensemble, answers_of, ensemble_of
from wsexplore.generate.judge.coverage import NEIGHBOURS, Coverage, coverage_of
from wsexplore.generate.judge.fields import ACCEPTED, FieldJudge, frechet_distance
from wsexplore.generate.judge.ground import Ground
from wsexplore.generate.judge.matched import matched_scale
from wsexplore.generate.judge.memory import Memory, memory_of
from wsexplore.generate.judge.overlap import Overlap, overlap_of
from wsexplore.generate.judge.tuning import FRESH, Tuning, tuning_curves, tuning_summary
from wsexplore.generate.judge.words import AT, NOVEL, findings, verdict

__all__ = [
    "ACCEPTED",
    "AT",
    "BINS",
    "FRESH",
    "NEIGHBOURS",
    "NOVEL",
    "Answers",
    "Coverage",
    "Ensemble",
    "FieldJudge",
    "Ground",
    "Memory",
    "Overlap",
    "Tuning",
    "answers_of",
    "coverage_of",
    "ensemble_of",
    "findings",
    "frechet_distance",
    "matched_scale",
    "memory_of",
    "overlap_of",
    "tuning_curves",
    "tuning_summary",
    "verdict",
]
