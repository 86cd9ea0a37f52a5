"""What a bundle holds, read and checked before anything is stored."""

from __future__ import annotations

from functools import cached_property
from typing import IO, TYPE_CHECKING, Any, Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

from drover.app.transfer import layout, yaml_text
from drover.app.transfer.zip_file import ZipLimits, ZipReader
from drover.kinds.application import LONGEST_README, BlobUrlSeconds
from drover.kinds.experience_version import KIND as VERSION
from drover.kinds.flow import KIND as FLOW
from drover.kinds.flow_version import KIND as FLOW_VERSION
from drover.model.bodies import decode
from drover.model.errors import Flaw, Invalid
from drover.model.fields import Globals, ShortProse, is_id

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from drover.model.kind import Kind, Parted

DATA_ROWS: Final = "DataTableRow"
GLOBALS: Final = "Global"
DEVELOP: Final = "develop"
MOST_RESOURCES: Final = 1_000_000
"""Resources of a bundle; the rows of its tables are none."""
_PARTS: Final[Mapping[str, Sequence[str]]] = {
    VERSION.one: (layout.DEVELOP_CONFIG,),
    FLOW_VERSION.one: (layout.EXPERIENCE_FLOW_VERSION,),
}
"""By which other names some resources of a kind are asked for."""


class Given(Struct, frozen=True):
    """A resource as the bundle holds it: its old id, its JSON without that, where it lies.

    One that has no id gets a name in its place that is none.
    """

    id: str
    document: str
    path: str


class OfApplication(Struct, frozen=True, kw_only=True, rename="camel"):
    """What a bundle says of the application itself."""

    id: str = ""
    name: str = ""
    description: ShortProse | UnsetType = UNSET
    endpoint_default_cors: bool | UnsetType = UNSET
    blob_url_ttl: BlobUrlSeconds | UnsetType = msgspec.field(name="blobUrlTTL", default=UNSET)
    globals: Globals = ()

    @property
    def settings(self) -> dict[str, Any]:
        """What is set of the application itself beside its name, by attribute."""
        names = ("description", "endpoint_default_cors", "blob_url_ttl")
        given = {name: getattr(self, name) for name in names}
        return {name: value for name, value in given.items() if value is not UNSET}


