"""From what is wanted of the inventory to SQL.

The SQL is the same whatever values are asked for. A query about devices becomes a look at the
job's items, which stops at the first that matches; see ``drover.store.inventory.area`` for when
it begins at the devices instead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from drover.ports.inventory import NEWEST_FIRST
from drover.query.digi.fields import DEVICE_FIELDS, SUBMITTER
from drover.query.digi.pairs import Split, fields_of, split
from drover.query.fold import fold
from drover.query.tree import (
    All,
    And,
    Compare,
    In,
    Missing,
    Node,
    Not,
    Nothing,
    Operator,
    Or,
)
from drover.store.compile.compiler import Compiler
from drover.store.compile.parameters import Parameters
from drover.store.compile.postgres import Postgres
from drover.store.compile.sqlite import Sqlite
from drover.store.inventory.devices import IN_ROW, device_columns, shown_columns
from drover.store.inventory.jobs import (
    CANONICAL,
    WALKED,
    expressions,
    job_columns,
    targets,
    with_paths,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.ports.inventory import Order, Place, Reach, Wanted
    from drover.query.tree import Value
    from drover.store.compile.columns import ColumnMap
    from drover.store.compile.dialect import Dialect
    from drover.store.driver import Transaction

_DIALECTS: Final[Mapping[str, Dialect]] = {"sqlite": Sqlite(), "postgres": Postgres()}
_ALWAYS_SET: Final = frozenset({"submit_time"})
"""Fields with an index that gives the jobs in their order, as none is unset."""

_SQL_TYPES: Final[Mapping[type, str]] = {str: "TEXT", int: "BIGINT", float: "DOUBLE PRECISION"}
_FOLDED: Final = CANONICAL | DEVICE_FIELDS
_MOST_BRANCHES: Final = 8
JOB_WINDOWS: Final = (4_000, 32_000)
"""How many jobs are looked at first where an index would give them in another order."""

AIM: Final = (
    " LEFT JOIN device AS aim ON aim.id = (SELECT min(first.resource_id) FROM iteration AS first"
    " WHERE first.execution = execution.number)"
)
"""The first target device of a job, under the name ``aim``."""


@dataclass(frozen=True, slots=True)
class Words:
    """What the SQL of one dialect is made of, worked out once."""

    dialect: Dialect
    shown: Mapping[str, str]
    shown_of_device: Mapping[str, str]
    listed: Mapping[str, str]
    pair_columns: ColumnMap
    sort_columns: ColumnMap
    own_columns: ColumnMap


def _words(dialect: Dialect) -> Words:
    jobs = job_columns(dialect)
    return Words(
        dialect=dialect,
        shown=expressions(dialect),
        shown_of_device=shown_columns("aim", dialect),
        listed={"targets": targets(dialect)},
        pair_columns=with_paths(
            {**jobs, **device_columns("device", "target.resource_id", dialect)}, dialect
        ),
        sort_columns={**jobs, **device_columns("aim", "aim.id", dialect)},
        own_columns=device_columns("device", "device.id", dialect),
    )


WORDS: Final[Mapping[str, Words]] = {name: _words(each) for name, each in _DIALECTS.items()}


class Plan:
    """The SQL of one request; ``params`` are what all its statements need."""

    def __init__(self, wanted: Wanted, dialect_name: str) -> None:
        self.words = WORDS[dialect_name]
        self.wanted = wanted
        self.split: Split = split(canonical(wanted.query))
        self.params: dict[str, object] = dict(self.words.dialect.fold_parameters)
        self._condition = self._compiled()

    def rows(
        self, columns: Mapping[str, str], *, limited: bool = True, window: int | None = None
    ) -> str:
        """Return the statement that reads columns in order; all rows if not ``limited``.

        With a ``window`` only so many of the jobs next in order are looked at.
        """
        order = self.order()
        listed = ", ".join(f'{sql} AS "{name}"' for name, sql in columns.items())
        listed += f", {self.sort_value()} AS sort_value, execution.number AS sort_number"
        aimed = self.aimed(columns)
        limit = " LIMIT :limit" if limited else ""
        self.params["limit"] = self.wanted.limit
        walking = window is not None or self._walks()
        conditions = self._parts() if limited else [self._compiled()]
        if walking:
            conditions = [self._compiled(walking=True)]
        # The parts of this text are the program's own; values are parameters.
        each = [
            f"SELECT {listed} FROM execution{aimed} WHERE {reach} AND {condition}"  # noqa: S608
            f" AND {self._after()} AND {self._within(reach, window)} ORDER BY {order}{limit}"
            for reach in self._branches(len(conditions))
            for condition in conditions
        ]
        if len(each) == 1:
            return each[0]
        # A job may match several parts; it has one reach only.
        word = "UNION" if len(conditions) > 1 else "UNION ALL"
        union = f" {word} ".join(f"SELECT * FROM ({one}) AS branch" for one in each)  # noqa: S608
        return f"{union} ORDER BY {self.order_of('sort_value', 'sort_number')}{limit}"

    def counting(self, narrowing: str = "TRUE") -> str:
        """Return the statement that counts, of jobs that hold another condition as well."""
        where = f"{self.whole_condition()} AND {narrowing}"
        return f"SELECT count(*) AS count FROM execution WHERE {where}"  # noqa: S608 - as above

    def numbers(self) -> str:
        """Return the statement that reads the numbers of matching jobs, newest first."""
        self.params["limit"] = self.wanted.limit
        return (
            "SELECT execution.number FROM execution"  # noqa: S608 - as above
            f" WHERE {self.whole_condition()} AND {self._after()}"
            " ORDER BY execution.number DESC LIMIT :limit"
        )

    def standings(self) -> str:
        """Return the statement that reads where matching jobs stand, and holds them."""
        self.params["limit"] = self.wanted.limit
        held = " FOR NO KEY UPDATE OF execution" if self.words.dialect.fold_parameters else ""
        return (
            "SELECT execution.number, execution.status FROM execution"  # noqa: S608 - as above
            f" WHERE {self.whole_condition()} AND {self._after()}"
            f" ORDER BY execution.number DESC LIMIT :limit{held}"
        )

    def whole_condition(self) -> str:
        """Return the condition of a job, in one piece, wherever the order begins."""
        return f"({' OR '.join(self._reaches())}) AND {self._condition}"

    def windows(self) -> tuple[int, ...]:
        """Return how many of the newest jobs to look at before all are.

        Where many jobs match, the newest do, and to look through these is quicker than to collect
        all that an index gives and sort them.
        """
        if not isinstance(self.split.pair, All) or self._parted():
            return ()
        job = self.split.job
        parts = job.parts if isinstance(job, And) else (job,)
        return JOB_WINDOWS if any(_unordered(part) for part in parts) else ()

    def bounds(self) -> tuple[int, int]:
        """Return the numbers between which matches lie, as far as the page and the query tell."""
        floor, upper = number_bounds(self.split.job)
        after = self.wanted.after
        return floor, upper if after is None else min(upper, after.number)

    def names_jobs(self) -> bool:
        """Tell whether the query asks for jobs by their numbers."""
        job = self.split.job
        parts = job.parts if isinstance(job, And) else (job,)
        return any(isinstance(part, In) and part.field == "id" for part in parts)

    def own_condition(self) -> str:
        """Return the condition of whose jobs are seen, and of what is asked of the job alone.

        It is for jobs that are found already: no index of statuses is of use.
        """
        return f"({' OR '.join(self._reaches())}) AND {self._of_job(walking=True)}"

    def compiled_condition(self, node: Node, prefix: str) -> str:
        """Return the condition of a job and an item of it, its values among ``params``."""
        return self._compile(node, prefix)

    def among(self, numbers: Sequence[int]) -> str:
        """Return the condition of jobs chosen already, but for what they ask of devices."""
        test = self._member("execution.number", "numbers", numbers, "bigint")
        return f"({' OR '.join(self._reaches())}) AND {test} AND {self._of_job()}"

    def order(self) -> str:
        """Return the ORDER BY list."""
        return self.order_of(self.sort_value(), "execution.number")

    def sort_value(self) -> str:
        """Return the expression that sorts, NULL where the number alone does."""
        order = self.wanted.order
        if order.field == "id":
            return "NULL"
        return sort_expression(order, self.words)

    # Conditions -----------------------------------------------------------------------------------

    def _compiled(self, *, walking: bool = False) -> str:
        parts = [self._of_job(walking=walking)]
        if not isinstance(self.split.pair, All):
            parts.append(self._of_pair())
        return " AND ".join(parts)

    def _of_job(self, *, walking: bool = False) -> str:
        """Return what is asked of the job; one who walks a window wants no index of statuses."""
        asked = self._compile(self.split.job, "j")
        if walking:
            for indexed, plain in WALKED.items():
                asked = asked.replace(indexed, plain)
        return f"execution.discarded = 0 AND {asked}"

    def _of_pair(self) -> str:
        pair = self._compile(self.split.pair, "d")
        items = "SELECT 1 FROM iteration AS target"
        at = "target.execution = execution.number"
        in_row = not IN_ROW.isdisjoint(fields_of(self.split.pair))
        joined = " LEFT JOIN device ON device.id = target.resource_id" if in_row else ""
        # IS TRUE keeps PostgreSQL from joining what is to be looked up for one item at a time.
        hit = f"({items}{joined} WHERE {at} AND {pair} IS TRUE LIMIT 1) IS NOT NULL"
        if isinstance(self.split.unaimed, Nothing):
            return hit
        unaimed = self._compile(self.split.unaimed, "u")
        return f"({hit} OR ({unaimed} AND ({items} WHERE {at} LIMIT 1) IS NULL))"

    def _compile(self, node: Node, prefix: str) -> str:
        parameters = Parameters(self.words.dialect, prefix)
        compiler = Compiler(self.words.pair_columns, parameters, row_by_row=False)
        sql = compiler.condition(node).sql
        self.params.update(parameters.bound)
        return f"({sql})"

    def _within(self, reach: str, window: int | None) -> str:
        """Return the condition of the jobs next in order, so many as a window has."""
        if window is None:
            return "TRUE"
        self.params["window"] = window
        return (
            "execution.number > coalesce((SELECT execution.number FROM execution"  # noqa: S608 - as above
            f" WHERE {reach} AND {self._after()}"
            " ORDER BY execution.number DESC LIMIT 1 OFFSET :window), -1)"
        )

    def _branches(self, times: int = 1) -> list[str]:
        """Return conditions that part the jobs, each such that an index gives it in order."""
        reaches = self._reaches()
        few = len(reaches) * times <= _MOST_BRANCHES or len(reaches) == 1
        return reaches if few else [f"({' OR '.join(reaches)})"]

    def _parts(self) -> list[str]:
        """Return the condition in parts, each such that an index gives its jobs in order."""
        parted = self._parted()
        if not parted or not self.newest_first:
            return [self._compiled()]
        shown = "execution.discarded = 0 AND "
        return [shown + self._compile(part, f"o{index}_") for index, part in enumerate(parted)]

    def _parted(self) -> tuple[Node, ...]:
        """Return the alternatives of a query that asks for types in statuses and nothing else."""
        job = self.split.job
        if not isinstance(job, Or) or not isinstance(self.split.pair, All):
            return ()
        few = len(job.parts) <= _MOST_BRANCHES
        return job.parts if few and all(_indexed(part) for part in job.parts) else ()

    def _walks(self) -> bool:
        """Tell whether to go down the jobs in order, whatever else an index could give.

        So it is where devices are looked at too, and no index gives the jobs in this order.
        """
        if isinstance(self.split.pair, All) or not self.newest_first:
            return False
        job = self.split.job
        parts = job.parts if isinstance(job, And) else (job,)
        return not any(_indexed(part) for part in parts)

    def _reaches(self) -> list[str]:
        reach = self.wanted.reach
        if reach.applications is None:
            return ["TRUE"]
        own = "execution.application_id IS NULL AND execution.owner_id = CAST(:owner AS TEXT)"
        self.params["owner"] = reach.account_id
        several = self._reached_applications(reach)
        return [*several, f"({own})"] if reach.account_id else several or ["FALSE"]

    def _reached_applications(self, reach: Reach) -> list[str]:
        ids = reach.applications or ()
        if len(ids) >= _MOST_BRANCHES:
            test = self._member("execution.application_id", "applications", ids, "text")
            return [test]
        for index, application_id in enumerate(ids):
            self.params[f"application{index}"] = application_id
        return [f"execution.application_id = :application{index}" for index in range(len(ids))]

    def _member(self, column: str, name: str, values: Sequence[object], kind: str) -> str:
        self.params[name] = list(values)
        if self.words.dialect.fold_parameters:
            return f"{column} = ANY(CAST(:{name} AS {kind}[]))"
        return f"{column} IN (SELECT value FROM json_each(:{name}))"  # noqa: S608 - as above

    # Order ----------------------------------------------------------------------------------------

    def _after(self) -> str:
        place = self.wanted.after
        if place is None:
            return "TRUE"
        self.params["after_number"] = place.number
        older = "execution.number < CAST(:after_number AS BIGINT)"
        order = self.wanted.order
        if order.field == "id":
            return older if order.descending else older.replace("<", ">")
        return self._after_value(place, older)

    def _after_value(self, place: Place, older: str) -> str:
        sql = f"({self.sort_value()})"
        if place.value is None:
            return f"({sql} IS NULL AND {older})"
        self.params["after_value"] = place.value
        sign = "<" if self.wanted.order.descending else ">"
        value = f"CAST(:after_value AS {_SQL_TYPES[type(place.value)]})"
        if self._all_set():  # such that an index is entered at the place
            return f"({sql} {sign}= {value} AND ({sql} {sign} {value} OR {older}))"
        return f"({sql} {sign} {value} OR ({sql} = {value} AND {older}) OR {sql} IS NULL)"

    def order_of(self, value: str, number: str) -> str:
        """Return the ORDER BY list over what gives the value that sorts, and the number."""
        order = self.wanted.order
        if order.field == "id":
            return f"{number} {'DESC' if order.descending else 'ASC'}"
        unset = "" if self._all_set() else " NULLS LAST"
        return f"{value} {'DESC' if order.descending else 'ASC'}{unset}, {number} DESC"

    def _all_set(self) -> bool:
        """Tell whether what sorts is set in each match, so that an index gives them in order."""
        field, asked = self.wanted.order.field, self.split.job
        parts = asked.parts if isinstance(asked, And) else (asked,)
        return field in _ALWAYS_SET or Not(Missing(field)) in parts

    @property
    def newest_first(self) -> bool:
        """The jobs are wanted from the newest on."""
        return self.wanted.order == NEWEST_FIRST

    def aimed(self, columns: Mapping[str, str]) -> str:
        """Return the join of the first target device, where columns or the order need it."""
        of_device = any("aim." in sql for sql in columns.values())
        return AIM if of_device or self.wanted.order.field in DEVICE_FIELDS else ""


def _indexed(part: Node) -> bool:
    """Tell whether an index gives the matches of a condition newest first, and no others."""
    parts = part.parts if isinstance(part, And) else (part,)
    fields = [each.field for each in parts if isinstance(each, Compare) and _equates(each)]
    return len(fields) == len(parts) and set(fields) <= {"status", "job_type"}


def _equates(node: Compare) -> bool:
    return node.operator is Operator.EQUAL


def _unordered(part: Node) -> bool:
    """Tell whether an index would be used for a condition that does not give jobs in order."""
    fields = fields_of(part)
    return not fields.isdisjoint({"username", SUBMITTER}) or (
        isinstance(part, Or) and bool(fields & {"status", "job_type"})
    )


def sort_expression(order: Order, words: Words) -> str:
    """Return the expression that an order goes by: of several tags the least."""
    if order.field == "username":
        return words.dialect.fold(f"({words.shown['username']})")
    column = words.sort_columns[order.field]
    if order.field == "tags":
        source, element = getattr(column, "source", ""), getattr(column, "element", "")
        return f"(SELECT min({element}) FROM {source})"  # noqa: S608 - the program's own
    sql = str(getattr(column, "sql", ""))
    if order.field in _TEXTS_TO_FOLD:
        return words.dialect.fold(sql)
    return sql


_TEXTS_TO_FOLD: Final = frozenset({"job_name", "job_description", "error_message"})


def canonical(node: Node) -> Node:
    """Return the query with what is compared to folded columns folded beforehand."""
    match node:
        case And(parts):
            return And(tuple(canonical(part) for part in parts))
        case Or(parts):
            return Or(tuple(canonical(part) for part in parts))
        case Not(part):
            return Not(canonical(part))
        case Compare(field, operator, str() as value, True) if field in _FOLDED:
            return Compare(field, operator, fold(value))
        case In(field, values, True) if field in _FOLDED:
            return In(field, tuple(fold(str(value)) for value in values))
        case _:
            return node


def number_bounds(node: Node) -> tuple[int, int]:
    """Return numbers above and below which no job matches: what conditions of ``id`` tell."""
    floor, upper = -1, _LARGEST
    for part in node.parts if isinstance(node, And) else (node,):
        if not isinstance(part, Compare) or part.field != "id":
            continue
        if part.operator in _AT_MOST:
            upper = min(upper, _bound(part.value) + 1)
        if part.operator in _AT_LEAST:
            floor = max(floor, _bound(part.value) - 1)
    return floor, upper


_AT_MOST: Final = frozenset({Operator.EQUAL, Operator.LESS, Operator.LESS_OR_EQUAL})
_AT_LEAST: Final = frozenset({Operator.EQUAL, Operator.GREATER, Operator.GREATER_OR_EQUAL})


def _bound(value: Value) -> int:
    """Return the number of a job that is nearest to what numbers are held against."""
    assert isinstance(value, int | float)  # noqa: S101 - numbers are held against nothing else
    return math.ceil(max(-1, min(value, _LARGEST - 1)))


_LARGEST: Final = 2**63 - 1


def plan(tx: Transaction, wanted: Wanted) -> Plan:
    """Return the SQL of a request in the dialect of a transaction."""
    return Plan(wanted, tx.dialect)
