"""A resource kind: one declaration from which schemas, routes, scopes, search and docs follow."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_args, get_type_hints

import msgspec
from msgspec import UNSET, Struct, UnsetType, structs

from drover.model.bodies import Giver, decode
from drover.model.fields import Access, Mark, Refers
from drover.model.instants import to_text
from drover.model.resource import Resource

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Kind", "Stamp", "decode"]

E = TypeVar("E", bound=Resource)

OWNERS = ("Application", "Organization", "User")
READS = frozenset({"get"})
OPERATIONS = frozenset({"list", "post", "get", "patch", "delete"})

_NEVER_GIVEN = frozenset({Access.READ_ONLY, Access.HIDDEN, Access.SHOWN_ONCE})
_KEPT_APART = frozenset({Access.WRITE_ONLY, Access.HIDDEN})
_NOT_SHOWN = _KEPT_APART | {Access.SHOWN_ONCE, Access.RELATED}


@dataclass(frozen=True, slots=True)
class Stamp:
    """Identity, time and author of a new or changed resource; ``now_ms`` is the store's clock."""

    id: str
    application_id: str
    now_ms: int
    by_id: str | None = None
    by_type: str | None = None


@dataclass(frozen=True)
class Parted:
    """How bundles part the list of a kind: a list for each value of a field, texts in files.

    ``text`` is the attribute whose text lies in a file of its own, with this ending, in a folder
    beside the list.
    """

    by: str
    values: tuple[str, ...]
    text: str
    ending: str


