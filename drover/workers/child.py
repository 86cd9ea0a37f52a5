"""The program of a worker process: runs batches of flows until its server is gone.

Started by ``drover.workers.local`` as ``python -m drover.workers.child`` with one JSON argument.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import math
import os
import signal
import socket
import sys
import threading
import time
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

import msgspec
import structlog
import uvloop
from msgspec import Struct

from drover.flows import compile_flow, run_batch
from drover.flows.python import MOST_LEFT_BEHIND, left_behind
from drover.handlers import REGISTERED
from drover.plugins import HandlersError, load
from drover.ports.runner import NotBegun
from drover.system import SystemClock
from drover.workers.frames import (
    TO_WORKER,
    UNSENDABLE,
    Answer,
    Ask,
    Broken,
    Failed,
    Forget,
    FromWorker,
    Loading,
    Lost,
    Ready,
    Receipt,
    Settle,
    SettleAll,
    Start,
    ToWorker,
    Unbegun,
    Worn,
    mended,
    mended_record,
    pack,
    read,
    told,
    with_refusals,
)
from drover.workers.gates import Gates
from drover.workers.host import BatchHost
from drover.workers.payloads import payloads_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.flows import CompiledFlow
    from drover.ports.runner import FlowBatch, RunRecord, Settled
    from drover.ports.scripts import ScriptResult, Scripts

_LOG = structlog.get_logger("drover.worker")


_MANY_LEFT_BEHIND = MOST_LEFT_BEHIND // 2
"""With so many calls left behind the worker asks to be replaced, while it can still do others."""


class Instructions(Struct, frozen=True, kw_only=True):
    """How a worker is to run: file descriptors, modules with handlers, how often to give a sign.

    One whose loop is held for more than ``stuck_s`` by somebody's code ends itself.
    ``scripts`` names what makes the place where users' scripts run, ``module:callable``; it is
    called with the number of ``cages``.
    """

    socket: int
    beat: int
    beat_s: float
    stuck_s: float = 60.0
    handlers: list[str] = []
    scripts: str = ""
    cages: int = 1


class LateScripts:
    """The cage of this worker, started when the first script is run."""

    def __init__(self, maker: str, cages: int) -> None:
        self._maker = maker
        self._cages = cages
        self._lock = asyncio.Lock()
        self._cage: Any = None

    async def run(
        self,
        script: str,
        payloads: Sequence[object],
        *,
        timeout_ms: int = 5000,
        owner: str = "",
    ) -> list[ScriptResult]:
        """Run one script over many payloads; see ``drover.ports.scripts.Scripts``."""
        async with self._lock:
            if self._cage is None:
                module, _, name = self._maker.partition(":")
                cage = getattr(import_module(module), name)(self._cages)
                await cage.start()
                self._cage = cage
        results: list[ScriptResult] = await self._cage.run(
            script, payloads, timeout_ms=timeout_ms, owner=owner
        )
        return results

    async def close(self) -> None:
        """End the cage, if there is one."""
        if self._cage is not None:
            await self._cage.close()


class Worker:
    """One worker: the batches it runs, and what they wait for from the server."""

    def __init__(self, writer: asyncio.StreamWriter, scripts: Scripts) -> None:
        self._writer = writer
        self._scripts = scripts
        self._clock = SystemClock()
        self._flows: dict[str, CompiledFlow] = {}
        self._gates = Gates()
        self._worn = False
        self._running: set[asyncio.Task[None]] = set()
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._numbers = itertools.count(1)

    async def serve(self, reader: asyncio.StreamReader) -> None:
        """Do what the server says until it is gone."""
        self.send(Ready(sorted(REGISTERED)))
        with contextlib.suppress(EOFError, ConnectionError):
            while True:
                self._take(TO_WORKER.decode(await read(reader)))
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def send(self, message: FromWorker) -> None:
        """Say something to the server."""
        self._writer.write(pack(message))

    async def request(self, number: int, message: FromWorker) -> Any:
        """Say something and wait for what comes back; raises ConnectionError."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            self.send(message)
            return await future
        finally:
            del self._waiting[number]

    def next_number(self) -> int:
        """Return a number for the next request."""
        return next(self._numbers)

    def _take(self, message: ToWorker) -> None:
        match message:
            case Start(number, batch):
                task = asyncio.create_task(self._run(number, batch))
                self._running.add(task)
                task.add_done_callback(self._running.discard)
            case Forget():
                self._flows.clear()
            case Answer(number, answers):
                self._resolve(number, answers)
            case Receipt(number, settled):
                self._resolve(number, settled)
            case Lost(number):
                self._resolve(number, ConnectionAbortedError("the lease is lost"))

    def _resolve(self, number: int, outcome: Any) -> None:
        future = self._waiting.get(number)
        if future is None or future.done():
            return
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)

    async def _run(self, number: int, batch: FlowBatch) -> None:
        try:
            with self._gates.of(batch.lease_id) as gate:
                flow, payloads = self._compiled(batch), payloads_of(batch)
                await self._gates.pass_through(batch)
                records = await run_batch(
                    flow,
                    batch.trigger_index,
                    payloads,
                    BatchHost(batch, _Line(self, number), self._scripts, gate.open),
                    deadline_ms=batch.deadline_ms,
                    clock=self._clock,
                )
            self._end(number, records)
        except NotBegun:
            self.send(Unbegun(number))
        except ConnectionError as error:
            self.send(Failed(number, lost=True, reason=str(error)))
        except Exception as error:  # noqa: BLE001 - told to the server, which decides
            _LOG.exception("batch_failed", flow=batch.flow_id)
            self.send(Failed(number, lost=False, reason=f"{type(error).__name__}: {error}"))
        if not self._worn and left_behind() >= _MANY_LEFT_BEHIND:
            self._worn = True
            self.send(Worn())

    def _end(self, number: int, records: list[RunRecord]) -> None:
        try:
            self.send(told(records, number))
        except UNSENDABLE:  # one run's words must not make all of them run again
            self.send(told(list(map(mended_record, records)), number))

    def _compiled(self, batch: FlowBatch) -> CompiledFlow:
        flow = self._flows.get(batch.flow_tag)
        if flow is None:
            flow = self._flows[batch.flow_tag] = compile_flow(batch.flow)
        return flow


