"""Experience groups: found, made, changed and asked by running workflows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.app.answering import Asking, HostOperations, Request, each
from drover.app.catalog import Catalog
from drover.app.experience import ExperienceGroups
from drover.app.experience_sign_in import groups_of, user_named
from drover.app.host._experience import by_id, by_query, by_tags, checked_id, decoded, found
from drover.kinds.device import KIND as DEVICE
from drover.kinds.experience_group import KIND
from drover.kinds.experience_user import KIND as USER
from drover.model.errors import Missing
from drover.model.fields import is_id
from drover.ports.resources import Listing
from drover.query.kinds import DEVICES, EXPERIENCE_GROUPS
from drover.query.losant import parse
from drover.query.tree import Compare, Operator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.kinds.experience_group import ExperienceGroup
    from drover.ports.store import Session
    from drover.query.tree import Node

_CHANGES: Final = ("replacement", "added", "removed")
_OF_DEVICES: Final = {"experienceUser": "experienceUserId", "experienceGroup": "experienceGroupId"}


async def _find(asking: Asking, request: Request) -> dict[str, Any]:
    return await found(asking, request, KIND, _chosen(request))


def _chosen(request: Request) -> Node:
    method = request["method"]
    if method == "query":
        return by_query(request, EXPERIENCE_GROUPS)
    if method in ("findByAllTags", "findByAnyTags"):
        return by_tags(request, "groupTags", every=method == "findByAllTags")
    value = str(request["value"])
    return by_id(value) if method == "id" else Compare("name", Operator.EQUAL, value)


async def _create(asking: Asking, request: Request) -> dict[str, Any]:
    body = msgspec.json.encode(request["body"])
    document = await asking.services[Catalog].create(
        asking.caller, KIND, asking.application_id, body
    )
    return decoded(KIND, document)


async def _update(asking: Asking, request: Request) -> dict[str, Any]:
    """Change a group; users are added to those that it has at that moment."""
    group_id, catalog = checked_id(request["id"], KIND), asking.services[Catalog]
    application_id = asking.application_id

    async def work(session: Session) -> bytes:
        group = await session.resources.lock(KIND, application_id, group_id)
        document = await session.resources.get_bytes(KIND, application_id, group_id)
        now = msgspec.json.decode(document)["experienceUserIds"]
        body = {
            **request["body"],
            **_tags(group, request),
            **await _members(session, asking, request, now),
        }
        stamp = catalog.stamp(asking.caller, application_id, await session.now_ms())
        changed = KIND.patch(group, msgspec.json.encode(body), stamp)
        await catalog.change(session, asking.caller, KIND, group, changed)
        return await session.resources.get_bytes(KIND, application_id, group_id)

    return decoded(KIND, await asking.store.write(work))


def _tags(group: ExperienceGroup, request: Request) -> dict[str, dict[str, str]]:
    """Return the group's tags with those given: one without a value is taken away."""
    given = request.get("mergeTags")
    if not given:
        return {}
    merged = {**(group.group_tags or {}), **given}
    return {"groupTags": {key: value for key, value in merged.items() if value}}


async def _members(
    session: Session, asking: Asking, request: Request, now: Sequence[str]
) -> dict[str, list[str]]:
    """Return the users of a group as a request changes them; raises Missing for a stranger."""
    named = {
        name: [(await user_named(session, asking.application_id, each)).id for each in given]
        for name in _CHANGES
        if (given := request.get(name)) is not None
    }
    if not named:
        return {}
    kept = [*named.get("replacement", now), *named.get("added", ())]
    gone = set(named.get("removed", ()))
    return {"experienceUserIds": [each for each in dict.fromkeys(kept) if each not in gone]}


async def _summary(asking: Asking, request: Request) -> dict[str, Any]:
    """Return how many users, groups and devices a group has, of its own and below it."""
    group_id, groups = checked_id(request["id"], KIND), asking.services[ExperienceGroups]
    shown = decoded(KIND, await asking.services[Catalog].get(KIND, asking.application_id, group_id))
    below = Listing(sort_field="id", limit=1, query=Compare("ancestorId", Operator.EQUAL, group_id))
    under = await asking.store.read(
        lambda session: session.resources.page_bytes(KIND, asking.application_id, below)
    )
    counts = {
        "userCount": len(shown["experienceUserIds"]),
        "descendantCount": under.total,
        "directDeviceCount": await groups.device_counts(
            asking.application_id, group_id, total=False
        ),
        "totalDeviceCount": await groups.device_counts(asking.application_id, group_id, total=True),
    }
    return {"experienceGroupId": group_id, "name": shown["name"], **counts}


async def _has_user(asking: Asking, request: Request) -> bool:
    """Tell whether a user is in a group, or in one above it."""
    group_id = str(request["group"]).lower()

    async def work(session: Session) -> bool:
        try:
            user = await user_named(session, asking.application_id, str(request["user"]))
        except Missing:
            return False
        return group_id in await groups_of(session, asking.application_id, user.id)

    return await asking.store.read(work)


async def _has_device(asking: Asking, request: Request) -> bool:
    """Tell whether a user, or a group, may reach a device."""
    device_id, holder = str(request["device"]).lower(), str(request["holder"])
    kind = request["holderType"]

    async def work(session: Session) -> bool:
        try:
            holder_id = await _holder(session, asking.application_id, kind, holder)
        except Missing:
            return False
        query = parse({"id": device_id, _OF_DEVICES[kind]: holder_id}, DEVICES)
        listing = Listing(sort_field="id", limit=1, query=query)
        page = await session.resources.page_bytes(DEVICE, asking.application_id, listing)
        return bool(page.items)

    return await asking.store.read(work) if is_id(device_id) else False


async def _holder(session: Session, application_id: str, kind: str, named: str) -> str:
    if kind == USER.one:
        return (await user_named(session, application_id, named)).id
    return checked_id(named, KIND)


OPERATIONS = HostOperations(
    {
        "group.find": each(_find),
        "group.create": each(_create),
        "group.update": each(_update),
        "group.summary": each(_summary),
        "group.hasUser": each(_has_user),
        "group.hasDevice": each(_has_device),
    }
)
