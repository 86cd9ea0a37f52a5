"""Long work on applications: how a kind of it is declared, and how one is asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from drover.app.inventory_verbs import actor_of
from drover.model.errors import Invalid, TooMany, reached
from drover.model.run import Actor
from drover.model.task import NewTask

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from drover.app.services import Services
    from drover.model.access import Caller
    from drover.model.run import Execution
    from drover.ports.clock import Ids
    from drover.ports.store import Session, Store
    from drover.ports.tasks import Work

SYSTEM: Final = Actor(type="system", id="0" * 24)
"""Who asked for what the server does by itself."""

MOST_WAITING: Final = 100
"""Long tasks of one application that may be unfinished, where nothing else is set."""

_MOST_TEXT: Final = 1024
_MOST_EMAILS: Final = 10
_EMAIL: Final = re.compile(r"[^@\s,;<>\"]{1,64}@[A-Za-z0-9.-]{1,255}")


@dataclass(frozen=True, slots=True)
class LongTask:
    """A kind of long task: a file in ``drover.app.tasks`` declares one as ``TASK``.

    ``kind`` is its word in the inventory, ``name`` that in job logs; ``make`` returns what does it,
    over the use cases of a server.
    """

    kind: str
    name: str
    make: Callable[[Services], Work]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listeners:
    """Who is told when a task has ended."""

    emails: tuple[str, ...] = ()
    callback_url: str | None = None

    @property
    def shown(self) -> dict[str, Any]:
        """What the task's input says of them."""
        found: dict[str, Any] = {"emails": list(self.emails)} if self.emails else {}
        return {**found, "callbackUrl": self.callback_url} if self.callback_url else found


NOBODY: Final = Listeners()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a long task is to do, and about what.

    One of ours (no ``application_id``) belongs to whoever asked for it.
    """

    application_id: str | None = None
    resource_type: str = "application"
    resource_id: str | None = None
    input: Mapping[str, Any] = field(default_factory=dict)
    listeners: Listeners = NOBODY
    unique_key: str | None = None
    total: int = 0


def listeners(email: str | None, callback_url: str | None) -> Listeners:
    """Return who is to be told, several addresses with commas between them; raises Invalid."""
    emails = tuple(each.strip() for each in (email or "").split(",") if each.strip())
    if len(emails) > _MOST_EMAILS:
        raise Invalid(f"At most {_MOST_EMAILS} addresses are told", field="email")
    if not all(_EMAIL.fullmatch(each) for each in emails):
        raise Invalid("email must be an e-mail address", field="email")
    return Listeners(emails=emails, callback_url=_address(callback_url))


class LongTasks:
    """Asks for long tasks; ``wake`` is called once one is stored."""

    def __init__(
        self, store: Store, ids: Ids, wake: Callable[[], None], most_waiting: int = MOST_WAITING
    ) -> None:
        self._store = store
        self._ids = ids
        self._wake = wake
        self._most_waiting = most_waiting

    async def now_ms(self) -> int:
        """Return the store's clock, for what is asked for relative to now."""
        return await self._store.read(lambda session: session.now_ms())

    async def begin(self, caller: Caller | None, kind: LongTask, asked: Asked) -> str:
        """Store a task and return its id; raises TooMany, Duplicate.

        Without a caller it is the server's own.
        """
        stored = await self._store.write(lambda session: self.add(session, caller, kind, asked))
        self._wake()
        return stored.id

    def wake(self) -> None:
        """Have what was stored in a unit of work run soon."""
        self._wake()

    async def add(
        self, session: Session, caller: Caller | None, kind: LongTask, asked: Asked
    ) -> Execution:
        """Store a task within a unit of work; raises TooMany, Duplicate."""
        if asked.application_id is not None and caller is not None:
            await self._check_room(session, asked.application_id)
        owner = caller.user_id if caller is not None and asked.application_id is None else None
        new = NewTask(
            id=self._ids.new(),
            kind=kind.kind,
            name=kind.name,
            application_id=asked.application_id,
            owner_id=owner,
            resource_type=asked.resource_type,
            resource_id=asked.resource_id or asked.application_id,
            input={**asked.input, **asked.listeners.shown},
            source=SYSTEM if caller is None else actor_of(caller),
            unique_key=asked.unique_key,
            emails=asked.listeners.emails,
            callback_url=asked.listeners.callback_url,
            total=asked.total,
        )
        return await session.tasks.add(new, await session.now_ms())

    async def _check_room(self, session: Session, application_id: str) -> None:
        if await session.tasks.count_open(application_id) >= self._most_waiting:
            message = f"At most {self._most_waiting} jobs of an application may be unfinished"
            raise reached("max_waiting_tasks", TooMany(message, retry_after_s=60))


def _address(url: str | None) -> str | None:
    if not url:
        return None
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        known = False
    if not known or len(url) > _MOST_TEXT or any(not " " < each < "\x7f" for each in url):
        raise Invalid("callbackUrl must be an http or https address", field="callbackUrl")
    return url