class _Line:
    """The way to the server for one batch."""

    def __init__(self, worker: Worker, batch: int) -> None:
        self._worker = worker
        self._batch = batch

    async def ask(
        self, operation: str, requests: Sequence[Mapping[str, Any]]
    ) -> Sequence[dict[str, Any]]:
        """Run an operation of the host; a request that no frame can carry is refused."""
        asked = list(map(dict, requests))
        try:
            return await self._ask(operation, asked)
        except UNSENDABLE:
            sound, refused = mended(asked)
        return with_refusals(await self._ask(operation, sound) if sound else (), refused)

    async def _ask(
        self, operation: str, requests: list[dict[str, Any]]
    ) -> Sequence[dict[str, Any]]:
        number = self._worker.next_number()
        message = Ask(self._batch, number, operation, requests)
        answers: Sequence[dict[str, Any]] = await self._worker.request(number, message)
        return answers

    async def settle(self, rows: bytes, count: int) -> Settled:
        """Acknowledge iterations of the batch itself."""
        number = self._worker.next_number()
        message = Settle(self._batch, number, rows, count)
        settled: Settled = await self._worker.request(number, message)
        return settled

    async def settle_all(self, *, ok: bool, message: str | None) -> Settled:
        """Acknowledge all iterations of the batch alike."""
        number = self._worker.next_number()
        alike = SettleAll(self._batch, number, ok, message)
        settled: Settled = await self._worker.request(number, alike)
        return settled


class Pulse:
    """When the loop last took a turn; it takes none while an async handler holds it."""

    def __init__(self) -> None:
        self._turn_s = math.inf

    def take(self, every_s: float) -> None:
        """Note a turn, from now on again and again."""
        self._turn_s = time.monotonic()
        asyncio.get_running_loop().call_later(every_s, self.take, every_s)

    def held_s(self) -> float:
        """Return for how many seconds the loop has taken no turn; negative before its first."""
        return time.monotonic() - self._turn_s


async def serve(instructions: Instructions, link: socket.socket, pulse: Pulse) -> None:
    """Run batches until the server is gone."""
    pulse.take(instructions.beat_s)
    reader, writer = await asyncio.open_connection(sock=link)
    scripts = LateScripts(instructions.scripts, instructions.cages)
    try:
        await Worker(writer, scripts).serve(reader)
    finally:
        await scripts.close()
        writer.close()


def give_signs(instructions: Instructions, pulse: Pulse) -> None:
    """Write a byte from time to time, from a thread: busy or not, the process is alive.

    A loop that is held for too long will not be let go: the process ends, and another is started.
    """
    while True:
        if pulse.held_s() > instructions.stuck_s:
            _LOG.error("worker_held", seconds=round(pulse.held_s(), 1))
            os._exit(1)
        try:
            os.write(instructions.beat, b".")
        except BlockingIOError:
            pass  # nobody reads just now; what lies in the pipe says the same
        except OSError:
            os._exit(0)  # the server is gone, and the loop may be stuck in somebody's code
        time.sleep(instructions.beat_s)


def leave_to_the_server(number: int) -> None:
    """Do nothing at a signal that a terminal or a service manager sends to the whole group.

    It is the server's to act on: that lets what runs come to its end. What handlers start as
    processes of their own obeys it as ever.
    """
    signal.signal(number, lambda *_given: None)  # unlike SIG_IGN, no program that is run keeps it
    os.register_at_fork(after_in_child=partial(signal.signal, number, signal.SIG_DFL))


def main() -> None:
    """Start the worker with the instructions given as the one argument."""
    instructions = msgspec.json.decode(sys.argv[1], type=Instructions)
    for each in (signal.SIGINT, signal.SIGTERM):
        leave_to_the_server(each)
    os.set_blocking(instructions.beat, False)
    pulse = Pulse()
    threading.Thread(target=give_signs, args=(instructions, pulse), daemon=True).start()
    link = socket.socket(fileno=instructions.socket)
    try:
        load(instructions.handlers, lambda module: link.sendall(pack(Loading(module))))
    except HandlersError as error:
        link.sendall(pack(Broken(str(error))))
        sys.exit(1)
    # Payloads are trees without cycles: looking for cycles among them all the time is lost time.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(instructions, link, pulse))


if __name__ == "__main__":
    main()
