"""Applications: list, create, read, change and delete them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, structs

from drover.app.application_stats import NAMES as STATS
from drover.app.application_stats import ApplicationStats
from drover.app.applications import Applications, GlobalPatch
from drover.app.catalog import Catalog
from drover.app.long_tasks import LongTasks
from drover.app.transfer.import_orders import new_owner
from drover.app.transfer.templates import Templates
from drover.faces.losant import _envelope, _lists, _summaries
from drover.faces.losant._jobs import enqueued
from drover.faces.operation import Call, Operation
from drover.kinds.application import KIND, LONGEST_README
from drover.model.scopes import for_operation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from drover.app.services import Services
    from drover.kinds.application import Readme

_ONE = "/applications/{applicationId}"

GlobalPatches = Annotated[tuple[GlobalPatch, ...], Meta(max_length=100)]


class ReadmePatch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body that replaces the long text."""

    content: Annotated[str, Meta(max_length=LONGEST_README)] | UnsetType = UNSET


class _Calls:
    """The operations on applications themselves."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._catalog = services[Catalog]
        self._tasks = services[LongTasks]
        self._applications = services[Applications]

    async def page(self, call: Call) -> bytes:
        """Return one page."""
        listing = _lists.listing(call, KIND)
        org_id = call.id("orgId")
        found = await self._applications.list(call.caller, listing, org_id)
        items = await self._shown(call, found.items)
        return _envelope.page(KIND, call, listing, replace(found, items=items))

    async def post(self, call: Call) -> Any:
        """Create one, with what a template holds where one is named."""
        given = call.json(KIND.post_type)
        template_id = getattr(given, "application_template_id", UNSET)
        if template_id is not UNSET:
            return await self._from_template(call, template_id.lower())
        document = await self._applications.create(call.caller, call.body)
        return await self._one(call, document)

    async def _from_template(self, call: Call, template_id: str) -> Any:
        body = msgspec.json.decode(call.body)
        given = {
            name: body[name] for name in body if name not in ("applicationTemplateId", "orgId")
        }
        owner = new_owner(
            call.caller, body.get("orgId"), "organization" if "orgId" in body else None
        )
        owner = structs.replace(owner, name=given["name"], given=given)
        done = await self._services[Templates].apply_new(call.caller, template_id, owner)
        return enqueued(done.job_id) if done.job_id else await self._one(call, done.document)

    async def get(self, call: Call) -> bytes:
        """Return one."""
        document = await self._catalog.get(KIND, call.application_id, call.application_id)
        return await self._one(call, document)

    async def patch(self, call: Call) -> bytes:
        """Change one."""
        old = (call.application_id, call.application_id, None)
        document = await self._catalog.patch(call.caller, KIND, old, call.body)
        return await self._one(call, document)

    async def delete(self, call: Call) -> dict[str, bool]:
        """Delete one at once, and all that is in it by a job."""
        await self._catalog.delete(call.caller, KIND, call.application_id, call.application_id)
        self._tasks.wake()
        return {"success": True}

    async def patch_globals(self, call: Call) -> bytes:
        """Merge globals by key."""
        changes = call.json(GlobalPatches)
        document = await self._applications.patch_globals(call.caller, call.application_id, changes)
        return await self._one(call, document)

    async def readme(self, call: Call) -> dict[str, Any]:
        """Return the long text."""
        return _readme(call, await self._applications.readme(call.application_id))

    async def patch_readme(self, call: Call) -> dict[str, Any]:
        """Replace the long text."""
        content = call.json(ReadmePatch).content
        kept = await self._applications.patch_readme(call.caller, call.application_id, content)
        return _readme(call, kept)

    async def _one(self, call: Call, document: bytes) -> bytes:
        return _envelope.one(KIND, call, (await self._shown(call, [document]))[0])

    async def _shown(self, call: Call, documents: Sequence[bytes]) -> list[bytes]:
        """Return documents with the names of their organizations and the counts asked for."""
        return await self._summed(call, await self._named(documents))

    async def _named(self, documents: Sequence[bytes]) -> Sequence[bytes]:
        names = await self._applications.organization_names(documents)
        return [
            _envelope.with_member(document, "organizationName", names[own])
            if (own := _envelope.id_of(document)) in names
            else document
            for document in documents
        ]

    async def _summed(self, call: Call, documents: Sequence[bytes]) -> list[bytes]:
        names, more = _summaries.asked(call), _summaries.told_when_asked(call, STATS)
        if not names and not more:
            return list(documents)
        ids = [_envelope.id_of(document) for document in documents]
        found = await self._applications.summaries(ids)
        shown = []
        for each, document in zip(ids, documents, strict=True):
            stats = await self._services[ApplicationStats].of(each, more) if more else {}
            summary = {**_summaries.chosen(found[each], names), **stats}
            shown.append(_envelope.with_member(document, "summary", summary))
        return shown


def _readme(call: Call, readme: Readme) -> dict[str, Any]:
    own = {"applicationId": call.application_id, "_type": "applicationReadme"}
    return {**own, **msgspec.to_builtins(readme)}


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations on applications."""
    calls = _Calls(services)
    for method, path, verb, run, status in (
        ("GET", "/applications", "get", calls.page, 200),
        ("POST", "/applications", "post", calls.post, 201),
        ("GET", _ONE, "get", calls.get, 200),
        ("PATCH", _ONE, "patch", calls.patch, 200),
        ("DELETE", _ONE, "delete", calls.delete, 200),
    ):
        collection = path != _ONE
        yield Operation(
            method=method,
            path=path,
            scopes=_scopes(verb) if collection else KIND.scopes(verb),
            run=run,
            name=f"{KIND.many if collection else KIND.one}.{verb}",
            summary=f"{verb.capitalize()} {'applications' if collection else 'an application'}",
            status=status,
            body={"POST": KIND.post_type, "PATCH": KIND.patch_type}.get(method),
            parameters=_parameters(method, collection=collection),
            kind=KIND.one,
        )
    # The scopes of these three are those of reading and changing the application itself.
    for method, part, verb, name, run, body in (
        ("PATCH", "globals", "patch", "globals", calls.patch_globals, None),
        ("GET", "readme", "get", "readme", calls.readme, None),
        ("PATCH", "readme", "patch", "readmePatch", calls.patch_readme, ReadmePatch),
    ):
        yield Operation(
            method=method,
            path=f"{_ONE}/{part}",
            scopes=KIND.scopes(verb),
            run=run,
            name=f"application.{name}",
            summary=f"{verb.capitalize()} the {part} of an application",
            body=body,
        )


def _parameters(method: str, *, collection: bool) -> tuple[str, ...]:
    if method == "DELETE":
        return ()
    lists = method == "GET" and collection
    return (
        *(_lists.PARAMETERS if lists else ()),
        *(("orgId",) if lists else ()),
        *_summaries.PARAMETERS,
    )


def _scopes(verb: str) -> frozenset[str]:
    """Return what opens the collection, which no token of one application does."""
    scopes = for_operation(KIND.many, verb, ("Organization", "User"), reads=verb == "get")
    return scopes | {"all.User.cli"} if verb == "get" else scopes
