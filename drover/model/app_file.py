"""A file of an application, or a directory of files: what its two kinds have in common."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType, structs

from drover.model.errors import Invalid
from drover.model.fields import CreateOnly, Hidden, Id, ReadOnly
from drover.model.resource import Resource

F = TypeVar("F", bound="AppFile")

ROOT: Final = "/"
LONGEST_PATH: Final = 2048
LONGEST_PART: Final = 1024
"""Characters of a name, and of a directory with the slash before it."""


class Dimensions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Width and height of a picture, in pixels."""

    width: float | UnsetType = UNSET
    height: float | UnsetType = UNSET


class AppFile(Resource, frozen=True, kw_only=True):
    """A file, ``completed`` once its content is there, or a directory.

    ``file_size`` is bytes; ``s3etag`` the MD5 of the content, by which clients see changes.
    """

    name: CreateOnly[Annotated[str, Meta(min_length=1, max_length=LONGEST_PART)]]
    parent_directory: CreateOnly[Annotated[str, Meta(max_length=LONGEST_PART)]] = ROOT
    type: CreateOnly[Literal["file", "directory"]]
    status: ReadOnly[Literal["pending", "completed"]] = "pending"
    file_size: Annotated[int, Meta(ge=0, le=2**53)] | UnsetType = UNSET
    content_type: Annotated[str, Meta(max_length=1024)] | UnsetType = UNSET
    file_dimensions: Dimensions | UnsetType = UNSET
    s3etag: ReadOnly[str | UnsetType] = UNSET
    author_id: ReadOnly[Id | UnsetType] = UNSET
    author_type: ReadOnly[str | UnsetType] = UNSET
    blob_key: Hidden[str | UnsetType] = UNSET

    @property
    def path(self) -> str:
        """Where it is: unique in the application."""
        return joined(self.parent_directory, self.name)

    @property
    def is_directory(self) -> bool:
        """Whether it holds files and not content."""
        return self.type == "directory"


def settled(_old: F | None, new: F) -> F:
    """Return a file with its directory written in one way; raises Invalid."""
    check_part(new.name, "name")
    parts = [part for part in new.parent_directory.split("/") if part]
    for part in parts:
        check_part(part, "parentDirectory")
    directory = ROOT + "/".join(parts)
    for text, field in ((new.name, "name"), (directory, "parentDirectory")):
        if len(text) > LONGEST_PART:
            raise Invalid(f"At most {LONGEST_PART} characters fit in `{field}`", field=field)
    if len(joined(directory, new.name)) > LONGEST_PATH:
        raise Invalid(f"A path may have {LONGEST_PATH} characters", field="parentDirectory")
    kind = new.content_type or ""
    if not (kind.isascii() and kind.isprintable()):
        raise Invalid("A content type is printable ASCII at `contentType`", field="contentType")
    status = "completed" if new.is_directory else new.status
    return structs.replace(new, parent_directory=directory, status=status)


ALIKE: Final[dict[str, Any]] = {
    "sortable": ("lastUpdated", "type", "name", "creationDate"),
    "filterable": ("name",),
    "default_sort": "lastUpdated",
    "cli_may": frozenset({"get", "post", "patch", "delete", "move"}),
    "known_by": ("parentDirectory", "name"),
    "named_by": "path",
    "operations": frozenset(),  # more goes with each: see the use case of files
    "settle": settled,
}
"""What the declarations of the two kinds have in common."""


def joined(directory: str, name: str) -> str:
    """Return the path of a name in a directory."""
    return f"{directory.rstrip('/')}/{name}"


def ancestors(directory: str) -> list[tuple[str, str]]:
    """Return the directories down to one, each as its parent and its name; the root is none."""
    found: list[tuple[str, str]] = []
    above = ROOT
    for part in directory.split("/"):
        if part:
            found.append((above, part))
            above = joined(above, part)
    return found


def check_part(name: str, field: str) -> None:
    """Raise Invalid for a name that means something else in a path."""
    if name in {"", ".", ".."} or "/" in name or "\\" in name or not name.isprintable():
        raise Invalid(f"'{name[:64]}' is no name of a file at `{field}`", field=field)
