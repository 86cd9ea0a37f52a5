"""Where the fields of queries lie in the tables, and what a job may run over.

The names of tables and columns are qualified, so that a compiled condition can stand in a
statement that reads other tables too. Every such statement binds ``:application_id``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from drover.store.compile.columns import (
    JsonColumn,
    JsonElements,
    JsonField,
    JsonList,
    JsonTagList,
    Lookup,
    Plain,
    Related,
    TagRows,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from drover.store.compile.columns import Column, ColumnMap


@dataclass(frozen=True, slots=True)
class Source:
    """One type of resource that a job runs over, as SQL.

    ``where_sql`` needs ``:application_id``, for table rows also ``:data_table_id``. The columns of
    a data table are its own: see ``row_columns``.
    """

    from_sql: str
    id_sql: str
    name_sql: str
    document_sql: str
    where_sql: str
    columns: ColumnMap


def row_columns(names: Iterable[str]) -> ColumnMap:
    """Return where the columns of a data table lie, given their names."""
    own: dict[str, Column] = {name: JsonColumn("table_row.document", name) for name in names}
    return {**own, **_ROW}


def owned_by(device_id_sql: str) -> str:
    """Return a FROM list of the groups that own a device by its id or one of its tags.

    The groups are called ``line.above_id``: the owners themselves and those above them.
    """
    # The parts of this text are the program's own.
    return (
        "(SELECT own.group_id FROM experience_group_device AS own "  # noqa: S608
        f"WHERE own.device_id = {device_id_sql} UNION "
        "SELECT wanted.group_id FROM device_tag AS had JOIN experience_group_device_tag AS wanted "
        "ON wanted.application_id = had.application_id "
        "AND wanted.key IN (had.key, '') AND wanted.value IN (had.value, '') "
        f"WHERE had.device_id = {device_id_sql}) AS owner "
        "JOIN experience_group_line AS line ON line.group_id = owner.group_id"
    )


def _groups(device_id_sql: str) -> Related:
    return Related(f"{owned_by(device_id_sql)} WHERE TRUE", "line.above_id")


def _users(device_id_sql: str) -> Related:
    return Related(
        f"{owned_by(device_id_sql)} JOIN experience_membership AS member "
        "ON member.group_id = line.above_id WHERE TRUE",
        "member.user_id",
    )


def _dates(table: str) -> dict[str, Column]:
    return {
        "id": Plain(f"{table}.id"),
        "creationDate": Plain(f"{table}.created_ms"),
        "lastUpdated": Plain(f"{table}.updated_ms"),
    }


def _tags(table: str, key: str, of: str) -> TagRows:
    within = f"{table} AS tag WHERE tag.application_id = :application_id"
    return TagRows(
        f"{table} AS tag WHERE tag.{key} = {of}.id",
        "tag.key",
        "tag.value",
        Lookup(f"{of}.id", f"tag.{key}", within),
    )


def _flow(table: str) -> dict[str, Column]:
    document = f"{table}.document"
    return {
        **_dates(table),
        "name": JsonField(document, ("name",)),
        "flowClass": JsonField(document, ("flowClass",)),
        "customNodeSupports": JsonList(document, ("customNodeSupports",)),
        "enabled": Plain(f"{table}.enabled"),
        "triggers": JsonElements(document, ("triggers",)),
        "nodes": JsonElements(document, ("nodes",)),
    }


def _of_flow(column: str) -> str:
    # The column is one of the program's own.
    return f"(SELECT flow.{column} FROM flow WHERE flow.id = flow_version.flow_id)"  # noqa: S608


_ROW: Final[ColumnMap] = {
    "id": Plain("table_row.id"),
    "createdAt": Plain("table_row.created_ms"),
    "updatedAt": Plain("table_row.updated_ms"),
}

_STATUS: Final = "(CASE device.connected WHEN 1 THEN 'connected' WHEN 0 THEN 'disconnected' END)"

COLUMNS: Final[Mapping[str, ColumnMap]] = {
    "application": {**_dates("application"), "name": Plain("application.name")},
    "document": {**_dates("document"), "name": Plain("document.name")},
    "device": {
        **_dates("device"),
        "name": Plain("device.name"),
        "deviceClass": Plain("device.device_class"),
        "gatewayId": Plain("device.gateway_id"),
        "parentId": Plain("device.parent_id"),
        "ancestorId": Related(
            "device_ancestor AS above WHERE above.device_id = device.id",
            "above.ancestor_id",
            Lookup("device.id", "above.device_id", "device_ancestor AS above WHERE TRUE"),
        ),
        "attributeName": Related(
            "device_attribute AS attribute WHERE attribute.device_id = device.id",
            "attribute.name",
            Lookup(
                "device.id",
                "attribute.device_id",
                "device_attribute AS attribute WHERE attribute.application_id = :application_id",
            ),
        ),
        "experienceGroupId": _groups("device.id"),
        "experienceUserId": _users("device.id"),
        "tags": _tags("device_tag", "device_id", "device"),
        "connectedAt": Plain("device.connected_at_ms"),
        "disconnectedAt": Plain("device.disconnected_at_ms"),
        "deletedAt": Plain("device.deleted_ms"),
        "connectionStatus": Plain(_STATUS),
    },
    "event": {
        **_dates("event"),
        "sourceId": Plain("event.source_id"),
        "sourceType": Plain("event.source_type"),
        "level": Plain("event.level"),
        "state": Plain("event.state"),
        "subject": Plain("event.subject"),
        "deviceId": Plain("event.device_id"),
        "experienceGroupId": _groups("event.device_id"),
        "experienceUserId": _users("event.device_id"),
        "eventTags": _tags("event_tag", "event_id", "event"),
    },
    "experience_user": {
        **_dates("experience_user"),
        "firstName": Plain("experience_user.first_name"),
        "lastName": Plain("experience_user.last_name"),
        "email": Plain("experience_user.email"),
        "lastLogin": Plain("experience_user.last_login_ms"),
        "passwordLastUpdated": Plain("experience_user.password_updated_ms"),
        "userTags": _tags("experience_user_tag", "user_id", "experience_user"),
        "experienceGroupId": Related(
            "experience_membership AS member WHERE member.user_id = experience_user.id",
            "member.group_id",
            Lookup(
                "experience_user.id", "member.user_id", "experience_membership AS member WHERE TRUE"
            ),
        ),
    },
    "experience_group": {
        **_dates("experience_group"),
        "name": Plain("experience_group.name"),
        "parentId": Plain("experience_group.parent_id"),
        "ancestorId": Related(
            "experience_group_line AS line WHERE line.group_id = experience_group.id "
            "AND line.above_id <> experience_group.id",
            "line.above_id",
        ),
        "groupTags": _tags("experience_group_tag", "group_id", "experience_group"),
        "experienceUserId": Related(
            "experience_membership AS member WHERE member.group_id = experience_group.id",
            "member.user_id",
        ),
        "experienceEndpointId": Related(
            "experience_group_endpoint AS entry WHERE entry.group_id = experience_group.id",
            "entry.endpoint_id",
        ),
    },
    "flow": {
        **_flow("flow"),
        "name": Plain("flow.name"),
        "flowClass": Plain("flow.flow_class"),
        "defaultVersion": Plain("flow.default_version_id"),
    },
    "flow_version": {
        **_flow("flow_version"),
        "name": Plain(_of_flow("name")),
        "defaultVersion": Plain(_of_flow("default_version_id")),
        "version": Plain("flow_version.version"),
        "flowId": Plain("flow_version.flow_id"),
    },
}
"""The columns of each table's fields."""

