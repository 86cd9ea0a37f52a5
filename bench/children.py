"""Processes that do what a measurement needs done, so that they are not what is measured."""

from __future__ import annotations

import asyncio
import multiprocessing
from typing import TYPE_CHECKING, Any

import uvloop

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection


class Child:
    """A process with one object, whose methods (coroutines) are called by name over a pipe."""

    def __init__(self, make: Callable[..., Any], *given: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, make, given), daemon=True)
        self._process.start()
        theirs.close()

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid or 0

    def do(self, what: str, *given: Any) -> Any:
        """Have a method run, and return what it does; raises RuntimeError where it failed."""
        self.begin(what, *given)
        return self.end()

    def begin(self, what: str, *given: Any) -> None:
        """Have a method run without waiting for it."""
        self._pipe.send((what, given))

    def end(self) -> Any:
        """Wait for what was begun, and return what it did; raises RuntimeError where it failed."""
        result, failure = self._pipe.recv()
        if failure:
            raise RuntimeError(failure)
        return result

    def close(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.join()


def _serve(pipe: Connection, make: Callable[..., Any], given: tuple[Any, ...]) -> None:
    async def run() -> None:
        made = make(*given)
        while True:
            what, args = await asyncio.to_thread(pipe.recv)
            try:
                pipe.send((await getattr(made, what)(*args), ""))
            except Exception as error:  # noqa: BLE001 - it is raised where it was asked for
                pipe.send((None, f"{what}: {error!r}"))

    uvloop.run(run())
