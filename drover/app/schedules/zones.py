"""Each device in its own time: which zones are in use, and whose turn it is in one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import structs

from drover.model.cron import known_zones

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from drover.model.run import Target
    from drover.ports.store import Session


async def zones_in_use(session: Session, application_id: str, tag: str) -> Sequence[str]:
    """Return the time zones that a tag names on devices of an application.

    Each zone there is is looked for in the index of tags, so that the cost has a bound whatever
    the tags hold.
    """
    wanted = sorted(known_zones())
    return await session.jobs.schedules.values_in_use(application_id, tag, wanted)


def devices_in(zone: str, tag: str) -> dict[str, Any]:
    """Return the query of devices whose tag names a zone."""
    return {"tags": {"$tagKey": tag, "$tagValue": zone}}


def devices_in_or_without(zone: str, tag: str, in_use: Iterable[str]) -> dict[str, Any]:
    """Return the query of devices whose tag names a zone, or no zone at all."""
    others = sorted({*in_use} - {zone})
    elsewhere = {"tags": {"$tagKey": tag, "$tagValue": {"$in": others}}}
    return {"$or": [devices_in(zone, tag), {"$nor": [elsewhere]}]} if others else {}


def narrowing(condition: dict[str, Any]) -> Callable[[Target], Target]:
    """Return what leaves of a target only what a query matches too."""
    more = msgspec.json.encode(condition).decode()

    def narrowed(target: Target) -> Target:
        return structs.replace(target, query=f'{{"$and":[{target.query},{more}]}}')

    return narrowed
