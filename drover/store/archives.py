"""What archives are made from, and the places that they are written to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, S3Store

from drover.model.errors import Invalid
from drover.ports.archives import Moment, StoredLine
from drover.store.blobs import ObjectBlobs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from obstore.store import ObjectStore

    from drover.ports.archives import Target
    from drover.store.driver import Row, Transaction

_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_REGION: Final = re.compile(r"[a-z0-9-]{0,64}")
_ACCOUNT: Final = re.compile(r"[a-z0-9]{3,24}")
# The published layout has folders such as 2026-01-31T00:00:00.000Z.
_KEY: Final = re.compile(r"(?!\.)[A-Za-z0-9._:-]+(?:/(?!\.)[A-Za-z0-9._:-]+)*")


class ArchiveTables:
    """What archives are read from, within one transaction: ``drover.ports.archives``."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def applications(self, after_id: str, limit: int) -> Sequence[str]:
        """Return applications with an archive configuration, in order of their ids."""
        params = {"after_id": after_id, "limit": limit}
        return [row["id"] for row in await self._tx.fetch("archive_applications", params)]

    async def devices(self, application_id: str, after_id: str, limit: int) -> Sequence[StoredLine]:
        """Return devices, those deleted lately too, in order of their ids."""
        params = {"application_id": application_id, "after_id": after_id, "limit": limit}
        return [_line(row) for row in await self._tx.fetch("archive_devices", params)]

    async def attributes(self, device_id: str) -> Sequence[str]:
        """Return the names of all attributes that a device has or ever reported, sorted."""
        rows = await self._tx.fetch("archive_attributes", {"device_id": device_id})
        return sorted(row["name"] for row in rows)

    async def moments(
        self, device_id: str, start_ms: int, end_ms: int, limit: int
    ) -> Sequence[Moment]:
        """Return the first moments of a span, both ends included."""
        params = {**_span(device_id, start_ms, end_ms), "limit": limit}
        rows = await self._tx.fetch("archive_moments", params)
        return [Moment(row[0], row[1], row[2], row[3]) for row in rows]

    async def points(self, device_id: str, start_ms: int, end_ms: int) -> int:
        """Count the values of a span."""
        row = await self._tx.fetch_one("archive_points", _span(device_id, start_ms, end_ms))
        return int(row["points"]) if row is not None else 0

    async def events(
        self, application_id: str, after: tuple[int, str], end_ms: int, limit: int
    ) -> Sequence[StoredLine]:
        """Return events made after a place and up to a moment, oldest first."""
        params = {"application_id": application_id, "end_ms": end_ms, **_place(after, limit)}
        return [_line(row) for row in await self._tx.fetch("archive_events", params)]

    async def rows(self, table_id: str, after: tuple[int, str], limit: int) -> Sequence[StoredLine]:
        """Return rows of a table after a place, oldest first."""
        params = {"table_id": table_id, **_place(after, limit)}
        return [_line(row) for row in await self._tx.fetch("archive_rows", params)]


class ArchivePlaces:
    """Opens the places of archives: the operator's, and buckets of users with their own keys."""

    def __init__(self, url: str) -> None:
        self._url = url

    def own(self) -> ObjectBlobs:
        """Return the place that the operator set."""
        return ObjectBlobs(self._url, keys=_KEY)

    def of(self, target: Target, /) -> ObjectBlobs:
        """Return a bucket of somebody's own; raises Invalid where that cannot be one.

        What goes into the address of the provider is checked, so that it leads nowhere else; and
        never do the server's own credentials open somebody's bucket.
        """
        if not _BUCKET.fullmatch(target.bucket) or not _REGION.fullmatch(target.region):
            raise Invalid("The bucket or the region of the archive cannot be one")
        if not target.key or (target.kind != "gcs" and not target.secret):
            raise Invalid("The archive's bucket needs a key of its own")
        try:
            return ObjectBlobs(_OPENS[target.kind](target), keys=_KEY)
        except BaseError as error:
            raise Invalid("The archive's bucket cannot be opened with this key") from error


def _s3(target: Target) -> ObjectStore:
    return S3Store(
        target.bucket,
        region=target.region or "us-east-1",
        access_key_id=target.key,
        secret_access_key=target.secret,
    )


def _gcs(target: Target) -> ObjectStore:
    return GCSStore(target.bucket, service_account_key=target.key)


def _azure(target: Target) -> ObjectStore:
    if not _ACCOUNT.fullmatch(target.key):
        raise Invalid("The account of the archive cannot be one")
    return AzureStore(target.bucket, account_name=target.key, account_key=target.secret)


_OPENS: Final[Mapping[str, Callable[[Target], ObjectStore]]] = {
    "s3": _s3,
    "gcs": _gcs,
    "azure": _azure,
}


def _line(row: Row) -> StoredLine:
    return StoredLine(row["created_ms"], row["id"], row["document"])


def _span(device_id: str, start_ms: int, end_ms: int) -> dict[str, object]:
    return {"device_id": device_id, "start_ms": start_ms, "end_ms": end_ms}


def _place(after: tuple[int, str], limit: int) -> dict[str, object]:
    return {"after_ms": after[0], "after_id": after[1], "limit": limit}
