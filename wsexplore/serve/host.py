"""A sampler with its queue, as every seat uses it."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from wsexplore.population import evaluate
from wsexplore.serve.batcher import LINGER, MicroBatcher
from wsexplore.serve.flows import WARM, Folders
from wsexplore.serve.kept import KeptJobs
from wsexplore.serve.refusals import BrokenFlow
from wsexplore.serve.request import Limits
from wsexplore.serve.sampler import FlowSampler, Sampled
from wsexplore.serve.threads import single_threaded
from wsexplore.serve.wire import Encoded, encode, encode_sample
from wsexplore.zoo import Zoo, shelf


class Host:
    """What stands behind a seat: the sampler, its batcher, and the jobs.

    Args:
        device: "cpu", "cuda" or "auto".
        warm: flows held in memory.
        folders: where flows lie by name.
        limits: how much it takes on.
        workers: threads that sample; by default one per core or GPU.
        linger: seconds that a block waits for company.
        block: most networks that run together; by default, and at most, what the device takes. One that is smaller
            than every size whose kernels round alike gives bytes of its own (`FlowShelf`).
    """

    def __init__(
        self,
        *,
        device: str = "auto",
        warm: int = WARM,
        folders: Folders = lambda: shelf("flows"),
        limits: Limits = Limits(),  # noqa: B008 (frozen)
        workers: int | None = None,
        linger: float = LINGER,
        block: int | None = None,
    ):
        self.limits, self.started = limits, time.time()
        self.sampler = FlowSampler(device=device, warm=warm, folders=folders, limits=limits, block=block)
        self.batcher = MicroBatcher(self.sampler, workers=workers, linger=linger)
        self.jobs = KeptJobs(limits.jobs, limits.keep)
        self.finishers = ThreadPoolExecutor(2, thread_name_prefix="sampler-finish")

    def finish(self, sampled: Sampled) -> Encoded:
        """The networks as bytes, judged where that was asked for.

        The adaptive solver evaluates as often as each network needs, so its metrics name no `evaluations`.

        Raises:
            ValueError: a weight is not finite, or the networks cannot be judged.
        """
        asked = sampled.request
        metrics: dict[str, Any] = {
            "networks": asked.networks,
            "weight_spread": float(sampled.weights.numpy().std(dtype=np.float64)),
        }
        if asked.solver != "adaptive":
            metrics["evaluations"] = asked.evaluations
        if not asked.judge:
            return encode_sample(sampled.flow, asked, sampled.weights, metrics)
        zoo = _judged(sampled.zoo(), str(sampled.flow.dataset))
        scores = zoo.table["test_accuracy"]
        metrics |= {"mean_test_accuracy": float(scores.mean()), "best_test_accuracy": float(scores.max())}
        return encode(zoo, metrics)

    def flows(self) -> list[dict[str, Any]]:
        """Every flow in a few words; a broken one says why."""
        return [self._brief(name) for name in self.sampler.shelf.names()]

    def describe(self, name: str) -> dict[str, Any]:
        """Everything that is known of a flow, and what it costs to sample it here.

        Raises:
            UnknownFlow: there is none of this name.
            BrokenFlow: it cannot be read.
        """
        facts = self.sampler.shelf.facts(name)
        told, blocks = facts.manifest, self.batcher.speeds.blocks(name)
        each = min((seconds / size for size, seconds in blocks.items()), default=None)
        layout, apart = facts.architecture.layout, told.get("held_out")
        return {
            **self._brief(name),
            "config": told.get("config") or {},
            "steps": facts.steps,
            "listens": facts.listens.to_list(),
            "layout": [{"name": slot.name, "shape": list(slot.shape)} for slot in layout.slots],
            "recipe": facts.recipe.to_dict(),
            "fitted_on": told.get("fitted_on"),
            "where": told.get("where"),
            "held_out": [str(one) for one in apart] if isinstance(apart, list) else [],
            "device": self.sampler.shelf.device.type,
            "queue": self.batcher.queue,
            "seconds_per_network": None if each is None else each * facts.steps / self.batcher.workers,
            "workers": self.batcher.workers,
            "seconds_waiting": self.batcher.seconds_waiting(),
            "blocks": {str(size): seconds for size, seconds in sorted(blocks.items())},
        }

    def limits_told(self) -> dict[str, Any]:
        """The limits a caller should know."""
        limits = self.limits
        return {"networks": limits.networks, "direct": limits.direct, "steps": limits.steps, "queue": limits.queue}

    def busy(self) -> bool:
        """Whether a request is not finished, or the result of a job not fetched."""
        return bool(self.batcher.queue or self.jobs.unfetched())

    def close(self, *, finish: bool = True, timeout: float | None = None) -> bool:
        """Take nothing new, finish what was accepted or fail it, and end the threads; whether they ended in time."""
        ended = self.batcher.close(finish=finish, timeout=timeout)
        self.finishers.shutdown(wait=ended)
        return ended

    def _brief(self, name: str) -> dict[str, Any]:
        try:
            facts = self.sampler.shelf.facts(name)
            architecture, told = facts.architecture.to_dict(), facts.manifest
            return {
                "name": name,
                "architecture": architecture,
                "parameters": facts.parameters,
                "dataset": told.get("dataset"),
                "networks": told.get("networks"),
                "warm": self.sampler.shelf.is_warm(name),
                "problem": None,
            }
        except (BrokenFlow, ValueError) as error:
            return {"name": name, "warm": False, "problem": str(error)}


def _judged(zoo: Zoo, dataset: str) -> Zoo:
    with single_threaded():
        scores = evaluate(zoo, dataset).drop(columns="id")
    return zoo.with_table(zoo.table.assign(**{str(name): column.to_numpy() for name, column in scores.items()}))
