"""Ask for executions: of a job as it is now, or of what did not succeed in an earlier one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, structs

from drover import tracing
from drover.app.jobs.asked import Asked, asked_of
from drover.app.jobs.found import execution_of, job_at
from drover.app.jobs.wishes import (
    CONTEXT,
    QUERY,
    TABLE,
    Renderer,
    Wish,
    check_fixed_query,
    check_template,
    context_of,
    has_template,
    query_in,
)
from drover.engine.targets import ROWS
from drover.kinds.resource_job import KIND
from drover.model.bodies import decode
from drover.model.errors import Conflict, Invalid, TooMany, reached
from drover.model.execution import State
from drover.model.fields import Prose, QueryText, is_id
from drover.model.instants import to_text
from drover.model.run import RESOURCE_JOB, Actor, NewExecution, Pace, Target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.app.jobs.found import Place
    from drover.engine.signals import Signals
    from drover.kinds.resource_job import ResourceJob
    from drover.model.access import Caller
    from drover.model.run import Execution
    from drover.ports.clock import Ids
    from drover.ports.store import Session, Store

LONGEST_KEY: Final = 255
"""Characters of an idempotency key."""

_LONGEST_REASON: Final = 1000


class ExecuteBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What one execution has otherwise than its job; the deadline of the whole is in ms."""

    template_context: Prose | UnsetType = UNSET
    query_json: QueryText | UnsetType = UNSET
    data_table_id: Annotated[str, Meta(min_length=4, max_length=255)] | UnsetType = UNSET
    execution_timeout: Annotated[int, Meta(ge=1, le=2_592_000_000)] | UnsetType = UNSET

    @property
    def overrides(self) -> dict[str, str]:
        """The texts given, by their wire names."""
        given = {CONTEXT: self.template_context, QUERY: self.query_json, TABLE: self.data_table_id}
        return {name: text for name, text in given.items() if text is not UNSET}

    def wish(self, job: ResourceJob) -> Wish:
        """Return what to run over: the job's texts, or those given in their place."""
        given = self.overrides
        table = None if job.data_table_id is UNSET else job.data_table_id
        return Wish(
            resource_type=job.resource_type,
            query=given.get(QUERY, job.query_json),
            context=given.get(CONTEXT, job.default_context),
            table=given.get(TABLE, table),
        )


Outcome = Literal["failed", "timedOut", "neverStarted"]


class RetryBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which iterations of a finished execution to try again."""

    statuses: Annotated[tuple[Outcome, ...], Meta(min_length=1, max_length=3)] = (
        "failed",
        "timedOut",
        "neverStarted",
    )


Narrowed = Callable[[Target], Target]
"""Changes what an execution is to run over, once that is rendered."""


def _unchanged(target: Target) -> Target:
    return target


class JobExecutions:
    """Stores executions, for the engine to run; ``most_open`` bounds those of one job."""

    def __init__(
        self, store: Store, ids: Ids, signals: Signals, renderer: Renderer, most_open: int
    ) -> None:
        self._store = store
        self._renderer = renderer
        self._ids = ids
        self._signals = signals
        self._most_open = most_open

    async def execute(
        self, caller: Caller, place: Place, body: bytes | ExecuteBody, key: str | None = None
    ) -> str:
        """Store an execution of a job as it is now, and return its id.

        ``key`` makes a repeated request give the same id. Raises Missing, Invalid, Conflict for a
        key that came with another request, TooMany. What turns out to be unusable when it is
        rendered is stored too, as an execution that failed.
        """
        given = decode(body, ExecuteBody) if isinstance(body, bytes) else body
        check_overrides(given)
        job = await self._store.glance(lambda session: job_at(session, place))
        new = await self.prepared(job, given)
        keyed = _keyed(new, "execute", given, key)
        return await self._store_new(Actor(type=caller.type, id=caller.id), place, keyed)

    async def prepared(
        self, job: ResourceJob, given: ExecuteBody, narrowed: Narrowed = _unchanged
    ) -> NewExecution:
        """Return what an execution of a job would be, rendered and checked.

        ``narrowed`` changes the target before it is checked. Raises as ``execute`` does.
        """
        wish = given.wish(job)
        target, error = await self._resolved(job.application_id, wish, given, narrowed)
        timeout = given.execution_timeout
        timeout = job.execution_timeout if timeout is UNSET else timeout
        asked = Asked(
            **structs.asdict(target),
            given_query=wish.query if wish.query != target.query else None,
            execution_timeout=None if timeout is UNSET else timeout,
        )
        return _new(job.name, _pace(job), asked, error)

    def stamped(self, new: NewExecution, place: Place, source: Actor) -> NewExecution:
        """Return an execution with its identity and who asked for it."""
        return structs.replace(
            new, id=self._ids.new(), application_id=place[0], job_id=place[1], source=source
        )

    async def retry(
        self,
        caller: Caller,
        place: Place,
        execution_id: str,
        body: RetryBody,
        key: str | None = None,
    ) -> str:
        """Store an execution over what did not succeed in a finished one, and return its id.

        It has the settings and overrides of that one. Raises Missing, Conflict while that one
        has not ended or when nothing is left of it to try, TooMany.
        """
        first = await self._store.read(lambda session: execution_of(session, place, execution_id))
        _check_retry(first, body)
        asked = structs.replace(
            asked_of(first),
            statuses=tuple(_KEPT[status] for status in dict.fromkeys(body.statuses)),
            retry_of=first.id,
            digest=None,
        )
        new = structs.replace(_new(first.name, first.pace, asked, None), retry_of=first.number)
        keyed = _keyed(new, f"retry {first.id}", body, key)
        return await self._store_new(Actor(type=caller.type, id=caller.id), place, keyed)

    async def _resolved(
        self, application_id: str, wish: Wish, given: ExecuteBody, narrowed: Narrowed
    ) -> tuple[Target, str | None]:
        try:
            target = narrowed(await self._renderer.rendered(application_id, wish))
            await self._check_query(application_id, target)
        except Invalid as error:
            override = given.overrides.get(error.field or "")
            if override is not None and not has_template(override):
                raise
            reason = error.message.replace("\0", "")[:_LONGEST_REASON]
            kept = Target(resource_type=wish.resource_type, query=wish.query, context=wish.context)
            return kept, reason
        return target, None

    async def _check_query(self, application_id: str, target: Target) -> None:
        if target.resource_type == ROWS:  # the only ones whose fields are kept in the store
            await self._store.read(lambda session: query_in(session, application_id, target))
        else:
            check_fixed_query(target)

    async def _store_new(self, source: Actor, place: Place, new: NewExecution) -> str:
        stamped = self.stamped(new, place, source)
        with tracing.span("execute") as span:
            stored = await self._store.write(lambda session: self.add(session, place, stamped))
            span.set_attribute(tracing.EXECUTION, stored.id)
        self._signals.changed(stored)
        return stored.id

    async def add(self, session: Session, place: Place, new: NewExecution) -> Execution:
        """Store an execution that is stamped; raises Missing, Conflict, TooMany.

        With a unique key that was used before it is the one stored then.
        """
        executions, (application_id, job_id) = session.jobs.executions, place
        job = await session.resources.lock(KIND, application_id, job_id)
        if new.unique_key is not None:
            earlier = await executions.by_unique_key(job_id, new.unique_key)
            if earlier is not None:
                return _same(earlier, new)
        stored = await self._added(session, job, [new])
        if not stored:
            raise reached("max_running_executions", TooMany(self.refusal))
        return stored[0]

    @property
    def refusal(self) -> str:
        """What is told when a job has as many open executions as it may have."""
        return f"{self._most_open} executions of this job have not ended yet"

    async def add_several(
        self, session: Session, place: Place, new: Sequence[NewExecution]
    ) -> list[Execution]:
        """Store executions of a job that are stamped, the first ones it may still have open.

        Raises Missing; Duplicate for a unique key that was used before.
        """
        return await self._added(session, await session.resources.lock(KIND, *place), new)

    async def _added(
        self, session: Session, job: ResourceJob, new: Sequence[NewExecution]
    ) -> list[Execution]:
        executions = session.jobs.executions
        room = self._most_open - await executions.count_open(job.id)
        now_ms = await session.now_ms()
        stored = [await executions.add(each, now_ms) for each in new[: max(0, room)]]
        if stored:
            requested = structs.replace(job, last_execution_requested=to_text(now_ms))
            await session.resources.put(KIND, requested)
        return stored


_KEPT: Final = {"failed": "failed", "timedOut": "timedOut", "neverStarted": "notStarted"}


def check_overrides(given: ExecuteBody) -> None:
    """Raise Invalid for overrides that are wrong whatever the context is."""
    for field, text in given.overrides.items():
        if field == CONTEXT:
            context_of(text)
        else:
            check_template(text, field)
    table = given.overrides.get(TABLE)
    if table is not None and not has_template(table) and not is_id(table):
        message = f"Expected an id or a template with {{{{...}}}} at `{TABLE}`"
        raise Invalid(message, field=TABLE)


def _check_retry(first: Execution, body: RetryBody) -> None:
    if not first.state.is_final:
        raise Conflict("The execution has not ended yet")
    left = {
        "failed": first.failed,
        "timedOut": first.timed_out,
        "neverStarted": first.remaining,
    }
    if not any(left[status] for status in body.statuses):
        raise Conflict("The execution has no iterations of these statuses")


def _new(name: str, pace: Pace, asked: Asked, error: str | None) -> NewExecution:
    return NewExecution(
        id="",
        kind=RESOURCE_JOB,
        name=name,
        state=State.QUEUED if error is None else State.FAILING,
        pace=pace,
        detail=msgspec.json.encode(asked),
        error=error,
        timeout_ms=asked.execution_timeout,
    )


def _pace(job: ResourceJob) -> Pace:
    return Pace(
        concurrency=job.max_iteration_concurrency,
        delay_ms=job.iteration_delay,
        timeout_ms=job.iteration_timeout,
        retry_on_timeout=job.retry_on_timeout,
        retry_on_failure=job.retry_on_failure,
        max_retries=job.max_iteration_retries,
        retry_delay_ms=job.retry_delay,
    )


def _keyed(new: NewExecution, act: str, body: Struct, key: str | None) -> NewExecution:
    """Return an execution with an idempotency key, and the digest of what came with it."""
    if key is None:
        return new
    text = act.encode() + b" " + msgspec.json.encode(body)
    digest = hashlib.blake2b(text, digest_size=16).hexdigest()
    asked = msgspec.json.decode(new.detail, type=Asked)
    detail = msgspec.json.encode(structs.replace(asked, digest=digest))
    return structs.replace(new, detail=detail, unique_key=_checked_key(key))


def _checked_key(key: str) -> str:
    if not (0 < len(key) <= LONGEST_KEY and key.isascii() and key.isprintable()):
        message = f"Idempotency-Key must be 1 to {LONGEST_KEY} printable characters"
        raise Invalid(message, field="Idempotency-Key")
    return key


def _same(earlier: Execution, new: NewExecution) -> Execution:
    asked = msgspec.json.decode(new.detail, type=Asked)
    if asked_of(earlier).digest != asked.digest:
        raise Conflict("This Idempotency-Key came with another request before")
    return earlier
