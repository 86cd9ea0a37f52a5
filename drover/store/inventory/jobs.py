"""Where the inventory's fields of a job lie: each is an SQL expression over ``execution``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drover.model.inventory import BULK, DIGI_OPERATIONS
from drover.model.run import RESOURCE_JOB
from drover.query.digi.fields import CONTEXT, RESULT, STATE, SUBMITTER
from drover.store.compile.columns import JsonEach, JsonPath, Lookup, Plain, Related

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drover.store.compile.columns import Column, ColumnMap
    from drover.store.compile.dialect import Dialect

_ENDED: Final = "(execution.succeeded + execution.failed + execution.timed_out)"
_OPERATIONS: Final = ", ".join(f"'{name}'" for name in (*DIGI_OPERATIONS, *BULK))
_SUBMITTER: Final = (
    "CASE execution.source_type WHEN 'user' THEN (SELECT account.{0} FROM account"
    " WHERE account.id = execution.source_id) WHEN 'apiToken' THEN (SELECT account.{0}"
    " FROM access_token JOIN account ON account.id = access_token.account_id"
    " WHERE access_token.id = execution.source_id) END"
)
_CUSTOMER: Final = (
    "coalesce((SELECT account.number FROM application JOIN account"
    " ON account.id = application.owner_id WHERE application.id = execution.application_id),"
    " (SELECT account.number FROM account WHERE account.id = execution.owner_id), {0})"
)
_SOURCE: Final = (
    "CASE WHEN execution.kind IN ('resource_job', 'beacon') THEN execution.kind"
    f" WHEN execution.kind IN ({_OPERATIONS}) THEN 'digi' ELSE 'application' END"
)

EXPRESSIONS: Final[Mapping[str, str]] = {
    "id": "execution.number",
    "job_type": "execution.kind",
    "status": "execution.status",
    "username": _SUBMITTER.format("email"),
    "customer_id": _CUSTOMER.format(_SUBMITTER.format("number")),
    "job_name": "execution.name",
    "submit_time": "execution.requested_ms",
    "start_time": "execution.started_ms",
    "end_time": "execution.completed_ms",
    "target_count": "execution.total",
    "success_count": "execution.succeeded",
    "failure_count": "execution.failed + execution.timed_out",
    "canceled_count": (
        f"CASE WHEN execution.state = 'canceled' THEN execution.total - {_ENDED} ELSE 0 END"
    ),
    "progress_percent": (
        f"CASE WHEN execution.total > 0 THEN {_ENDED} * 100 / execution.total"
        " WHEN execution.completed_ms IS NULL THEN 0 ELSE 100 END"
    ),
    "cancel_requested": "execution.cancel_requested",
    "error_message": (
        "CASE WHEN execution.status IN ('failed', 'canceled') THEN execution.error END"
    ),
    "source": _SOURCE,
    "source_id": "execution.id",
}
"""The expression of each member of a job but its description, which is in a document."""

CANONICAL: Final = frozenset({"job_type", "status", "source", "source_id", "username"})
"""Fields that are stored folded, so that a comparison folds its own side alone."""

WALKED: Final[Mapping[str, str]] = {
    "(execution.status)": "coalesce(execution.status, '')",
    "(execution.kind)": "coalesce(execution.kind, '')",
    "CAST(coalesce(execution.source_id, '') AS TEXT)": "coalesce(execution.source_id, '')",
}
"""What stands for columns with an index in a condition that is to be walked without one."""

WHO: Final = (
    "(SELECT account.id, account.email FROM account UNION ALL SELECT access_token.id, account.email"
    " FROM access_token JOIN account ON account.id = access_token.account_id) AS who WHERE "
)
"""Accounts and tokens: the id of each, and the email of the account as it is stored, folded."""

_SOURCE_ID: Final = "CAST(coalesce(execution.source_id, '') AS TEXT)"


def expressions(dialect: Dialect) -> Mapping[str, str]:
    """Return the expression of every member of a job, in the order in which they are shown."""
    described = dialect.json_raw("document.document", dialect.path_literal(("description",)))
    job = "document.application_id = execution.application_id AND document.id = execution.job_id"
    # The parts of this text are the program's own.
    description = (
        f"(SELECT {described} FROM document WHERE {job} AND document.kind = 'resourceJob')"  # noqa: S608
    )
    found: dict[str, str] = {}
    for name, sql in EXPRESSIONS.items():
        found[name] = sql
        if name == "job_name":
            found["job_description"] = description
    return found


_SUMMARY: Final = (
    "'[{\"succeeded\":' || execution.succeeded || ',\"failed\":' || execution.failed"
    " || ',\"timedOut\":' || execution.timed_out || ',\"total\":' || execution.total || '}]'"
)
_RESULTS: Final = (
    "CASE WHEN execution.result LIKE '[%' THEN execution.result"
    " WHEN execution.result IS NOT NULL THEN '[' || execution.result || ']'"
    f" WHEN execution.kind = '{RESOURCE_JOB}' THEN {_SUMMARY} END"
)
"""A list of what came of a job: what was handed in, or how the items of a resource job ended."""


class _Fields(dict[str, "Column"]):
    """Fields by their names; those of documents, which nobody can list, by their paths."""

    def __init__(self, known: Mapping[str, Column], context: str) -> None:
        super().__init__(known)
        self._context = context

    def __missing__(self, name: str) -> Column:
        root, *path = name.split(".")
        if root == CONTEXT:
            return JsonPath(self._context, tuple(path))
        if root == RESULT:
            return JsonEach(f"({_RESULTS})", tuple(path))
        raise KeyError(name)


def with_paths(columns: ColumnMap, dialect: Dialect) -> ColumnMap:
    """Return the columns and, beside them, what a dotted path leads to."""
    context = dialect.json_raw("execution.detail", dialect.path_literal(("context",)))
    # Other kinds keep what they like in their details; a resource job's context is JSON text.
    return _Fields(columns, f"(CASE execution.kind WHEN '{RESOURCE_JOB}' THEN {context} END)")


def job_columns(dialect: Dialect) -> ColumnMap:
    """Return how a query reaches the fields of a job."""
    plain: dict[str, Column] = {
        name: Plain(f"({sql})") for name, sql in expressions(dialect).items()
    }
    by_name = Lookup(_SOURCE_ID, "who.id", f"{WHO}TRUE")
    own: dict[str, Column] = {
        STATE: Plain("execution.state"),
        SUBMITTER: Plain(_SOURCE_ID),
        "username": Related(f"{WHO}who.id = {_SOURCE_ID}", "who.email", by_name),
    }
    return {**plain, **own}


def targets(dialect: Dialect) -> str:
    """Return the expression of the first target devices in one text, parted by semicolons."""
    rows = (
        "SELECT target.resource_id AS id FROM iteration AS target"
        " JOIN device ON device.id = target.resource_id"
        " WHERE target.execution = execution.number ORDER BY target.resource_id LIMIT 1000"
    )
    join = "string_agg" if dialect.fold_parameters else "group_concat"
    return f"(SELECT {join}(id, ';') FROM ({rows}) AS ordered)"  # noqa: S608 - the program's own
