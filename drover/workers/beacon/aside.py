"""Run a blocking call in a thread of its own that does not keep the process alive."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")


async def aside(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what the function returns, raise what it raises.

    Whoever is cancelled while waiting leaves the call behind: it goes on, and nobody hears of it.
    (The loop's own executor would be waited for at the end of the process.)
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(settler: Callable[[Any], None], value: Any) -> None:
        if not future.done():
            settler(value)

    def run() -> None:
        try:
            outcome: tuple[Any, Any] = (future.set_result, function(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            outcome = (future.set_exception, error)
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits
            loop.call_soon_threadsafe(settle, *outcome)

    threading.Thread(target=run, name="drover-beacon-call", daemon=True).start()
    return await future
