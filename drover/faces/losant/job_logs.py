"""Job logs: what became of the long tasks of an application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.app.job_logs import JobLogs
from drover.faces.losant import _lists
from drover.faces.operation import Call, Operation
from drover.model.errors import Invalid
from drover.model.scopes import for_operation
from drover.ports.tasks import LogsWanted
from drover.query.kinds import APPLICATION_JOB_LOGS
from drover.query.losant import parse_json
from drover.query.tree import ALL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from drover.app.services import Services
    from drover.query.tree import Node

_MANY: Final = "/applications/{applicationId}/jobLogs"
_SORTS: Final = ("name", "status", "resourceType", "runQueuedAt", "runStartedAt", "runCompletedAt")
_OWNERS: Final = ("Application", "Organization", "User")
_PARAMETERS: Final = ("sortField", "sortDirection", "page", "perPage", "query")


class _Calls:
    """The operations on job logs."""

    def __init__(self, logs: JobLogs) -> None:
        self._logs = logs

    async def list(self, call: Call) -> dict[str, Any]:
        """Return one page."""
        wanted = _wanted(call)
        logs, total = await self._logs.page(call.application_id, wanted)
        asked = {"query": msgspec.Raw(call.query["query"].encode())} if wanted.query != ALL else {}
        return {
            "items": [_linked(call, each) for each in logs],
            "count": len(logs),
            "totalCount": total,
            "page": wanted.offset // wanted.limit,
            "perPage": wanted.limit,
            "sortField": wanted.sort_field,
            "sortDirection": "desc" if wanted.descending else "asc",
            **asked,
            "applicationId": call.application_id,
            "_type": "applicationJobLogs",
            **_links(call, ""),
        }

    async def get(self, call: Call) -> dict[str, Any]:
        """Return one."""
        return _linked(call, await self._logs.one(call.application_id, call.path["jobId"]))


def _wanted(call: Call) -> LogsWanted:
    per_page = call.whole("perPage", _lists.PER_PAGE, least=1, most=_lists.MOST_PER_PAGE)
    page = call.whole("page", 0, most=_lists.FARTHEST)
    return LogsWanted(
        query=_query(call),
        sort_field=call.choice("sortField", _SORTS, "runQueuedAt"),
        descending=_lists.descending(call),
        limit=per_page,
        offset=page * per_page,
    )


def _query(call: Call) -> Node:
    text = call.query.get("query")
    if text is None and call.nested("query") is not None:
        raise Invalid("query must be one JSON document, not in brackets", field="query")
    if text is None or not text.strip():
        return ALL
    return parse_json(text, APPLICATION_JOB_LOGS)


def _linked(call: Call, log: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **log,
        "applicationJobLogId": log["id"],
        "_type": "applicationJobLog",
        **_links(call, f"/{log['id']}"),
    }


def _links(call: Call, rest: str) -> dict[str, Any]:
    if not call.flag("_links", default=True):
        return {}
    application = f"/applications/{call.application_id}"
    links = {"self": f"{application}/jobLogs{rest}", "application": application}
    return {"_links": {name: {"href": href} for name, href in links.items()}}


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations on job logs."""
    calls = _Calls(services[JobLogs])
    yield Operation(
        method="GET",
        path=_MANY,
        scopes=for_operation("applicationJobLogs", "get", _OWNERS, reads=True),
        run=calls.list,
        name="applicationJobLogs.get",
        summary="List job logs",
        parameters=_PARAMETERS,
    )
    yield Operation(
        method="GET",
        path=f"{_MANY}/{{jobId}}",
        scopes=for_operation("applicationJobLog", "get", _OWNERS, reads=True),
        run=calls.get,
        name="applicationJobLog.get",
        summary="Read one job log",
    )
