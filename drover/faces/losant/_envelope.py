"""What answers wrap around documents: types, links, tags, and pages of them."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drover.faces.operation import Call
    from drover.model.kind import Kind
    from drover.ports.resources import Listing, Page


def one(kind: Kind[Any], call: Call, document: bytes) -> bytes:
    """Return a document with its typed id, type, links and tag; it is not decoded."""
    resource_id = _id_of(document)
    return b'%b,"%b":"%b","_type":"%b","_etag":"\\"%b\\""%b%b}' % (
        document[:-1],
        kind.identifier.encode(),
        resource_id,
        kind.type_names[0].encode(),
        blake2b(document, digest_size=8).hexdigest().encode(),
        _links(kind, call, resource_id.decode()),
        _actions(call),
    )


def one_inside(kind: Kind[Any], call: Call, document: bytes) -> bytes:
    """Return a document as ``one`` does, where the path does not name what it is kept inside."""
    parent = f"{kind.parent}Id"
    path = {**call.path, parent: msgspec.json.decode(document)[parent]}
    return one(kind, msgspec.structs.replace(call, path=path), document)


def page(kind: Kind[Any], call: Call, listing: Listing, found: Page[bytes]) -> bytes:
    """Return one page of documents with the figures of the page and what was asked for."""
    items = b",".join(one(kind, call, document) for document in found.items)
    tail = figures(kind, call, listing, found)
    return b'{"items":[%b],%b' % (items, msgspec.json.encode(tail)[1:])


def figures(kind: Kind[Any], call: Call, listing: Listing, found: Page[Any]) -> dict[str, Any]:
    """Return what a list says beside its items."""
    return {
        "count": len(found.items),
        "totalCount": found.total,
        "page": listing.offset // listing.limit,
        "perPage": listing.limit,
        "sortField": listing.sort_field,
        "sortDirection": "desc" if listing.descending else "asc",
        **echo(kind, call),
    }


def echo(kind: Kind[Any], call: Call) -> dict[str, Any]:
    """Return the members of a list that repeat the request, with its type and links."""
    members: dict[str, Any] = {
        name: call.query[name] for name in ("filterField", "filter") if call.query.get(name)
    }
    if kind.queryable and (query := call.query.get("query", "").strip()):
        members["query"] = msgspec.Raw(query.encode())  # parsed already: it is JSON
    members |= {name: call.path[name] for name in call.path}
    members["_type"] = kind.type_names[1]
    if call.flag("_links", default=True):
        members["_links"] = _collection_links(kind, call)
    if call.flag("_actions"):
        members["_actions"] = {}
    return members


def collection_path(kind: Kind[Any], path: Mapping[str, str]) -> str:
    """Return the path of the list that a kind's resources are in."""
    if not kind.path:
        return f"/{kind.many}"
    return f"/applications/{path['applicationId']}/{kind.path.format_map(path)}"


def _links(kind: Kind[Any], call: Call, resource_id: str) -> bytes:
    if not call.flag("_links", default=True):
        return b""
    collection = collection_path(kind, call.path)
    links = f',"_links":{{"self":{{"href":"{collection}/{resource_id}"}}'
    if kind.path:
        links += f',"application":{{"href":"/applications/{call.path["applicationId"]}"}}'
    return f'{links},"{kind.many}":{{"href":"{collection}"}}}}'.encode()


def _collection_links(kind: Kind[Any], call: Call) -> dict[str, Any]:
    links = {"self": {"href": collection_path(kind, call.path)}}
    if kind.path:
        links["application"] = {"href": f"/applications/{call.application_id}"}
    return links


def _actions(call: Call) -> bytes:
    return b',"_actions":{}' if call.flag("_actions") else b""


def id_of(document: bytes) -> str:
    """Return the id of a document without decoding it."""
    return _id_of(document).decode()


def with_member(document: bytes, name: str, value: object) -> bytes:
    """Return a document with one more member."""
    return b'%b,"%b":%b}' % (document[:-1], name.encode(), msgspec.json.encode(value))


_ID_STARTS = len(b'{"id":"')


def _id_of(document: bytes) -> bytes:
    """Return the id of a document, which is its first member."""
    return document[_ID_STARTS : _ID_STARTS + 24]
