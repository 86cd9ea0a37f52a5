"""Side tables: what a resource holds that queries look for, one row for each value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec
from msgspec import UNSET

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from drover.kinds.device import Device
    from drover.kinds.event import Event
    from drover.kinds.experience_group import ExperienceGroup
    from drover.kinds.experience_user import ExperienceUser
    from drover.store.driver import Transaction


class Relate(Protocol):
    """Writes the side rows of a saved resource; ``fresh`` ones have none yet."""

    async def __call__(self, tx: Transaction, resource: Any, /, *, fresh: bool) -> None:
        """Write them."""
        ...


async def relate_device(tx: Transaction, device: Device, /, *, fresh: bool) -> None:
    """Write a device's tags, attributes and ancestors."""
    key = {"application_id": device.application_id, "device_id": device.id}
    side = _Side(tx, key, fresh=fresh)
    pairs = dict.fromkeys((tag.key, tag.value) for tag in device.tags)
    await side.write("device_tag", ({"key": key, "value": value} for key, value in pairs))
    attributes = ({"name": each.name, "data_type": each.data_type} for each in device.attributes)
    await side.write("device_attribute", attributes)
    await side.write("device_ancestor", ({"ancestor_id": each} for each in device.ancestor_ids))


async def relate_event(tx: Transaction, event: Event, /, *, fresh: bool) -> None:
    """Write an event's tags."""
    side = _Side(tx, {"application_id": event.application_id, "event_id": event.id}, fresh=fresh)
    await side.write("event_tag", _pairs(event.event_tags))


async def relate_user(tx: Transaction, user: ExperienceUser, /, *, fresh: bool) -> None:
    """Write an experience user's tags and, where they were given, groups."""
    side = _Side(tx, {"application_id": user.application_id, "user_id": user.id}, fresh=fresh)
    await side.write("experience_user_tag", _pairs(user.user_tags))
    if user.experience_group_ids is not UNSET:
        ids = dict.fromkeys(user.experience_group_ids)
        await side.write("user_membership", ({"group_id": each} for each in ids))


async def relate_group(tx: Transaction, group: ExperienceGroup, /, *, fresh: bool) -> None:
    """Write a group's tags, line, devices, endpoints and, where they were given, users."""
    side = _Side(tx, {"application_id": group.application_id, "group_id": group.id}, fresh=fresh)
    await side.write("experience_group_tag", _pairs(group.group_tags))
    line = (group.id, *group.ancestor_ids)
    await side.write("experience_group_line", ({"above_id": each} for each in line))
    ids = dict.fromkeys(group.device_ids)
    await side.write("experience_group_device", ({"device_id": each} for each in ids))
    wanted = dict.fromkeys((tag.key or "", tag.value or "") for tag in group.device_tags)
    tags = ({"key": key, "value": value} for key, value in wanted if key or value)
    await side.write("experience_group_device_tag", tags)
    ends = dict.fromkeys(group.experience_endpoint_ids)
    await side.write("experience_group_endpoint", ({"endpoint_id": each} for each in ends))
    if group.experience_user_ids is not UNSET:
        users = dict.fromkeys(group.experience_user_ids)
        await side.write("group_membership", ({"user_id": each} for each in users))


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


RELATIONS: Final[Mapping[str, Relate]] = {
    "device": relate_device,
    "event": relate_event,
    "experience_user": relate_user,
    "experience_group": relate_group,
}
"""What to write beside each table."""

SHOWN: Final[
    Mapping[str, Callable[[Transaction, Sequence[str]], Awaitable[Mapping[str, bytes]]]]
] = {"experience_user": groups_of_users, "experience_group": users_of_groups}
"""What documents of a table show of its relations, by id, as JSON members after a comma."""


class _Side:
    """Replaces the side rows of one resource, table by table."""

    def __init__(self, tx: Transaction, key: dict[str, str], *, fresh: bool) -> None:
        self._tx = tx
        self._key = key
        self._fresh = fresh

    async def write(self, table: str, rows: Iterable[dict[str, str]]) -> None:
        """Replace the rows of one table."""
        if not self._fresh:
            await self._tx.execute(f"{table}_clear", self._key)
        if full := [{**self._key, **row} for row in rows]:
            await self._tx.execute_many(f"{table}_add", full)


def _pairs(tags: Any) -> list[dict[str, str]]:
    return [] if tags is UNSET else [{"key": key, "value": value} for key, value in tags.items()]


def _members(name: str, found: Mapping[str, object]) -> Mapping[str, bytes]:
    encode = msgspec.json.encode
    return {each: b',"%b":%b' % (name.encode(), encode(value)) for each, value in found.items()}
