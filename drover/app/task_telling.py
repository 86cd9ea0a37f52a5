"""Tells whoever asked for it that a long task has ended: by e-mail, and by a signed callback.

A callback is a POST of the job log, signed as those of beacon jobs are, and tried again until it is
taken or late. An address may be told twice, if a server ends at a bad moment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import structlog
from msgspec.structs import replace

from drover.app.beacons.callbacks import PAUSES_S, SIGNATURE, signature
from drover.app.job_logs import shown
from drover.ports.mail import MailFailure, Message
from drover.ports.web import WebFailure, WebRequest

if TYPE_CHECKING:
    from drover.model.task import TaskLog
    from drover.ports.mail import Mail
    from drover.ports.store import Session, Store
    from drover.ports.tasks import Told
    from drover.ports.web import Web

_AT_A_TIME: Final = 20
_CLAIMED_MS: Final = 120_000
_TIMEOUT_MS: Final = 10_000
_MOST_BYTES: Final = 65_536
_OK: Final = range(200, 300)

_LOG = structlog.get_logger("drover.tasks")


class TaskTelling:
    """Any number of servers may run this: each end is claimed before anybody is told of it."""

    def __init__(self, store: Store, web: Web, mail: Mail, key: bytes) -> None:
        self._store = store
        self._web = web
        self._mail = mail
        self._key = key

    async def tick(self) -> float | None:
        """Tell of the ends that are to be told of now."""
        if not await self._store.read(_waits):
            return None
        claimed = await self._store.write(_claim)
        for told in claimed:
            await self._tell(told)
        return 0.0 if len(claimed) == _AT_A_TIME else None

    async def _tell(self, told: Told) -> None:
        left = replace(
            told.log,
            emails=await self._unmailed(told.log),
            callback_url=await self._uncalled(told.log),
        )
        waits = bool(left.emails or left.callback_url) and told.tries <= len(PAUSES_S)

        async def work(session: Session) -> None:
            pause_ms = PAUSES_S[told.tries - 1] * 1000 if waits else 0
            again_ms = await session.now_ms() + pause_ms if waits else None
            await session.tasks.told(told, left, again_ms)

        await self._store.write(work)

    async def _unmailed(self, log: TaskLog) -> tuple[str, ...]:
        """Send the e-mail; return who has not got it."""
        if not log.emails:
            return ()
        try:
            await self._mail.send(_message(log))
        except MailFailure as error:
            _LOG.warning("mail_failed", execution=log.execution.id, error=str(error))
            return log.emails
        return ()

    async def _uncalled(self, log: TaskLog) -> str | None:
        """Make the callback; return its address when that was not taken."""
        if log.callback_url is None:
            return None
        body = msgspec.json.encode(shown(log))
        seconds = await self._store.read(lambda session: session.now_ms()) // 1000
        request = WebRequest(
            method="POST",
            url=log.callback_url,
            headers=(
                ("Content-Type", "application/json"),
                (SIGNATURE, signature(self._key, seconds, body)),
            ),
            body=body,
            follows=False,
            timeout_ms=_TIMEOUT_MS,
            most_bytes=_MOST_BYTES,
        )
        try:
            answer = await self._web.fetch(request)
        except WebFailure as error:
            failure = f"{error.name}: {error.message}"
        else:
            if answer.status in _OK:
                return None
            failure = f"status {answer.status}"
        _LOG.warning("callback_failed", execution=log.execution.id, error=failure)
        return log.callback_url


def _message(log: TaskLog) -> Message:
    document = shown(log)
    execution = log.execution
    text = msgspec.json.format(msgspec.json.encode(document), indent=2).decode()
    return Message(
        id=execution.id,
        to=log.emails,
        subject=f"{execution.name} {execution.id}: {log.status.value}",
        text=f"The job {execution.name} has ended: {log.status.value}.\n\n{text}\n",
    )


async def _waits(session: Session) -> bool:
    return await session.tasks.to_tell(await session.now_ms())


async def _claim(session: Session) -> list[Told]:
    now_ms = await session.now_ms()
    return list(await session.tasks.claim_telling(now_ms, now_ms + _CLAIMED_MS, _AT_A_TIME))
