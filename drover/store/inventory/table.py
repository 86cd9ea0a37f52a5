"""Jobs as comma-separated values (RFC 4180), which the database itself writes.

A million rows are too many to be made into text by a program: here the text of thousands of them
comes in one piece. What a cell holds is quoted only where it must be; text that a spreadsheet would
take for a formula gets an apostrophe before it, unless the table is raw.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drover.query.digi.fields import DEVICE_TIMES, FIELDS, JOB_TIMES, DigiType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.store.inventory.plan import Plan

SPAN: Final = 2000
"""Numbers of jobs that one piece covers."""

_TIMES: Final = frozenset({*JOB_TIMES, *DEVICE_TIMES})
_PLAIN: Final = frozenset(
    {"status", "source", "source_id", "device_id", "targets", "connection_status"}
    | {name for name, field in FIELDS.items() if field.type is DigiType.NUMERIC}
)


class Cells:
    """One database's words for cells and lines."""

    moment = "strftime('%Y-%m-%dT%H:%M:%fZ', ({0}) / 1000.0, 'unixepoch')"
    odd = "{0} GLOB '*[\",' || char(13, 10) || ']*'"
    formula = "{0} GLOB '[=+@' || char(9, 13) || '-]*'"
    together = "group_concat(line, '')"

    def line(self, cells: Sequence[str]) -> str:
        """Return the expression of a line."""
        return f"{f' || {_COMMA} || '.join(cells)} || char(13, 10)"

    def cell(self, name: str, value: str, *, raw: bool) -> str:
        """Return the expression of a cell of a column, whose value another one gives."""
        if name == "cancel_requested":
            return f"CASE {value} WHEN 1 THEN 'true' ELSE 'false' END"
        if name in _TIMES:
            return f"coalesce({self.moment.format(value)}, '')"
        if name in _PLAIN:
            return f"coalesce(CAST({value} AS TEXT), '')"
        return self._text(value, raw=raw)

    def _text(self, value: str, *, raw: bool) -> str:
        formula, odd = self.formula.format(value), self.odd.format(value)
        safe = value if raw else f"CASE WHEN {formula} THEN '''' || {value} ELSE {value} END"
        quoted = f"'\"' || replace({safe}, '\"', '\"\"') || '\"'"
        return f"CASE WHEN {value} IS NULL THEN '' WHEN {odd} THEN {quoted} ELSE {safe} END"


_COMMA: Final = "','"


class PostgresCells(Cells):
    """PostgreSQL's words."""

    moment = (
        "to_char(TIMESTAMP 'epoch' + ({0}) * INTERVAL '1 millisecond',"
        ' \'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"\')'
    )
    odd = "{0} ~ E'[\",\\r\\n]'"
    formula = "{0} ~ E'^[=+@\\t\\r-]'"
    together = "string_agg(line, '' ORDER BY number DESC)"

    def line(self, cells: Sequence[str]) -> str:
        """Return the expression of a line."""
        return f"concat_ws(',', {', '.join(cells)}) || E'\\r\\n'"


_CELLS: Final[Mapping[str, Cells]] = {"sqlite": Cells(), "postgres": PostgresCells()}


def table(asked: Plan, dialect: str, columns: Sequence[str], *, raw: bool) -> str:
    """Return the statement that reads lines: many in each row where they come newest first."""
    words, cells = asked.words, _CELLS[dialect]
    known = {**words.shown_of_device, **words.shown, **words.listed}
    values = {f"value{index}": known[name] for index, name in enumerate(columns)}
    line = cells.line(
        [
            cells.cell(name, f"part.{value}", raw=raw)
            for value, name in zip(values, columns, strict=True)
        ]
    )
    # The parts of these texts are the program's own; values are parameters. That values are worked
    # out within a part of the statement keeps both databases from doing so for each use of one.
    if not asked.newest_first:
        rows = asked.rows(values, limited=False)
        order = asked.order_of("part.sort_value", "part.sort_number")
        return f"SELECT {line} AS line FROM ({rows} LIMIT {_ALL}) AS part ORDER BY {order}"  # noqa: S608
    asked.params["span"] = SPAN
    listed = ", ".join(f"{sql} AS {value}" for value, sql in values.items())
    part = (
        f"SELECT {listed}, execution.number FROM execution{asked.aimed(values)}"  # noqa: S608
        f" WHERE execution.number <= span.upper AND execution.number > span.upper - {_WIDTH}"
        f" AND {asked.whole_condition()} ORDER BY execution.number DESC LIMIT {_WIDTH}"
    )
    lines = f"SELECT {line} AS line, part.number FROM ({part}) AS part"  # noqa: S608
    return (
        "WITH RECURSIVE span (upper) AS (SELECT coalesce(max(number), 0) FROM execution"  # noqa: S608
        f" UNION ALL SELECT upper - {_WIDTH} FROM span"
        f" WHERE upper - {_WIDTH} >= (SELECT min(number) FROM execution))"
        f" SELECT (SELECT {cells.together} FROM ({lines}) AS each) AS line FROM span"
    )


_WIDTH: Final = "CAST(:span AS BIGINT)"
_ALL: Final = 2**62
"""More rows than there are: a bound that changes nothing."""
