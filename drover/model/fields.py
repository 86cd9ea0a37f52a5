"""Field types shared by all resource kinds: the limits live here, once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Annotated, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType

T = TypeVar("T")


class Access(Enum):
    """Who may set and see a field; one without a mark may be set at any time and is shown."""

    READ_ONLY = auto()  #: the server sets it
    CREATE_ONLY = auto()  #: accepted on create, refused in a patch
    PATCH_ONLY = auto()  #: accepted in a patch, refused on create
    WRITE_ONLY = auto()  #: accepted, kept apart from the document, never shown
    HIDDEN = auto()  #: the server's own: never accepted, kept apart, never shown
    RELATED = auto()  #: accepted, kept as rows of a relation, shown only as that relation tells
    SHOWN_ONCE = auto()  #: the server sets it; shown in the answer to its create, never stored


class Mark(Enum):
    """How a value that a caller gives is taken."""

    CLEARABLE = auto()  #: null in a patch takes the field away
    MOMENT = auto()  #: any ISO 8601 text; kept as UTC with three decimals
    REQUIRED = auto()  #: must be given on create, though the document does not hold it
    IDS = auto()  #: ids of no particular kind; kept in lower case
    BUNDLED = auto()  #: held by bundles, although callers do not set it or never see it


@dataclass(frozen=True, slots=True)
class Refers:
    """Marks a field that holds the id, or ids, of other resources of the application.

    Unless ``checked`` is off they must exist when they are given.
    """

    kind: str
    checked: bool = True


ReadOnly = Annotated[T, Access.READ_ONLY]
CreateOnly = Annotated[T, Access.CREATE_ONLY]
PatchOnly = Annotated[T, Access.PATCH_ONLY]
WriteOnly = Annotated[T, Access.WRITE_ONLY]
Hidden = Annotated[T, Access.HIDDEN]
Related = Annotated[T, Access.RELATED]
ShownOnce = Annotated[T, Access.SHOWN_ONCE]
Clearable = Annotated[T, Mark.CLEARABLE]

ID_PATTERN = r"^[A-Fa-f\d]{24}\Z"
KEY_PATTERN = r"^[0-9a-zA-Z_-]{1,255}\Z"

Id = Annotated[str, Meta(pattern=ID_PATTERN)]
Name = Annotated[str, Meta(min_length=1, max_length=255)]
Key = Annotated[str, Meta(pattern=KEY_PATTERN)]
TagValue = Annotated[str, Meta(min_length=1, max_length=255)]
Prose = Annotated[str, Meta(max_length=32767)]
ShortProse = Annotated[str, Meta(max_length=1024)]
QueryText = Annotated[str, Meta(max_length=8192)]
Url = Annotated[str, Meta(max_length=1024)]
Email = Annotated[str, Meta(pattern=r"^[^@\s]+@[^@\s]+\Z", max_length=1024)]
Moment = Annotated[str, Meta(min_length=1, max_length=64), Mark.MOMENT]
Ids = Annotated[tuple[Id, ...], Meta(max_length=1000), Mark.IDS]
TagMap = dict[Key, TagValue]
AgentVersion = Annotated[
    str, Meta(pattern=r"^(0|([1-9]\d*))\.(0|([1-9]\d*))\.(0|([1-9]\d*))\Z", max_length=64)
]


class Tag(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A label: keys may repeat."""

    key: Key
    value: TagValue


class TagFilter(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Matches tags by key, value or both; what is left out matches any."""

    key: Key | UnsetType = UNSET
    value: TagValue | UnsetType = UNSET


class FlowGlobal(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """A named JSON value that one workflow reads."""

    key: Key
    json: Annotated[str, Meta(min_length=1, max_length=32767)]


class Global(FlowGlobal, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """A named JSON value that the workflows of an application read."""

    cloud_only: bool = False
    description: ShortProse | UnsetType = UNSET


Tags = Annotated[tuple[Tag, ...], Meta(max_length=100)]
TagFilters = Annotated[tuple[TagFilter, ...], Meta(max_length=100)]
Globals = Annotated[tuple[Global, ...], Meta(max_length=100)]
FlowGlobals = Annotated[tuple[FlowGlobal, ...], Meta(max_length=100)]


_HEX = frozenset("0123456789abcdefABCDEF")
_ID_LENGTH = 24


def is_id(text: str) -> bool:
    """Tell whether a text is an id: 24 hexadecimal characters."""
    return len(text) == _ID_LENGTH and _HEX.issuperset(text)
