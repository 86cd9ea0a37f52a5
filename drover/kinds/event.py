"""Something that happened and that somebody should look at."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from drover.model.fields import Id, Name, Prose, ReadOnly, TagMap
from drover.model.kind import Kind
from drover.model.moments import AnyMoment
from drover.model.resource import Resource

Level = Literal["info", "warning", "error", "critical"]
State = Literal["new", "acknowledged", "resolved"]

MOST_UPDATES = 100


class Change(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A value before and after an update."""

    old: Any = None
    new: Any = None
    old_device_name: str | None = None
    new_device_name: str | None = None


class Update(Struct, frozen=True, kw_only=True, rename="camel"):
    """One change of an event: who made it, what they said, what differs."""

    source_type: str
    source_id: str
    creation_date: str
    source_name: str | UnsetType = UNSET
    comment: Prose | UnsetType = UNSET
    data: Any = UNSET
    state: State | UnsetType = UNSET
    state_change: Change | UnsetType = UNSET
    level_change: Change | UnsetType = UNSET
    subject_change: Change | UnsetType = UNSET
    device_id_change: Change | UnsetType = UNSET
    tags_change: dict[str, Change] | UnsetType = UNSET


class EventPost(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The body that creates an event."""

    level: Level
    subject: Name
    state: State | UnsetType = UNSET
    message: Prose | UnsetType = UNSET
    data: Any = UNSET
    device_id: Id | UnsetType = UNSET
    event_tags: TagMap | UnsetType = UNSET
    creation_date: AnyMoment | UnsetType = UNSET
    disable_tag_change_tracking: bool | UnsetType = UNSET


class EventPatch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The body that updates an event: tags are merged, a null device takes it away."""

    state: State | UnsetType = UNSET
    level: Level | UnsetType = UNSET
    subject: Name | UnsetType = UNSET
    device_id: Id | UnsetType | None = UNSET
    comment: Prose | UnsetType = UNSET
    data: Any = UNSET
    event_tags: TagMap | UnsetType = UNSET


class Event(Resource, frozen=True, kw_only=True):
    """Something that happened and that somebody should look at."""

    level: Level
    state: State = "new"
    subject: Name
    message: Prose | UnsetType = UNSET
    data: Any = UNSET
    device_id: Id | UnsetType = UNSET
    device_name: ReadOnly[Name | UnsetType] = UNSET
    event_tags: TagMap | UnsetType = UNSET
    disable_tag_change_tracking: bool | UnsetType = UNSET
    source_type: ReadOnly[str | UnsetType] = UNSET
    source_id: ReadOnly[str | UnsetType] = UNSET
    source_name: ReadOnly[str | UnsetType] = UNSET
    updates: ReadOnly[Annotated[tuple[Update, ...], Meta(max_length=MOST_UPDATES)]] = ()


KIND = Kind(
    Event,
    one="event",
    many="events",
    path="events",
    sortable=(
        "subject",
        "id",
        "creationDate",
        "lastUpdated",
        "level",
        "state",
        "deviceId",
    ),
    filterable=("subject",),
    default_sort="creationDate",
    default_descending=True,
    queryable=True,
    named_by="subject",
    table="event",
    counted_as="eventCount",
    operations=frozenset({"list", "get", "delete"}),
    posted=EventPost,
    patched=EventPatch,
)
