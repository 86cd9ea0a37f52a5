"""Lists of beacon jobs as SQL: what is sought becomes a condition, its values parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from drover.model.beacon_job import WORDS
from drover.model.execution import State
from drover.query.tree import And, Compare, Missing, Node, Operator, any_of
from drover.store.compile import compile_query
from drover.store.compile.columns import Plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.ports.beacons import Sought
    from drover.store.compile import DialectName
    from drover.store.compile.columns import ColumnMap

_COLUMNS: Final = (
    "execution.number, execution.id, execution.kind, execution.name, execution.owner_id,"
    " job.user_number, job.user_guid, execution.queue AS beacon_name, execution.state,"
    " '[]' AS tasks, job.steps, execution.step, execution.requested_ms, execution.queued_ms,"
    " execution.due_ms, execution.picked_ms, execution.started_ms, execution.completed_ms,"
    " execution.result, execution.error, execution.retry_of AS duplicate_of,"
    " execution.cancel_requested,"
    " execution.priority, execution.tries, execution.max_retries + 1 AS max_attempts,"
    " execution.retry_delay_ms, execution.timeout_ms, job.lease_ms AS asked_lease_ms,"
    " execution.lease_ms, execution.lease_until_ms, execution.ends_ms, execution.worker,"
    " execution.fence, job.labels, job.unique_key, job.callback_url,"
    " schedule.active, schedule.next_due_ms, schedule.last_due_ms, 0 AS paused"
)
_FROM: Final = (
    "FROM execution JOIN beacon_job AS job ON job.number = execution.number"
    " LEFT JOIN schedule ON execution.kind = 'beacon_template' AND schedule.kind = 'beacon'"
    " AND schedule.ref = CAST(execution.number AS TEXT)"
)
_STATUS: Final = (
    "(CASE WHEN execution.kind = 'beacon_template' THEN 'scheduled'"
    " WHEN execution.state IN ('running', 'canceling') AND execution.started_ms IS NULL"
    " THEN 'picked_up' WHEN execution.state IN ('running', 'canceling', 'failing') THEN 'running'"
    " WHEN execution.state IN ('queued', 'paused') THEN 'queued'"
    " WHEN execution.state = 'succeeded' THEN 'complete' ELSE execution.state END)"
)
_DEAD: Final = (
    "(CASE WHEN execution.state = 'failed' AND execution.tries > execution.max_retries"
    " THEN 1 ELSE 0 END)"
)


def _seconds(sql: str) -> Plain:
    return Plain(f"({sql} / 1000)")


COLUMNS: Final[ColumnMap] = {
    "id": Plain("execution.number"),
    "name": Plain("execution.name"),
    "user": Plain("job.user_number"),
    "user_guid": Plain("job.user_guid"),
    "owner_id": Plain("execution.owner_id"),
    "login": Plain("(SELECT account.email FROM account WHERE account.id = execution.owner_id)"),
    "beacon_name": Plain("execution.queue"),
    "status": Plain(_STATUS),
    "cur_task": Plain("execution.step"),
    "total_tasks": Plain("job.steps"),
    "add_time": _seconds("execution.requested_ms"),
    "q_time": _seconds("execution.queued_ms"),
    "pickup_time": _seconds("execution.picked_ms"),
    "start_time": _seconds("execution.started_ms"),
    "end_time": _seconds("execution.completed_ms"),
    "lease_until": _seconds("execution.lease_until_ms"),
    "lease": _seconds("execution.lease_ms"),
    "timeout": _seconds("execution.timeout_ms"),
    "retry_delay": _seconds("execution.retry_delay_ms"),
    "duplicate_of": Plain("execution.retry_of"),
    "scheduled": Plain("(CASE WHEN execution.kind = 'beacon_template' THEN 1 ELSE 0 END)"),
    "schedule_active": Plain("schedule.active"),
    "cancel_requested": Plain("execution.cancel_requested"),
    "priority": Plain("execution.priority"),
    "attempts": Plain("execution.tries"),
    "max_attempts": Plain("(execution.max_retries + 1)"),
    "dead": Plain(_DEAD),
    "worker": Plain("execution.worker"),
    "fence": Plain("execution.fence"),
    "error": Plain("execution.error"),
    "unique_key": Plain("job.unique_key"),
    "callback_url": Plain("job.callback_url"),
}
"""Where the properties of a job lie; times in seconds, as they are shown."""

_DOCUMENTS: Final = {
    "result": "coalesce(execution.result, '[]')",
    "tasks": "job.tasks",
    "labels": "coalesce(job.labels, '[]')",
}


MOST_UNTAKEN: Final = 2_000
"""Jobs of a beacon that nobody has are looked at by themselves as long as there are fewer."""

_PICKED: Final = "pickup_time"
_UNTAKEN: Final[tuple[Node, ...]] = (
    Missing(_PICKED),
    any_of([Compare(_PICKED, Operator.EQUAL, 0), Missing(_PICKED)]),
    Compare("status", Operator.EQUAL, WORDS[State.NEW]),
    Compare("status", Operator.EQUAL, WORDS[State.QUEUED]),
)
"""What is asked for where only jobs that nobody has are."""


@dataclass(frozen=True, slots=True)
class Untaken:
    """Where to look for jobs: behind a number, and where these are few only at some."""

    numbers: Sequence[int] | None
    after: int


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL text and its parameters."""

    sql: str
    params: Mapping[str, Any]


