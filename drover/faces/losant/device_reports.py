"""What devices report and are told: state, commands, connection, logs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, UnsetType

from drover.app.device_commands import Command, DeviceCommands
from drover.app.device_reports import Connection, DeviceReports, StateReport, reports_in
from drover.app.devices import Devices
from drover.app.long_tasks import Asked, LongTasks
from drover.app.tasks.devices_remove_data import TASK as REMOVE_DATA
from drover.faces.losant import _envelope, _lists
from drover.faces.losant._device_choice import chosen
from drover.faces.losant._jobs import enqueued, told
from drover.faces.losant._moments import LAST_MS, moment
from drover.faces.operation import Answer, Call, Operation
from drover.kinds.device import KIND
from drover.model.fields import Ids, TagFilters  # noqa: TC001 - read when the body is built
from drover.ports.reports import Span, up_to

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from drover.app.services import Services

_MANY = "/applications/{applicationId}/devices"
_ONE = f"{_MANY}/{{deviceId}}"
_MOST_LINES = 1000
_SPAN = ("limit", "since", "sortDirection", "duration", "start", "end")
_COMPOSITE = ("start", "end", "attributes")


class MultiCommand(Command, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """A command and the devices it is for: those listed, tagged so, or matching."""

    device_ids: Ids | UnsetType = UNSET
    device_tags: TagFilters | UnsetType = UNSET
    device_query: dict[str, Any] | UnsetType = UNSET


class _Calls:
    """The operations on reports of devices."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._reports = services[DeviceReports]
        self._commands = services[DeviceCommands]
        self._clock = self._reports.clock

    async def send_state(self, call: Call) -> dict[str, bool]:
        """Store one report or several."""
        await self._reports.record(call.caller, *_device(call), reports_in(call.body))
        return {"success": True}

    async def get_state(self, call: Call) -> list[dict[str, Any]]:
        """Return what a device reported, moment by moment."""
        return await self._reports.history(call.caller, *_device(call), self._span(call))

    async def get_composite(self, call: Call) -> dict[str, Any]:
        """Return the newest value of each attribute."""
        span = self._optional_span(call)
        return await self._reports.composite(
            call.caller, *_device(call), span, call.names("attributes")
        )

    async def get_composites(self, call: Call) -> dict[str, Any]:
        """Return the newest values of one page of devices."""
        listing, span = _lists.listing(call, KIND), self._optional_span(call)
        found = await self._reports.composites(
            call.caller, call.application_id, listing, span, call.names("attributes")
        )
        return {"items": found.items, **_envelope.figures(KIND, call, listing, found)}

    async def send_command(self, call: Call) -> dict[str, bool]:
        """Tell a device what to do."""
        await self._commands.to_one(call.caller, *_device(call), call.json(Command))
        return {"success": True}

    async def send_commands(self, call: Call) -> dict[str, bool]:
        """Tell many devices what to do; without a choice, none."""
        given = call.json(MultiCommand)
        command = Command(name=given.name, time=given.time, payload=given.payload)
        await self._commands.to_all(call.caller, call.application_id, chosen(given), command)
        return {"success": True}

    async def get_commands(self, call: Call) -> Any:
        """Return commands that a device was sent."""
        span = self._span(call)
        return await self._reports.logged(call.caller, *_device(call), "command", span)

    async def get_log(self, call: Call) -> Any:
        """Return when a device came and went."""
        span = self._span(call)
        return await self._reports.logged(call.caller, *_device(call), "connection", span)

    async def set_connection(self, call: Call) -> dict[str, bool]:
        """Note that a device came or went."""
        await self._reports.connection(call.caller, *_device(call), call.json(Connection))
        return {"success": True}

    async def remove_data(self, call: Call) -> Answer:
        """Delete what a device reported in a span, by a job; its logs stay."""
        span = self._optional_span(call) or up_to(self._clock.now_ms())
        device_id = call.path["deviceId"]
        await self._services[Devices].get(call.caller, call.application_id, device_id)
        asked = Asked(
            application_id=call.application_id,
            resource_type="device",
            resource_id=device_id,
            input={
                "deviceIds": [device_id],
                "start": span.start_ms,
                "end": span.end_ms,
                "keepConnectionHistory": True,
                "keepCommandHistory": True,
            },
            listeners=told(call),
        )
        return enqueued(await self._services[LongTasks].begin(call.caller, REMOVE_DATA, asked))

    def _span(self, call: Call) -> Span:
        now_ms = self._clock.now_ms()
        end_ms = moment(call, "end", 0, now_ms) if call.query.get("end") else LAST_MS
        start_ms = moment(call, "start", 1, now_ms)
        if duration := call.whole("duration", 0):
            if call.query.get("start") and not call.query.get("end"):
                end_ms = start_ms + duration
            else:
                start_ms = min(end_ms, now_ms) - duration
        if call.query.get("since", "") not in ("", "0"):  # which is the epoch here, not now
            start_ms = moment(call, "since", 1, now_ms)
        return Span(
            start_ms=start_ms,
            end_ms=end_ms,
            limit=call.whole("limit", 1, least=1, most=_MOST_LINES),
            descending=_lists.descending(call, default=True),
        )

    def _optional_span(self, call: Call) -> Span | None:
        if not (call.query.get("start") or call.query.get("end")):
            return None
        now_ms = self._clock.now_ms()
        start_ms = moment(call, "start", 1, now_ms)
        return Span(start_ms=start_ms, end_ms=moment(call, "end", 0, now_ms))


