"""From what is wanted of the inventory to SQL.

The SQL is the same whatever values are asked for. A query about devices becomes a look at the
job's items, which stops at the first that matches; see ``drover.store.inventory.area`` for when
it begins at the devices instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from drover.query.digi.fields import DEVICE_FIELDS
from drover.query.digi.pairs import Split, fields_of, split
from drover.query.fold import fold
from drover.query.tree import All, And, Compare, Node, Not, Nothing, Or
from drover.store.compile import Compiled
from drover.store.compile.compiler import Compiler
from drover.store.compile.parameters import Parameters
from drover.store.compile.postgres import Postgres
from drover.store.compile.sqlite import Sqlite
from drover.store.inventory.devices import IN_ROW, device_columns, finder, shown_columns
from drover.store.inventory.jobs import CANONICAL, WALKED, expressions, job_columns, targets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.ports.inventory import Order, Place, Reach, Wanted
    from drover.store.compile.columns import ColumnMap
    from drover.store.compile.dialect import Dialect
    from drover.store.driver import Transaction

_DIALECTS: Final[Mapping[str, Dialect]] = {"sqlite": Sqlite(), "postgres": Postgres()}
_FOLDED: Final = CANONICAL | DEVICE_FIELDS
_MOST_BRANCHES: Final = 8
PAIR_WINDOW: Final = 1500
"""How many jobs are looked at first where their devices are looked at too."""

JOB_WINDOW: Final = 20_000
"""How many jobs are looked at first where they alone tell."""

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
    own_columns: ColumnMap
    sort_columns: ColumnMap


def _words(dialect: Dialect) -> Words:
    jobs = job_columns(dialect)
    return Words(
        dialect=dialect,
        shown=expressions(dialect),
        shown_of_device=shown_columns("aim", dialect),
        listed={"targets": targets(dialect)},
        pair_columns={**jobs, **device_columns("device", "target.resource_id", dialect)},
        own_columns=device_columns("device", "device.id", dialect),
        sort_columns={**jobs, **device_columns("aim", "aim.id", dialect)},
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
        aimed = AIM if self._needs_aim(columns) else ""
        limit = " LIMIT :limit" if limited else ""
        self.params["limit"] = self.wanted.limit
        branches = self._branches()
        condition = self._condition if window is None else self._compiled(walking=True)
        # The parts of this text are the program's own; values are parameters.
        each = [
            f"SELECT {listed} FROM execution{aimed} WHERE {reach} AND {condition}"  # noqa: S608
            f" AND {self._after()} AND {self._within(reach, window)} ORDER BY {order}{limit}"
            for reach in branches
        ]
        if len(each) == 1:
            return each[0]
        union = " UNION ALL ".join(f"SELECT * FROM ({one}) AS branch" for one in each)  # noqa: S608
        return f"{union} ORDER BY {self._order_of('sort_value', 'sort_number')}{limit}"

    def counting(self) -> str:
        """Return the statement that counts."""
        where = self.whole_condition()
        return f"SELECT count(*) AS count FROM execution WHERE {where}"  # noqa: S608 - as above

    def numbers(self) -> str:
        """Return the statement that reads the numbers of matching jobs, newest first."""
        self.params["limit"] = self.wanted.limit
        return (
            "SELECT execution.number FROM execution"  # noqa: S608 - as above
            f" WHERE {self.whole_condition()} AND {self._after()}"
            " ORDER BY execution.number DESC LIMIT :limit"
        )

    def whole_condition(self) -> str:
        """Return the condition of a job, in one piece, wherever the order begins."""
        return f"({' OR '.join(self._reaches())}) AND {self._condition}"

    def window(self) -> int | None:
        """Return how many of the newest jobs to look at first; None to look no further at once.

        Where many jobs match, the newest do, and to look through these is quicker than to collect
        all that an index gives and sort them.
        """
        if not isinstance(self.split.pair, All):
            return PAIR_WINDOW
        job = self.split.job
        parts = job.parts if isinstance(job, And) else (job,)
        return JOB_WINDOW if any(_unordered(part) for part in parts) else None

    def candidates(self, most: int) -> Compiled | None:
        """Return SQL of the devices that the query can match, where an index finds them.

        None where none does, or where jobs without devices match as well.
        """
        parts = self.split
        if not parts.device_only or not isinstance(parts.unaimed, Nothing):
            return None
        parameters = Parameters(self.words.dialect, "f")
        found = finder(parts.pair, parameters, self.words.dialect)
        if found is None:
            return None
        sql = f"SELECT id FROM ({found.sql}) AS found"  # noqa: S608 - as above
        if not isinstance(found.rest, All):
            compiler = Compiler(self.words.own_columns, parameters, row_by_row=True)
            condition = compiler.condition(found.rest).sql
            sql += f" JOIN device USING (id) WHERE ({condition})"
        params = {**self.words.dialect.fold_parameters, **parameters.bound, "most": most}
        return Compiled(f"{sql} LIMIT :most", params)

    def among(self, numbers: Sequence[int]) -> str:
        """Return the condition of jobs chosen already, but for what they ask of devices."""
        test = self._member("execution.number", "numbers", numbers, "bigint")
        return f"({' OR '.join(self._reaches())}) AND {test} AND {self._of_job()}"

    def order(self) -> str:
        """Return the ORDER BY list."""
        return self._order_of(self.sort_value(), "execution.number")

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

    def _branches(self) -> list[str]:
        """Return conditions that part the jobs, each such that an index gives it in order."""
        reaches = self._reaches()
        return reaches if len(reaches) <= _MOST_BRANCHES else [f"({' OR '.join(reaches)})"]

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
        kind = "TEXT" if isinstance(place.value, str) else "DOUBLE PRECISION"
        value = f"CAST(:after_value AS {kind})"
        return f"({sql} {sign} {value} OR ({sql} = {value} AND {older}) OR {sql} IS NULL)"

    def _order_of(self, value: str, number: str) -> str:
        order = self.wanted.order
        if order.field == "id":
            return f"{number} {'DESC' if order.descending else 'ASC'}"
        return f"{value} {'DESC' if order.descending else 'ASC'} NULLS LAST, {number} DESC"

    def _needs_aim(self, columns: Mapping[str, str]) -> bool:
        of_device = any("aim." in sql for sql in columns.values())
        return of_device or self.wanted.order.field in DEVICE_FIELDS


def _unordered(part: Node) -> bool:
    """Tell whether an index would be used for a condition that does not give jobs in order."""
    fields = fields_of(part)
    return "username" in fields or (isinstance(part, Or) and bool(fields & {"status", "job_type"}))


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
        case _:
            return node


def plan(tx: Transaction, wanted: Wanted) -> Plan:
    """Return the SQL of a request in the dialect of a transaction."""
    return Plan(wanted, tx.dialect)
