"""What the sampler's host does under load: `python -m benchmarks.serve [--clients 200] [--seconds 60]`.

Starts `wsexplore serve` on this machine and lets clients ask it for networks, one request after the other each, every
request with a seed of its own. Some answers are compared, byte for byte, with what the same request gives alone in
this process. Beside it, in the same run: the same clients and a server without batching, whose workers, as many as
ours, compute one network each at a time (`--block 1`); and `WeightFlow.sample` in a loop without HTTP, in one process,
with one thread of torch and with one thread per core. Every row says how many workers it had and how many networks its
largest block, as the server itself tells. A server with blocks of 1 gives bytes of its own where its kernels round
otherwise, so its answers are compared with blocks of 1.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import torch
import typer

from wsexplore.generate import WeightFlow
from wsexplore.serve import FlowSampler, Host, SampleRequest
from wsexplore.zoo import item

RUN = "from wsexplore.cli import main; main()"


def main(
    flow: Annotated[str, typer.Option(help="Name of a flow on the shelf.")] = "digits-mlp",
    clients: Annotated[int, typer.Option(min=1, help="Callers at once.")] = 200,
    seconds: Annotated[float, typer.Option(min=1, help="How long they ask.")] = 60.0,
    models: Annotated[int, typer.Option(min=1, help="Networks per request.")] = 1,
    alone: Annotated[float, typer.Option(min=1, help="Seconds of each run without batching.")] = 15.0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    workers: Annotated[int, typer.Option(min=0, help="Threads that sample; 0 for the usual.")] = 0,
    check: Annotated[int, typer.Option(min=0, help="Answers compared with a lone request.")] = 300,
) -> None:
    print(f"{os.cpu_count()} cores, device {device}, flow {flow}, {models} networks per request")
    many = f"over HTTP, {clients} clients"
    rows = [_alone(flow, models, alone, device, threads) for threads in sorted({1, os.cpu_count() or 1})]
    rows.append(_over_http("over HTTP, one client", flow, models, 1, alone, device, workers, None, check))
    rows.append(_over_http(f"{many}, one at a time", flow, models, clients, alone, device, workers, 1, check))
    rows.append(_over_http(f"{many}, batched", flow, models, clients, seconds, device, workers, None, check))
    for row in rows:
        print("  ".join(f"{name} {value}" for name, value in row.items()))
    for row in (rows[-2], max(rows[:-3], key=lambda row: float(row["networks_per_s"]))):
        print(f"batched against {row['how']}: {rows[-1]['networks_per_s'] / row['networks_per_s']:.1f} times")


def _alone(flow: str, models: int, seconds: float, device: str, threads: int) -> dict[str, Any]:
    """Requests one at a time, without batching and without HTTP; the networks of one request run together."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    opened, lasted = WeightFlow.open(item("flows", flow)), list[float]()
    opened.sample(models, device=device)
    start = time.perf_counter()
    while time.perf_counter() - start < seconds:
        began = time.perf_counter()
        opened.sample(models, seed=len(lasted), device=device)
        lasted.append(time.perf_counter() - began)
    torch.set_num_threads(before)
    how = f"WeightFlow.sample in a loop, {threads} thread{'s' * (threads > 1)}"
    return _row(how, models, lasted, time.perf_counter() - start) | {"workers": 1, "block": models}


