"""What a bundle holds, read and checked before anything is stored."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from drover.app.transfer import layout, yaml_text
from drover.app.transfer.zip_file import ZipLimits, ZipReader
from drover.model.bodies import decode
from drover.model.errors import Flaw, Invalid
from drover.model.fields import Globals, is_id

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from drover.model.kind import Kind

DATA_ROWS: Final = "DataTableRow"
GLOBALS: Final = "Global"


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
    description: str = ""
    endpoint_default_cors: bool | None = None
    blob_url_ttl: float | None = msgspec.field(name="blobUrlTTL", default=None)
    globals: Globals = ()


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
        self._include = include
        self.kinds = [kind for kind in layout.bundled(kinds) if self.wants(kind.exported_as or "")]
        self._unnamed = 0
        self.given = {kind.one: list(self._resources(kind)) for kind in self.kinds}
        self.application = self._application()
        self.readme = self._readme()
        _check_ids([each for given in self.given.values() for each in given])

    @property
    def old_ids(self) -> list[str]:
        """The ids that the resources had, in their order."""
        return sorted(each.id for given in self.given.values() for each in given)

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
        for path in layout.files_of(kind, self._names):
            value = self._yaml(path)
            many = (value or []) if layout.is_listed(kind) else [value]
            if not isinstance(many, list):
                raise Invalid(f"{path} must hold a list")
            for each in many:
                yield self._given(each, path)

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

    def _application(self) -> OfApplication:
        if layout.APPLICATION not in self._names:
            raise Invalid(f"The bundle has no {layout.APPLICATION}")
        try:
            value = self._yaml(layout.APPLICATION)
            return decode(msgspec.json.encode(value), OfApplication)
        except Invalid as error:
            raise Invalid(f"{layout.APPLICATION}: {error.message}") from error

    def _readme(self) -> str:
        if layout.README not in self._names:
            return ""
        try:
            return self._zip.read(layout.README).decode()
        except UnicodeDecodeError as error:
            raise Invalid(f"{layout.README} is not UTF-8") from error

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


def _check_ids(given: Sequence[Given]) -> None:
    seen: set[str] = set()
    for each in given:
        if each.id in seen:
            raise Invalid(f"{each.path}: the id {each.id} stands twice in the bundle")
        seen.add(each.id)
