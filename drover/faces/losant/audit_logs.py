"""Audit logs of organisations: who changed what, when, and what the server answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from msgspec import Meta, Struct

from drover.app.audit import AuditLogs
from drover.faces.losant import _lists
from drover.faces.losant._moments import moment
from drover.faces.losant._records import Document, envelope
from drover.faces.operation import Call, Operation
from drover.model.errors import Invalid
from drover.model.fields import ID_PATTERN
from drover.model.scopes import for_operation
from drover.ports.audit import AuditWanted
from drover.query.tree import ALL, Compare, In, Node, Operator, all_of, any_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.app.services import Services

_MANY: Final = "/orgs/{orgId}/audit-logs"
_SORTS: Final = ("creationDate", "responseStatus", "actorName")
_OWNERS: Final = ("Organization", "User")
_PARAMETERS: Final = (
    "sortField",
    "sortDirection",
    "page",
    "perPage",
    "start",
    "end",
    "auditLogFilter",
)
_Text = Annotated[str, Meta(max_length=1024)]
_Id = Annotated[str, Meta(pattern=ID_PATTERN)]


class _Filter(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of those that an entry may be about: every member that is given counts."""


class _Who(_Filter, frozen=True, kw_only=True):
    id: _Id | None = None
    type: _Text | None = None
    name: _Text | None = None


class _Request(_Filter, frozen=True, kw_only=True):
    resource: _Text | None = None
    action: _Text | None = None


_Several = Annotated[list[_Who], Meta(max_length=100)]


class AuditLogFilter(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Which entries are wanted: those that fit one of each list that is given."""

    primary_target: _Several = []
    secondary_target: _Several = []
    actor: _Several = []
    request: Annotated[list[_Request], Meta(max_length=100)] = []
    response_code: Annotated[list[Annotated[int, Meta(ge=100, le=599)]], Meta(max_length=100)] = []


class _Calls:
    """The operations on audit logs."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def list(self, call: Call) -> Document:
        """Return one page."""
        logs, org_id = self._services[AuditLogs], call.path["orgId"]
        wanted = _wanted(call, logs.clock.now_ms())
        found, total = await logs.page(call.caller, org_id, wanted)
        path = _MANY.format_map(call.path)
        return {
            "items": [_linked(call, each) for each in found],
            "count": len(found),
            "totalCount": total,
            "page": wanted.offset // wanted.limit,
            "perPage": wanted.limit,
            "sortField": wanted.sort_field,
            "sortDirection": "desc" if wanted.descending else "asc",
            **envelope(call, "auditLogs", {"orgId": org_id}, path),
        }

    async def get(self, call: Call) -> Document:
        """Return one."""
        logs = self._services[AuditLogs]
        found = await logs.one(call.caller, call.path["orgId"], call.path["auditLogId"])
        return _linked(call, found)


def _wanted(call: Call, now_ms: int) -> AuditWanted:
    per_page = call.whole("perPage", _lists.PER_PAGE, least=1, most=_lists.MOST_PER_PAGE)
    page = call.whole("page", 0, most=_lists.FARTHEST)
    return AuditWanted(
        start_ms=moment(call, "start", 1, now_ms),
        end_ms=moment(call, "end", 0, now_ms) + 1,
        query=_filter(call),
        sort_field=call.choice("sortField", _SORTS, "creationDate"),
        descending=_lists.descending(call, default=True),
        limit=per_page,
        offset=page * per_page,
    )


def _filter(call: Call) -> Node:
    given = call.nested("auditLogFilter")
    if given is None or given == "":
        return ALL
    try:  # what a query string holds is text, numbers too
        wanted = msgspec.convert(given, AuditLogFilter, strict=False)
    except msgspec.ValidationError as error:
        raise Invalid(f"auditLogFilter: {error}", field="auditLogFilter") from error
    lists = (
        ("primary", wanted.primary_target),
        ("secondary", wanted.secondary_target),
        ("actor", wanted.actor),
        ("", wanted.request),
    )
    parts = [
        any_of(_fits(prefix, each) for each in several) for prefix, several in lists if several
    ]
    if wanted.response_code:
        parts.append(In("responseStatus", tuple(wanted.response_code)))
    return all_of(parts)


def _fits(prefix: str, wanted: _Filter) -> Node:
    """Return the tree of one filter; one that gives nothing fits every entry."""
    given = msgspec.structs.asdict(wanted)
    return all_of(
        Compare(_field(prefix, name), Operator.EQUAL, _value(name, value))
        for name, value in given.items()
        if value is not None
    )


def _field(prefix: str, name: str) -> str:
    return f"{prefix}{name.capitalize()}" if prefix else name


def _value(name: str, value: str) -> str:
    return value.lower() if name == "id" else value


def _linked(call: Call, entry: Document) -> Document:
    path = _MANY.format_map(call.path)
    return envelope(call, "auditLog", entry, f"{path}/{entry['id']}", auditLogs=path)


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations on audit logs."""
    calls = _Calls(services)
    yield Operation(
        method="GET",
        path=_MANY,
        scopes=for_operation("auditLogs", "get", _OWNERS, reads=True),
        run=calls.list,
        name="auditLogs.get",
        summary="List what was changed in an organization, and by whom",
        parameters=_PARAMETERS,
    )
    yield Operation(
        method="GET",
        path=f"{_MANY}/{{auditLogId}}",
        scopes=for_operation("auditLog", "get", _OWNERS, reads=True),
        run=calls.get,
        name="auditLog.get",
        summary="Read one entry of an organization's audit log",
    )