class Contents:
    """What is to be brought in of a bundle: resources by kind, and the rows of data tables.

    ``include`` names what is wanted, None everything. Raises Invalid for what cannot be read.
    """

    def __init__(
        self,
        file: IO[bytes],
        kinds: Sequence[Kind[Any]],
        include: Collection[str] | None = None,
        limits: ZipLimits | None = None,
    ) -> None:
        self._zip = ZipReader(file, limits)
        self._names = set(self._zip.names)
        _check_alike(self._names, [kind.content_in for kind in kinds if kind.content_in])
        self._include = include
        self.kinds = [kind for kind in layout.bundled(kinds) if self._may_want(kind)]
        self._unnamed = 0
        self._left = MOST_RESOURCES
        self.given = {kind.one: list(self._resources(kind)) for kind in self.kinds}
        self.application = self._application()
        self.readme = self._readme()
        _check_ids([each for given in self.given.values() for each in given])

    @property
    def old_ids(self) -> list[str]:
        """The ids that the resources had, in their order."""
        return sorted(each.id for given in self.given.values() for each in given)

    @property
    def is_whole(self) -> bool:
        """Tell whether all that the bundle holds is to be brought in."""
        return self._include is None

    def wants(self, name: str) -> bool:
        """Tell whether something of this name is to be brought in."""
        return self._include is None or name in self._include

    def rows(self, table: Given) -> Iterator[str] | None:
        """Return the lines of a table's rows, or None where the bundle has none of them."""
        path = layout.rows_beside(table.path)
        if path not in self._names or not self.wants(DATA_ROWS):
            return None
        return self._zip.lines(path)

    def content(self, path: str) -> bytes | None:
        """Return the content of a file, or None where the bundle has none of it."""
        return self._zip.read(path) if path in self._names else None

    def _resources(self, kind: Kind[Any]) -> Iterator[Given]:
        is_listed = layout.is_listed(kind)
        earlier = layout.earlier_files_of(kind, self._names)
        for path in (*layout.files_of(kind, self._names), *earlier):
            value = self._yaml(path)
            many = (value or []) if is_listed and path not in earlier else [value]
            if not isinstance(many, list):
                raise Invalid(f"{path} must hold a list")
            if kind.parted is not None and path not in earlier:
                self._join_texts(kind.parted, path, many)
            for each in many:
                given = self._given(each, path)
                if self.is_whole or self.wants(self._name_of(kind, each)):
                    self._count()
                    yield given

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise Invalid(f"A bundle may hold {MOST_RESOURCES} resources")

    def _join_texts(self, parted: Parted, path: str, listed: Sequence[Any]) -> None:
        """Give the resources of a list the texts that lie beside it; one without keeps its own."""
        maps = [each for each in listed if isinstance(each, dict)]
        places = layout.texts_found(path, parted, maps, self._names)
        for each, place in zip(maps, places, strict=True):
            if place in self._names:
                each[parted.text] = self._text(place)

    def _given(self, value: Any, path: str) -> Given:
        if not isinstance(value, dict):
            raise Invalid(f"{path}: a resource must be a map")
        old = value.pop("id", None)
        if old is None:
            self._unnamed += 1
            old = f"new-{self._unnamed:08}"
        elif not isinstance(old, str) or not is_id(old):
            raise Invalid(f"{path}: an id must be 24 hexadecimal characters")
        return Given(old.lower(), msgspec.json.encode(value).decode(), path)

    def _may_want(self, kind: Kind[Any]) -> bool:
        return any(map(self.wants, (kind.exported_as or "", *_PARTS.get(kind.one, ()))))

    def _name_of(self, kind: Kind[Any], value: Mapping[str, Any]) -> str:
        """Return by which name a resource is asked for."""
        if kind is VERSION and value.get("version") == DEVELOP:
            return layout.DEVELOP_CONFIG
        if kind is FLOW_VERSION and value.get("flowId") in self._of_experience:
            return layout.EXPERIENCE_FLOW_VERSION
        return kind.exported_as or ""

    @cached_property
    def _of_experience(self) -> frozenset[str]:
        """The old ids of workflows that belong to the application's own interface."""
        flows = (self._yaml(path) for path in layout.files_of(FLOW, self._names))
        found = (flow for flow in flows if isinstance(flow, dict))
        return frozenset(
            str(each.get("id")) for each in found if each.get("flowClass") == "experience"
        )

    def _application(self) -> OfApplication:
        if layout.APPLICATION not in self._names:
            raise Invalid(f"The bundle has no {layout.APPLICATION}")
        try:
            value = self._yaml(layout.APPLICATION)
            return decode(msgspec.json.encode(value), OfApplication)
        except Invalid as error:
            raise Invalid(f"{layout.APPLICATION}: {error.message}") from error

    def _readme(self) -> str:
        text = self._text(layout.README) if layout.README in self._names else ""
        if len(text) > LONGEST_README:
            raise Invalid(f"{layout.README} may have {LONGEST_README} characters")
        return text

    def _text(self, path: str) -> str:
        try:
            return self._zip.read(path).decode()
        except UnicodeDecodeError as error:
            raise Invalid(f"{path} is not UTF-8") from error

    def _yaml(self, path: str) -> Any:
        try:
            return yaml_text.loads(self._zip.read(path))
        except Invalid as error:
            raise Invalid(f"{path}: {error.message}") from error


def flawed(error: Invalid) -> Invalid:
    """Return what is wrong with a bundle as a whole as a flaw of it."""
    if error.flaws:
        return error
    flaw = Flaw("importBundle", error.message, error.code)
    return Invalid(error.message, flaws=(flaw,))


def _check_alike(names: Collection[str], content_in: Sequence[str]) -> None:
    """Raise Invalid for names that only some readers tell apart; files of people may have them."""
    seen: set[str] = set()
    folders = tuple(f"{folder}/" for folder in content_in)
    for name in names:
        alike = layout.alike(name)
        if alike in seen and not name.startswith(folders):
            raise Invalid(f"Names of files in the bundle are alike: {name[:200]}")
        seen.add(alike)


def _check_ids(given: Sequence[Given]) -> None:
    seen: set[str] = set()
    for each in given:
        if each.id in seen:
            raise Invalid(f"{each.path}: the id {each.id} stands twice in the bundle")
        seen.add(each.id)
