"""A job that a worker outside takes, does and ends, and the rules of what may be done to it.

The worker is called a beacon. Each rule takes a job as it stands and returns it as it shall stand;
the store writes the difference, guarded by the state and the fence that were seen.
TMM-compatible behaviour, sections 6 to 8.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, structs

from drover.model.errors import Conflict, Invalid
from drover.model.execution import State

if TYPE_CHECKING:
    from collections.abc import Mapping

BEACON: Final = "beacon"
"""The kind of an execution that a beacon does."""

TEMPLATE: Final = "beacon_template"
"""The kind of what is stored to add beacon jobs again and again; it is never run itself."""

DEFAULT_BEACON: Final = "default"
DEFAULT_LEASE_MS: Final = 300_000
"""How long a worker may be silent where nothing else is said."""

LEASE_EXPIRED: Final = "lease expired"
TIMED_OUT: Final = "timed out"

WORDS: Final[Mapping[State, str]] = MappingProxyType(
    {
        State.NEW: "new",
        State.QUEUED: "queued",
        State.RUNNING: "running",
        State.PAUSED: "queued",
        State.FAILING: "running",
        State.CANCELING: "running",
        State.SUCCEEDED: "complete",
        State.FAILED: "failed",
        State.CANCELED: "canceled",
    }
)
"""The word for each state; one that runs but has not been started is ``PICKED_UP``."""

PICKED_UP: Final = "picked_up"
SCHEDULED: Final = "scheduled"
STATUSES: Final = (*dict.fromkeys(WORDS.values()), PICKED_UP, SCHEDULED)
"""The words for where a job stands."""

WAITING: Final = frozenset({State.NEW, State.QUEUED})
"""Nobody has it; a worker may begin it, which makes it RUNNING."""

HELD: Final = frozenset({State.RUNNING, State.CANCELING})
"""A worker has it."""


class Terms(Struct, frozen=True, kw_only=True):
    """What is to be done, by whom, and how stubbornly; moments and durations in milliseconds.

    ``tasks`` is the JSON text of an array as it was given, ``steps`` its length. Without
    ``queued_ms`` the job is not queued. ``lease_ms`` 0 means that its worker is trusted for ever,
    None that the beacon's setting counts; ``timeout_ms`` 0 is no limit.
    """

    beacon_name: str = DEFAULT_BEACON
    tasks: bytes = b"[]"
    steps: int = 0
    queued_ms: int | None = None
    priority: int = 0
    max_attempts: int = 3
    retry_delay_ms: int = 0
    timeout_ms: int = 0
    lease_ms: int | None = None
    labels: tuple[str, ...] = ()
    unique_key: str | None = None
    callback_url: str | None = None
    duplicate_of: int | None = None

    def terms(self) -> dict[str, Any]:
        """Return these by name, to be agreed on for another job."""
        return {name: getattr(self, name) for name in Terms.__struct_fields__}


class NewBeaconJob(Terms, frozen=True, kw_only=True):
    """What is stored when a job is created.

    ``unique_key`` is unique within ``unique_in`` until ``unique_until_ms``, for ever where that is
    None; one that is ours is not shown.
    """

    id: str
    name: str
    owner_id: str
    user_number: int | None
    user_guid: str | None
    kind: str = BEACON
    unique_in: str | None = None
    unique_until_ms: int | None = None
    source_type: str = "user"
    source_id: str = ""
    key_is_ours: bool = False


class BeaconJob(Struct, frozen=True, kw_only=True):
    """A job as stored; moments and durations in milliseconds.

    ``step`` is the task worked on, from 1 on, 0 before the first. ``tries`` counts leases that ran
    out. ``fence`` rises whenever the job changes hands. ``asked_lease_ms`` is what the job itself
    asks for or the beacon's setting says, ``lease_ms`` what its worker was given (0: no end).
    ``ends_ms`` is when its time is over. ``active`` and the due moments are those of a template's
    schedule. ``paused`` is that of its beacon, known only where the job is held.
    """

    number: int
    id: str
    kind: str
    name: str
    owner_id: str
    user_number: int | None
    user_guid: str | None
    beacon_name: str
    state: State
    tasks: bytes
    steps: int
    step: int
    requested_ms: int
    queued_ms: int | None
    due_ms: int
    picked_ms: int | None
    started_ms: int | None
    completed_ms: int | None
    result: bytes | None
    error: str | None
    duplicate_of: int | None
    cancel_requested: bool
    priority: int
    tries: int
    max_attempts: int
    retry_delay_ms: int
    timeout_ms: int
    asked_lease_ms: int | None
    lease_ms: int | None
    lease_until_ms: int | None
    ends_ms: int | None
    worker: str | None
    fence: int
    labels: tuple[str, ...]
    unique_key: str | None
    callback_url: str | None
    active: bool | None = None
    next_due_ms: int | None = None
    last_due_ms: int | None = None
    paused: bool = False

    @property
    def is_template(self) -> bool:
        """It only says which jobs are to be added when."""
        return self.kind == TEMPLATE

    @property
    def is_dead(self) -> bool:
        """It failed because no worker kept it long enough to end it."""
        return self.state is State.FAILED and self.tries >= self.max_attempts

    @property
    def status(self) -> str:
        """The word for where it stands."""
        if self.is_template:
            return SCHEDULED
        if self.state in HELD and self.started_ms is None:
            return PICKED_UP
        return WORDS[self.state]


class JobConflict(Conflict):
    """The job is not in a condition for this; ``job`` is how it stands."""

    def __init__(self, message: str, job: BeaconJob) -> None:
        super().__init__(message)
        self.job = job


class Hold(Struct, frozen=True, kw_only=True):
    """Who says that the job is theirs: by the fence they were given, or by their name."""

    worker: str | None = None
    fence: int | None = None


class Pick(Struct, frozen=True, kw_only=True):
    """How a job is asked for; ``lease_ms`` None leaves the choice to the job and the beacon."""

    hold: Hold = Hold()
    beacon_name: str | None = None
    lease_ms: int | None = None
    default_lease_ms: int = DEFAULT_LEASE_MS


def pick(job: BeaconJob, asked: Pick, now_ms: int) -> BeaconJob:
    """Return the job in the hands of a worker; itself when that worker has it already.

    Raises JobConflict.
    """
    _refuse_template(job)
    if asked.beacon_name is not None and asked.beacon_name != job.beacon_name:
        raise JobConflict("The job is for another beacon", job)
    worker = asked.hold.worker
    if job.state in HELD and worker and worker == job.worker and not _lease_over(job, now_ms):
        return job
    if job.state not in WAITING:
        raise JobConflict(f"The job is {job.status}", job)
    if job.state is State.QUEUED and job.due_ms > now_ms:
        raise JobConflict("The job is queued for later", job)
    _refuse_paused(job)
    return _handed_over(job, asked, now_ms)


def start(job: BeaconJob, asked: Pick, now_ms: int) -> BeaconJob:
    """Return the job begun; itself when it has begun already. Raises JobConflict."""
    _refuse_template(job)
    _refuse_ended(job)
    _refuse_others(job, asked.hold)
    if job.started_ms is not None:
        return job
    if job.state in WAITING:
        _refuse_paused(job)
        job = _handed_over(job, asked, now_ms)
    return structs.replace(_renewed(job, now_ms), started_ms=now_ms)


def update(job: BeaconJob, hold: Hold, step: int | None, now_ms: int) -> BeaconJob:
    """Return the job at another task, its lease renewed; without ``step`` it is a heartbeat.

    Raises JobConflict, and Invalid for a task there is not.
    """
    if step is not None:
        _refuse_template(job)
        if step < 0 or (job.steps and step > job.steps):
            raise Invalid(f"curtask must be from 0 to {job.steps}", field="curtask")
        _refuse_ended(job)
    _refuse_others(job, hold)
    if job.state not in HELD and step is None:
        return job
    job = _renewed(job, now_ms)
    return job if step is None else structs.replace(job, step=step)


def beat(job: BeaconJob, hold: Hold, now_ms: int) -> BeaconJob:
    """Return the job with its lease renewed. Raises JobConflict when nobody has it."""
    _refuse_template(job)
    _refuse_ended(job)
    _refuse_others(job, hold)
    if job.state not in HELD:
        raise JobConflict("Nobody has picked the job up", job)
    return _renewed(job, now_ms)


def end(job: BeaconJob, hold: Hold, result: bytes, error: str | None, now_ms: int) -> BeaconJob:
    """Return the job with its results: failed where there is an error, else complete.

    One whose cancelling was asked for is canceled. Raises JobConflict.
    """
    _refuse_template(job)
    _refuse_ended(job)
    _refuse_others(job, hold)
    if job.state in WAITING and job.tries:
        raise JobConflict("The lease ran out, and the job is queued again", job)
    return _ended(job, _goal(job, failed=error is not None), error, now_ms, result)


def release(job: BeaconJob, hold: Hold, now_ms: int) -> BeaconJob:
    """Return a job handed back by its worker: queued at once, or canceled if that was asked for.

    It counts as no attempt. Raises JobConflict.
    """
    _refuse_template(job)
    _refuse_ended(job)
    _refuse_others(job, hold)
    if job.state is State.CANCELING:
        return _ended(job, State.CANCELED, job.error, now_ms, job.result)
    if job.state not in HELD:
        raise JobConflict("Nobody has picked the job up", job)
    return _queued_again(job, job.tries, now_ms if job.queued_ms is None else job.due_ms)


def check_cancel(job: BeaconJob) -> bool:
    """Tell whether there is anything to cancel; raises JobConflict for what cannot be."""
    _refuse_template(job)
    if job.state is State.CANCELED:
        return False
    _refuse_ended(job)
    return True


def check_log(job: BeaconJob, hold: Hold) -> None:
    """Raise JobConflict unless a worker may add to the job's log.

    One that shows its fence may still do so after the end, to hand in what was under way.
    """
    _refuse_template(job)
    _refuse_others(job, hold)
    if job.state in HELD or (job.state.is_final and hold.fence is not None):
        return
    raise JobConflict(f"The job is {job.status}", job)


def expire(job: BeaconJob, now_ms: int) -> BeaconJob:
    """Return a job whose clock has run out as it stands then: queued again, or ended."""
    if job.state is State.CANCELING:
        return _ended(job, State.CANCELED, job.error, now_ms, job.result)
    if job.ends_ms is not None and job.ends_ms <= now_ms:
        return _ended(job, State.FAILED, TIMED_OUT, now_ms, job.result)
    tries = job.tries + 1
    if tries >= job.max_attempts:
        failed = _ended(job, State.FAILED, LEASE_EXPIRED, now_ms, job.result)
        return structs.replace(failed, tries=tries)
    waits = job.queued_ms is None or job.retry_delay_ms
    return _queued_again(job, tries, now_ms + job.retry_delay_ms if waits else job.due_ms)


def _handed_over(job: BeaconJob, asked: Pick, now_ms: int) -> BeaconJob:
    lease_ms = next(
        each
        for each in (asked.lease_ms, job.asked_lease_ms, asked.default_lease_ms)
        if each is not None
    )
    return structs.replace(
        job,
        state=State.RUNNING,
        picked_ms=now_ms,
        worker=asked.hold.worker,
        lease_ms=lease_ms,
        lease_until_ms=now_ms + lease_ms if lease_ms else None,
        ends_ms=now_ms + job.timeout_ms if job.timeout_ms else None,
        fence=job.fence + 1,
    )


def _renewed(job: BeaconJob, now_ms: int) -> BeaconJob:
    # A lease that cancelling has put an end to is not made longer: the worker is to stop.
    if not job.lease_ms or job.state is not State.RUNNING:
        return job
    return structs.replace(job, lease_until_ms=now_ms + job.lease_ms)


def _queued_again(job: BeaconJob, tries: int, due_ms: int) -> BeaconJob:
    return structs.replace(
        job,
        state=State.QUEUED,
        queued_ms=due_ms,
        due_ms=due_ms,
        picked_ms=None,
        started_ms=None,
        step=0,
        worker=None,
        lease_ms=None,
        lease_until_ms=None,
        ends_ms=None,
        tries=tries,
        fence=job.fence + 1,
    )


def _ended(
    job: BeaconJob, goal: State, error: str | None, now_ms: int, result: bytes | None
) -> BeaconJob:
    return structs.replace(
        job,
        state=goal,
        completed_ms=now_ms,
        result=result,
        error=error,
        lease_until_ms=None,
        ends_ms=None,
    )


def _goal(job: BeaconJob, *, failed: bool) -> State:
    if job.state is State.CANCELING:
        return State.CANCELED
    return State.FAILED if failed else State.SUCCEEDED


def _lease_over(job: BeaconJob, now_ms: int) -> bool:
    return job.lease_until_ms is not None and job.lease_until_ms < now_ms


def _refuse_template(job: BeaconJob) -> None:
    if job.is_template:
        raise JobConflict("The job is a schedule; it is not worked on itself", job)


def _refuse_ended(job: BeaconJob) -> None:
    if job.state.is_final:
        raise JobConflict(f"The job has ended: it is {job.status}", job)


def _refuse_paused(job: BeaconJob) -> None:
    if job.paused:
        raise JobConflict("The beacon is paused", job)


def _refuse_others(job: BeaconJob, hold: Hold) -> None:
    if hold.fence is not None and hold.fence != job.fence:
        raise JobConflict("The job has changed hands since this fence was given", job)
    if hold.worker and job.worker and hold.worker != job.worker:
        raise JobConflict("Another worker has the job", job)
