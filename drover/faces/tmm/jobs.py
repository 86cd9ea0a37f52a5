"""The operations on beacon jobs (TMM-compatible behaviour, section 2)."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import msgspec

from drover.app.access.authenticate import Authenticator
from drover.app.beacons.jobs import BeaconJobs
from drover.app.beacons.sights import check_changes
from drover.app.beacons.work import BeaconWork, Ending, Wanted
from drover.faces.operation import Answer, Call, Operation
from drover.faces.tmm import _filters
from drover.faces.tmm._documents import shown
from drover.faces.tmm._given import array_given, given_by
from drover.faces.tmm._refusals import PRIVATE, BadParam, UnknownAction
from drover.faces.tmm._sign_in import caller_of
from drover.faces.tmm._wishes import (
    MOST_NAME,
    encoded,
    failure,
    hold,
    labels,
    picked,
    results,
    step,
    wanted_job,
)
from drover.model.beacon_job import DEFAULT_BEACON
from drover.model.errors import Missing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence

    from drover.app.services import Services
    from drover.faces.tmm._given import Given
    from drover.model.access import Caller
    from drover.model.beacon_job import BeaconJob

    Action = Callable[["Request"], Awaitable[Answer]]

ROOT: Final = "/api/jobs"
MOST_WAIT_S: Final = 60
DEFAULT_LEASE_MS: Final = 300_000

_ID: Final = re.compile(r"[0-9]{1,18}")
_NO_CONTENT: Final = 204
_HEAD: Final = "HEAD"
_MOST_BEACONS: Final = 100
_MOST_NAMED: Final = 64


class Request:
    """One request: who calls, what they give, and the call itself."""

    __slots__ = ("call", "caller", "given")

    def __init__(self, call: Call, caller: Caller, given: Given) -> None:
        self.call = call
        self.caller = caller
        self.given = given

    @property
    def number(self) -> int:
        """The job in the path; raises Missing."""
        text = self.call.path["job"]
        if not _ID.fullmatch(text):
            raise Missing("Job was not found")
        return int(text)


class _Jobs:
    """Each method answers one action."""

    def __init__(self, services: Services) -> None:
        self._jobs = services[BeaconJobs]
        self._work = services[BeaconWork]

    async def list(self, request: Request) -> Answer:
        """List jobs."""
        given, caller = request.given, request.caller
        sought = _filters.wanted(given)
        limit = given.whole("limit", 0, 10**9)
        offset = given.whole("offset", 0, 10**9) or 0
        headers = {"X-Total-Count": str(await self._jobs.count(caller, sought)), **PRIVATE}
        if names := _filters.ignored(given):
            told = [quote(name[:_MOST_NAMED], safe="") for name in names[:_MOST_NAMED]]
            headers["X-Ignored-Params"] = ",".join(told)
        pages = self._jobs.pages(caller, sought, offset=offset, limit=limit)
        return Answer(_array(pages), headers=headers)

    async def create(self, request: Request) -> Answer:
        """Create a job, or each of an array of them."""
        several = array_given(request.call)
        if several is not None:
            wanted = [wanted_job(each) for each in several]
            created = await self._jobs.create(request.caller, wanted)
            return _answer([shown(each.job) for each in created])
        [made] = await self._jobs.create(request.caller, [wanted_job(request.given)])
        more = {} if made.new else {"X-Duplicate-Of": str(made.job.number)}
        return _told(made.job, more)

    async def take(self, request: Request) -> Answer:
        """Take the best job there is, waiting for one if need be."""
        given = request.given
        names = tuple(str(each)[:MOST_NAME] for each in given.every("beacon_name") if each)
        if len(names) > _MOST_BEACONS:
            raise BadParam(f"At most {_MOST_BEACONS} beacons can be named", field="beacon_name")
        wanted = Wanted(tuple(dict.fromkeys(names)) or (DEFAULT_BEACON,), labels(given))
        asked = msgspec.structs.replace(picked(given, DEFAULT_LEASE_MS), beacon_name=None)
        wait_s = given.whole("wait", 0, MOST_WAIT_S) or 0
        job = await self._work.take(request.caller, wanted, asked, wait_s, request.call.left)
        return _told(job) if job is not None else Answer(b"", _NO_CONTENT, PRIVATE)

    async def show(self, request: Request) -> Answer:
        """Show a job."""
        return _told(await self._jobs.show(request.caller, request.number))

    async def tasks(self, request: Request) -> Answer:
        """Show a job's tasks."""
        job = await self._jobs.show(request.caller, request.number)
        return Answer(job.tasks, headers=PRIVATE)

    async def pick(self, request: Request) -> Answer:
        """Take a job; with results it is ended, as the source document prints it."""
        if request.call.method == _HEAD:
            return await self.show(request)
        if request.call.method == "POST" and results(request.given) is not None:
            return await self.end(request)
        asked = picked(request.given, DEFAULT_LEASE_MS)
        return _told(await self._work.pick(request.caller, request.number, asked))

    async def start(self, request: Request) -> Answer:
        """Begin a job."""
        asked = picked(request.given, DEFAULT_LEASE_MS)
        return _told(await self._work.start(request.caller, request.number, asked))

    async def update(self, request: Request) -> Answer:
        """Tell which task is worked on; renews the lease."""
        given = request.given
        done = await self._work.update(request.caller, request.number, hold(given), step(given))
        return _told(done)

    async def heartbeat(self, request: Request) -> Answer:
        """Renew the lease."""
        return _told(await self._work.beat(request.caller, request.number, hold(request.given)))

    async def end(self, request: Request) -> Answer:
        """End a job with its results."""
        given = request.given
        ending = Ending(results(given) or b"[]", failure(given))
        return _told(await self._work.end(request.caller, request.number, hold(given), ending))


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations on beacon jobs."""
    jobs = _Jobs(services)
    signs = services[Authenticator]
    ends = {"end": jobs.end, "finish": jobs.end}
    works = {"pickup": jobs.pick, "start": jobs.start, "heartbeat": jobs.heartbeat, **ends}
    shows = {"show": jobs.show, "pickup": jobs.pick}
    for method, path, actions, summary in (
        ("GET", "", {"list": jobs.list}, "List jobs"),
        ("POST", "", {"create": jobs.create, "pickup": jobs.take}, "Create a job, or take one"),
        ("GET", "/{job}", shows, "Show a job, or take it"),
        ("POST", "/{job}", {"update": jobs.update, **works}, "Work on a job"),
        ("GET", "/{job}/tasks", {"list": jobs.tasks, "show": jobs.tasks}, "Show its tasks"),
        ("POST", "/{job}/tasks", {}, "Nothing"),
    ):
        yield Operation(
            method=method,
            path=f"{ROOT}{path}",
            scopes=None,  # the key may be in the body: _act signs the caller in
            run=partial(_act, signs, actions),
            name=f"tmm.{method.lower()}{path.replace('/{job}', '.job').replace('/', '.')}",
            summary=summary,
            parameters=("action", "userkey"),
        )


READING: Final = frozenset({"list", "show"})
"""Actions that change nothing: every key may ask for them."""


async def _act(signs: Authenticator, actions: Mapping[str, Action], call: Call) -> Answer:
    several = array_given(call)
    given = given_by(call) if several is None else given_by(_without_body(call))
    caller = await caller_of(signs, call, given)
    action = given.text("action") or next(iter(actions), "")
    run = actions.get(action)
    if run is None or (several is not None and action != "create"):
        raise UnknownAction(f"There is no action '{action[:_MOST_NAMED]}' here", field="action")
    if action not in READING:
        check_changes(caller)
    return await run(Request(call, caller, given))


def _without_body(call: Call) -> Call:
    return Call(call.caller, call.path, call.query, b"", call.headers, sent_query=call.sent_query)


def _told(job: BeaconJob, more: Mapping[str, str] | None = None) -> Answer:
    return _answer(shown(job), more)


def _answer(value: Any, more: Mapping[str, str] | None = None) -> Answer:
    return Answer(encoded(value), headers={**PRIVATE, **(more or {})})


async def _array(pages: AsyncIterator[Sequence[BeaconJob]]) -> AsyncIterator[bytes]:
    opened = False
    async for jobs in pages:
        rows = b",".join(encoded(shown(job, with_tasks=False)) for job in jobs)
        yield (b"," if opened else b"[") + rows
        opened = True
    yield b"]" if opened else b"[]"
