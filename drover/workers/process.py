"""One worker process as its server sees it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import socket
import sys
import time
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog

from drover.model.errors import DroverError
from drover.ports.runner import FlowBatch, LeaseLost, NotBegun, RunRecord, WorkerLost
from drover.workers.child import Instructions
from drover.workers.frames import (
    FROM_WORKER,
    UNSENDABLE,
    Answer,
    Ask,
    Broken,
    Done,
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
    pack,
    read,
    records_of,
    with_refusals,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.ports.runner import Answerer, Settled

_LOG = structlog.get_logger("drover.engine")
_TAGS: Final = 512
_READ_LIMIT: Final = 1 << 22
_GRACE_S: Final = 2.0


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How many workers, what they know, and when a silent one is ended; durations in seconds.

    One whose loop is held for ``stuck_s`` by an async handler that blocks ends itself. The modules
    of handlers may take ``import_s`` to be imported.
    ``scripts`` names what makes the cages of a worker, ``module:callable``; each has ``cages``.
    """

    count: int = 0
    handlers: tuple[str, ...] = ()
    scripts: str = ""
    cages: int = 1
    beat_s: float = 1.0
    silent_s: float = 15.0
    stuck_s: float = 60.0
    import_s: float = 60.0


class _InHand:
    """A batch that a worker has in hand, and how many of its iterations it has acknowledged."""

    __slots__ = ("acknowledged", "batch", "records")

    def __init__(self, batch: FlowBatch) -> None:
        self.batch = batch
        self.acknowledged = 0
        self.records: asyncio.Future[list[RunRecord]] = asyncio.get_running_loop().create_future()


