"""A report's numbers as sentences to be read aloud."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from wsexplore.generate.controls import CONTROLS, MATCHED
from wsexplore.generate.judge.asked import wishes_sentence
from wsexplore.generate.judge.memory import SURE, Memory

NOVEL = 0.9
"""Novelty from which a generator counts as no copier, and dispersion from which it counts as no averager."""

EQUAL = 0.03
"""Novelties that differ by no more than this count as matched."""

APART = "apart from"
"""What a flow is to a control that no scale brings to its novelty."""

ERRORS = 2.5
"""Standard errors by which a difference counts: by chance one of four controls is called better or worse in 1 of 20."""

NAMES = {
    "gaussian": "Gaussians with the zoo's full covariance",
    "independent": "independent Gaussians per weight",
    "averages": "averages of random pairs",
    "triples": "averages of random triples",
    "noise": "networks of the zoo plus noise",
}
NEAR, AVERAGES = "stays near what it was fitted on", "averages"
NARROW, APART_FROM_ZOO = "loses variety", "differs from the zoo's distribution"
AMONG_SAMPLES = {
    NEAR: "stay near what it was fitted on",
    AVERAGES: "spread less than the zoo",
    NARROW: "reach less of the zoo",
    APART_FROM_ZOO: "differ from the zoo's distribution",
}
"""Faults of a generator, as what its samples do where they were asked for."""

AT = "_matched"
"""What is added to the name of a control at the novelty of the flow."""


def base_name(generator: str) -> str:
    """The control of a row, matched or not."""
    return generator.removesuffix(AT)


def is_control(generator: str) -> bool:
    """Whether a row is a control's."""
    return base_name(generator) in (*CONTROLS, *MATCHED)


def findings(
    frame: pd.DataFrame, memory: Memory | None = None, wishes: Mapping[str, Any] | None = None
) -> dict[str, str]:
    """What a report's table says, by topic; topics whose columns are missing are left out.

    The topics are "asked", "quality", "novelty", "controls", "spread", "coverage", "errors", "together" and "summary".
    Better and worse mean a difference of at least 2.5 standard errors, which count the choice of networks and of test
    samples; anything smaller is called the same.

    Args:
        frame: the table of a report.
        memory: the test of memorisation.
        wishes: how samples were asked to differ from the zoo, as `wishes_of` gives it.
    """
    rows: dict[str, Any] = {str(one): row for one, row in frame.set_index("generator").iterrows()}
    name = judged_name(frame)
    flow, zoo = rows[name], rows["zoo"]
    said = {"asked": wishes_sentence(name, wishes)} if wishes else {}
    said |= {"quality": _quality(name, flow, zoo), "novelty": _novelty(name, flow, memory)}
    said["controls"] = _controls(name, flow, rows)
    if "dispersion" in frame:
        said["spread"] = _spread(flow, bool(wishes))
    if "coverage" in frame:
        said["coverage"] = _coverage(flow, zoo, bool(wishes))
    if "overlap" in frame:
        said["errors"] = _errors(flow, zoo)
    if "ensemble_accuracy" in frame:
        said["together"] = _together(flow, zoo)
    said["summary"] = _summary(name, flow, rows, memory, bool(wishes))
    return {topic: text for topic, text in said.items() if text}


def judged_name(frame: pd.DataFrame) -> str:
    """The generator that a report judges."""
    return next(str(one) for one in frame["generator"] if one not in ("zoo", "held_out") and not is_control(str(one)))


def verdict(frame: pd.DataFrame, memory: Memory | None = None, wishes: Mapping[str, Any] | None = None) -> str:
    """`findings` as one text."""
    return " ".join(findings(frame, memory, wishes).values())