def _device(call: Call) -> tuple[str, str]:
    return call.application_id, call.path["deviceId"]


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations on reports of devices."""
    calls = _Calls(services)
    for method, path, verb, run, parameters in (
        ("POST", f"{_ONE}/state", "sendState", calls.send_state, ()),
        ("GET", f"{_ONE}/state", "getState", calls.get_state, _SPAN),
        ("GET", f"{_ONE}/compositeState", "getCompositeState", calls.get_composite, _COMPOSITE),
        ("POST", f"{_ONE}/command", "sendCommand", calls.send_command, ()),
        ("GET", f"{_ONE}/command", "getCommand", calls.get_commands, _SPAN),
        ("GET", f"{_ONE}/logs", "getLogEntries", calls.get_log, _SPAN),
        ("POST", f"{_ONE}/setConnectionStatus", "setConnectionStatus", calls.set_connection, ()),
        ("DELETE", f"{_ONE}/data", "removeData", calls.remove_data, ("start", "end")),
        (
            "GET",
            f"{_MANY}/compositeState",
            "getCompositeState",
            calls.get_composites,
            (*_COMPOSITE, *_lists.parameters(KIND)),
        ),
        ("POST", f"{_MANY}/command", "sendCommand", calls.send_commands, ()),
    ):
        collection = not path.startswith(_ONE)
        yield Operation(
            method=method,
            path=path,
            scopes=KIND.scopes(verb, collection=collection, reads=method == "GET"),
            run=run,
            name=f"{KIND.many if collection else KIND.one}.{verb}",
            summary=_SUMMARIES[verb],
            body=_BODIES.get(verb),
            parameters=parameters,
            status=202 if verb == "removeData" else 200,
        )


_BODIES: Mapping[str, type[msgspec.Struct]] = {
    "sendState": StateReport,
    "sendCommand": MultiCommand,
    "setConnectionStatus": Connection,
}
_SUMMARIES = {
    "sendState": "Report state",
    "getState": "Read reported state",
    "getCompositeState": "Read the newest value of each attribute",
    "sendCommand": "Send a command",
    "getCommand": "Read commands sent",
    "getLogEntries": "Read when a device came and went",
    "setConnectionStatus": "Note that a device came or went",
    "removeData": "Delete reported state",
}
