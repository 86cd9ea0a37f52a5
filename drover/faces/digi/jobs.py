"""The operations on jobs (Digi-compatible behaviour, section 2)."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

from drover.app.inventory import MOST_PER_PAGE, Asked, JobInventory
from drover.app.inventory_throttle import RequestThrottle
from drover.app.inventory_verbs import Outcomes
from drover.faces.digi import _outcomes, _xml
from drover.faces.digi._accept import wants_xml
from drover.faces.digi._columns import chosen_columns
from drover.faces.digi._csv import CSV, table
from drover.faces.digi._documents import figures, shown
from drover.faces.digi._job_elements import job_elements
from drover.faces.operation import Answer, Call, Operation
from drover.faces.refusals import WrongMethod
from drover.model.errors import Invalid, Missing
from drover.model.scopes import for_operation

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from drover.app.inventory_verbs import Outcome
    from drover.app.services import Services

    Run = Callable[[Call], Awaitable[Answer]]

ROOT: Final = "/ws/v1/jobs"
MOST_NAMED: Final = 1000
"""Ids that one path may name."""

_OWNERS: Final = ("Application", "Organization", "User")
READS: Final = for_operation("jobInventory", "get", _OWNERS, reads=True)
CHANGES: Final = for_operation("jobInventory", "cancel", _OWNERS)

_ID: Final = re.compile(r"[0-9]+")
_IDS: Final = re.compile(r"[0-9]+(?:,[0-9]+)*")
_SIZE: Final = re.compile(r"\+?0*[1-9][0-9]*")
_LONGEST: Final = 19
_PARTLY: Final = 207
_CANCEL: Final = "cancel"


class _Jobs:
    """Each method answers one operation."""

    def __init__(self, inventory: JobInventory) -> None:
        self._inventory = inventory

    async def list(self, call: Call) -> Answer:
        """List jobs."""
        return await self._page(call, as_xml=wants_xml(call.headers))

    async def list_as_json(self, call: Call) -> Answer:
        """List jobs as JSON."""
        return await self._page(call, as_xml=False)

    async def list_as_xml(self, call: Call) -> Answer:
        """List jobs as XML."""
        return await self._page(call, as_xml=True)

    async def table(self, call: Call) -> Answer:
        """Take all jobs out as CSV."""
        columns = chosen_columns(call.query.get("fields", ""))
        asked = Asked(call.query.get("query", ""), call.query.get("orderby", ""))
        lines = await self._inventory.table(call.caller, asked, columns, raw=call.flag("raw"))
        headers = {"Content-Disposition": 'attachment; filename="jobs.csv"'}
        return Answer(table(lines, columns), headers=headers, media_type=CSV)

    async def get(self, call: Call) -> Answer:
        """Return one job."""
        name, dot, suffix = call.path["job"].partition(".")
        if dot and suffix not in ("json", "xml"):
            raise Missing("Job was not found")
        if _named_to_cancel(name):
            raise WrongMethod("PUT")
        job = shown(await self._inventory.one(call.caller, _number(name)))
        if suffix == "xml" or (not dot and wants_xml(call.headers)):
            return Answer(_xml.document("job", job), media_type=_xml.XML)
        return Answer(msgspec.json.encode(job))

    async def cancel_literally(self, call: Call) -> Answer:
        """Cancel jobs, their ids right behind the word."""
        name = call.path["job"]
        if _ID.fullmatch(name):
            raise WrongMethod("DELETE, GET, HEAD")
        if not _named_to_cancel(name):
            raise Missing("There is nothing at this path")
        return await self._cancel(call, name.removeprefix(_CANCEL))

    async def cancel_named(self, call: Call) -> Answer:
        """Cancel jobs by their ids."""
        return await self._cancel(call, call.path["jobs"])

    async def cancel_matching(self, call: Call) -> Answer:
        """Cancel every job that matches."""
        done = await self._inventory.cancel_matching(call.caller, call.query.get("query", ""))
        return _told(done, call)

    async def delete(self, call: Call) -> Answer:
        """Delete one job that has ended."""
        name = call.path["job"]
        if _named_to_cancel(name):
            raise WrongMethod("PUT")
        return _told([await self._inventory.delete(call.caller, _number(name))], call)

    async def delete_matching(self, call: Call) -> Answer:
        """Delete every job that matches and has ended."""
        done = await self._inventory.delete_matching(call.caller, call.query.get("query", ""))
        return _told(done, call)

    async def discard_matching(self, call: Call) -> Answer:
        """Cancel and delete every job that matches."""
        done = await self._inventory.discard_matching(call.caller, call.query.get("query", ""))
        return _told(done, call)

    async def _page(self, call: Call, *, as_xml: bool) -> Answer:
        asked = Asked(
            query=call.query.get("query", ""),
            orderby=call.query.get("orderby", ""),
            size=_size(call),
            cursor=call.query.get("cursor", ""),
            total=call.flag("total"),
        )
        listed = await self._inventory.page(call.caller, asked)
        members = figures(listed)
        if as_xml:
            return Answer(_xml.page(members, job_elements(listed.jobs)), media_type=_xml.XML)
        jobs = [shown(job) for job in listed.jobs]
        return Answer(msgspec.json.encode({**members, "list": jobs}))

    async def _cancel(self, call: Call, listed: str) -> Answer:
        if not _IDS.fullmatch(listed):
            raise Missing("There is nothing at this path")
        numbers = [_number(text) for text in listed.split(",")]
        if len(numbers) > MOST_NAMED:
            raise Invalid(f"At most {MOST_NAMED} ids can be named")
        if len(numbers) == 1:
            return _told([await self._inventory.cancel(call.caller, numbers[0])], call)
        return _told(await self._inventory.cancel_each(call.caller, numbers), call)


async def _summary(_call: Call) -> Answer:
    """List the operations on jobs."""
    entries = [
        {"method": method, "path": f"{ROOT}{path}", "description": description}
        for method, path, description in SUMMARY
    ]
    members = {"count": len(entries), "size": MOST_PER_PAGE, "start": 0, "list": entries}
    return Answer(msgspec.json.encode(members))


SUMMARY: Final = (
    ("GET", "", "List the operations on jobs"),
    ("GET", "/inventory", "List jobs"),
    ("GET", "/inventory.json", "List jobs as JSON"),
    ("GET", "/inventory.xml", "List jobs as XML"),
    ("GET", "/bulk", "Take all jobs out as CSV"),
    ("GET", "/{id}", "Read one job"),
    ("GET", "/inventory/{id}", "Read one job"),
    ("PUT", "/cancel{id}", "Cancel one job"),
    ("PUT", "/cancel/{id}", "Cancel one job, or several with commas between their ids"),
    ("PUT", "/cancel?query={query}", "Cancel every job that matches"),
    ("PUT", "/inventory/cancel?query={query}", "Cancel every job that matches"),
    ("DELETE", "/inventory/{id}", "Delete one job that has ended"),
    ("DELETE", "/{id}", "Delete one job that has ended"),
    ("DELETE", "/inventory?query={query}", "Delete every job that matches and has ended"),
    ("DELETE", "/cancel?query={query}", "Cancel and delete every job that matches"),
)
"""Every endpoint: method, path below the root, what it does."""


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations of the inventory."""
    jobs = _Jobs(services[JobInventory])
    query, page = ("query",), ("query", "orderby", "size", "cursor", "total")
    declare = partial(_operation, services[RequestThrottle])
    yield declare("GET", "", _summary)
    yield declare("GET", "/inventory", jobs.list, page)
    yield declare("GET", "/inventory.json", jobs.list_as_json, page)
    yield declare("GET", "/inventory.xml", jobs.list_as_xml, page)
    yield declare("GET", "/bulk", jobs.table, ("query", "orderby", "fields", "raw"))
    yield declare("GET", "/{job}", jobs.get)
    yield declare("GET", "/inventory/{job}", jobs.get)
    yield declare("PUT", "/{job}", jobs.cancel_literally)
    yield declare("PUT", "/cancel", jobs.cancel_matching, query)
    yield declare("PUT", "/cancel/{jobs}", jobs.cancel_named)
    yield declare("PUT", "/inventory/cancel", jobs.cancel_matching, query)
    yield declare("DELETE", "/{job}", jobs.delete)
    yield declare("DELETE", "/inventory/{job}", jobs.delete)
    yield declare("DELETE", "/inventory", jobs.delete_matching, query)
    yield declare("DELETE", "/cancel", jobs.discard_matching, query)