def _quality(name: str, flow: Any, zoo: Any) -> str:
    if "frechet" in flow:
        return (
            f"A classifier of real images accepts {flow.accepted:.0%} of the {name}'s pictures and finds "
            f"{flow.classes:.0f} classes in them; of the zoo's own fields it accepts {zoo.accepted:.0%}. Their Frechet "
            f"distance to real images is {flow.frechet:.3g}, that of the zoo's fields {zoo.frechet:.3g}, and real "
            f"images among themselves have {flow.frechet_floor:.3g}."
        )
    points = 100 * (flow.mean_accuracy - zoo.mean_accuracy)
    text = (
        f"The {name}'s networks classify {flow.mean_accuracy:.1%} of the test samples on average, the zoo's "
        f"{zoo.mean_accuracy:.1%}"
    )
    if "difference_error" not in zoo:
        return f"{text}."
    error = 100 * zoo.difference_error
    if abs(points) < ERRORS * error:
        return f"{text}: the same within the error of {error:.1f} points."
    return f"{text}: {abs(points):.1f} points {'more' if points > 0 else 'less'}, give or take {error:.1f}."


def _novelty(name: str, flow: Any, memory: Memory | None) -> str:
    text = f"They lie {flow.novelty:.2f} times as far from the zoo as its own networks from each other" + (
        f", which is too near to count as new (below {NOVEL})." if flow.novelty < NOVEL else "."
    )
    return f"{text} {memory.sentence}" if memory is not None else text


def _controls(name: str, flow: Any, rows: Mapping[str, Any]) -> str:
    """Controls at the flow's novelty, sorted by the outcome; those that cannot be brought there are named."""
    groups = _outcomes(flow, rows)
    apart = groups.pop(APART)
    parts = [
        f"{outcome} {_listed([f'{NAMES[one]} ({_number(rows[one + AT])})' for one in controls])}"
        for outcome, controls in groups.items()
        if controls
    ]
    said = [f"At the same novelty the {name} is {', '.join(parts)}."] if parts else []
    if apart:
        told = [f"{NAMES[one]} ({_number(rows[one + AT])} at novelty {rows[one + AT].novelty:.2f})" for one in apart]
        said.append(f"No scale brings {_listed(told)} to its novelty.")
    return " ".join(said)


def _outcomes(flow: Any, rows: Mapping[str, Any]) -> dict[str, list[str]]:
    """The matched controls by what the flow is to them; `APART` where no scale gave the flow's novelty."""
    groups: dict[str, list[str]] = {"better than": [], "the same as": [], "worse than": [], APART: []}
    for control in MATCHED:
        row = rows.get(control + AT)
        if row is None:
            continue
        near = abs(row.novelty - flow.novelty) <= EQUAL * max(flow.novelty, 1e-9)
        sure = abs(row.difference) >= ERRORS * row.difference_error
        outcome = "the same as" if not sure else "better than" if row.difference > 0 else "worse than"
        groups[outcome if near else APART].append(control)
    return groups


def _summary(name: str, flow: Any, rows: Mapping[str, Any], memory: Memory | None, asked: bool) -> str:
    """One sentence on what kind of generator it is, or on the samples where these were asked for.

    No wish explains copies: they are laid at the generator's door.
    """
    faults = _faults(flow, rows["zoo"], memory)
    if asked and memory is not None and memory.copies:
        return f"In short, the {name} {NEAR}."
    if faults and asked:
        told = _listed([AMONG_SAMPLES[fault] for fault in faults])
        return (
            f"In short, the samples that were asked for {told}: judge the {name} without wishes to know its own part."
        )
    if faults:
        return f"In short, the {name} {_listed(faults)}."
    told = _beside_controls(flow, rows)
    if not asked and _apart_from_zoo(flow):
        return f"In short, the {name} {told}; a test tells their distribution from the zoo's."
    return f"In short, the {name} {told}."


