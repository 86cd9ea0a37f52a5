"""Run a program in a process group of its own, and see that nothing of it is left."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import TYPE_CHECKING, Final, NamedTuple

from drover.workers.beacon.results import TaskResult, TaskStatus, failed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from drover.workers.beacon.output import Output
    from drover.workers.beacon.tasks import CommandTask

_CHUNK: Final = 65_536
_LAST_WORDS_S: Final = 1.0
"""How long output is awaited after the whole group was killed: somebody else may hold the pipe."""

# The group ends with the agent, however that ends: a watcher in it reads a pipe whose other end
# the agent alone holds. It is nobody's child, so that a command that waits for all children does
# not wait for it.
_WATCHED: Final = """
exec 3<&0 </dev/null
((trap '' HUP INT TERM; read _ <&3; kill -KILL 0) >/dev/null 2>&1 &)
exec 3<&-
exec "$@"
"""
_OURS: Final = "DROVER_"


class Place(NamedTuple):
    """Where a command runs: folder, its variables beside the agent's own, how long it may end."""

    folder: Path
    variables: Mapping[str, str]
    grace_s: float


async def run_command(task: CommandTask, output: Output, place: Place) -> TaskResult:
    """Run a command to its end; cancelled, nothing of its group is left when this raises."""
    try:
        group = await _Group.start(task, place)
    except (OSError, ValueError) as error:
        return failed(f"the command cannot be started: {error}")
    _LIVE.add(group)
    try:
        await group.read(output)
    finally:
        await asyncio.shield(group.end(place.grace_s, output))
        _LIVE.discard(group)
    return _result(group.exit_code)


def kill_all() -> None:
    """End every command of this process at once; whoever runs one sees it end."""
    for group in _LIVE:
        group.send(signal.SIGKILL)


def environment(variables: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of commands: the agent's without what concerns itself, and more."""
    own = {name: value for name, value in environ.items() if not name.startswith(_OURS)}
    return {**own, **variables}


class _Group:
    """A running command with all it started, as far as that stays in its process group."""

    def __init__(self, process: asyncio.subprocess.Process, life: int, pipe: int) -> None:
        self._process = process
        self._life = life
        self._pipe = os.fdopen(pipe, "rb", buffering=0)
        self._reading: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, task: CommandTask, place: Place) -> _Group:
        """Start a command; raises OSError, ValueError."""
        words = ["/bin/sh", "-c", task.command] if isinstance(task.command, str) else task.command
        life_theirs, life = os.pipe()
        pipe, pipe_theirs = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                "/bin/sh",
                "-c",
                _WATCHED,
                "drover-task",
                *words,
                stdin=life_theirs,
                stdout=pipe_theirs,
                stderr=pipe_theirs,
                cwd=place.folder / task.cwd,
                env=environment({**place.variables, **task.env}, os.environ),
                start_new_session=True,
            )
        except BaseException:
            os.close(life)
            os.close(pipe)
            raise
        finally:
            os.close(life_theirs)
            os.close(pipe_theirs)
        return cls(process, life, pipe)

    @property
    def exit_code(self) -> int:
        """How it ended, in the words of the operating system; it has ended."""
        return self._process.returncode or 0

    async def read(self, output: Output) -> None:
        """Take the output until the command has ended; what it left running is not waited for."""
        self._reading = asyncio.create_task(self._pump(output))
        await self._process.wait()

    async def end(self, grace_s: float, output: Output) -> None:
        """Ask the group to end, then make it; take what it still had to say."""
        if self._process.returncode is None:
            self.send(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace_s):
                    await self._process.wait()
        self.send(signal.SIGKILL)
        await self._process.wait()
        if self._reading is not None:
            await asyncio.wait([self._reading], timeout=_LAST_WORDS_S)
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        os.close(self._life)
        output.finish()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to all that is left of the group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    async def _pump(self, output: Output) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=_CHUNK)
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), self._pipe
        )
        try:
            while data := await reader.read(_CHUNK):
                output.feed(data)
        finally:
            transport.close()


_LIVE: Final[set[_Group]] = set()


def _result(code: int) -> TaskResult:
    if code == 0:
        return TaskResult(status=TaskStatus.SUCCEEDED, exit_code=0)
    if code < 0:
        error = f"the command was ended by {signal.Signals(-code).name}"
        return TaskResult(status=TaskStatus.FAILED, exit_code=128 - code, error=error)
    error = f"the command ended with status {code}"
    return TaskResult(status=TaskStatus.FAILED, exit_code=code, error=error)
