"""One caged child process, seen from the server."""

import asyncio
import contextlib
import importlib.util
import mmap
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Final, NamedTuple

from drover.ports.scripts import ScriptsUnavailable
from drover.sandbox import frames

START_S: Final = 30.0
"""How long a child may take to say that it is ready."""

_CHANCES: Final = 10
"""How often a child is waited for that is given no time on the processor."""

_CHUNK: Final = 256 * 1024
_LARGEST_REPLY: Final = 64 * 1024 * 1024
_NOTHING: Final[dict[str, str]] = {}
_PROGRAM: Final = """
import sys
from types import ModuleType
page, memory_bytes, engine, package = sys.argv[1:]
sys.path.append(engine)
sys.modules["drover"] = ModuleType("drover")  # the package without what it imports for its users
sys.modules["drover"].__path__ = [package]
from drover.sandbox.child import main
main(int(page), int(memory_bytes))
"""


class Ending(Enum):
    """How a request ended."""

    DONE = "done"
    """The child answered to the end; items without a record wait for another turn."""

    TIMEOUT = "timeout"
    """The child was stopped for time: by us, or by the kernel's processor clock."""

    DIED = "died"
    """The child ended by itself or was ended by something else."""


class Patience(NamedTuple):
    """How long a child may take, by the clock on the wall, and how long on the processor."""

    limit_s: float
    processor_s: float


class Cage:
    """A child process that runs scripts, one request at a time."""

    def __init__(
        self, process: subprocess.Popen[bytes], line: socket.socket, progress: mmap.mmap
    ) -> None:
        """Take over the process, our end of its line and its progress page."""
        self._process = process
        self._line = line
        self._progress = progress
        self._leaves = False
        self.requests = 0

    @classmethod
    async def open(cls, memory_bytes: int) -> "Cage":
        """Start a child and wait until it is locked in. Raises `ScriptsUnavailable`."""
        starting = asyncio.create_task(asyncio.to_thread(_start, memory_bytes))
        try:
            cage = await asyncio.shield(starting)
        except OSError as error:
            raise ScriptsUnavailable(f"No script process can be started: {error}") from error
        except asyncio.CancelledError:
            await (await starting).close()  # a thread cannot be called off, but its child can
            raise
        try:
            await cage.ready()
        except (OSError, EOFError, TimeoutError) as error:
            await cage.close()
            raise ScriptsUnavailable("A script process ended before it was ready") from error
        except BaseException:
            await cage.close()
            raise
        return cage

    async def ready(self) -> None:
        """Wait for the child to say that it is locked in."""
        async with asyncio.timeout(START_S):
            await self._reply(bytearray())

    @property
    def pid(self) -> int:
        """Process id of the child."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the child can take a request."""
        return not self._leaves and self._process.poll() is None

    @property
    def item(self) -> int | None:
        """Index of the item that the child runs, or ran when it ended."""
        (index,) = frames.PROGRESS.unpack_from(self._progress)
        return None if index == frames.END else int(index)

    async def serve(
        self, request: bytes, take: Callable[[frames.Record], None], patience: Patience
    ) -> Ending:
        """Send a request, hand the records of its answer to `take`; kill when it takes too long."""
        self.requests += 1
        frames.PROGRESS.pack_into(self._progress, 0, frames.END)
        answering = asyncio.create_task(self._answer(request, take))
        try:
            await self._wait(answering, patience)
        finally:
            ended = answering.done()
            answering.cancel()
            (fault,) = await asyncio.gather(answering, return_exceptions=True)
        if not ended:
            await self.close()
            return Ending.TIMEOUT
        if isinstance(fault, (OSError, EOFError, ValueError)):
            code = await self.close()
            return Ending.TIMEOUT if code == -signal.SIGXCPU else Ending.DIED
        if isinstance(fault, BaseException):
            raise fault
        return Ending.DONE

    async def _wait(self, answering: asyncio.Task[None], patience: Patience) -> None:
        """Wait for the answer; longer for a child that was given no time on the processor.

        That one is held up by others: what it runs is not to blame.
        """
        began_s = self._processor_s()
        for _ in range(_CHANCES):
            await asyncio.wait({answering}, timeout=patience.limit_s)
            if answering.done() or self._processor_s() - began_s >= patience.processor_s:
                return

    def _processor_s(self) -> float:
        """How long the child has been on the processor; where that is not told, since ever."""
        try:
            fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return time.monotonic()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    async def _answer(self, request: bytes, take: Callable[[frames.Record], None]) -> None:
        await asyncio.get_running_loop().sock_sendall(self._line, request)
        await self._records(take)

    async def _records(self, take: Callable[[frames.Record], None]) -> None:
        received = bytearray()
        while True:
            for record in frames.parse_records(await self._reply(received)):
                if record.item == frames.END:
                    self._leaves = record.status == frames.LEAVES
                    return
                take(record)

    async def _reply(self, received: bytearray) -> bytes:
        """Read the body of the next reply; `received` keeps what came after it."""
        await self._fill(received, frames.LENGTH.size)
        (size,) = frames.LENGTH.unpack_from(received)
        if size > _LARGEST_REPLY:
            raise ValueError("a reply is too long")
        end = frames.LENGTH.size + size
        await self._fill(received, end)
        body = bytes(received[frames.LENGTH.size : end])
        del received[:end]
        return body

    async def _fill(self, received: bytearray, size: int) -> None:
        loop = asyncio.get_running_loop()
        while len(received) < size:
            chunk = await loop.sock_recv(self._line, _CHUNK)
            if not chunk:
                raise EOFError
            received += chunk

    def kill(self) -> None:
        """End the child without waiting for the kernel to clear it away."""
        self._line.close()
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def close(self) -> int:
        """End the child and clear it away; its return code, its own when it had ended by itself."""
        if self._process.poll() is None:
            self.kill()
        self._line.close()
        return await asyncio.to_thread(self._process.wait)


def _start(memory_bytes: int) -> Cage:
    ours, theirs = socket.socketpair()
    page = _shared_page()
    try:
        process = subprocess.Popen(  # noqa: S603 - our own program, by path
            [sys.executable, "-I", "-c", _PROGRAM, str(page), str(memory_bytes), *_folders()],
            stdin=theirs.fileno(),
            stdout=theirs.fileno(),
            stderr=subprocess.DEVNULL,
            pass_fds=(page,),
            env=_NOTHING,
            cwd="/",
            start_new_session=True,
        )
        progress = mmap.mmap(page, mmap.PAGESIZE)
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
        os.close(page)
    ours.setblocking(False)  # noqa: FBT003 - the socket's own signature
    return Cage(process, ours, progress)


def _shared_page() -> int:
    """Descriptor of one page of memory that survives the start of a child."""
    if hasattr(os, "memfd_create"):
        page = os.memfd_create("progress")
    else:
        page, name = tempfile.mkstemp()
        Path(name).unlink()
    os.truncate(page, mmap.PAGESIZE)
    return page


def _folders() -> list[str]:
    """Where the child finds the engine and Drover, however this process came to find them."""
    engine = importlib.util.find_spec("_quickjs")
    if engine is None or engine.origin is None:
        raise OSError("the package quickjs-ng is not installed")
    return [str(Path(engine.origin).parent), str(Path(__file__).parents[1])]