def _faults(flow: Any, zoo: Any, memory: Memory | None) -> list[str]:
    """What spoils a generator. A distribution that is told from the zoo's is one only beside a loss of variety."""
    faults = []
    if (memory is not None and memory.memorises) or flow.novelty < NOVEL:
        faults.append(NEAR)
    if "dispersion" in flow and flow.dispersion < NOVEL:
        faults.append(AVERAGES)
    if _loses_variety(flow, zoo):
        faults += [NARROW, APART_FROM_ZOO] if _apart_from_zoo(flow) else [NARROW]
    return faults


def _beside_controls(flow: Any, rows: Mapping[str, Any]) -> str:
    groups = _outcomes(flow, rows)
    worst = next((outcome for outcome in ("worse than", "the same as", "better than") if groups[outcome]), None)
    if worst is None:
        return "makes new networks"
    if worst == "the same as":
        return f"makes new networks, no better than {_listed([NAMES[one] for one in groups[worst]])}"
    told = "worse than a" if worst == "worse than" else "better than every"
    return f"makes new networks, {told} control at the same novelty"


def _loses_variety(flow: Any, zoo: Any) -> bool:
    """Whether the flow surely reaches less of the zoo than as many of its own networks do."""
    if "coverage" not in flow or flow.coverage != flow.coverage or zoo.coverage != zoo.coverage:
        return False
    compared = max(1, zoo.compared_with)
    error = max((zoo.coverage * (1 - zoo.coverage) / compared) ** 0.5, 1 / compared)
    return bool(flow.coverage < zoo.coverage - ERRORS * 2**0.5 * error)


def _apart_from_zoo(flow: Any) -> bool:
    """Whether a test tells the flow's networks from the zoo's."""
    return "mmd_p" in flow and bool(flow.mmd_p < SURE)


def _number(row: Any) -> str:
    return f"Frechet {row.frechet:.3g}" if "frechet" in row else f"{row.mean_accuracy:.1%}"


def _spread(flow: Any, asked: bool) -> str:
    text = f"Its networks spread {flow.dispersion:.2f} times as widely as the zoo"
    if flow.dispersion < NOVEL:
        return f"{text}, which may come of what was asked for." if asked else f"{text}: it averages."
    return f"{text}, which is wider." if flow.dispersion > 1 / NOVEL else f"{text}: it does not average."


def _coverage(flow: Any, zoo: Any, asked: bool) -> str:
    if flow.coverage != flow.coverage:
        return ""
    text = f"Its networks reach {flow.coverage:.0%} of the zoo's neighbourhoods"
    if zoo.coverage == zoo.coverage:
        text += f", as many networks of the zoo reach {zoo.coverage:.0%}: "
        lost = "fewer, which may come of what was asked for" if asked else "diversity is lost"
        text += lost if _loses_variety(flow, zoo) else "no sign that diversity is lost"
    told = "tells them from the zoo" if _apart_from_zoo(flow) else "does not tell them from the zoo"
    return f"{text}. A test of the whole distribution {told} (maximum mean discrepancy, p {_p(flow.mmd_p)})."


def _errors(flow: Any, zoo: Any) -> str:
    if flow.overlap != flow.overlap:
        return "Its networks make no errors, so there is no overlap of errors to compare."
    text = (
        f"With the network of the zoo that errs most alike, its networks share {flow.overlap:.0%} of their errors; "
        f"random errors of the same number on equally hard samples would give {flow.overlap_expected:.0%}, and the "
        f"zoo's own networks have {zoo.overlap:.0%}"
    )
    return f"{text}; {flow.faultless:.0f} networks without errors are left out." if flow.faultless else f"{text}."


def _together(flow: Any, zoo: Any) -> str:
    return (
        f"Together they classify {flow.ensemble_accuracy:.1%} with a calibration error of "
        f"{100 * flow.ensemble_ece:.1f} points, as many networks of the zoo {zoo.ensemble_accuracy:.1%} with "
        f"{100 * zoo.ensemble_ece:.1f}."
    )


def _p(value: float) -> str:
    return "below 0.003" if value < 0.003 else f"{value:.2g}"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