@dataclass(frozen=True)
class Kind(Generic[E]):
    """Everything the rest of the program needs to know about a kind.

    ``one`` and ``many`` are the families of the scopes (``device``, ``devices``); ``path`` is the
    collection's segment below the application. A kind kept inside another one names it as
    ``parent``, and its path holds that one's id (``flows/{flowId}/versions``). ``alias`` is the
    typed alias of ``id`` where it is not ``one`` + ``Id``; ``type_name`` what its
    ``_type`` says where the alias does not tell; ``counted_as`` the kind's count in a summary;
    ``operations`` those of the usual five that it has. ``check`` raises Invalid where a
    resource breaks a rule that its types cannot say. ``settle`` returns what is kept of a resource
    as a caller gave it, beside what was kept before, and raises Invalid. ``posted`` and ``patched``
    are bodies that do not follow from the entity. ``named_by`` is the attribute that lists and
    searches know one by. In ``cli_may``, ``list`` stands for reading the collection alone.

    ``exported_as`` is the kind's name where it is chosen for an import. ``bundled_in`` is where it
    lies in a bundle: a list of all, or a file for each, named by the field in braces
    (``workflows/{name}.yaml``); a kind without one stays out. ``known_by`` are the fields by which
    a bundle's resource is one that an application has already. ``fleet_sized`` kinds are brought
    in many at a time and start no workflow then. ``content_in`` is the folder of a bundle that the
    content of files of this kind lies in; ``content_beside`` the ending of a file that lies beside
    a resource's own. Of ``bundled_once`` kinds an application has one of a name, which an import
    keeps where it would make others anew; ``bundled_after`` are kinds that its rules look for.
    ``parted`` tells how a list is more than one file.
    ``settle_bundled`` takes the place of ``settle`` for what a bundle holds.
    """

    entity: type[E]
    one: str
    many: str
    path: str
    sortable: tuple[str, ...] = ("name", "id", "creationDate", "lastUpdated")
    filterable: tuple[str, ...] = ("name",)
    default_sort: str = "name"
    default_descending: bool = False
    queryable: bool = False
    searchable: bool = True
    devices_may: frozenset[str] = frozenset()
    cli_may: frozenset[str] = frozenset()
    patch_status: int = 200
    table: str = "document"
    exported_as: str | None = None
    bundled_in: str = ""
    known_by: tuple[str, ...] = ("name",)
    fleet_sized: bool = False
    content_in: str = ""
    content_beside: str = ""
    parted: Parted | None = None
    bundled_once: bool = False
    bundled_after: tuple[str, ...] = ()
    settle_bundled: Callable[[E | None, E], E] | None = None
    label: str = ""
    alias: str = ""
    type_name: str = ""
    parent: str = ""
    counted_as: str = ""
    operations: frozenset[str] = OPERATIONS
    check: Callable[[E], None] | None = None
    settle: Callable[[E | None, E], E] | None = None
    posted: type[Struct] | None = None
    patched: type[Struct] | None = None
    named_by: str = "name"

    @cached_property
    def identifier(self) -> str:
        """The typed alias of ``id``: ``deviceId``."""
        return self.alias or f"{self.one}Id"

    @cached_property
    def type_names(self) -> tuple[str, str]:
        """What one and a list of them are called in ``_type``: ``device``, ``devices``."""
        name = self.type_name or self.identifier.removesuffix("Id")
        return name, f"{name}s"

    @cached_property
    def title(self) -> str:
        """The kind's name in messages: ``Resource job``."""
        return self.label or self.entity.__name__

    @cached_property
    def parent_field(self) -> str:
        """The attribute that holds the id of what this kind is kept inside, or empty."""
        return f"{self.parent}_id" if self.parent else ""

    def create(
        self, body: bytes | Struct, stamp: Stamp, within: Mapping[str, str] | None = None
    ) -> E:
        """Build a new resource from a request body; raises Invalid.

        ``within`` holds the attributes that come from the path.
        """
        shape = body if isinstance(body, Struct) else decode(body, self.post_type)
        given = self._giver.given(shape)
        now = to_text(stamp.now_ms)
        own = {"id": stamp.id, "application_id": stamp.application_id}
        dates = {"creation_date": now, "last_updated": now}
        authors = self._authors(stamp, ("created", "last_updated"))
        made = self.entity(**{**given, **(within or {}), **own, **dates, **authors})
        return self._settled(None, made, self._settler(shape))

    def patch(self, current: E, body: bytes | Struct, stamp: Stamp) -> E:
        """Return ``current`` with the fields named in ``body`` replaced; raises Invalid."""
        shape = body if isinstance(body, Struct) else decode(body, self.patch_type)
        given = self._giver.given(shape, self.clearable)
        authors = self._authors(stamp, ("last_updated",))
        now = to_text(stamp.now_ms)
        changed = structs.replace(current, **given, last_updated=now, **authors)
        return self._settled(current, changed, self._settler(shape))

    def shown(self, resource: E) -> bytes:
        """Return the document that answers show, which is the one that is stored."""
        return msgspec.json.encode(self._without(resource, _NOT_SHOWN))

    def apart(self, resource: E) -> str | None:
        """Return the fields that no answer shows as JSON, or None when there are none."""
        values = {name: getattr(resource, name) for name in self._marked(_KEPT_APART)}
        kept = {name: value for name, value in values.items() if value is not UNSET}
        return msgspec.json.encode(kept).decode() if kept else None

    def shown_once(self, resource: E) -> dict[str, Any]:
        """Return the fields shown only in the answer to a create, by their wire names."""
        marked = self._marked(frozenset({Access.SHOWN_ONCE}))
        values = {self.wire_names[name]: getattr(resource, name) for name in marked}
        return {name: value for name, value in values.items() if value is not UNSET}

    def load(self, document: bytes | str, apart: str | None = None) -> E:
        """Return the resource of a stored document and the fields kept apart from it."""
        resource = msgspec.json.decode(document, type=self.entity, strict=True)
        if not apart:
            return resource
        kept = {
            name: msgspec.convert(value, self._hints[name])
            for name, value in msgspec.json.decode(apart).items()
        }
        return structs.replace(resource, **kept)

    def scopes(self, verb: str, *, collection: bool = False, reads: bool = False) -> frozenset[str]:
        """Return the token scopes any one of which allows ``verb``."""
        name = self.many if collection else self.one
        owners = (*OWNERS, "Device") if verb in self.devices_may else OWNERS
        ends = ("", ".read") if reads or verb in READS else ("",)
        wide = {f"all.{owner}{end}" for owner in owners for end in ends}
        if verb in self.cli_may or (collection and verb == "get" and "list" in self.cli_may):
            wide |= {"all.Application.cli", "all.User.cli"}
        return frozenset(wide | {f"{name}.*", f"{name}.{verb}"})

    @cached_property
    def post_type(self) -> type[Struct]:
        """The body accepted by a create request."""
        return self.posted or self._variant("Post", _NEVER_GIVEN | {Access.PATCH_ONLY})

    @cached_property
    def patch_type(self) -> type[Struct]:
        """The body accepted by an update request."""
        skip = _NEVER_GIVEN | {Access.CREATE_ONLY}
        return self.patched or self._variant("Patch", skip, partial=True)

    @cached_property
    def bundled_type(self) -> type[Struct]:
        """What bundles hold of a resource beside its id: all that callers may set and see."""
        return self._variant("Bundled", _NEVER_GIVEN | {Access.WRITE_ONLY}, Mark.BUNDLED)

    @cached_property
    def bundled_apart(self) -> tuple[str, ...]:
        """The attributes that bundles hold though no answer shows them."""
        bundled = [info.name for info in structs.fields(self.bundled_type)]
        return tuple(name for name in bundled if self._marks[name] & _KEPT_APART)

    @cached_property
    def bundled_names(self) -> tuple[str, ...]:
        """The wire names of what bundles hold of a resource beside its id and its parent."""
        return tuple(info.encode_name for info in structs.fields(self.bundled_type))

    @cached_property
    def hidden(self) -> frozenset[str]:
        """The attribute names of fields that no later answer shows."""
        return frozenset(self._marked(_NOT_SHOWN))

    @cached_property
    def references(self) -> dict[str, str]:
        """The kind each reference field points to, by field name."""
        return {name: mark.kind for name, mark in self._refers.items()}

    @cached_property
    def checked_references(self) -> dict[str, str]:
        """Those references that must exist when they are given, by field name."""
        return {name: mark.kind for name, mark in self._refers.items() if mark.checked}

    @cached_property
    def wire_names(self) -> dict[str, str]:
        """The name on the wire of each attribute."""
        return {info.name: info.encode_name for info in structs.fields(self.entity)}

    @cached_property
    def clearable(self) -> dict[str, Any]:
        """The attributes that null takes away, with the value they have then."""
        return {
            info.name: info.default
            for info in structs.fields(self.entity)
            if Mark.CLEARABLE in self._marks[info.name]
        }

    @cached_property
    def _hints(self) -> dict[str, Any]:
        return get_type_hints(self.entity, include_extras=True)

    @cached_property
    def _marks(self) -> dict[str, frozenset[object]]:
        return {name: frozenset(_marks(hint)) for name, hint in self._hints.items()}

    @cached_property
    def _refers(self) -> dict[str, Refers]:
        return {
            name: mark
            for name, marks in self._marks.items()
            for mark in marks
            if isinstance(mark, Refers)
        }

    @cached_property
    def _giver(self) -> Giver:
        moments = {name for name, marks in self._marks.items() if Mark.MOMENT in marks}
        ids = {name for name, marks in self._marks.items() if Mark.IDS in marks}
        return Giver(self.wire_names, frozenset(moments), frozenset(ids | set(self._refers)))

    def _settler(self, body: Struct) -> Callable[[E | None, E], E] | None:
        is_bundled = self.settle_bundled is not None and type(body) is self.bundled_type
        return self.settle_bundled if is_bundled else self.settle

    def _settled(self, old: E | None, new: E, settle: Callable[[E | None, E], E] | None) -> E:
        resource = settle(old, new) if settle is not None else new
        if self.check is not None:
            self.check(resource)
        return resource

    def _marked(self, accesses: frozenset[Access]) -> tuple[str, ...]:
        return tuple(name for name, marks in self._marks.items() if marks & accesses)

    def _without(self, resource: E, accesses: frozenset[Access]) -> E:
        gone = self._marked(accesses)
        return structs.replace(resource, **dict.fromkeys(gone, UNSET)) if gone else resource

    def _authors(self, stamp: Stamp, moments: tuple[str, ...]) -> dict[str, Any]:
        if stamp.by_id is None or "created_by_id" not in self._hints:
            return {}
        return {
            f"{moment}_by_{what}": value
            for moment in moments
            for what, value in (("id", stamp.by_id), ("type", stamp.by_type))
        }

    def _variant(
        self,
        suffix: str,
        skip: frozenset[Access],
        keep: Mark | None = None,
        *,
        partial: bool = False,
    ) -> type[Struct]:
        fields: list[Any] = []
        own = {self.parent_field} if self.parent else set()
        for info in structs.fields(self.entity):
            marks = self._marks[info.name]
            if info.name in own or (marks & skip and keep not in marks):
                continue
            hint = self._hints[info.name]
            if partial and Mark.CLEARABLE in marks:
                hint = hint | None
            needed = info.required or Mark.REQUIRED in marks
            optional = partial or not needed
            default = msgspec.field(
                name=info.encode_name, default=UNSET if optional else msgspec.NODEFAULT
            )
            fields.append((info.name, hint | UnsetType if optional else hint, default))
        return msgspec.defstruct(
            f"{self.entity.__name__}{suffix}",
            fields,
            kw_only=True,
            frozen=True,
            forbid_unknown_fields=True,
        )


def _marks(hint: Any) -> tuple[object, ...]:
    """Return the marks of a hint, also of one made optional after it was marked."""
    own = getattr(hint, "__metadata__", ())
    if own:
        return (*own, *_marks(hint.__origin__))
    found: list[object] = []
    for part in get_args(hint):
        metadata = getattr(part, "__metadata__", ())
        found += [mark for mark in metadata if isinstance(mark, Access | Mark | Refers)]
    return tuple(found)
