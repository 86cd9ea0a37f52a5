"""A notebook's run, seen from the server: its processes are started, watched, and ended as one."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from drover.ports.notebooks import RESULT, WORK, NotebookEnd, NotebooksUnavailable
from drover.sandbox.notebooks import calls, landlock

if TYPE_CHECKING:
    from asyncio import StreamReader
    from asyncio.subprocess import Process
    from collections.abc import Awaitable, Callable

    from drover.ports.notebooks import Bounds

_PROGRAM: Final = """
import sys
from types import ModuleType
package, folder, wishes = sys.argv[1:]
sys.modules["drover"] = ModuleType("drover")  # the package without what it imports for its users
sys.modules["drover"].__path__ = [package]
from drover.sandbox.notebooks.child import main
main(folder, wishes)
"""
_RUN: Final = "run"
_TEMPORARY: Final = "temporary"
_LOOK_S: Final = 1.0
"""How often it is measured what a run has written."""
_LAST_S: Final = 5.0
"""How long the processes of a run may take to die, once they were killed."""
_MOST_FILES: Final = 10_000
_LONGEST_LINE: Final = 65_536
_NEEDED: Final = ("nbclient", "ipykernel")
_DIED: Final = NotebookEnd(
    end="errored", name="DeadKernel", message="The process of the notebook ended, or lacked memory"
)
_TIMEOUT: Final = "The notebook ran for longer than it may"


class NotebookProcesses:
    """Runs each notebook in processes of its own.

    Where the machine cannot shut them away, none is run, unless ``uncaged`` says that it may.
    """

    def __init__(self, *, uncaged: bool = False) -> None:
        self._uncaged = uncaged

    def missing(self) -> str:
        """Return what is missing to run any; empty: nothing."""
        absent = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
        if absent:
            named = " and ".join(absent)
            return f"Notebooks need {named} on the server: pip install 'drover[notebooks]'"
        if not self._uncaged and not (landlock.version() > 0 and calls.known()):
            return "This server's machine cannot shut notebooks away (Linux 5.13 or later can)"
        return ""

    async def run(
        self, folder: str, bounds: Bounds, told: Callable[[int, int], Awaitable[None]]
    ) -> NotebookEnd:
        """Run the notebook of a folder; see ``drover.ports.notebooks.Notebooks.run``."""
        if missing := self.missing():
            raise NotebooksUnavailable(missing)
        await asyncio.to_thread(_lay_out, Path(folder))
        process = await _started(folder, self._wishes(bounds))
        try:
            async with asyncio.timeout(bounds.seconds):
                return await _watched(process, folder, bounds, told)
        except TimeoutError:
            return NotebookEnd(end="timeout", name="Timeout", message=_TIMEOUT)
        finally:
            await ended(process)

    def _wishes(self, bounds: Bounds) -> str:
        return json.dumps(
            {
                "memory_bytes": bounds.memory_bytes,
                "file_bytes": bounds.disk_bytes,
                "html": bounds.html,
                "uncaged": self._uncaged,
            }
        )


def _lay_out(folder: Path) -> None:
    for name in (WORK, RESULT, _RUN, f"{_RUN}/{_TEMPORARY}"):
        (folder / name).mkdir(exist_ok=True)


async def _started(folder: str, wishes: str) -> Process:
    run = str(Path(folder) / _RUN)
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-c",
        _PROGRAM,
        str(Path(__file__).parents[2]),
        folder,
        wishes,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=str(Path(folder) / WORK),
        env=_environment(run),
        start_new_session=True,
        limit=_LONGEST_LINE,
    )


def _environment(run: str) -> dict[str, str]:
    """Return all that a notebook sees of an environment: nothing of the server's."""
    return {
        "HOME": run,
        "IPYTHONDIR": run,
        "JUPYTER_CONFIG_DIR": run,
        "JUPYTER_DATA_DIR": run,
        "JUPYTER_RUNTIME_DIR": run,
        "LANG": "C.UTF-8",
        "MALLOC_ARENA_MAX": "2",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PATH": "/usr/bin:/bin",
        "TMPDIR": f"{run}/{_TEMPORARY}",
        "TZ": "UTC",
    }


async def _watched(
    process: Process, folder: str, bounds: Bounds, told: Callable[[int, int], Awaitable[None]]
) -> NotebookEnd:
    listening = asyncio.create_task(_listened(process.stdout, told))
    try:
        while not listening.done():
            await asyncio.wait({listening}, timeout=_LOOK_S)
            if await asyncio.to_thread(_too_much, folder, bounds.disk_bytes):
                message = f"The notebook wrote more than {bounds.disk_bytes} bytes"
                return NotebookEnd(end="errored", name="DiskFull", message=message)
        return listening.result()
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def _listened(
    lines: StreamReader | None, told: Callable[[int, int], Awaitable[None]]
) -> NotebookEnd:
    """Read what the child tells until it tells the end, or ends."""
    while lines is not None:
        said = _understood(await _line(lines))
        if said is None:
            break
        if said.get("end") == "unavailable":
            raise NotebooksUnavailable(f"Notebooks cannot be run here: {said.get('message')}")
        if said.get("end") in ("completed", "errored"):
            return _end(said)
        done, total = said.get("done"), said.get("total")
        if isinstance(done, int) and isinstance(total, int):
            await told(done, total)
    return _DIED


async def _line(lines: StreamReader) -> bytes:
    try:
        return await lines.readline()
    except ValueError:  # longer than any that the child writes
        return b""


def _understood(line: bytes) -> dict[str, Any] | None:
    """Return what a line says; the notebook may write lines as well, and die while it does."""
    if not line:
        return None
    with contextlib.suppress(ValueError):
        said = json.loads(line)
        if isinstance(said, dict):
            return said
    return {}


def _end(said: dict[str, Any]) -> NotebookEnd:
    if said["end"] == "completed":
        return NotebookEnd(end="completed")
    name, message = (str(said.get(each) or "")[:2000] for each in ("name", "message"))
    return NotebookEnd(end="errored", name=name or "Error", message=message)


def _too_much(folder: str, most_bytes: int) -> bool:
    """Tell whether more is below a folder than may be: bytes, or files."""
    size = files = 0
    for above, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                size += os.lstat(os.path.join(above, name)).st_blocks * 512  # noqa: PTH118 - many files, looked at often
            files += 1
            if size > most_bytes or files > _MOST_FILES:
                return True
    return False


async def ended(process: Process) -> None:
    """End all processes of a run: none of them can leave the group.

    The kernel's may outlast the first one by a moment, and keep open what is read here.
    """
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LAST_S):
            await process.communicate()
