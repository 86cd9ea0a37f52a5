"""A resource kind: one declaration from which schemas, routes, scopes, search and docs follow."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar, cast, get_args, get_type_hints

import msgspec
from msgspec import UNSET, Struct, UnsetType, structs

from drover.model.errors import Invalid
from drover.model.fields import Access, Refers
from drover.model.instants import to_text
from drover.model.resource import Resource

E = TypeVar("E", bound=Resource)

OWNERS = ("Application", "Organization", "User")
READS = frozenset({"get"})


@dataclass(frozen=True, slots=True)
class Stamp:
    """Identity and time given to a new or changed resource; ``now_ms`` is the store's clock."""

    id: str
    application_id: str
    now_ms: int


@dataclass(frozen=True)
class Kind(Generic[E]):
    """Everything the rest of the program needs to know about a kind.

    ``one`` and ``many`` are the families of the scopes (``device``, ``devices``); ``path`` is the
    collection's segment below the application; ``identifier`` the typed alias of ``id``.
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
    label: str = ""

    @property
    def identifier(self) -> str:
        """The typed alias of ``id``: ``deviceId``."""
        return f"{self.one}Id"

    @property
    def title(self) -> str:
        """The kind's name in messages: ``Resource job``."""
        return self.label or self.entity.__name__

    def create(self, body: bytes | Struct, stamp: Stamp) -> E:
        """Build a new resource from a request body; raises Invalid."""
        given = _given(body if isinstance(body, Struct) else decode(body, self.post_type))
        now = to_text(stamp.now_ms)
        own = {"id": stamp.id, "application_id": stamp.application_id}
        return self.entity(**{**given, **own, "creation_date": now, "last_updated": now})

    def patch(self, current: E, body: bytes | Struct, stamp: Stamp) -> E:
        """Return ``current`` with the fields named in ``body`` replaced; raises Invalid."""
        given = _given(body if isinstance(body, Struct) else decode(body, self.patch_type))
        return structs.replace(current, **given, last_updated=to_text(stamp.now_ms))

    def scopes(self, verb: str, *, collection: bool = False, reads: bool = False) -> frozenset[str]:
        """Return the token scopes any one of which allows ``verb``."""
        name = self.many if collection else self.one
        owners = (*OWNERS, "Device") if verb in self.devices_may else OWNERS
        ends = ("", ".read") if reads or verb in READS else ("",)
        wide = {f"all.{owner}{end}" for owner in owners for end in ends}
        if verb in self.cli_may:
            wide |= {"all.Application.cli", "all.User.cli"}
        return frozenset(wide | {f"{name}.*", f"{name}.{verb}"})

    @cached_property
    def post_type(self) -> type[Struct]:
        """The body accepted by a create request."""
        return self._variant("Post", skip={Access.READ_ONLY}, partial=False)

    @cached_property
    def patch_type(self) -> type[Struct]:
        """The body accepted by an update request."""
        return self._variant("Patch", skip={Access.READ_ONLY, Access.CREATE_ONLY}, partial=True)

    @cached_property
    def hidden(self) -> frozenset[str]:
        """The attribute names of write-only fields, which no answer shows."""
        return frozenset(name for name, marks in self._marks.items() if Access.WRITE_ONLY in marks)

    @cached_property
    def references(self) -> dict[str, str]:
        """The kind each reference field points to, by field name."""
        return {
            name: mark.kind
            for name, marks in self._marks.items()
            for mark in marks
            if isinstance(mark, Refers)
        }

    @cached_property
    def _hints(self) -> dict[str, Any]:
        return get_type_hints(self.entity, include_extras=True)

    @cached_property
    def _marks(self) -> dict[str, tuple[object, ...]]:
        return {name: tuple(get_args(hint)[1:]) for name, hint in self._hints.items()}

    def _variant(self, suffix: str, *, skip: set[Access], partial: bool) -> type[Struct]:
        fields: list[Any] = []
        for info in structs.fields(self.entity):
            if skip & {mark for mark in self._marks[info.name] if isinstance(mark, Access)}:
                continue
            hint = self._hints[info.name]
            optional = partial or not info.required
            fields.append((info.name, _optional(hint), UNSET) if optional else (info.name, hint))
        return msgspec.defstruct(
            f"{self.entity.__name__}{suffix}",
            fields,
            kw_only=True,
            frozen=True,
            rename="camel",
            forbid_unknown_fields=True,
        )


def decode(body: bytes, shape: type[Struct]) -> Struct:
    """Decode a JSON body to ``shape``; raises Invalid naming the field."""
    try:
        return msgspec.json.decode(body or b"{}", type=shape)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at ")
        field = place.strip("`").removeprefix("$").lstrip(".") or None
        raise Invalid(f"{message} at `{field}`" if field else message, field=field) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Invalid(f"The body is not valid JSON: {error}") from error


def _optional(hint: Any) -> object:
    return cast("object", hint | UnsetType)


def _given(body: Struct) -> dict[str, Any]:
    return {
        name: value
        for name in body.__struct_fields__
        if (value := getattr(body, name)) is not UNSET
    }
