"""What in an application names a resource: found by reading what might."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.kinds.credential import KIND as CREDENTIAL
from drover.kinds.experience_endpoint import KIND as ENDPOINT
from drover.kinds.experience_view import KIND as VIEW
from drover.kinds.flow import KIND as FLOW
from drover.kinds.flow_version import KIND as FLOW_VERSION
from drover.kinds.integration import KIND as INTEGRATION

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from drover.model.kind import Kind
    from drover.ports.store import Session, Store

BATCH: Final = 200
DEVELOP: Final = "develop"
_BEFORE_ALL: Final = ""
_CUSTOM: Final = "customNode"

Found = dict[str, list[bytes]]
"""Documents by the name of their collection."""


class LinkedResources:
    """Finds what would miss a resource."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def of_endpoint(
        self, application_id: str, endpoint_id: str, version: str, *, custom_nodes: bool
    ) -> Found:
        """Return the workflows that an endpoint starts, and the pages it shows; raises Missing."""

        async def work(session: Session) -> Found:
            endpoint = await session.resources.get(ENDPOINT, application_id, endpoint_id)
            pages = {
                reply.value
                for reply in (endpoint.static_reply, endpoint.unauthorized_reply)
                if reply and reply.type == "page"
            }
            seen = await _all(session, VIEW, application_id, lambda each: each["id"] in pages)
            flows = await _flows(
                session, application_id, version, custom_nodes, _names(endpoint_id)
            )
            return {"experienceViews": seen, **flows}

        return await self._store.read(work)

    async def of_view(
        self, application_id: str, view_id: str, version: str, *, custom_nodes: bool
    ) -> Found:
        """Return the views, endpoints and workflows that show a view; raises Missing."""

        async def work(session: Session) -> Found:
            view = await session.resources.get(VIEW, application_id, view_id)
            inside = f'{{{{component "{view.name}"'

            def shows(other: Mapping[str, Any]) -> bool:
                is_part = view.view_type == "component" and inside in other.get("body", "")
                return other.get("layoutId") == view_id or is_part

            named = _names(view_id)
            endpoints = await _all(session, ENDPOINT, application_id, named)
            flows = await _flows(session, application_id, version, custom_nodes, named)
            views = await _all(session, VIEW, application_id, shows)
            return {"experienceViews": views, "experienceEndpoints": endpoints, **flows}

        return await self._store.read(work)

    async def of_credential(
        self, application_id: str, credential_id: str, *, custom_nodes: bool
    ) -> Found:
        """Return the integrations and workflows that sign in with one; raises Missing."""

        async def work(session: Session) -> Found:
            own = await session.resources.get(CREDENTIAL, application_id, credential_id)

            def signs_in(other: Any) -> bool:
                return _signs_in(other, own.name)

            integrations = await _all(session, INTEGRATION, application_id, signs_in)
            flows = await _flows(session, application_id, DEVELOP, custom_nodes, signs_in)
            versions = await _all(session, FLOW_VERSION, application_id, signs_in)
            return {"integrations": integrations, **flows, "flowVersions": versions}

        return await self._store.read(work)


async def _flows(
    session: Session,
    application_id: str,
    version: str,
    custom_nodes: bool,  # noqa: FBT001 - handed on by those who take it by name
    wanted: Callable[[Any], bool],
) -> Found:
    """Return the workflows, or those kept as a version of the application's interface."""

    def counts(each: Mapping[str, Any]) -> bool:
        return (custom_nodes or each.get("flowClass") != _CUSTOM) and wanted(each)

    def in_version(each: Mapping[str, Any]) -> bool:
        return version in (each.get("version"), *(each.get("versions") or ())) and counts(each)

    if version == DEVELOP:
        return {"flows": await _all(session, FLOW, application_id, counts), "flowVersions": []}
    found = await _all(session, FLOW_VERSION, application_id, in_version)
    return {"flows": [], "flowVersions": found}


async def _all(
    session: Session, kind: Kind[Any], application_id: str, wanted: Callable[[Any], bool]
) -> list[bytes]:
    return [
        document
        async for document in _documents(session, kind, application_id)
        if wanted(msgspec.json.decode(document))
    ]


async def _documents(
    session: Session, kind: Kind[Any], application_id: str
) -> AsyncIterator[bytes]:
    after, found = _BEFORE_ALL, BATCH
    while found == BATCH:
        documents: Sequence[bytes]
        documents = await session.resources.after(kind, application_id, after, BATCH)
        found = len(documents)
        for document in documents:
            yield document
        if documents:
            after = msgspec.json.decode(documents[-1])["id"]


def _names(resource_id: str) -> Callable[[Any], bool]:
    """Return a test of whether a document names an id anywhere."""

    def test(value: Any) -> bool:
        return any(text == resource_id for _, text in _texts(value))

    return test


def _signs_in(value: Any, name: str) -> bool:
    return any(text == name and "credential" in key.lower() for key, text in _texts(value))


def _texts(value: Any, key: str = "") -> list[tuple[str, str]]:
    """Return the texts in a value, each with the name of its member."""
    if isinstance(value, str):
        return [(key, value)]
    if isinstance(value, dict):
        return [pair for name, inner in value.items() for pair in _texts(inner, name)]
    if isinstance(value, list):
        return [pair for inner in value for pair in _texts(inner, key)]
    return []
