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
        """Return the expression of a cell of a column."""
        if name == "cancel_requested":
            return f"CASE {value} WHEN 1 THEN 'true' ELSE 'false' END"
        if name in _TIMES:
            return f"coalesce({self.moment.format(value)}, '')"
        if name in _PLAIN:
            return f"coalesce(CAST({value} AS TEXT), '')"
        return self._text(value, raw=raw)

    def _text(self, value: str, *, raw: bool) -> str:
        disarmed = f"CASE WHEN {self.formula.format('t')} THEN '''' || t ELSE t END"
        # The parts of this text are the program's own.
        given = f"SELECT {value} AS t"
        if not raw:
            given = f"SELECT {disarmed} AS t FROM ({given}) AS given"  # noqa: S608
        quoted = "'\"' || replace(t, '\"', '\"\"') || '\"'"
        return (
            f"(SELECT CASE WHEN t IS NULL THEN '' WHEN {self.odd.format('t')} THEN {quoted}"  # noqa: S608
            f" ELSE t END FROM ({given}) AS text)"
        )


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
    line = cells.line([cells.cell(name, known[name], raw=raw) for name in columns])
    if not asked.newest_first:
        return asked.rows({"line": line}, limited=False)
    aimed = asked.aimed({name: known[name] for name in columns})
    asked.params["span"] = SPAN
    # The parts of this text are the program's own; values are parameters.
    part = (
        f"SELECT {line} AS line, execution.number FROM execution{aimed}"  # noqa: S608
        f" WHERE execution.number <= span.upper AND execution.number > span.upper - {_WIDTH}"
        f" AND {asked.whole_condition()} ORDER BY execution.number DESC LIMIT {_WIDTH}"
    )
    return (
        "WITH RECURSIVE span (upper) AS (SELECT coalesce(max(number), 0) FROM execution"  # noqa: S608
        f" UNION ALL SELECT upper - {_WIDTH} FROM span"
        f" WHERE upper - {_WIDTH} >= (SELECT min(number) FROM execution))"
        f" SELECT (SELECT {cells.together} FROM ({part}) AS part) AS line FROM span"
    )


_WIDTH: Final = "CAST(:span AS BIGINT)"
