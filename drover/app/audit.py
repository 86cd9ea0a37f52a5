"""Who changed what of an organisation: noted after the answer, written together, and read.

A note costs an append to a list. Once a second one unit of work writes all of them: the answer's
status is a part of each, so none can be in the transaction of the change itself, and an answer
that waited for its entry would be paid twice. A server that is killed loses the notes of its last
second; one that is stopped loses none.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog
from msgspec import structs

from drover.app.access.organizations import member_role
from drover.model.access import MemberRole
from drover.model.audit import NOBODY, REDACTED, AuditEntry, Named, redacted
from drover.model.errors import DroverError, Forbidden
from drover.model.instants import to_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from drover.model.access import Caller
    from drover.ports.audit import AuditedApplication, AuditedDashboard, AuditWanted
    from drover.ports.clock import Clock, Ids
    from drover.ports.store import Session, Store

_LOG = structlog.get_logger("drover.audit")

FLUSH_S: Final = 1.0
MOST_WAITING: Final = 20_000
"""Notes that wait to be written; what comes beyond, because the store is away, is counted only."""
MOST_AT_ONCE: Final = 1_000
MOST_BYTES: Final = 16_384
"""Of a body that is kept; of a larger one its size is noted."""
_LONGEST: Final = 1024
_ACTORS: Final = {"user": "User", "apiToken": "ApiToken", "device": "Device", "flow": "Flow"}
INVITE: Final = "OrgInvite"
_SEALED: Final = frozenset({"credential", "integration"})
"""Resources whose configuration is kept out of the log as a whole."""
_OPEN_MEMBERS: Final = frozenset(
    {"id", "name", "type", "integrationType", "description", "enabled", "success"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A request that changed something, or was refused to, as it was answered.

    The bodies are JSON or values to be encoded; None is one that was not kept. ``org_id`` and
    ``primary`` are of requests about an organisation itself; ``application`` is given where it may
    be gone by the time this is written.
    """

    caller: Caller
    resource: str
    action: str
    status: int
    path: Mapping[str, str]
    query: Mapping[str, str]
    request: bytes | None
    response: Any
    org_id: str | None = None
    application_id: str | None = None
    application: AuditedApplication | None = None
    primary: Named = NOBODY
    secondary: Named = NOBODY


@dataclass(frozen=True, slots=True)
class _Waiting:
    id: str
    at_ms: int
    note: Note


@dataclass(frozen=True, slots=True)
class _Known:
    """What the store says of those who are named in notes."""

    applications: Mapping[str, AuditedApplication]
    names: Mapping[str, str]


class AuditTrail:
    """Takes notes; ``flush`` is to be called every second or so, and at the end."""

    def __init__(self, store: Store, ids: Ids, clock: Clock) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._waiting: deque[_Waiting] = deque()
        self.lost = 0

    def note(self, note: Note) -> None:
        """Keep a note until the next flush."""
        if len(self._waiting) >= MOST_WAITING:
            self.lost += 1
            return
        self._waiting.append(_Waiting(self._ids.new(), self._clock.now_ms(), note))

    async def whose(self, application_id: str) -> AuditedApplication | None:
        """Return an application that may be gone when a note about it is written."""
        ids = [application_id]
        found = await self._store.read(lambda session: session.audit.applications(ids))
        return found.get(application_id)

    async def dashboard(self, dashboard_id: str) -> AuditedDashboard | None:
        """Return a dashboard as it is before a change."""
        return await self._store.read(lambda session: session.audit.dashboard(dashboard_id))

    async def flush(self) -> None:
        """Write what was noted; what cannot be written is kept for the next time."""
        while taken := list(islice(self._waiting, MOST_AT_ONCE)):
            await self._write(taken)
            for _ in taken:
                self._waiting.popleft()

    async def _write(self, taken: Sequence[_Waiting]) -> None:
        known = await self._store.read(lambda session: _looked_up(session, taken))
        entries = [entry for each in taken if (entry := _entry(each, known)) is not None]
        if entries:
            await self._add(entries)

    async def _add(self, entries: Sequence[AuditEntry]) -> None:
        try:
            await self._store.write(lambda session: session.audit.add(entries))
        except DroverError:
            raise  # the store is away: all of them wait
        except Exception:  # noqa: BLE001 - one bad entry must not keep all others from being written
            if len(entries) == 1:
                self.lost += 1
                _LOG.exception("an entry of an audit log could not be written")
                return
            for entry in entries:
                await self._add([entry])


