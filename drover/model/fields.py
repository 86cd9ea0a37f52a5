"""Field types shared by all resource kinds: the limits live here, once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Annotated, TypeVar

from msgspec import Meta

T = TypeVar("T")


class Access(Enum):
    """Who may set a field; a field without a mark may be set at any time."""

    READ_ONLY = auto()  #: the server sets it
    CREATE_ONLY = auto()  #: accepted on create, refused in a patch
    WRITE_ONLY = auto()  #: accepted, never shown


@dataclass(frozen=True, slots=True)
class Refers:
    """Marks a field that holds the id of another resource of the application."""

    kind: str


ReadOnly = Annotated[T, Access.READ_ONLY]
CreateOnly = Annotated[T, Access.CREATE_ONLY]
WriteOnly = Annotated[T, Access.WRITE_ONLY]

ID_PATTERN = r"^[A-Fa-f\d]{24}$"

Id = Annotated[str, Meta(pattern=ID_PATTERN)]
Name = Annotated[str, Meta(min_length=1, max_length=255)]
Key = Annotated[str, Meta(pattern=r"^[0-9a-zA-Z_-]{1,255}$")]
TagValue = Annotated[str, Meta(min_length=1, max_length=255)]
Prose = Annotated[str, Meta(max_length=32767)]
ShortProse = Annotated[str, Meta(max_length=1024)]
QueryText = Annotated[str, Meta(max_length=8192)]
Url = Annotated[str, Meta(max_length=1024)]
