"""Files of applications, public and private: entries, and content sent and fetched."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import msgspec

from drover.app.catalog import Catalog
from drover.app.files import KINDS, MOST_BYTES, Files
from drover.app.multipart import parts
from drover.faces.losant import _envelope, _lists
from drover.faces.operation import Answer, Call, Operation
from drover.kinds.file import KIND as FILE
from drover.kinds.private_file import KIND as PRIVATE
from drover.model.errors import Invalid, Missing
from drover.query.tree import Compare, Operator, all_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.app.services import Services
    from drover.model.app_file import AppFile
    from drover.model.kind import Kind

_APPLICATION: Final = "/applications/{applicationId}"
_TTL: Final = 900
_LONGEST_TTL: Final = 604_800
_FORM_BYTES: Final = MOST_BYTES + 65_536
_UPLOAD_PARTS: Final = frozenset({"expires", "signature", "file"})
_ANYTHING: Final = "application/octet-stream"
_CAGED: Final = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""A page among an application's files runs no script beside this server's own pages."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where one of the two kinds is."""

    kind: Kind[Any]
    one: str
    part: str

    @property
    def name(self) -> str:
        """The parameter of the path that holds an id."""
        return self.kind.identifier


_PLACES: Final = (_Place(FILE, "file", "file"), _Place(PRIVATE, "privateFiles", "privateFile"))


class _Calls:
    """The operations on files of one kind."""

    def __init__(self, catalog: Catalog, files: Files, place: _Place) -> None:
        self._catalog = catalog
        self._files = files
        self._place = place
        self._kind = place.kind

    async def page(self, call: Call) -> bytes:
        """Return one page, of one directory where that is asked."""
        listing = _lists.listing(call, self._kind)
        wanted = [_lists.globbed(listing)]
        for name, field, allowed in (
            ("type", "type", ("file", "directory")),
            ("status", "status", ("completed", "pending")),
        ):
            if value := call.choice(name, allowed, ""):
                wanted.append(Compare(field, Operator.EQUAL, value))
        directory = call.query.get("directory")
        if directory is not None:
            path = "/" + "/".join(part for part in directory.split("/") if part)
            wanted.append(Compare("parentDirectory", Operator.EQUAL, path))
        listing = replace(listing, query=all_of(wanted))
        found = await self._catalog.list(self._kind, call.application_id, listing)
        items = [self._with_url(call, document) for document in found.items]
        shown = _envelope.page(self._kind, call, listing, replace(found, items=items))
        if directory is None:
            return shown
        there = await self._files.exists(self._kind, call.application_id, directory)
        return _envelope.with_member(shown, "parentExists", there)

    async def post(self, call: Call) -> bytes:
        """Make an entry, and say where its content goes."""
        made = await self._catalog.create(call.caller, self._kind, call.application_id, call.body)
        return self._with_form(call, made)

    async def get(self, call: Call) -> bytes:
        """Return one."""
        found = await self._catalog.get(self._kind, call.application_id, self._id(call))
        return self._one(call, found)

    async def patch(self, call: Call) -> bytes:
        """Change what is said of the content to come, and say where it goes."""
        old = (call.application_id, self._id(call), None)
        return self._with_form(
            call, await self._catalog.patch(call.caller, self._kind, old, call.body)
        )

    async def delete(self, call: Call) -> dict[str, bool]:
        """Delete one, a directory with all that is in it."""
        await self._files.delete(call.caller, self._kind, call.application_id, self._id(call))
        return {"success": True}

    async def move(self, call: Call) -> bytes:
        """Give one another name or directory."""
        name, directory = call.query.get("name"), call.query.get("parentDirectory")
        old = (call.application_id, self._id(call))
        moved = await self._files.move(call.caller, self._kind, old, name, directory)
        return self._one(call, self._kind.shown(moved))

    async def upload(self, call: Call) -> bytes:
        """Take the content of one."""
        form = parts(call.headers.get("content-type", ""), call.body)
        content = form.get(self._place.part)
        if content is None:
            raise Invalid(f"The form needs a part {self._place.part}", field=self._place.part)
        kept = await self._files.receive(
            self._kind, call.application_id, self._id(call), content, call.caller
        )
        return self._one(call, self._kind.shown(kept))

    def _id(self, call: Call) -> str:
        return call.path[self._place.name]

    def _one(self, call: Call, document: bytes) -> bytes:
        return _envelope.one(self._kind, call, self._with_url(call, document))

    def _with_form(self, call: Call, document: bytes) -> bytes:
        file: AppFile = self._kind.load(document)
        shown = self._one(call, document)
        if file.is_directory:
            return shown
        return _envelope.with_member(shown, "upload", self._files.links.form(self._kind, file))

    def _with_url(self, call: Call, document: bytes) -> bytes:
        file: AppFile = self._kind.load(document)
        if file.is_directory or file.s3etag is msgspec.UNSET:
            return document
        seconds = call.whole("urlTTL", _TTL, least=1, most=_LONGEST_TTL)
        url = self._files.links.fetch(self._kind, file, seconds)
        return _envelope.with_member(document, "url", url)