class AuditLogs:
    """Reads the audit logs of organisations, for those who lead them."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self.clock = clock

    async def one(self, caller: Caller, org_id: str, entry_id: str) -> dict[str, Any]:
        """Return one entry; raises Missing, Forbidden."""

        async def work(session: Session) -> str:
            await _check_leads(session, caller, org_id)
            return await session.audit.get(org_id, entry_id)

        return _shown(await self._store.read(work))

    async def page(
        self, caller: Caller, org_id: str, wanted: AuditWanted
    ) -> tuple[list[dict[str, Any]], int]:
        """Return a page, and how many there are in all; raises Missing, Forbidden."""

        async def work(session: Session) -> tuple[list[str], int]:
            await _check_leads(session, caller, org_id)
            return await session.audit.page(org_id, wanted)

        documents, total = await self._store.read(work)
        return [_shown(each) for each in documents], total


async def _check_leads(session: Session, caller: Caller, org_id: str) -> None:
    if await member_role(session, caller, org_id) is not MemberRole.ADMIN:
        raise Forbidden("Only an administrator of the organization may do this")


def _shown(document: str) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.json.decode(document)
    return shown


async def _looked_up(session: Session, taken: Iterable[_Waiting]) -> _Known:
    notes = [each.note for each in taken]
    applications = {each.application_id for each in notes if each.application_id}
    accounts = {each.caller.user_id for each in notes if each.caller.user_id}
    tokens = {each.caller.token_id for each in notes if each.caller.token_id}
    going = {
        each.application_id: each.application
        for each in notes
        if each.application_id is not None and each.application is not None
    }
    return _Known(
        {**going, **await session.audit.applications(sorted(applications))},
        await session.audit.names(sorted(accounts), sorted(tokens)),
    )


def _entry(waiting: _Waiting, known: _Known) -> AuditEntry | None:
    """Return what is stored of a note; None where no organisation is concerned."""
    note = waiting.note
    application = known.applications.get(note.application_id or "")
    org_id = note.org_id or (application.org_id if application else None)
    if org_id is None:
        return None
    answer = _body(note, _encoded(note.response))
    actor, primary = _actor(note.caller, known), _primary(note, application)
    secondary = _secondary(note, answer)
    shown = {
        "id": waiting.id,
        "auditLogId": waiting.id,
        "creationDate": to_text(waiting.at_ms),
        "orgId": org_id,
        **_named("actor", actor),
        **_named("primaryTarget", primary),
        **_named("secondaryTarget", secondary),
        "requestResource": note.resource,
        "requestAction": note.action,
        "requestPathParams": dict(note.path),
        "requestQueryParams": redacted(_asked(note.query)),
        "requestBody": _body(note, note.request),
        "responseStatus": note.status,
        "responseBody": answer,
    }
    return AuditEntry(
        id=waiting.id,
        org_id=org_id,
        at_ms=waiting.at_ms,
        status=note.status,
        resource=note.resource,
        action=note.action,
        actor=actor,
        primary=primary,
        secondary=secondary,
        document=msgspec.json.encode(shown).decode(),
    )


def _named(prefix: str, who: Named) -> dict[str, str]:
    members = {"Id": who.id, "Type": who.type, "Name": who.name}
    return {f"{prefix}{end}": value for end, value in members.items() if value is not None}


def _actor(caller: Caller, known: _Known) -> Named:
    name = known.names.get(caller.id) or caller.email
    return Named(id=caller.id, type=_ACTORS.get(caller.type), name=name)


def _primary(note: Note, application: AuditedApplication | None) -> Named:
    if note.application_id is None:
        if note.primary.type != INVITE:
            return note.primary
        email = _body(note, note.request).get("email")
        return structs.replace(note.primary, name=email if isinstance(email, str) else None)
    name = application.name if application else None
    return Named(id=note.application_id, type="Application", name=name)


def _secondary(note: Note, answer: Mapping[str, Any]) -> Named:
    """Return what in the application was changed; a new one is known from the answer alone."""
    if note.secondary.type is None:
        return NOBODY
    shown = answer.get("id")
    target = note.secondary.id or (shown if isinstance(shown, str) else None)
    name = answer.get("name") if shown == target else None
    named = name[:_LONGEST] if isinstance(name, str) else None
    return Named(id=target, type=note.secondary.type, name=named)


def _asked(query: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters of a request but those that say how the answer is dressed."""
    return {name: value for name, value in query.items() if not name.startswith("_")}


def _encoded(value: Any) -> bytes | None:
    return value if value is None or isinstance(value, bytes) else msgspec.json.encode(value)


def _body(note: Note, body: bytes | None) -> dict[str, Any]:
    """Return a body without its secrets; a list is shown as the ``items`` of an object."""
    if not body:
        return {}
    if len(body) > MOST_BYTES:
        return {"omitted": True, "bytes": len(body)}
    try:
        value = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {"omitted": True, "bytes": len(body)}
    if not isinstance(value, dict):
        value = {"items": value}
    if note.resource.rstrip("s") in _SEALED:
        value = {name: each if name in _OPEN_MEMBERS else REDACTED for name, each in value.items()}
    shown: dict[str, Any] = redacted(value)
    return shown
