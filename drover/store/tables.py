"""How each kind lies in its table: the columns a resource fills, and what may sort a list."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from msgspec import UNSET

from drover.model.instants import to_ms, to_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from drover.model.kind import Kind
    from drover.model.resource import Resource
    from drover.store.driver import Row
    from drover.store.statements import Dialect


@dataclass(frozen=True, slots=True)
class Table:
    """One table of resources.

    ``columns`` maps a column to the attribute it repeats; ``sorts`` a wire name to its column where
    the two are not spelt alike; ``nullable`` are columns that may be empty; ``extra`` columns are
    read for ``tail``, which returns more members of the shown document.
    """

    name: str
    columns: Mapping[str, str]
    sorts: Mapping[str, str] = field(default_factory=dict)
    nullable: frozenset[str] = frozenset()
    moments: Mapping[str, str] = field(default_factory=dict)
    extra: str = ""
    tail: Callable[[Row], bytes] | None = None
    parent: str = "CAST(NULL AS TEXT)"
    apart: bool = False
    by_kind: bool = False
    keeps_deleted: bool = False

    @property
    def stored(self) -> tuple[str, ...]:
        """The columns that a new row fills."""
        own = () if self.name == "application" else ("application_id",)
        more = ("kind", "parent_id") if self.by_kind else ()
        apart = ("apart",) if self.apart else ()
        kept = (*self.columns, *self.moments, "created_ms", "updated_ms", *apart, "document")
        return (*own, *more, "id", *kept)

    @property
    def selected(self) -> str:
        """The columns that a list reads."""
        apart = "apart" if self.apart else "CAST(NULL AS TEXT) AS apart"
        return f"id, document, {apart}{self.extra}"

    def values(self, kind: Kind[Any], resource: Resource) -> dict[str, Any]:
        """Return the column values of a resource."""
        values: dict[str, Any] = {
            "kind": kind.one,
            "application_id": resource.application_id,
            "id": resource.id,
            "created_ms": to_ms(resource.creation_date),
            "updated_ms": to_ms(resource.last_updated),
            "document": kind.shown(resource).decode(),
            "apart": kind.apart(resource),
        }
        for column, attribute in self.columns.items():
            values[column] = _plain(getattr(resource, attribute, None))
        for column, attribute in self.moments.items():
            text = getattr(resource, attribute)
            values[column] = to_ms(text) if isinstance(text, str) else None
        if self.by_kind:
            values["parent_id"] = getattr(resource, kind.parent_field) if kind.parent else None
            values["name"] = _plain(getattr(resource, kind.named_by, None)) or ""
        return values

    def order(self, wire_name: str, dialect: Dialect, *, descending: bool) -> str:
        """Return the ORDER BY list of a checked wire name."""
        column = self.sorts.get(wire_name)
        column = column or _SORTS.get(wire_name) or in_document(wire_name, dialect)
        direction = "DESC" if descending else "ASC"
        empty = ""
        if column in self.nullable or column.startswith(("json_extract", "(document")):
            empty = " NULLS LAST" if descending else " NULLS FIRST"
        first = f"{column} {direction}{empty}"
        return first if column == "id" else f"{first}, id"


def in_document(wire_name: str, dialect: Dialect) -> str:
    """Return the SQL of a top member of a document; the name comes from a declaration."""
    if dialect == "sqlite":
        return f"json_extract(document, '$.{wire_name}')"
    return f"(document::jsonb ->> '{wire_name}')"


def _plain(value: Any) -> Any:
    if value is UNSET:
        return None
    return int(value) if isinstance(value, bool) else value


def _connection(row: Row) -> bytes:
    connected, moment = row["connected"], row["connection_ms"]
    if connected is None:
        return b',"connectionInfo":{"connected":null}'
    time = to_text(moment or 0)
    return f',"connectionInfo":{{"time":"{time}","connected":{connected}}}'.encode()


_SORTS: Final[Mapping[str, str]] = {
    "id": "id",
    "name": "name",
    "creationDate": "created_ms",
    "lastUpdated": "updated_ms",
}

_NAME_OF_FLOW: Final = "(SELECT flow.name FROM flow WHERE flow.id = flow_version.flow_id)"

TABLES: Final[Mapping[str, Table]] = {
    table.name: table
    for table in (
        Table(
            "application",
            {"owner_type": "owner_type", "owner_id": "owner_id", "name": "name"}
            | {"slug": "endpoint_slug"},
            {"ownerId": "owner_id"},
            apart=True,
        ),
        Table(
            "document",
            {"name": "name"},
            {"certificateInfo.commonName": "name"},
            apart=True,
            by_kind=True,
            parent="parent_id",
        ),
        Table(
            "device",
            {
                "name": "name",
                "device_class": "device_class",
                "parent_id": "parent_id",
                "gateway_id": "gateway_id",
            },
            {"connectionStatus": "connected", "deletedAt": "deleted_ms"},
            frozenset({"connected", "deleted_ms"}),
            {"deleted_ms": "deleted_at"},
            ", connected, connection_ms",
            _connection,
            keeps_deleted=True,
        ),
        Table(
            "event",
            {
                "subject": "subject",
                "level": "level",
                "state": "state",
                "device_id": "device_id",
                "source_type": "source_type",
                "source_id": "source_id",
            },
            {"subject": "subject", "level": "level", "state": "state", "deviceId": "device_id"},
            frozenset({"device_id"}),
        ),
        Table(
            "experience_user",
            {"email": "email", "first_name": "first_name", "last_name": "last_name"},
            {
                "email": "email",
                "firstName": "first_name",
                "lastName": "last_name",
                "lastLogin": "last_login_ms",
            },
            frozenset({"first_name", "last_name", "last_login_ms"}),
            {"last_login_ms": "last_login", "password_updated_ms": "password_last_updated"},
            apart=True,
        ),
        Table("experience_group", {"name": "name", "parent_id": "parent_id"}),
        Table(
            "flow",
            {
                "name": "name",
                "flow_class": "flow_class",
                "enabled": "enabled",
                "default_version_id": "default_version_id",
            },
        ),
        Table(
            "flow_version",
            {"flow_id": "flow_id", "version": "version", "enabled": "enabled"},
            {"version": "version", "name": _NAME_OF_FLOW},
            parent="flow_id",
        ),
    )
}
"""Every table of resources, by its name in a kind's declaration."""
