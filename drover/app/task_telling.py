"""Tells whoever asked for it that a long task has ended: by e-mail, and by a signed callback.

A callback is a POST of the job log, signed as those of beacon jobs are, and tried again until it is
taken or late. An address may be told twice, if a server ends at a bad moment.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import msgspec
import structlog
from msgspec.structs import replace

from drover.app.job_logs import shown
from drover.app.signed_posts import PAUSES_S, SignedPosts
from drover.ports.mail import MailFailure, Message

if TYPE_CHECKING:
    from drover.model.task import TaskLog
    from drover.ports.mail import Mail
    from drover.ports.store import Session, Store
    from drover.ports.tasks import Told
    from drover.ports.web import Web

LETTER: Final = "letter"
"""What of a task's output is the letter itself, with subject and text, where there is one."""
_AT_A_TIME: Final = 20
_CLAIMED_MS: Final = 120_000

_LOG = structlog.get_logger("drover.tasks")


class TaskTelling:
    """Any number of servers may run this: each end is claimed before anybody is told of it."""

    def __init__(self, store: Store, web: Web, mail: Mail, key: bytes) -> None:
        self._store = store
        self._posts = SignedPosts(store, web, key)
        self._mail = mail

    async def tick(self) -> float | None:
        """Tell of the ends that are to be told of now."""
        if not await self._store.read(_waits):
            return None
        claimed = await self._store.write(_claim)
        await asyncio.gather(*(self._tell(each) for each in claimed))
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
        failure = await self._posts.send(log.callback_url, msgspec.json.encode(shown(log)))
        if failure is None:
            return None
        _LOG.warning("callback_failed", execution=log.execution.id, error=failure)
        return log.callback_url


def _message(log: TaskLog) -> Message:
    document = shown(log)
    execution = log.execution
    letter = document.get("output", {}).get(LETTER)
    if letter is not None:
        return Message(id=execution.id, to=log.emails, **letter)
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
