"""Side tables: what a resource holds that queries look for, one row for each value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import UNSET

from drover.query.digi.facts import facts_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from drover.kinds.device import Device
    from drover.kinds.event import Event
    from drover.kinds.experience_group import ExperienceGroup
    from drover.kinds.experience_user import ExperienceUser
    from drover.store.driver import Transaction


Rows = list[dict[str, Any]]


def sides_of_device(device: Device) -> dict[str, Rows]:
    """Return a device's tags, attributes and ancestors, and what the inventory knows it by."""
    key = {"device_id": device.id}
    owned = {"application_id": device.application_id, **key}
    pairs = dict.fromkeys((tag.key, tag.value) for tag in device.tags)
    return {
        "device_tag": [{**owned, "key": key, "value": value} for key, value in pairs],
        "device_attribute": [
            {**owned, "name": each.name, "data_type": each.data_type} for each in device.attributes
        ],
        "device_ancestor": [{**key, "ancestor_id": each} for each in device.ancestor_ids],
        "device_fact": [{**owned, **fact._asdict()} for fact in facts_of(device.name, pairs)],
    }


def sides_of_event(event: Event) -> dict[str, Rows]:
    """Return an event's tags."""
    owned = {"application_id": event.application_id, "event_id": event.id}
    return {"event_tag": _pairs(owned, event.event_tags)}


def sides_of_user(user: ExperienceUser) -> dict[str, Rows]:
    """Return an experience user's tags and, where they were given, groups."""
    owned = {"application_id": user.application_id, "user_id": user.id}
    sides = {"experience_user_tag": _pairs(owned, user.user_tags)}
    if user.experience_group_ids is not UNSET:
        ids = dict.fromkeys(user.experience_group_ids)
        sides["user_membership"] = [{"user_id": user.id, "group_id": each} for each in ids]
    return sides


def sides_of_group(group: ExperienceGroup) -> dict[str, Rows]:
    """Return a group's tags, line, devices, endpoints and, where they were given, users."""
    key = {"group_id": group.id}
    owned = {"application_id": group.application_id, **key}
    tags = dict.fromkeys((tag.key or "", tag.value or "") for tag in group.device_tags)
    sides = {
        "experience_group_tag": _pairs(owned, group.group_tags),
        "experience_group_line": _each(key, "above_id", (group.id, *group.ancestor_ids)),
        "experience_group_device": _each(key, "device_id", group.device_ids),
        "experience_group_device_tag": [
            {**owned, "key": key, "value": value} for key, value in tags if key or value
        ],
        "experience_group_endpoint": _each(key, "endpoint_id", group.experience_endpoint_ids),
    }
    if group.experience_user_ids is not UNSET:
        sides["group_membership"] = _each(key, "user_id", group.experience_user_ids)
    return sides


async def groups_of_users(tx: Transaction, ids: Sequence[str]) -> Mapping[str, bytes]:
    """Return, for each experience user, the member of the document that tells its groups."""
    found: dict[str, list[dict[str, object]]] = {each: [] for each in ids}
    for row in await tx.fetch("groups_of_users", {"ids": list(ids)}):
        group = {"name": row["name"], "id": row["id"], "parentId": row["parent_id"]}
        found[row["user_id"]].append(group)
    return _members("experienceGroups", found)


async def users_of_groups(tx: Transaction, ids: Sequence[str]) -> Mapping[str, bytes]:
    """Return, for each group, the member of the document that tells its users."""
    found: dict[str, list[str]] = {each: [] for each in ids}
    for row in await tx.fetch("users_of_groups", {"ids": list(ids)}):
        found[row["group_id"]].append(row["user_id"])
    return _members("experienceUserIds", found)


SIDES: Final[Mapping[str, tuple[str, Callable[[Any], dict[str, Rows]]]]] = {
    "device": ("device_id", sides_of_device),
    "event": ("event_id", sides_of_event),
    "experience_user": ("user_id", sides_of_user),
    "experience_group": ("group_id", sides_of_group),
}
"""What stands beside each table: the column of its id, and the rows of a resource by side table.

A side table that is not named keeps the rows it has.
"""

SHOWN: Final[
    Mapping[str, Callable[[Transaction, Sequence[str]], Awaitable[Mapping[str, bytes]]]]
] = {"experience_user": groups_of_users, "experience_group": users_of_groups}
"""What documents of a table show of its relations, by id, as JSON members after a comma."""


async def relate(tx: Transaction, table: str, resource: Any, *, fresh: bool) -> None:
    """Write the side rows of a saved resource; ``fresh`` ones have none yet."""
    column, sides_of = SIDES[table]
    for side, rows in sides_of(resource).items():
        if not fresh:
            await tx.execute(f"{side}_clear", {column: resource.id})
        if rows:
            await tx.execute_many(f"{side}_add", rows)


async def relate_many(
    tx: Transaction, table: str, resources: Sequence[Any], *, fresh: bool
) -> None:
    """Write the side rows of many resources the fastest way; ``fresh`` ones have none yet."""
    column, sides_of = SIDES[table]
    all_rows: dict[str, Rows] = {}
    for resource in resources:
        for side, rows in sides_of(resource).items():
            all_rows.setdefault(side, []).extend(rows)
    owners = [] if fresh else [{column: resource.id} for resource in resources]
    for side, rows in all_rows.items():
        if owners:
            await tx.execute_many(f"{side}_clear", owners)
        if rows:
            columns = tuple(rows[0])
            await tx.copy_rows(side, columns, [tuple(row.values()) for row in rows])


def _pairs(owned: dict[str, str], tags: Any) -> Rows:
    given = {} if tags is UNSET else tags
    return [{**owned, "key": key, "value": value} for key, value in given.items()]


def _each(key: dict[str, str], name: str, values: Iterable[str]) -> Rows:
    return [{**key, name: each} for each in dict.fromkeys(values)]


def _members(name: str, found: Mapping[str, object]) -> Mapping[str, bytes]:
    encode = msgspec.json.encode
    return {each: b',"%b":%b' % (name.encode(), encode(value)) for each, value in found.items()}
