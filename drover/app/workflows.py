"""Workflows in use: their buttons pressed, what they keep read and changed, their history shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
from msgspec import UNSET, Struct, UnsetType

from drover.app.flow_caller import depth_after
from drover.flows.catalogue import OTHER_MACHINES
from drover.flows.keys import is_button
from drover.flows.payload import literal
from drover.kinds.flow import KIND as FLOW
from drover.kinds.flow_version import KIND as VERSION
from drover.model.errors import Invalid, Missing, TooLarge
from drover.model.fields import Id, Name
from drover.model.instants import to_text
from drover.ports.jobs import Firing
from drover.ports.resources import MOST_PAGE_BYTES, Listing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.kinds.flow import Flow
    from drover.model.access import Caller
    from drover.model.workflow import FlowTrigger
    from drover.ports.flows import RunCounts
    from drover.ports.store import Session, Store

MOST_PRESSED_BYTES: Final = 262_144
"""Of the payload a button is pressed with."""

MOST_VALUE_BYTES: Final = 16_384
"""Of one stored value, as JSON."""

MOST_KEYS: Final = 10_000
"""Keys that one workflow may store."""

MOST_DEPTH: Final = 16
"""Workflows that may start one another in a chain."""

ITERATION: Final = "resourceJobIteration"
"""The trigger of workflows that are run for each resource of a job."""

DEVELOP: Final = "develop"
DEFAULT: Final = "default"


class Press(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The press of a virtual button."""

    key: str
    payload: Any = UNSET
    meta: Any = UNSET
    flow_version: Name | UnsetType = UNSET
    device_id: Id | UnsetType = UNSET
    deployment_id: Id | UnsetType = UNSET


class StorageEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A value to store; without one the key is forgotten."""

    key: Name
    value: Any = UNSET


class Period(NamedTuple):
    """A span as requests name it, in milliseconds: 0 or less ends it so long before now."""

    end: int = 0
    duration: int = 86_400_000

    def span_ms(self, now_ms: int) -> tuple[int, int]:
        """Return its start and end since the epoch; what happens right now is within."""
        end_ms = self.end if self.end > 0 else now_ms + self.end + 1
        return end_ms - self.duration, end_ms


class Button(Struct, frozen=True, kw_only=True):
    """A button that can be pressed now: whose it is, its key, its own payload as JSON."""

    flow: Any
    key: str
    payload: bytes


class Workflows:
    """What can be done with workflows beside changing them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def press(self, caller: Caller, application_id: str, flow_id: str, press: Press) -> None:
        """Press a button; raises Missing, Invalid, TooLarge."""
        payload, depth = checked_payload(press.payload), depth_after(caller)
        version = press.flow_version or None
        if depth > MOST_DEPTH:
            raise Invalid(f"More than {MOST_DEPTH} workflows started one another in a chain")

        async def work(session: Session) -> None:
            button = await find_button(session, application_id, flow_id, press.key, version)
            root = {"triggerId": button.key, "relayId": caller.id, "relayType": caller.type}
            if press.meta is not UNSET:
                root["meta"] = literal(press.meta)
            await session.jobs.add_firing(
                pressed(button, payload=payload, root=root, version=version, depth=depth)
            )

        await self._store.write(work)

    async def stored(self, application_id: str, flow_id: str) -> dict[str, Any]:
        """Return every value a workflow keeps; raises Missing, TooLarge."""

        async def work(session: Session) -> dict[str, bytes]:
            await session.resources.get_bytes(FLOW, application_id, flow_id)
            return await session.flows.storage.all(flow_id, MOST_PAGE_BYTES)

        found = await self._store.read(work)
        return {key: msgspec.Raw(value) for key, value in found.items()}

    async def stored_size(self, application_id: str, flow_id: str) -> tuple[int, int]:
        """Return how many keys a workflow keeps and how many bytes they take; raises Missing."""

        async def work(session: Session) -> tuple[int, int]:
            await session.resources.get_bytes(FLOW, application_id, flow_id)
            return await session.flows.storage.size(flow_id)

        return await self._store.read(work)

    async def store_entry(self, application_id: str, flow_id: str, entry: StorageEntry) -> None:
        """Store one value, or forget it; raises Missing, Invalid, TooLarge."""

        async def work(session: Session) -> None:
            await session.resources.get_bytes(FLOW, application_id, flow_id)
            if entry.value is UNSET:
                await session.flows.storage.remove(flow_id, entry.key)
            else:
                await keep(session, flow_id, entry.key, entry.value)

        await self._store.write(work)

    async def clear(self, application_id: str, flow_id: str) -> None:
        """Forget every value a workflow keeps; raises Missing."""

        async def work(session: Session) -> None:
            await session.resources.get_bytes(FLOW, application_id, flow_id)
            await session.flows.storage.clear(flow_id)

        await self._store.write(work)

    async def notes(
        self,
        application_id: str,
        flow_id: str,
        topic: str,
        period: Period,
        *,
        limit: int,
        version: str | None = None,
    ) -> tuple[tuple[int, int], list[dict[str, Any]]]:
        """Return the span in ms, and errors or debug messages, newest first; raises Missing."""

        async def work(session: Session) -> tuple[tuple[int, int], list[dict[str, Any]]]:
            await session.resources.get_bytes(FLOW, application_id, flow_id)
            span_ms = period.span_ms(await session.now_ms())
            found = await session.flows.history.notes(
                flow_id, topic, span_ms, limit=limit, version=version
            )
            return span_ms, [
                {"time": to_text(note.time_ms), "flowVersion": note.version, **note.document}
                for note in found
            ]

        return await self._store.read(work)

    async def counts(
        self,
        application_id: str,
        flow_id: str,
        period: Period,
        *,
        newest: int | None = None,
        version: str | None = None,
    ) -> tuple[tuple[int, int], Sequence[RunCounts]]:
        """Return the span in ms, and counts of runs by minute, newest first; raises Missing."""

        async def work(session: Session) -> tuple[tuple[int, int], Sequence[RunCounts]]:
            await session.resources.get_bytes(FLOW, application_id, flow_id)
            span_ms = period.span_ms(await session.now_ms())
            counts = await session.flows.history.counts(
                flow_id, span_ms, newest=newest, version=version
            )
            return span_ms, counts

        return await self._store.read(work)

    async def of_job(self, application_id: str, job_id: str) -> list[Flow]:
        """Return the workflows that are run for each resource of a job, in order of their names."""

        async def work(session: Session) -> list[Flow]:
            found = await session.flows.subscribed(application_id, ITERATION, job_id)
            ids = {each.flow_id for each in found}
            flows = [await session.resources.get(FLOW, application_id, each) for each in ids]
            return sorted(flows, key=lambda flow: flow.name)

        return await self._store.read(work)

    async def version_name(self, application_id: str, flow_id: str, version_id: str) -> str:
        """Return the name of a version; raises Missing."""

        async def work(session: Session) -> str:
            found = await session.resources.get(VERSION, application_id, version_id, flow_id)
            return found.version

        return await self._store.read(work)


