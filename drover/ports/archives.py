"""Archives: what is read for them in the store, and the places that they are written to."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from msgspec import Struct

from drover.model.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Sequence


class Moment(NamedTuple):
    """What a device reported at one moment.

    ``names`` are its attributes, with tabs between them, in order; ``values`` the JSON texts of
    their values, with the character U+001F between them, which no JSON text holds.
    """

    time_ms: int
    names: str
    values: str
    points: int


class StoredLine(NamedTuple):
    """A document as it is stored, and its place in the order in which they were made."""

    created_ms: int
    id: str
    document: str


class ArchiveSources(Protocol):
    """The area of the store that archives are made from, read in pages."""

    async def applications(self, after_id: str, limit: int) -> Sequence[str]:
        """Return applications with an archive configuration, in order of their ids."""
        ...

    async def devices(self, application_id: str, after_id: str, limit: int) -> Sequence[StoredLine]:
        """Return devices, those deleted lately too, in order of their ids."""
        ...

    async def attributes(self, device_id: str) -> Sequence[str]:
        """Return the names of all attributes that a device has or ever reported, sorted."""
        ...

    async def moments(
        self, device_id: str, start_ms: int, end_ms: int, limit: int
    ) -> Sequence[Moment]:
        """Return the first moments of a span, both ends included."""
        ...

    async def points(self, device_id: str, start_ms: int, end_ms: int) -> int:
        """Count the values of a span."""
        ...

    async def events(
        self, application_id: str, after: tuple[int, str], end_ms: int, limit: int
    ) -> Sequence[StoredLine]:
        """Return events made after a place and up to a moment, oldest first."""
        ...

    async def rows(self, table_id: str, after: tuple[int, str], limit: int) -> Sequence[StoredLine]:
        """Return rows of a table after a place, oldest first."""
        ...


class Target(Struct, frozen=True, kw_only=True):
    """A bucket of somebody's own: its provider and what opens it.

    ``kind`` is s3, gcs or azure; what a provider does not need is empty.
    """

    kind: str
    bucket: str
    key: str = ""
    secret: str = ""
    region: str = ""


class Place(Protocol):
    """Where archives are kept: objects by key, each written once as a whole."""

    async def put_stream(self, key: str, chunks: AsyncIterable[bytes]) -> int:
        """Store an object and return its size in bytes; never a part of it. Raises StoreError."""
        ...

    def get_stream(self, key: str) -> AsyncIterator[bytes]:
        """Yield an object's content in pieces. Raises Missing, StoreError."""
        ...


class Nowhere:
    """The places of a server that keeps no archives."""

    def own(self) -> Place:
        """Raise Invalid."""
        raise Invalid("This server keeps no archives")

    def of(self, _target: Target, /) -> Place:
        """Raise Invalid."""
        return self.own()


class Places(Protocol):
    """Opens the places of archives."""

    def own(self) -> Place:
        """Return the place that the operator set."""
        ...

    def of(self, target: Target, /) -> Place:
        """Return a bucket of somebody's own; raises Invalid where that cannot be one."""
        ...
