"""Files of an application, written and read by running workflows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import UNSET

from drover.app.answering import Asking, HostOperations, Request, each
from drover.app.catalog import Catalog
from drover.app.files import KINDS, MOST_BYTES, Files, at_path
from drover.app.text_encodings import decoded, encoded
from drover.model.errors import Conflict, DroverError, Duplicate, Invalid, Missing, TooLarge
from drover.ports.web import WebFailure, WebRequest

if TYPE_CHECKING:
    from drover.model.app_file import AppFile
    from drover.model.kind import Kind

MOST_READ_BYTES: Final = 5 * 1024 * 1024
"""Of a file's content that a payload may take."""

FETCH_MS: Final = 30_000
URL_SECONDS: Final = 900
LONGEST_URL_SECONDS: Final = 604_800


class NotWritten(DroverError):
    """The file could not be written."""

    code = "FILE_CREATE_ERROR"


async def _create(asking: Asking, request: Request) -> dict[str, Any]:
    """Write a file, in place of one that is there where that is asked."""
    kind = _kind(request)
    try:
        content = await _content(asking, request)
        file_id, is_new = await _entry(asking, kind, request, len(content))
        return await _filled(asking, kind, (file_id, is_new), content, request)
    except (DroverError, WebFailure) as error:
        raise NotWritten(error.message) from error


async def _content(asking: Asking, request: Request) -> bytes:
    if url := request["url"].strip():
        wanted = WebRequest(method="GET", url=url, timeout_ms=FETCH_MS, most_bytes=MOST_BYTES)
        response = await asking.tools.web.fetch(wanted)
        if response.status >= 400:  # noqa: PLR2004 - HTTP errors
            raise Invalid(f"The address answered {response.status}")
        return response.body
    try:
        return encoded(request["contents"], request["encoding"])
    except (ValueError, LookupError) as error:
        raise Invalid(f"The contents are not {request['encoding'][:50]}") from error


async def _entry(asking: Asking, kind: Kind[Any], request: Request, size: int) -> tuple[str, bool]:
    """Return the id of the file to write to, and whether it was made for this."""
    body = {
        "name": request["name"],
        "parentDirectory": request["directory"] or "/",
        "type": "file",
        "fileSize": size,
        **({"contentType": request["contentType"]} if request["contentType"] else {}),
    }
    catalog, application_id = asking.services[Catalog], asking.application_id
    try:
        made = await catalog.create(asking.caller, kind, application_id, msgspec.json.encode(body))
        return msgspec.json.decode(made)["id"], True
    except Duplicate:
        if not request["overwrites"]:
            raise
    path = "/".join(part for part in f"{body['parentDirectory']}/{body['name']}".split("/") if part)
    there = await _at(asking, kind, f"/{path}")
    if there.is_directory:
        raise Conflict(f"{there.path} is a directory")
    told = ("contentType", "fileSize") if there.status == "pending" else ("contentType",)
    if changes := {name: body[name] for name in told if name in body}:
        old = (application_id, there.id, None)
        await catalog.patch(asking.caller, kind, old, msgspec.json.encode(changes))
    return there.id, False


async def _filled(
    asking: Asking, kind: Kind[Any], entry: tuple[str, bool], content: bytes, request: Request
) -> dict[str, Any]:
    """Give an entry its content; one that was made for it goes again where that fails."""
    files, (file_id, is_new) = asking.services[Files], entry
    try:
        own = asking.application_id
        kept = await files.receive(kind, own, file_id, content, asking.caller)
    except DroverError:
        if is_new:
            await files.delete(asking.caller, kind, asking.application_id, file_id)
        raise
    return _shown(asking, kind, kept, request)


async def _get(asking: Asking, request: Request) -> dict[str, Any]:
    """Return a file's content as text, or the address it is fetched at, and what is known of it."""
    kind, files = _kind(request), asking.services[Files]
    path = "/".join(part for part in request["path"].split("/") if part)
    file = await _at(asking, kind, f"/{path}")
    if file.is_directory or file.s3etag is UNSET:
        raise Missing("File was not found")
    metadata = _shown(asking, kind, file, request)
    if request["asUrl"]:
        return {"value": metadata["url"], "metadata": metadata}
    if (file.file_size or 0) > MOST_READ_BYTES:
        raise TooLarge(f"A file read into a payload may have {MOST_READ_BYTES} bytes")
    parts = await files.open(kind, asking.application_id, file.id)
    content = b"".join([part async for part in parts])
    return {"value": decoded(content, request["encoding"]), "metadata": metadata}


async def _at(asking: Asking, kind: Kind[Any], path: str) -> AppFile:
    found = await asking.store.read(
        lambda session: at_path(session, kind, asking.application_id, path)
    )
    if found is None:
        raise Missing("File was not found")
    return found


def _kind(request: Request) -> Kind[Any]:
    return KINDS["private" if request["private"] else "public"]


def _shown(asking: Asking, kind: Kind[Any], file: AppFile, request: Request) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.json.decode(kind.shown(file))
    seconds = min(max(1, request.get("urlSeconds") or URL_SECONDS), LONGEST_URL_SECONDS)
    url = asking.services[Files].links.fetch(kind, file, seconds)
    return {**shown, kind.identifier: file.id, "url": url}


OPERATIONS = HostOperations({"file.create": each(_create), "file.get": each(_get)})
