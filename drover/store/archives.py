"""What archives are made from, and the places that they are written to."""

from __future__ import annotations

import os
import re
from base64 import b64decode
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import AzureStore, GCSStore, S3Store

from drover.model.errors import DroverError, Invalid, Unavailable
from drover.ports.archives import Moment, StoredLine
from drover.ports.failures import StoreLost
from drover.store.blobs import ObjectBlobs

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping, Sequence

    from obstore.store import AzureCredential, ObjectStore, RetryConfig, S3Credential

    from drover.ports.archives import Target
    from drover.store.driver import Row, Transaction

_SPACE: Final = re.compile(r"\s+")
_LONGEST_REASON: Final = 300
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_REGION: Final = re.compile(r"[a-z0-9-]{0,64}")
_OF_ACCOUNT: Final = ("type", "project_id", "private_key", "private_key_id", "client_email")
_BEFORE_A_KEY: Final = frozenset(
    {"GOOGLE_BEARER_TOKEN", "GOOGLE_SERVICE_ACCOUNT", "GOOGLE_SERVICE_ACCOUNT_PATH"}
)
"""Variables that are taken before, or refused beside, the key of an account that is given.

``GOOGLE_APPLICATION_CREDENTIALS``, which opens the operator's own bucket, is not among them.
"""
_RETRIES: Final[RetryConfig] = {"max_retries": 3, "retry_timeout": timedelta(seconds=30)}
"""A task that lacks its bucket is tried again as a whole."""
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


class ArchivePlace(ObjectBlobs):
    """A place of archives, which says why it cannot be used: its owner is to mend it.

    Raises Invalid where it refuses, Unavailable where it cannot be reached.
    """

    async def put_stream(self, key: str, chunks: AsyncIterable[bytes]) -> int:
        """Store an object and return its size in bytes."""
        try:
            return await super().put_stream(key, chunks)
        except (StoreLost, OSError) as error:
            raise _failure(error.__cause__ or error) from error

    async def get_stream(self, key: str) -> AsyncIterator[bytes]:
        """Yield an object's content in pieces. Raises Missing as well."""
        try:
            async for piece in super().get_stream(key):
                yield piece
        except StoreLost as error:
            raise _failure(error.__cause__ or error) from error


def _failure(error: BaseException) -> DroverError:
    reason = _SPACE.sub(" ", str(error))[:_LONGEST_REASON]
    if isinstance(error, FileNotFoundError):
        return Invalid("The archive's bucket or folder was not found", field="archiveConfig")
    if isinstance(error, (PermissionDeniedError, UnauthenticatedError)):
        return Invalid(f"The archive's place refuses: {reason}", field="archiveConfig")
    return Unavailable(f"The archive's place cannot be used: {reason}")


class ArchivePlaces:
    """Opens the places of archives: the operator's, and buckets of users with their own keys."""

    def __init__(self, url: str, s3_endpoint: str = "") -> None:
        """Use ``url`` for what names no bucket; buckets of S3 are at ``s3_endpoint``, if any."""
        self._url = url
        self._s3_endpoint = s3_endpoint

    def own(self) -> ArchivePlace:
        """Return the place that the operator set; raises Unavailable."""
        try:
            return ArchivePlace(self._url, keys=_KEY)
        except (BaseError, OSError, ValueError) as error:
            raise _failure(error) from error

    def of(self, target: Target, /) -> ArchivePlace:
        """Return a bucket of somebody's own; raises Invalid where that cannot be one.

        What goes into the address of the provider is checked, so that it leads nowhere else; and
        never do the server's own credentials open somebody's bucket: a key is given whole, since
        what else of one is in the environment (a session token, a bearer token) would be sent, too.
        """
        if not _BUCKET.fullmatch(target.bucket) or not _REGION.fullmatch(target.region):
            raise Invalid("The bucket or the region of the archive cannot be one")
        if not target.key or (target.kind != "gcs" and not target.secret):
            raise Invalid("The archive's bucket needs a key of its own")
        try:
            return ArchivePlace(_OPENS[target.kind](target, self._s3_endpoint), keys=_KEY)
        except BaseError as error:
            raise Invalid("The archive's bucket cannot be opened with this key") from error


def _s3(target: Target, endpoint: str) -> ObjectStore:
    key: S3Credential = {
        "access_key_id": target.key,
        "secret_access_key": target.secret,
        "expires_at": None,
    }
    return S3Store(
        target.bucket,
        region=target.region or "us-east-1",
        credential_provider=lambda: key,
        config={"endpoint": endpoint} if endpoint else {},
        client_options={"allow_http": endpoint.startswith("http://")},
        retry_config=_RETRIES,
    )


def _gcs(target: Target, _endpoint: str) -> ObjectStore:
    own = sorted(name for name in os.environ if name.upper() in _BEFORE_A_KEY)
    if own:
        raise Invalid(f"The server's own {own[0]} would be used for the archive's bucket")
    return GCSStore(
        target.bucket, service_account_key=_account_key(target.key), retry_config=_RETRIES
    )


def _account_key(text: str) -> str:
    """Return the key without what would lead the server elsewhere than to Google."""
    try:
        given = msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise Invalid("The archive's bucket cannot be opened with this key") from error
    known = {name: given[name] for name in _OF_ACCOUNT if name in given}
    return msgspec.json.encode(known).decode()


def _azure(target: Target, _endpoint: str) -> ObjectStore:
    if not _ACCOUNT.fullmatch(target.key):
        raise Invalid("The account of the archive cannot be one")
    try:
        b64decode(target.secret, validate=True)
    except ValueError as error:
        raise Invalid("The archive's bucket cannot be opened with this key") from error
    key: AzureCredential = {"access_key": target.secret, "expires_at": None}
    return AzureStore(
        target.bucket,
        account_name=target.key,
        credential_provider=lambda: key,
        retry_config=_RETRIES,
    )


_OPENS: Final[Mapping[str, Callable[[Target, str], ObjectStore]]] = {
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