def listing(
    sought: Sought, dialect: DialectName, numbers: Sequence[int] | None = None
) -> Statement:
    """Return the statement of a page; ``after``, ``offset`` and ``limit`` are yet to be bound.

    No others than those with ``numbers`` are looked at, where these are known.
    """
    where = _where(sought, dialect, numbers)
    return Statement(
        f"SELECT {_COLUMNS} {_FROM} WHERE {where.sql}"
        " ORDER BY execution.number LIMIT :limit OFFSET :offset",
        where.params,
    )


def counting(
    sought: Sought, dialect: DialectName, numbers: Sequence[int] | None = None
) -> Statement:
    """Return the statement that counts, as ``listing`` does; ``after`` is yet to be bound."""
    where = _where(sought, dialect, numbers)
    sql = f"SELECT count(*) AS count {_FROM} WHERE {where.sql}"
    return Statement(sql, where.params)


def untaken_of(query: Node) -> str | None:
    """Return the beacon of which only jobs are asked for that nobody has; None for any others."""
    parts = query.parts if isinstance(query, And) else (query,)
    if not any(part in _UNTAKEN for part in parts):
        return None
    named = (part for part in parts if isinstance(part, Compare) and part.field == "beacon_name")
    return next((str(part.value) for part in named if part.operator is Operator.EQUAL), None)


def _where(sought: Sought, dialect: DialectName, numbers: Sequence[int] | None) -> Statement:
    kind = "execution.kind = 'beacon' AND execution.discarded = 0"
    if sought.templates:
        kind = f"({kind} OR execution.kind = 'beacon_template')"
    compiled = compile_query(sought.query, COLUMNS, dialect)
    parts, params = [kind, "execution.number > :after", compiled.sql], dict(compiled.params)
    if sought.sight.owners is not None:
        parts.append(_ONE_OF[dialect].format("execution.owner_id", "owners"))
        params["owners"] = sorted(sought.sight.owners)
    for name, text in (sought.documents or {}).items():
        parts.append(_SAME_JSON[dialect].format(_DOCUMENTS[name], name))
        params[name] = text
    if numbers is not None:
        parts.append(_ONE_NUMBER[dialect])
        params["numbers"] = list(numbers)
    return Statement(" AND ".join(parts), params)


_ONE_OF: Final[Mapping[str, str]] = {
    "sqlite": "{0} IN (SELECT value FROM json_each(:{1}))",
    "postgres": "{0} = ANY(:{1}::text[])",
}
_ONE_NUMBER: Final[Mapping[str, str]] = {
    "sqlite": "execution.number IN (SELECT value FROM json_each(:numbers))",
    "postgres": "execution.number = ANY(CAST(:numbers AS bigint[]))",
}
_SAME_JSON: Final[Mapping[str, str]] = {
    "sqlite": "json_canonical({0}) = json_canonical(:{1})",
    # JSONB holds no U+0000: a text with one is equal to none that can be asked for.
    "postgres": "CASE WHEN strpos({0}, '\\u0000') = 0"
    " THEN CAST({0} AS JSONB) = CAST(CAST(:{1} AS TEXT) AS JSONB) ELSE FALSE END",
}
