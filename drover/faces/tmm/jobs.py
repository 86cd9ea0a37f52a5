"""The operations on beacon jobs (TMM-compatible behaviour, section 2)."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote

import msgspec

from drover.app.access.authenticate import Authenticator
from drover.app.beacons.jobs import BeaconJobs
from drover.app.beacons.jobs import Wanted as SoughtJobs
from drover.app.beacons.logs import MOST_LINES, MOST_SEQ, BeaconLogs
from drover.app.beacons.settings import BeaconSettings
from drover.app.beacons.sights import check_changes
from drover.app.beacons.templates import MOST_SHOWN, Templates
from drover.app.beacons.waiting import Patience
from drover.app.beacons.work import BeaconWork, Ending, Wanted
from drover.faces.operation import Answer, Call, Operation
from drover.faces.tmm import _filters
from drover.faces.tmm._given import array_given, given_by
from drover.faces.tmm._refusals import PRIVATE, UnknownAction
from drover.faces.tmm._sign_in import caller_of
from drover.faces.tmm._signs_of_life import SignsOfLife
from drover.faces.tmm._wishes import (
    beacon_name,
    beacon_names,
    encoded,
    failure,
    hold,
    labels,
    lease,
    log_lines,
    picked,
    results,
    step,
    switched,
    wanted_job,
)
from drover.faces.tmm.documents import scheduled, shown
from drover.model.beacon_job import DEFAULT_BEACON
from drover.model.errors import Invalid, Missing
from drover.query.tree import Compare, Operator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence

    from drover.app.beacons.jobs import WantedJob
    from drover.app.services import Services
    from drover.faces.tmm._given import Given
    from drover.model.access import Caller
    from drover.model.beacon_job import BeaconJob
    from drover.ports.beacons import LogLine

    Action = Callable[["Request"], Awaitable[Answer]]

T = TypeVar("T")

ROOT: Final = "/api/jobs"
MOST_WAIT_S: Final = 60

_ID: Final = re.compile(r"[0-9]{1,18}")
_NO_CONTENT: Final = 204
_HEAD: Final = "HEAD"
_USUAL_PREVIEW: Final = 20
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
        self._signs = services[Authenticator]
        self._jobs = services[BeaconJobs]
        self._work = services[BeaconWork]
        self._templates = services[Templates]
        self._logs = services[BeaconLogs]
        self._settings = services[BeaconSettings]

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
        return Answer(_array(pages, _row), headers=headers)

    async def create(self, request: Request) -> Answer:
        """Create a job, or each of an array of them."""
        several = array_given(request.call)
        if several is not None:
            wanted = [_wanted_at(place, each) for place, each in enumerate(several, 1)]
            created = await self._jobs.create(request.caller, wanted)
            return _answer([shown(each.job) for each in created])
        [made] = await self._jobs.create(request.caller, [wanted_job(request.given)])
        more = {} if made.new else {"X-Duplicate-Of": str(made.job.number)}
        return _told(made.job, more)

    async def take(self, request: Request) -> Answer:
        """Take the best job there is, waiting for one if need be."""
        given = request.given
        wanted = Wanted(beacon_names(given) or (DEFAULT_BEACON,), labels(given))
        asked = msgspec.structs.replace(picked(given, self._work.lease_ms), beacon_name=None)
        job = await self._work.take(request.caller, wanted, asked, self._patience(request))
        return _told(job) if job is not None else Answer(b"", _NO_CONTENT, PRIVATE)

    def _patience(self, request: Request) -> Patience:
        wait_s = request.given.whole("wait", 0, MOST_WAIT_S) or 0
        # Who has waited may have lost the key meanwhile.
        still = partial(caller_of, self._signs, request.call, request.given)
        return Patience(wait_s, request.call.left, still)

    async def show(self, request: Request) -> Answer:
        """Show a job."""
        return _told(await self._jobs.show(request.caller, request.number))

    async def tasks(self, request: Request) -> Answer:
        """Show a job's tasks."""
        job = await self._jobs.show(request.caller, request.number)
        return Answer(job.tasks, headers=PRIVATE)

    async def pick(self, request: Request) -> Answer:
        """Take a job; with results it is ended, as the source document prints it."""
        if request.call.method == "POST" and results(request.given) is not None:
            return await self.end(request)
        asked = picked(request.given, self._work.lease_ms)
        return _told(await self._work.pick(request.caller, request.number, asked))

    async def start(self, request: Request) -> Answer:
        """Begin a job."""
        asked = picked(request.given, self._work.lease_ms)
        return _told(await self._work.start(request.caller, request.number, asked))

    async def update(self, request: Request) -> Answer:
        """Tell which task is worked on, and renew the lease; switch a template on or off."""
        given = request.given
        active = switched(given)
        # First what may be refused, so that a refused request has switched nothing.
        done = await self._work.update(request.caller, request.number, hold(given), step(given))
        if active is not None:
            done = await self._templates.switch(request.caller, request.number, active=active)
        return _told(done)

    async def heartbeat(self, request: Request) -> Answer:
        """Renew the lease, and wait for a cancel if need be."""
        told, patience = hold(request.given), self._patience(request)
        return _told(await self._work.beat(request.caller, request.number, told, patience))

    async def release(self, request: Request) -> Answer:
        """Hand a job back to the queue."""
        return _told(await self._work.release(request.caller, request.number, hold(request.given)))

    async def cancel(self, request: Request) -> Answer:
        """Cancel a job."""
        return _told(await self._jobs.cancel(request.caller, request.number))

    async def end(self, request: Request) -> Answer:
        """End a job with its results."""
        given = request.given
        ending = Ending(results(given) or b"[]", failure(given))
        return _told(await self._work.end(request.caller, request.number, hold(given), ending))

    async def log(self, request: Request) -> Answer:
        """Add lines to the log."""
        given = request.given
        lines = log_lines(given)
        job, last = await self._logs.write(request.caller, request.number, hold(given), lines)
        told = {"id": job.number, "job_id": job.number, "status": job.status, "seq": last}
        return _answer({**told, "cancel_requested": job.cancel_requested})

    async def read_log(self, request: Request) -> Answer:
        """Show the log from after a line on."""
        given = request.given
        after = given.whole("after", 0, MOST_SEQ) or 0
        limit = given.whole("limit", 1, MOST_LINES)
        pages = await self._logs.read(request.caller, request.number, after, limit or 1000)
        return Answer(_array(pages, _log_line), headers=PRIVATE)

    async def trigger(self, request: Request) -> Answer:
        """Add a job of a template now."""
        return _told(await self._templates.trigger(request.caller, request.number))

    async def preview(self, request: Request) -> Answer:
        """Show when a template is due next."""
        count = request.given.whole("count", 1, MOST_SHOWN) or _USUAL_PREVIEW
        found = await self._templates.preview(request.caller, request.number, count)
        return _answer([each // 1000 for each in found])

    async def scheduled(self, request: Request) -> Answer:
        """List templates."""
        only = Compare("scheduled", Operator.EQUAL, 1)
        sought = SoughtJobs(query=only, documents={}, templates=True)
        pages = self._jobs.pages(request.caller, sought, offset=0, limit=None)
        return Answer(_array(pages, scheduled), headers=PRIVATE)

    async def pause(self, request: Request) -> Answer:
        """Hand out no jobs of a beacon."""
        return await self._set(request, paused=True)

    async def resume(self, request: Request) -> Answer:
        """Hand out jobs of a beacon again."""
        return await self._set(request, paused=False)

    async def configure(self, request: Request) -> Answer:
        """Set how long the workers of a beacon may be silent."""
        return await self._set(request, paused=None)

    async def _set(self, request: Request, *, paused: bool | None) -> Answer:
        given = request.given
        name = beacon_name(given) or DEFAULT_BEACON
        done = await self._settings.put(request.caller, name, paused=paused, lease_ms=lease(given))
        seconds = None if done.lease_ms is None else done.lease_ms // 1000
        return _answer({"beacon_name": name, "paused": done.paused, "lease": seconds})


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations on beacon jobs."""
    signs = services[Authenticator]
    life = SignsOfLife(services)
    for method, path, actions, summary in _actions(_Jobs(services)):
        yield Operation(
            method=method,
            path=f"{ROOT}{path}",
            scopes=None,  # the key may be in the body: _act signs the caller in
            run=partial(_act, signs, life, actions),
            name=f"tmm.{method.lower()}{path.replace('/{job}', '.job').replace('/', '.')}",
            summary=summary,
            parameters=("action", "userkey"),
        )


def _actions(jobs: _Jobs) -> Iterator[tuple[str, str, Mapping[str, Action], str]]:
    """Yield method, path, actions (the one that is meant without a name first), and what it is."""
    on_all = {
        "create": jobs.create,
        "pickup": jobs.take,
        "pause": jobs.pause,
        "resume": jobs.resume,
        "configure": jobs.configure,
        "heartbeat": _alive,
    }
    on_one = {
        "update": jobs.update,
        "pickup": jobs.pick,
        "start": jobs.start,
        "end": jobs.end,
        "finish": jobs.end,
        "heartbeat": jobs.heartbeat,
        "release": jobs.release,
        "cancel": jobs.cancel,
        "log": jobs.log,
        "trigger": jobs.trigger,
    }
    shows = {"show": jobs.show, "pickup": jobs.pick, "preview": jobs.preview}
    yield "GET", "", {"list": jobs.list}, "List jobs"
    yield "POST", "", on_all, "Create a job, or take one"
    yield "GET", "/scheduled", {"list": jobs.scheduled}, "List the scheduled jobs"
    yield "POST", "/scheduled", {}, "No action: a scheduled job is changed at its own path"
    yield "GET", "/{job}", shows, "Show a job, or take it"
    yield "POST", "/{job}", on_one, "Work on a job"
    yield "GET", "/{job}/tasks", {"list": jobs.tasks, "show": jobs.tasks}, "Show its tasks"
    yield "POST", "/{job}/tasks", {}, "No action: tasks cannot be changed"
    yield "GET", "/{job}/log", {"list": jobs.read_log, "show": jobs.read_log}, "Show its log"
    yield "POST", "/{job}/log", {}, "No action: lines are added by the action log of the job"


READING: Final = frozenset({"list", "show", "preview"})
"""Actions that change nothing: every key may ask for them."""


async def _alive(_request: Request) -> Answer:
    """Take a sign of life of a worker that has no job."""
    return _answer({"ok": True})


async def _act(
    signs: Authenticator, life: SignsOfLife, actions: Mapping[str, Action], call: Call
) -> Answer:
    several = array_given(call)
    given = given_by(call) if several is None else given_by(_without_body(call))
    caller = await caller_of(signs, call, given)
    action = given.text("action") or next(iter(actions), "")
    if call.method == _HEAD and action == "pickup":
        action = "show"  # a HEAD changes nothing
    run = actions.get(action)
    if run is None or (several is not None and action != "create"):
        raise UnknownAction(f"There is no action '{action[:_MOST_NAMED]}' here", field="action")
    if action not in READING:
        check_changes(caller)
        life.note(call, caller, given, action)
    return await run(Request(call, caller, given))


def _wanted_at(place: int, given: Given) -> WantedJob:
    """Return one of several jobs that are to be created; a refusal says which it is about."""
    try:
        return wanted_job(given)
    except Invalid as error:
        error.message = f"Job {place}: {error.message}"
        raise


def _without_body(call: Call) -> Call:
    return Call(call.caller, call.path, call.query, b"", call.headers, sent_query=call.sent_query)


def _told(job: BeaconJob, more: Mapping[str, str] | None = None) -> Answer:
    return _answer(shown(job), more)


def _answer(value: Any, more: Mapping[str, str] | None = None) -> Answer:
    return Answer(encoded(value), headers={**PRIVATE, **(more or {})})


def _row(job: BeaconJob) -> dict[str, Any]:
    return shown(job, with_tasks=False)


def _log_line(each: LogLine) -> dict[str, Any]:
    return {"seq": each.seq, "time": each.at_ms // 1000, "line": each.line}


async def _array(
    pages: AsyncIterator[Sequence[T]], show: Callable[[T], Any]
) -> AsyncIterator[bytes]:
    opened = False
    async for page in pages:
        rows = b",".join(encoded(show(each)) for each in page)
        yield (b"," if opened else b"[") + rows
        opened = True
    yield b"]" if opened else b"[]"