def _over_http(
    how: str,
    flow: str,
    models: int,
    clients: int,
    seconds: float,
    device: str,
    workers: int,
    block: int | None,
    check: int,
) -> dict[str, Any]:
    """Requests of several clients to a server in a process of its own."""
    command = [sys.executable, "-c", RUN, "serve", "--port", "0", "--json", "--device", device]
    command += ["--workers", str(workers), "--block", str(block or 0)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        httpx.post(f"{url}/v1/samples", json={"flow": flow, "n": models}, timeout=120).raise_for_status()
        told = httpx.get(f"{url}/v1/flows/{flow}", timeout=120).json()
        load = _Load(url, flow, models, check)
        before = _worked(process.pid)
        lasted, whole = asyncio.run(load.run(clients, seconds))
        memory, worked = _resident(process.pid), _worked(process.pid) - before
        process.send_signal(signal.SIGINT)
        ended = process.wait(60)
    finally:
        process.kill()
    wrong = _mixed_up(flow, models, device, block, load.kept)
    facts = {
        "workers": told["workers"],
        "block": max(map(int, told["blocks"])),
        "cpu_ms": round(1000 * worked / max(1, len(lasted)), 1),
        "lost": load.lost,
        "mixed_up": f"{wrong} of {len(load.kept)}",
        "server_MiB": memory,
        "exit": ended,
    }
    return _row(how, models, lasted, whole) | facts


class _Load:
    """Callers that ask, each again as soon as it is answered, each over a connection of its own.

    They speak HTTP by hand, for they share the cores with the server: a full client would cost more than the sampling.
    """

    def __init__(self, url: str, flow: str, models: int, check: int):
        parsed = urlsplit(url)
        self._name, self._port, self._flow = str(parsed.hostname), int(parsed.port or 80), flow
        self._models, self._check, self._next = models, check, 0
        self.kept: dict[int, bytes] = {}
        self.lost = 0

    async def run(self, clients: int, seconds: float) -> tuple[list[float], float]:
        """Seconds of each answer, and of all."""
        start = time.perf_counter()
        found = await asyncio.gather(*(self._caller(start + seconds) for _ in range(clients)))
        return [each for part in found for each in part], time.perf_counter() - start

    async def _caller(self, end: float) -> list[float]:
        lasted = []
        reader, writer = await asyncio.open_connection(self._name, self._port)
        while time.perf_counter() < end:
            seed, self._next = self._next, self._next + 1
            began = time.perf_counter()
            try:
                status, data = await asyncio.wait_for(self._ask(reader, writer, seed), 300)
            except (OSError, EOFError, TimeoutError):
                self.lost += 1
                break
            if status != 200 or f'\\"flow-{seed}-0\\"'.encode() not in data:
                self.lost += 1
                continue
            lasted.append(time.perf_counter() - began)
            if seed % max(1, self._next // self._check) == 0:
                self.kept[seed] = data
        writer.close()
        return lasted

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seed: int) -> tuple[int, bytes]:
        body = json.dumps({"flow": self._flow, "n": self._models, "seed": seed}).encode()
        head = "POST /v1/samples HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: "
        writer.write(f"{head}{len(body)}\r\n\r\n".encode() + body)
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
        length = next(int(line.partition(":")[2]) for line in lines if line.startswith("content-length:"))
        return int(lines[0].split()[1]), await reader.readexactly(length)


def _mixed_up(flow: str, models: int, device: str, block: int | None, kept: dict[int, bytes]) -> int:
    """Answers that are not what the same request gives alone, in blocks of the same sizes."""
    host = Host(device=device, block=block)
    sampler: FlowSampler = host.sampler
    wrong = 0
    for seed, data in kept.items():
        alone = sampler.sample_batch([SampleRequest(flow, n=models, seed=seed)])[0]
        wrong += bytes(host.finish(alone)) != data
    host.close()
    return wrong


def _resident(process: int) -> int:
    """Most MiB that a process has held, 0 where the system does not say."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) >> 10
    except (OSError, StopIteration):
        return 0


def _worked(process: int) -> float:
    """Seconds of processor time that a process has had, 0 where the system does not say."""
    try:
        facts = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return (int(facts[11]) + int(facts[12])) / os.sysconf("SC_CLK_TCK")
    except OSError:
        return 0.0


def _row(how: str, models: int, lasted: list[float], whole: float) -> dict[str, Any]:
    times = np.array(lasted) if lasted else np.array([np.nan])
    return {
        "how": how,
        "answers": len(lasted),
        "networks_per_s": round(len(lasted) * models / whole, 1),
        "median_ms": round(1000 * float(np.median(times)), 1),
        "p95_ms": round(1000 * float(np.quantile(times, 0.95)), 1),
    }


if __name__ == "__main__":
    typer.run(main)
