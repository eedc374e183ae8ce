"""How a report can be made again."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from wsexplore.generate.judge.tuning import Tuning
from wsexplore.zoo import Recipe, Zoo

KIND = {"flow": "FLOW", "networks": "NETWORKS"}
"""What the command calls what is judged."""


def quality_recipe(
    kind: str,
    inputs: Mapping[str, str],
    *,
    data: str,
    models: int,
    seed: int,
    reference: int,
    name: str,
    held_out: Zoo | Sequence[str] | None,
    tuning: Tuning | None,
    device: str,
    asked: Mapping[str, Any] | None,
) -> Recipe:
    """The recipe of a report; its expression holds every argument that is not the default.

    The command has no word for `name` and `asked`, which change sentences and no number. It has none for a reference
    and for some ways of further training: then there is no command.

    Args:
        kind: what is judged: "flow" or "networks".
        inputs: fingerprints by name.
        data: the data set.
        models: as `quality` was given it, and so are the others.
        seed: of the samples and controls.
        reference: row that everything is aligned to.
        name: what the generator is called.
        held_out: networks kept out, or their ids.
        tuning: the plan of further training.
        device: where networks run.
        asked: how samples were asked to differ.
    """
    given = isinstance(held_out, Zoo)
    ids = None if held_out is None or isinstance(held_out, Zoo) else [str(one) for one in held_out]
    changed = {
        **({} if reference == 0 else {"reference": repr(reference)}),
        **({} if name == "flow" else {"name": repr(name)}),
        **({"held_out": "held_out"} if given else {} if ids is None else {"held_out": repr(ids)}),
        **({} if tuning is None else {"tuning": f"wsexplore.generate.judge.{tuning!r}"}),
        **({} if device == "cpu" else {"device": repr(device)}),
        **({} if asked is None else {"asked": repr(dict(asked))}),
    }
    keywords = {"models": repr(models), "seed": repr(seed), **changed}
    further = _tuning_options(tuning)
    options = [f"wsexplore flow judge {KIND[kind]} ZOO --dataset {shlex.quote(data)} --models {models} --seed {seed}"]
    options += ["--held-out HELD_OUT"] if given else [f"--held-out {shlex.quote(_predicate(ids))}"] if ids else []
    options += further or []
    options += [] if device == "cpu" else [f"--device {device}"]
    return Recipe.of(
        "quality",
        inputs=dict(inputs) | ({"held_out": held_out.fingerprint} if isinstance(held_out, Zoo) else {}),
        arguments={
            "dataset": data,
            "models": models,
            "reference": reference,
            "name": name,
            "held_out": ids,
            "tuning": None if tuning is None else asdict(tuning) | {"epochs": list(tuning.epochs)},
            "device": device,
            "asked": None if asked is None else dict(asked),
        },
        seed=seed,
        cli="" if reference or further is None else " ".join(options),
        python=f"wx.quality({kind}, zoo, {data!r}, " + ", ".join(f"{k}={v}" for k, v in keywords.items()) + ")",
    )


def _predicate(ids: list[str]) -> str:
    """The networks of these ids, as SQL."""
    return "id in ({})".format(", ".join("'{}'".format(one.replace("'", "''")) for one in ids))


def _tuning_options(tuning: Tuning | None) -> list[str] | None:
    """Options of the command for further training; `None` where it has none for this plan."""
    if tuning is None:
        return []
    last = max(tuning.epochs)
    steps = tuple(epoch for epoch in sorted({0, 1, 2, 5, last}) if epoch <= last)
    said = Tuning(epochs=steps, share=tuning.share, transfer=tuning.transfer, new_head=bool(tuning.transfer))
    if tuning != said:
        return None
    options = [f"--tuning {last}"]
    options += [] if tuning.share == 1 else [f"--share {tuning.share}"]
    return options + ([f"--transfer {shlex.quote(tuning.transfer)}"] if tuning.transfer else [])