class _Content:
    """Content by addresses that need no token."""

    def __init__(self, files: Files) -> None:
        self._files = files

    async def send(self, call: Call) -> Answer:
        """Take the content that a signed address was given out for."""
        kind = _kind(call)
        form = parts(call.headers.get("content-type", ""), call.body)
        if not form.keys() >= _UPLOAD_PARTS:
            raise Invalid(
                "The form needs the fields that were given, and a part file", field="file"
            )
        given = (form[name].decode("utf-8", "replace") for name in ("expires", "signature"))
        self._files.links.check("send", call.path["fileId"], *given)
        kept = await self._files.receive(
            kind, call.application_id, call.path["fileId"], form["file"]
        )
        return Answer(b"", 204, {"ETag": f'"{kept.s3etag}"'})

    async def fetch(self, call: Call) -> Answer:
        """Return the content of a file."""
        kind, file_id = _kind(call), call.path["fileId"]
        if kind is PRIVATE:
            signed = call.text("expires"), call.text("signature")
            self._files.links.check("fetch", file_id, *signed)
        file = await self._files.get(kind, call.application_id, file_id)
        content = await self._files.open(kind, call.application_id, file_id)
        return Answer(
            content,
            headers={
                "Content-Disposition": f"inline; filename*=UTF-8''{quote(file.name, safe='')}",
                "Content-Security-Policy": _CAGED,
                "Cache-Control": "no-cache" if kind is FILE else "private, no-store",
                "ETag": f'"{file.s3etag}"',
                "X-Content-Type-Options": "nosniff",
            },
            media_type=file.content_type or _ANYTHING,
        )


def _kind(call: Call) -> Kind[Any]:
    kind = KINDS.get(call.path["place"])
    if kind is None:
        raise Missing("There is nothing at this path")
    return kind


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations on files."""
    files = services[Files]
    for place in _PLACES:
        yield from _of_place(_Calls(services[Catalog], files, place), place)
    content = _Content(files)
    yield Operation(
        method="POST",
        path="/uploads/{place}/{applicationId}/{fileId}",
        scopes=None,  # the signature is the key
        run=content.send,
        name="file.send",
        summary="Send the content of a file to the address that was given for it",
        status=204,
        max_body_bytes=_FORM_BYTES,
        ours=True,
    )
    yield Operation(
        method="GET",
        path="/content/{place}/{applicationId}/{fileId}",
        scopes=None,  # a public file is open to all; the address of a private one is signed
        run=content.fetch,
        name="file.fetch",
        summary="Fetch the content of a file",
        parameters=("expires", "signature"),
        ours=True,
    )


def _of_place(calls: _Calls, place: _Place) -> Iterator[Operation]:
    kind, many = place.kind, f"{_APPLICATION}/{place.kind.path}"
    one = f"{_APPLICATION}/{place.one}/{{{place.name}}}"
    ttl = ("urlTTL",) if kind is PRIVATE else ()
    narrow = (*_lists.PARAMETERS, "type", "status", "directory")
    for method, path, verb, run, status, parameters in (
        ("GET", many, "get", calls.page, 200, (*narrow, *ttl)),
        ("POST", many, "post", calls.post, 201, ()),
        ("GET", one, "get", calls.get, 200, ttl),
        ("PATCH", one, "patch", calls.patch, 201, ()),
        ("DELETE", one, "delete", calls.delete, 200, ()),
        ("POST", f"{one}/move", "move", calls.move, 201, ("name", "parentDirectory", *ttl)),
        ("POST", f"{one}/upload", "upload", calls.upload, 200, ttl),
    ):
        collection = path == many
        yield Operation(
            method=method,
            path=path,
            scopes=kind.scopes(verb, collection=collection),
            run=run,
            name=f"{kind.many if collection else kind.one}.{verb}",
            summary=f"{verb.capitalize()} {kind.many if collection else kind.title.lower()}",
            status=status,
            body={"post": kind.post_type, "patch": kind.patch_type}.get(verb),
            parameters=parameters,
            max_body_bytes=_FORM_BYTES if verb == "upload" else None,
            kind="" if verb in {"delete", "upload"} else kind.one,
        )
