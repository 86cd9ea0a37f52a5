"""The fields a query may name, kind by kind (Losant-compatible behaviour, section 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drover.query.fields import Field, FieldSet, FieldType

if TYPE_CHECKING:
    from collections.abc import Mapping

_TYPES: Final = {
    "id": FieldType.ID,
    "text": FieldType.TEXT,
    "number": FieldType.NUMBER,
    "boolean": FieldType.BOOLEAN,
    "date": FieldType.DATE,
    "tags": FieldType.TAGS,
}
_COLUMN_TYPES: Final = {
    "string": FieldType.TEXT,
    "number": FieldType.NUMBER,
    "boolean": FieldType.BOOLEAN,
}
_TRIGGER: Final = Field("triggers", FieldType.ELEMENTS, members=("type", "key", "config"))
_NODE: Final = Field("nodes", FieldType.ELEMENTS, members=("type", "config"))


def data_table_rows(columns: Mapping[str, str]) -> FieldSet:
    """Return the fields of a table's rows, given its columns: name -> string, number or boolean."""
    given = {name: Field(name, _COLUMN_TYPES[kind]) for name, kind in columns.items()}
    return FieldSet("rows of this table", {**given, **_ROW_FIELDS})


def _fields(strict_ids: str = "", **names: str) -> dict[str, Field]:
    """Declare fields by type, each a list of names parted by spaces."""
    strict = {name: Field(name, FieldType.ID, strict=True) for name in strict_ids.split()}
    return strict | {
        name: Field(name, _TYPES[kind]) for kind, listed in names.items() for name in listed.split()
    }


_ROW_FIELDS: Final = _fields(id="id", date="createdAt updatedAt")

DEVICES: Final = FieldSet(
    "devices",
    _fields(
        strict_ids="id gatewayId parentId ancestorId experienceUserId experienceGroupId",
        text="name deviceClass attributeName connectionStatus",
        date="creationDate lastUpdated deletedAt connectedAt disconnectedAt",
        tags="tags",
    ),
)
EVENTS: Final = FieldSet(
    "events",
    _fields(
        strict_ids="experienceUserId experienceGroupId",
        id="id sourceId deviceId",
        text="sourceType level state subject",
        date="creationDate lastUpdated",
        tags="eventTags",
    ),
)
EXPERIENCE_USERS: Final = FieldSet(
    "experience users",
    _fields(
        strict_ids="id experienceGroupId",
        text="firstName lastName email",
        date="creationDate lastUpdated lastLogin passwordLastUpdated",
        tags="userTags",
    ),
)
EXPERIENCE_GROUPS: Final = FieldSet(
    "experience groups",
    _fields(
        strict_ids="id parentId ancestorId experienceUserId experienceEndpointId",
        text="name",
        date="creationDate lastUpdated",
        tags="groupTags",
    ),
)
APPLICATION_JOB_LOGS: Final = FieldSet(
    "job logs",
    _fields(
        strict_ids="id resourceId",
        text="status name resourceType",
        date="runQueuedAt runStartedAt runCompletedAt",
    ),
)
APPLICATION_KEYS: Final = FieldSet(
    "access keys",
    _fields(
        strict_ids="id deviceIds",
        text="status key name description filterType pubTopics subTopics addressFilterType"
        " addresses",
        date="creationDate lastUpdated",
        tags="deviceTags",
    ),
)
FLOWS: Final = FieldSet(
    "workflows",
    {
        **_fields(
            strict_ids="id defaultVersion",
            text="name flowClass customNodeSupports",
            boolean="enabled",
            date="creationDate lastUpdated",
        ),
        "triggers": _TRIGGER,
        "nodes": _NODE,
    },
)
FLOW_VERSIONS: Final = FieldSet(
    "workflow versions",
    {
        **_fields(
            strict_ids="id",
            text="name flowClass version customNodeSupports",
            boolean="enabled",
            date="creationDate lastUpdated",
        ),
        "triggers": _TRIGGER,
        "nodes": _NODE,
    },
)
FLOWS_BY_VERSION: Final = FieldSet(
    "workflows by version",
    _fields(
        strict_ids="id flowId",
        text="name flowClass",
        boolean="enabled",
        date="creationDate lastUpdated",
    ),
)

FIELD_SETS: Final[Mapping[str, FieldSet]] = {
    "device": DEVICES,
    "event": EVENTS,
    "experienceUser": EXPERIENCE_USERS,
    "experienceGroup": EXPERIENCE_GROUPS,
    "applicationJobLog": APPLICATION_JOB_LOGS,
    "applicationKey": APPLICATION_KEYS,
    "flow": FLOWS,
    "flowVersion": FLOW_VERSIONS,
    "flowByVersion": FLOWS_BY_VERSION,
}
"""The field set of each kind, by the kind's scope name (``Kind.one``); rows have their own."""
