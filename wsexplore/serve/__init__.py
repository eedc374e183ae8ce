from wsexplore.serve.batcher import MicroBatcher
from wsexplore.serve.client import SamplerClient
from wsexplore.serve.host import Host
from wsexplore.serve.refusals import BrokenFlow, Cancelled, Closing, Refused, SamplerFailed, UnknownFlow
from wsexplore.serve.request import Limits, SampleRequest
from wsexplore.serve.sampler import FlowSampler, Sampled
from wsexplore.serve.ticket import Ticket

__all__ = [
    "BrokenFlow",
    "Cancelled",
    "Closing",
    "FlowSampler",
    "Host",
    "Limits",
    "MicroBatcher",
    "Refused",
    "SampleRequest",
    "Sampled",
    "SamplerClient",
    "SamplerFailed",
    "Ticket",
    "UnknownFlow",
]