def _operation(
    throttle: RequestThrottle, method: str, path: str, run: Run, parameters: tuple[str, ...] = ()
) -> Operation:
    words = re.sub(r"[^a-z]+", " ", path.lower()).split() or ["summary"]
    doc = (run.__doc__ or "").rstrip(".")
    return Operation(
        method=method,
        path=f"{ROOT}{path}",
        scopes=READS if method == "GET" else CHANGES,
        run=partial(_guarded, throttle, run),
        name=f"digi.{method.lower()}.{'.'.join(words)}",
        summary=doc,
        parameters=parameters,
    )


async def _guarded(throttle: RequestThrottle, run: Run, call: Call) -> Answer:
    """Run an operation within its caller's allowance."""
    caller = call.caller
    with throttle.admitted(caller.user_id or caller.id):
        return await run(call)


def _told(done: Sequence[Outcome], call: Call) -> Answer:
    refused = done.some_refused if isinstance(done, Outcomes) else any(x.refused for x in done)
    status = _PARTLY if refused else 200
    if wants_xml(call.headers):
        return Answer(_outcomes.as_xml(done), status, media_type=_xml.XML)
    return Answer(_outcomes.as_json(done), status)


def _named_to_cancel(name: str) -> bool:
    return name.startswith(_CANCEL) and bool(_IDS.fullmatch(name.removeprefix(_CANCEL)))


def _number(text: str) -> int:
    if not _ID.fullmatch(text) or len(text.lstrip("0")) > _LONGEST:
        raise Missing("Job was not found")
    return int(text.lstrip("0") or "0")


def _size(call: Call) -> int:
    """Return the size of a page; raises Invalid for what is no whole number from 1 on."""
    text = call.query.get("size", str(MOST_PER_PAGE)).strip()  # a plus sign may come as a space
    if not _SIZE.fullmatch(text):
        raise Invalid("size must be a whole number of at least 1", field="size")
    return MOST_PER_PAGE if len(text.lstrip("+0")) > _LONGEST else int(text)