_KEY: Final = "document.document"
_FILE: Final[ColumnMap] = {
    "path": Plain("document.name"),
    **{name: JsonField(_KEY, (name,)) for name in ("name", "parentDirectory", "type", "status")},
}

DOCUMENT_COLUMNS: Final[Mapping[str, ColumnMap]] = {
    "file": _FILE,
    "privateFile": _FILE,
    "experienceView": {"viewType": JsonField(_KEY, ("viewType",))},
    "applicationTemplate": {
        **{name: JsonField(_KEY, (name,)) for name in ("ownerId", "public")},
        **{name: JsonList(_KEY, (name,)) for name in ("keywords", "categoryIds")},
    },
    "applicationKey": {
        **{
            name: JsonField(_KEY, (name,))
            for name in ("status", "key", "description", "filterType", "addressFilterType")
        },
        **{
            name: JsonList(_KEY, (name,))
            for name in ("deviceIds", "pubTopics", "subTopics", "addresses")
        },
        "deviceTags": JsonTagList(_KEY, ("deviceTags",)),
    },
}
"""Further fields of quiet kinds, which lie in their documents."""


def _source(table: str, name: str, where: str = "") -> Source:
    return Source(
        from_sql=table,
        id_sql=f"{table}.id",
        name_sql=name,
        document_sql=f"{table}.document",
        where_sql=f"{table}.application_id = :application_id{where}",
        columns=COLUMNS.get(table, _ROW),
    )


SOURCES: Final[Mapping[str, Source]] = {
    "device": _source("device", "device.name", " AND device.deleted_ms IS NULL"),
    "dataTableRow": _source(
        "table_row", "table_row.id", " AND table_row.table_id = :data_table_id"
    ),
    "experienceGroup": _source("experience_group", "experience_group.name"),
    "experienceUser": _source("experience_user", "experience_user.email"),
}
"""What a job may run over, by resource type."""
