"""Workflows brought in together: new ids, and what refers to one another follows them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from msgspec import structs

from drover.kinds.flow import KIND as FLOW
from drover.kinds.flow_version import KIND as VERSION
from drover.model.bodies import convert
from drover.model.errors import Invalid
from drover.model.fields import is_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from msgspec import Struct

    from drover.app.catalog import Catalog
    from drover.model.access import Caller
    from drover.model.kind import Kind
    from drover.ports.clock import Ids
    from drover.ports.store import Session, Store

Given = dict[str, Any]
"""A workflow or a version as an export shows it."""

_ID_LENGTH: Final = 24
_VERSIONS: Final = "flowVersions"
_OWN: Final = frozenset({"id", "flowId", "applicationId", "defaultVersionId"})
"""What such an entry says beyond the body that creates one."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import made: documents, and the new ids by those that the entries used."""

    flows: Sequence[bytes]
    versions: Sequence[bytes]
    flow_ids: Mapping[str, str]
    version_ids: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Entry:
    """One of what is to be made: its new id, its body, and the ids that it names."""

    new_id: str
    body: Struct
    flow_id: str | None
    default_version_id: str | None


class FlowImport:
    """Makes workflows and versions from entries that refer to one another by their old ids."""

    def __init__(self, store: Store, catalog: Catalog, ids: Ids) -> None:
        self._store = store
        self._catalog = catalog
        self._ids = ids

    async def run(
        self,
        caller: Caller,
        application_id: str,
        flows: Sequence[Given],
        versions: Sequence[Given],
    ) -> Imported:
        """Store all of them or none; raises Invalid, Duplicate.

        Ids are always new ones, and whatever in the entries names an old one names the new one. A
        version belongs to a workflow of the same import, or to one that is there already.
        """
        flow_ids, version_ids = self._new_ids(flows, "flows"), self._new_ids(versions, _VERSIONS)
        names = _by_old_id(flows, flow_ids) | _by_old_id(versions, version_ids)
        made = _entries(FLOW, flows, "flows", flow_ids, names)
        snapshots = _entries(VERSION, versions, _VERSIONS, version_ids, names)

        async def work(session: Session) -> Imported:
            for entry in made:
                await self._add(session, caller, FLOW, application_id, entry)
            await _check_flows(session, application_id, snapshots)
            for entry in snapshots:
                await self._add(session, caller, VERSION, application_id, entry)
            for entry in made:
                await self._run_by_default(session, caller, application_id, entry)
            return Imported(
                [await session.resources.get_bytes(FLOW, application_id, i) for i in flow_ids],
                [
                    await session.resources.get_bytes(VERSION, application_id, i)
                    for i in version_ids
                ],
                _by_old_id(flows, flow_ids),
                _by_old_id(versions, version_ids),
            )

        return await self._store.write(work)

    def _new_ids(self, entries: Sequence[Given], place: str) -> list[str]:
        given = [each["id"] for each in entries if "id" in each]
        if not all(isinstance(each, str) and is_id(each) for each in given):
            raise Invalid(f"An id must be 24 hexadecimal characters at `{place}[].id`", field="id")
        if len({each.lower() for each in given}) < len(given):
            raise Invalid(f"Each entry needs an id of its own at `{place}[].id`", field="id")
        return [self._ids.new() for _ in entries]

    async def _add(
        self,
        session: Session,
        caller: Caller,
        kind: Kind[Any],
        application_id: str,
        entry: _Entry,
    ) -> None:
        stamp = self._catalog.stamp(caller, application_id, await session.now_ms())
        within = {"flow_id": entry.flow_id} if entry.flow_id else None
        new = kind.create(entry.body, replace(stamp, id=entry.new_id), within)
        await self._catalog.add(session, caller, kind, new)

    async def _run_by_default(
        self, session: Session, caller: Caller, application_id: str, entry: _Entry
    ) -> None:
        if entry.default_version_id is None:
            return
        flow = await session.resources.lock(FLOW, application_id, entry.new_id)
        running = structs.replace(flow, default_version_id=entry.default_version_id)
        await self._catalog.change(session, caller, FLOW, flow, running)


async def _check_flows(session: Session, application_id: str, versions: Sequence[_Entry]) -> None:
    named = sorted({entry.flow_id for entry in versions if entry.flow_id})
    absent = await session.resources.absent(FLOW, application_id, named)
    if absent:
        message = f"{FLOW.title} {absent[0]} was not found at `{_VERSIONS}[].flowId`"
        raise Invalid(message, field="flowId")


def _by_old_id(entries: Sequence[Given], new_ids: Sequence[str]) -> dict[str, str]:
    pairs = zip(entries, new_ids, strict=True)
    return {given["id"].lower(): new_id for given, new_id in pairs if "id" in given}


def _entries(
    kind: Kind[Any],
    given: Sequence[Given],
    place: str,
    new_ids: Sequence[str],
    names: Mapping[str, str],
) -> list[_Entry]:
    return [
        _entry(kind, renamed(each, names), f"{place}[{index}]", new_id)
        for index, (each, new_id) in enumerate(zip(given, new_ids, strict=True))
    ]


def _entry(kind: Kind[Any], given: Given, place: str, new_id: str) -> _Entry:
    body = {name: value for name, value in given.items() if name not in _OWN}
    return _Entry(
        new_id,
        convert(body, kind.post_type, place),
        _id_at(given, "flowId", place) if kind is VERSION else None,
        _id_at(given, "defaultVersionId", place) if given.get("defaultVersionId") else None,
    )


def _id_at(given: Given, name: str, place: str) -> str:
    text = given.get(name)
    if not isinstance(text, str) or not is_id(text):
        raise Invalid(f"An id is needed at `{place}.{name}`", field=name)
    return text.lower()


def renamed(value: Any, names: Mapping[str, str]) -> Any:
    """Return a decoded value with each text that is an old id, or begins with one, following it.

    Keys of triggers that the server makes begin with the id of their workflow and a dash.
    """
    if isinstance(value, dict):
        return {key: renamed(each, names) for key, each in value.items()}
    if isinstance(value, list):
        return [renamed(each, names) for each in value]
    if not isinstance(value, str) or value[_ID_LENGTH : _ID_LENGTH + 1] not in ("", "-"):
        return value
    new_id = names.get(value[:_ID_LENGTH].lower())
    return value if new_id is None else new_id + value[_ID_LENGTH:]