class WorkerProcess:
    """A child process and the batches it runs."""

    def __init__(self, answerer: Answerer) -> None:
        self.handlers: list[str] = []
        self.reserved = False
        self.worn = False
        self._loading = ""
        self._broken = ""
        self._stopping = False
        self._answerer = answerer
        self._process: asyncio.subprocess.Process | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._beat = -1
        self._looked_s = time.monotonic()
        self._silent_s = 0.0
        self._ready = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._numbers = itertools.count(1)
        self._batches: dict[int, _InHand] = {}
        self._answering: set[asyncio.Task[None]] = set()
        self._known: set[str] = set()

    @property
    def load(self) -> int:
        """How many runs it has in hand."""
        return sum(each.batch.size for each in self._batches.values())

    @property
    def alive(self) -> bool:
        """Whether it can be given work."""
        return self._reading is not None and not self._reading.done()

    @property
    def pid(self) -> int:
        """Its process id; 0 before it was started."""
        return self._process.pid if self._process is not None else 0

    async def start(self, settings: WorkerSettings) -> None:
        """Start the process and wait until it can run batches; raises WorkerLost."""
        await self._spawn(settings)
        try:
            async with asyncio.timeout(settings.import_s):
                await self._ready.wait()
        except TimeoutError:
            self.kill()
            late = f"Handlers in '{self._loading}' were" if self._loading else "The worker was"
            what = "imported" if self._loading else "ready"
            raise WorkerLost(f"{late} not {what} in {settings.import_s:g} s") from None
        if not self.alive:
            during = f" while it imported '{self._loading}'" if self._loading else ""
            raise WorkerLost(self._broken or f"The worker ended{during}")

    async def _spawn(self, settings: WorkerSettings) -> None:
        ours, theirs = socket.socketpair()
        self._beat, beat_theirs = os.pipe()
        os.set_blocking(self._beat, False)
        instructions = Instructions(
            socket=theirs.fileno(),
            beat=beat_theirs,
            beat_s=settings.beat_s,
            stuck_s=settings.stuck_s,
            handlers=list(settings.handlers),
            scripts=settings.scripts,
            cages=settings.cages,
        )
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "drover.workers.child",
            msgspec.json.encode(instructions).decode(),
            pass_fds=(theirs.fileno(), beat_theirs),
            stdin=asyncio.subprocess.DEVNULL,
            # What can be imported here can be imported there: modules of handlers above all.
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        theirs.close()
        os.close(beat_theirs)
        reader, self._writer = await asyncio.open_connection(sock=ours, limit=_READ_LIMIT)
        self._reading = asyncio.create_task(self._read(reader))

    async def run(self, batch: FlowBatch) -> list[RunRecord]:
        """Run a batch; raises WorkerLost, LeaseLost, NotBegun."""
        if not self.alive:
            raise WorkerLost("the worker has ended")
        number = next(self._numbers)
        running = self._batches[number] = _InHand(batch)
        self._idle.clear()
        try:
            self._send(Start(number, self._without_known_flow(batch)))
            return await running.records
        finally:
            del self._batches[number]
            if not self._batches:
                self._idle.set()

    def runs(self, lease_id: str) -> bool:
        """Tell whether it has a batch under this lease in hand."""
        return any(each.batch.lease_id == lease_id for each in self._batches.values())

    async def idle(self) -> None:
        """Wait until it has nothing in hand."""
        await self._idle.wait()

    async def ended(self) -> None:
        """Wait until it takes no more work."""
        if self._reading is not None:
            await asyncio.wait([self._reading])

    def hear(self, every_s: float) -> float:
        """Take the signs of life that came; return for how many seconds there has been none.

        It is called every so many seconds. A call that comes much later tells that the machine or
        this process was held up, and little of the worker, which may have been held up as well.
        """
        now_s = time.monotonic()
        passed_s, self._looked_s = min(now_s - self._looked_s, 2 * every_s), now_s
        self._silent_s += passed_s
        with contextlib.suppress(BlockingIOError, OSError):
            if os.read(self._beat, 4096):
                self._silent_s = 0.0
        return self._silent_s

    def kill(self) -> None:
        """End the process at once."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def stop(self) -> None:
        """End the process: it goes when its line is closed, or is killed after a moment."""
        self._stopping = True
        if self._writer is not None:
            self._writer.close()
        if self._process is not None:
            try:
                async with asyncio.timeout(_GRACE_S):
                    await self._process.wait()
            except TimeoutError:
                self.kill()
                await self._process.wait()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        if self._beat >= 0:
            os.close(self._beat)
            self._beat = -1

    def _send(self, message: ToWorker) -> None:
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(pack(message))

    def _without_known_flow(self, batch: FlowBatch) -> FlowBatch:
        if batch.flow_tag in self._known:
            return msgspec.structs.replace(batch, flow=b"")
        if len(self._known) >= _TAGS:
            self._known.clear()
            self._send(Forget())
        self._known.add(batch.flow_tag)
        return batch

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                self._take(FROM_WORKER.decode(await read(reader)))
        except (EOFError, OSError, msgspec.DecodeError) as error:
            if not self._stopping:
                _LOG.warning("worker_lost", pid=self.pid, error=str(error))
        finally:
            self.kill()
            self._ready.set()
            for running in self._batches.values():
                if not running.records.done():
                    running.records.set_exception(self._loss_of(running.batch))
            for task in self._answering:
                task.cancel()

    def _loss_of(self, batch: FlowBatch) -> Exception:
        """Say what the end of the worker is to a batch: one whose turn had not come loses nothing.

        Its turn came when all of the one before it was acknowledged; that was heard before the end.
        """
        waits = batch.after is not None and any(
            each.batch.lease_id == batch.after and each.acknowledged < each.batch.size
            for each in self._batches.values()
        )
        return NotBegun() if waits else WorkerLost(f"worker process {self.pid} ended")

    def _take(self, message: FromWorker) -> None:
        match message:
            case Loading() | Broken() | Ready() | Worn():
                self._note(message)
            case Done(number):
                self._resolve(number, records_of(message))
            case Failed(number, lost, reason):
                self._resolve(number, LeaseLost(reason) if lost else WorkerLost(reason))
            case Unbegun(number):
                self._resolve(number, NotBegun())
            case Ask() | Settle() | SettleAll():
                self._count(message)
                task = asyncio.create_task(self._answer(message))
                self._answering.add(task)
                task.add_done_callback(self._answering.discard)

    def _count(self, message: Ask | Settle | SettleAll) -> None:
        known = self._batches.get(message.batch)
        if known is not None and isinstance(message, Settle):
            known.acknowledged += message.count
        elif known is not None and isinstance(message, SettleAll):
            known.acknowledged += known.batch.size

    def _note(self, message: Loading | Broken | Ready | Worn) -> None:
        match message:
            case Loading(module):
                self._loading = module
            case Broken(reason):
                self._broken = reason
            case Ready(handlers):
                self.handlers = handlers
                self._ready.set()
            case Worn():
                self.worn = True

    def _resolve(self, number: int, outcome: Any) -> None:
        running = self._batches.get(number)
        if running is None or running.records.done():
            return
        if isinstance(outcome, Exception):
            running.records.set_exception(outcome)
        else:
            running.records.set_result(outcome)

    async def _answer(self, message: Ask | Settle | SettleAll) -> None:
        known = self._batches.get(message.batch)
        if known is None:
            self._send(Lost(message.id))
            return
        try:
            if isinstance(message, Ask):
                self._send_answers(message.id, await self._asked(known.batch, message))
            else:
                self._send(Receipt(message.id, await self._settled(known.batch, message)))
        except LeaseLost:
            self._send(Lost(message.id))
        except Exception:  # noqa: BLE001 - the run must end, not wait for ever
            _LOG.exception("answer_failed", batch=message.batch)
            self._send(Lost(message.id))

    def _send_answers(self, number: int, answers: list[dict[str, Any]]) -> None:
        try:
            self._send(Answer(number, answers))
        except UNSENDABLE:
            self._send(Answer(number, with_refusals(*mended(answers))))

    async def _settled(self, batch: FlowBatch, message: Settle | SettleAll) -> Settled:
        if isinstance(message, SettleAll):
            return await self._answerer.settle_all(batch, ok=message.ok, message=message.message)
        return await self._answerer.settle(batch, message.rows, message.count)

    async def _asked(self, batch: FlowBatch, message: Ask) -> list[dict[str, Any]]:
        requests: Sequence[Mapping[str, Any]] = message.requests
        try:
            return [
                dict(each) for each in await self._answerer.call(batch, message.operation, requests)
            ]
        except DroverError as error:
            answer = {"error": {"type": error.code, "message": error.message}}
            return [answer] * len(requests)
