"""Whether the broker of this machine can keep what it acknowledges.

A report is acknowledged whether it could be written or not. So devices are sent away before the
disk is full. Where the broker could not write all the same it writes no more, though there is room
again, until it is started anew.
"""

from __future__ import annotations

import asyncio
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import msgspec
import structlog
from msgspec import Struct
from nats.errors import Error as NatsError

from drover.mqtt.accounts import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from drover.mqtt.link import Link

SPARE_BYTES: Final = 64 * 1_048_576
ROOM_AGAIN_BYTES: Final = 96 * 1_048_576
"""What a disk has left when devices are sent away, and when they are let in again."""

ASK_S: Final = 2.0
"""How often the broker is asked how it is."""
ANSWER_S: Final = 5.0

REST_S: Final = 30.0
"""How long a broker that was started anew is left alone."""

_HOW_IT_IS: Final = "$SYS.REQ.SERVER.PING.HEALTHZ"
_CANNOT_WRITE: Final = ("write error", "not enabled")
_LOG = structlog.get_logger("drover.mqtt")


class _Told(Struct):
    error: str = ""


class _Answer(Struct):
    data: _Told


class Soundness:
    """Watches a broker and the disk that its folder is on; ``restart`` starts it anew."""

    def __init__(self, link: Link, folder: Path, restart: Callable[[], Awaitable[None]]) -> None:
        self._link = link
        self._folder = folder
        self._restart = restart
        self._asks_at_s = 0.0
        self._restarts_at_s = 0.0
        self._has_room = True
        self._complaint = ""

    @property
    def keeps(self) -> bool:
        """Whether what is acknowledged is kept, as far as is known."""
        return self._has_room and not self._complaint

    async def look(self) -> None:
        """Look at the disk and, from time to time, ask the broker; have it started anew."""
        with suppress(OSError):  # a folder that cannot be looked at is told of by the broker
            self._note_room((await asyncio.to_thread(shutil.disk_usage, self._folder)).free)
        now_s = asyncio.get_running_loop().time()
        if now_s < self._asks_at_s:
            return
        self._asks_at_s = now_s + ASK_S
        complained = bool(self._complaint)
        with suppress(NatsError, OSError, msgspec.MsgspecError):  # it is away: its own matter
            self._note_complaint(await self._asked())
        # It complained before as well: devices have been sent away meanwhile.
        if complained and self._complaint and self._has_room and now_s >= self._restarts_at_s:
            self._restarts_at_s = now_s + REST_S
            _LOG.warning("mqtt.started_anew", reason=self._complaint)
            await self._restart()

    async def _asked(self) -> str:
        """Return why the broker cannot write; nothing where it can, whatever else is wrong."""
        system = await self._link.client(SYSTEM)
        answer = await system.request(_HOW_IT_IS, b"", timeout=ANSWER_S)
        error = msgspec.json.decode(answer.data, type=_Answer).data.error
        return error if any(each in error for each in _CANNOT_WRITE) else ""

    def _note_room(self, free_bytes: int) -> None:
        has_room = free_bytes >= (SPARE_BYTES if self._has_room else ROOM_AGAIN_BYTES)
        if has_room != self._has_room:
            event = "mqtt.disk_has_room" if has_room else "mqtt.disk_full"
            _LOG.warning(event, folder=str(self._folder), free_bytes=free_bytes)
        self._has_room = has_room

    def _note_complaint(self, complaint: str) -> None:
        if bool(complaint) != bool(self._complaint):
            _LOG.warning("mqtt.keeps_nothing" if complaint else "mqtt.keeps", reason=complaint)
        self._complaint = complaint
