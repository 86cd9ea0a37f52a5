"""What became of a workflow's runs: errors, counts over time, log entries."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from drover.app.workflows import Period, Workflows
from drover.faces.operation import Call, Operation
from drover.kinds.flow import KIND as FLOW
from drover.kinds.flow_version import KIND as VERSION
from drover.model.instants import to_text
from drover.ports.flows import DEBUG_LEVELS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from drover.app.services import Services
    from drover.model.kind import Kind
    from drover.ports.flows import RunCounts

MOST_ENTRIES: Final = 1000
LONGEST_MS: Final = 31 * 86_400_000
"""The longest span asked for at once."""

_LEAST_RESOLUTION_MS: Final = 60_000
_DAY_MS: Final = 86_400_000
_HOUR_MS: Final = 3_600_000
_SPAN: Final = ("duration", "end", "deviceId")
_NEVER_MS: Final = 2**53


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations on a workflow's history, and on that of one version."""
    history = _History(services[Workflows])
    flow = "/applications/{applicationId}/flows/{flowId}"
    for kind, path in ((FLOW, flow), (VERSION, f"{flow}/versions/{{flowVersionId}}")):
        yield _read(kind, f"{path}/errors", history.errors, ("errors", "errors"))
        yield _read(kind, f"{path}/stats", history.stats, ("stats", "stats"))
        yield _read(kind, f"{path}/logs", history.logs, ("getLogEntries", "log"))
        yield _read(kind, f"{path}/debug", history.debug, ("debug", "debug"))


def _read(
    kind: Kind[Any], path: str, run: Callable[[Call], Any], names: tuple[str, str]
) -> Operation:
    name, scope = names
    narrows = kind is FLOW and name != "getLogEntries"
    return Operation(
        method="GET",
        path=path,
        scopes=kind.scopes(scope, reads=True),
        run=run,
        name=f"{kind.one}.{name}",
        summary=_SUMMARIES[name],
        parameters=(*_PARAMETERS[name], *(("flowVersion",) if narrows else ())),
        ours=name == "debug",
    )


_PARAMETERS: Final = {
    "errors": (*_SPAN, "limit", "sortDirection"),
    "stats": (*_SPAN, "resolution"),
    "getLogEntries": ("limit", "since"),
    "debug": (*_SPAN, "limit", "sortDirection", "nodeId", "level"),
}
_SUMMARIES: Final = {
    "errors": "List a workflow's last errors",
    "stats": "Count a workflow's runs over time",
    "getLogEntries": "List a workflow's runs, newest first",
    "debug": "List what a workflow's debug nodes said last",
}


class _History:
    """The operations over the use cases."""

    def __init__(self, flows: Workflows) -> None:
        self._flows = flows

    async def errors(self, call: Call) -> dict[str, Any]:
        """Return the last errors of a span."""
        return await self._notes(call, "errors", "error", lambda _note: True)

    async def debug(self, call: Call) -> dict[str, Any]:
        """Return the last debug messages of a span: of one node, of a level or graver."""
        least = DEBUG_LEVELS.index(call.choice("level", DEBUG_LEVELS, DEBUG_LEVELS[0]))
        node_id = call.query.get("nodeId")

        def wanted(note: Mapping[str, Any]) -> bool:
            is_grave = DEBUG_LEVELS.index(note["level"]) >= least
            return is_grave and node_id in (None, "", note["nodeId"])

        return await self._notes(call, "debug", "debug", wanted)

    async def _notes(
        self, call: Call, member: str, topic: str, wanted: Callable[[Mapping[str, Any]], bool]
    ) -> dict[str, Any]:
        limit = call.whole("limit", 25, least=1, most=MOST_ENTRIES)
        direction = call.choice("sortDirection", ("asc", "desc", "ASC", "DESC"), "desc")
        period, version = self._period(call), await self._version(call)
        # Few are kept of a workflow, so what is not wanted is left out here.
        span, found = await self._flows.notes(
            call.application_id,
            call.path["flowId"],
            topic,
            period,
            limit=MOST_ENTRIES,
            version=version,
        )
        newest = list(islice(filter(wanted, found), limit))
        ordered = newest if direction.lower() == "desc" else newest[::-1]
        shown = {member: ordered, "limit": limit, "sortDirection": direction.lower()}
        return {**_echo(call, span, version), **shown}

    async def stats(self, call: Call) -> dict[str, Any]:
        """Return counts by buckets of the resolution."""
        resolution = call.whole("resolution", _HOUR_MS, least=_LEAST_RESOLUTION_MS, most=LONGEST_MS)
        period, version = self._period(call), await self._version(call)
        span, counts = await self._flows.counts(
            call.application_id, call.path["flowId"], period, version=version
        )
        shown = {"resolution": resolution, "metrics": _bucketed(counts, resolution)}
        return {**_echo(call, span, version), **shown}

    async def logs(self, call: Call) -> list[dict[str, Any]]:
        """Return counts by minute, newest first."""
        limit = call.whole("limit", 1, least=1, most=MOST_ENTRIES)
        since = call.whole("since", 0, most=_NEVER_MS)
        version = await self._version(call)
        _, counts = await self._flows.counts(
            call.application_id,
            call.path["flowId"],
            Period(0, _NEVER_MS),
            newest=limit,
            version=version,
        )
        return [
            {"flowVersionId": each.version, **_shown(each.minute_ms, [each]), "errors": []}
            for each in counts
            if each.minute_ms >= since
        ]

    async def _version(self, call: Call) -> str | None:
        version_id = call.path.get("flowVersionId")
        if version_id is None:
            return call.query.get("flowVersion") or None
        return await self._flows.version_name(call.application_id, call.path["flowId"], version_id)

    def _period(self, call: Call) -> Period:
        duration = call.whole("duration", _DAY_MS, least=1, most=LONGEST_MS)
        return Period(call.whole("end", 0, least=-_NEVER_MS, most=_NEVER_MS), duration)


def _echo(call: Call, span_ms: tuple[int, int], version: str | None) -> dict[str, Any]:
    told = {"start": to_text(span_ms[0]), "end": to_text(span_ms[1])}
    if call.path.get("flowVersionId"):
        told["flowVersionId"] = call.path["flowVersionId"]
    return told if version is None else {**told, "flowVersion": version}


def _bucketed(counts: Sequence[RunCounts], resolution: int) -> list[dict[str, Any]]:
    buckets: dict[int, list[RunCounts]] = {}
    for each in counts:
        buckets.setdefault(each.minute_ms - each.minute_ms % resolution, []).append(each)
    return [_shown(start_ms, members) for start_ms, members in sorted(buckets.items())]


def _shown(time_ms: int, counts: Sequence[RunCounts]) -> dict[str, Any]:
    return {
        "time": to_text(time_ms),
        "runCount": sum(each.runs for each in counts),
        "pathsCompleted": sum(each.paths_completed for each in counts),
        "pathsFailed": sum(each.paths_failed for each in counts),
        "wallTime": sum(each.wall_ms for each in counts),
    }