async def find_button(
    session: Session, application_id: str, flow_id: str, name: str, version: str | None
) -> Button:
    """Return the button of a workflow that a name means; raises Missing, Invalid.

    ``version`` None is the one that runs by default.
    """
    flow = await session.resources.get(FLOW, application_id, flow_id)
    if not flow.enabled or flow.flow_class in OTHER_MACHINES:
        raise Invalid("The workflow is not enabled")
    for trigger in await _triggers(session, flow, version):
        if is_button(msgspec.to_builtins(trigger), name):
            return Button(flow=flow, key=str(trigger.key), payload=_own_payload(trigger))
    raise Missing("Virtual button was not found")


def pressed(
    button: Button,
    *,
    payload: bytes | None,
    root: Mapping[str, Any],
    version: str | None,
    **more: Any,
) -> Firing:
    """Return the firing of a pressed button; ``more`` are further fields of it."""
    return Firing(
        application_id=button.flow.application_id,
        trigger_type="virtualButton",
        key=button.key,
        data=button.payload if payload is None else payload,
        root=msgspec.json.encode(root),
        flow_id=button.flow.id,
        flow_version=version,
        **more,
    )


def checked_payload(payload: Any) -> bytes | None:
    """Return the payload of a press as JSON, None for the button's own.

    Raises Invalid, TooLarge.
    """
    if payload is UNSET or payload is None:
        return None
    if not isinstance(payload, dict):
        raise Invalid("The payload must be an object", field="payload")
    encoded = msgspec.json.encode(literal(payload))
    if len(encoded) > MOST_PRESSED_BYTES:
        raise TooLarge(f"The payload may not be larger than {MOST_PRESSED_BYTES} bytes")
    return encoded


async def keep(session: Session, flow_id: str, key: str, value: Any) -> None:
    """Store a value inside a unit of work; raises Invalid, TooLarge."""
    encoded = msgspec.json.encode(value)
    if len(encoded) > MOST_VALUE_BYTES:
        raise TooLarge(f"A stored value may not be larger than {MOST_VALUE_BYTES} bytes")
    if not await session.flows.storage.takes(flow_id, key, MOST_KEYS):
        raise Invalid(f"A workflow may not store more than {MOST_KEYS} keys")
    await session.flows.storage.put(flow_id, key, encoded)


async def _triggers(session: Session, flow: Flow, version: str | None) -> Sequence[FlowTrigger]:
    if version == DEVELOP or (version is None and not flow.default_version_id):
        return flow.triggers
    if version is None:
        found = await session.resources.get(
            VERSION, flow.application_id, str(flow.default_version_id), flow.id
        )
        return found.triggers
    named = Listing(sort_field="id", limit=1, within={"flow_id": flow.id, "version": version})
    page = await session.resources.page(VERSION, flow.application_id, named)
    if not page.items or not page.items[0].enabled:
        raise Missing("Workflow version was not found")
    return page.items[0].triggers


def _own_payload(trigger: FlowTrigger) -> bytes:
    meta = trigger.meta or {}
    text = meta.get("payload")
    return text.encode() if isinstance(text, str) and text.strip() else b"{}"
