"""SQL of the jobs that ran on devices which an index finds: the candidates of a match.

Two ways lead from candidates to jobs: to look through the newest items for theirs, or to seek the
items of each by an index. What else is asked of the job and the device is then asked of these items
alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.query.digi.pairs import asks_job, fields_of
from drover.query.tree import All, And, all_of
from drover.store.compile import Compiled
from drover.store.compile.compiler import Compiler
from drover.store.compile.parameters import Parameters
from drover.store.inventory.devices import IN_ROW
from drover.store.inventory.finder import finder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.query.tree import Node
    from drover.store.inventory.plan import Plan


class Hits:
    """The statements of one request whose matches have one of the candidates.

    ``read_through`` tells that to find the candidates costs a look at all that an index holds.
    """

    def __init__(
        self, asked: Plan, candidates: Compiled, rest: Node, *, read_through: bool
    ) -> None:
        self.asked = asked
        self.read_through = read_through
        self._candidates = candidates
        self._rest = rest

    def counting(self, most: int) -> Compiled:
        """Return SQL that counts the candidates up to a bound."""
        first = f"SELECT 1 FROM ({self._candidates.sql}) AS found LIMIT :most"  # noqa: S608 - the program's own parts
        sql = f"SELECT count(*) AS count FROM ({first}) AS first"  # noqa: S608 - as above
        return Compiled(sql, {**self._candidates.params, "most": most})

    def listing(self, most: int) -> Compiled:
        """Return SQL of the ids of the candidates, up to a bound."""
        sql = f"SELECT id FROM ({self._candidates.sql}) AS found LIMIT :most"  # noqa: S608 - as above
        return Compiled(sql, {**self._candidates.params, "most": most})

    def narrowed(self) -> Compiled | None:
        """Return SQL of those candidates that match whatever the job; None where all may."""
        parts = self._rest.parts if isinstance(self._rest, And) else (self._rest,)
        alone = all_of(part for part in parts if not asks_job(part))
        if isinstance(alone, All):
            return None
        words = self.asked.words
        parameters = Parameters(words.dialect, "n")
        test = Compiler(words.own_columns, parameters, row_by_row=True).condition(alone).sql
        sql = (
            f"SELECT device.id FROM device WHERE device.id IN ({self._candidates.sql}) AND ({test})"  # noqa: S608 - as above
        )
        params = {**words.dialect.fold_parameters, **self._candidates.params, **parameters.bound}
        return Compiled(sql, params)

    def among(self, ids: Sequence[str]) -> Hits:
        """Return the statements of the same request for candidates that are known by their ids."""
        rows = (
            "SELECT unnest(CAST(:ids AS text[])) AS id"
            if self.asked.words.dialect.fold_parameters
            else "SELECT value AS id FROM json_each(:ids)"
        )
        return Hits(self.asked, Compiled(rows, {"ids": list(ids)}), self._rest, read_through=False)

    def narrowing(self) -> str:
        """Return the condition that a job has items of candidates."""
        self.asked.params.update(self._candidates.params)
        return (
            "execution.number IN (SELECT target.execution FROM"  # noqa: S608 - as above
            f" ({self._candidates.sql}) AS found CROSS JOIN iteration AS target"
            " WHERE target.resource_id = found.id)"
        )

    def among_newest(self) -> Compiled:
        """Return SQL of the matches among the newest ``items`` below ``upper``, above ``floor``."""
        # Neither database takes this for a use of the index of devices.
        of_candidate = f"((target.resource_id || '') IN ({self._candidates.sql})) IS TRUE"
        source = (
            "(SELECT execution, resource_id FROM iteration"
            " WHERE execution > CAST(:floor AS BIGINT) AND execution < CAST(:upper AS BIGINT)"
            " ORDER BY execution DESC LIMIT :items) AS target"
        )
        return self._with_params(self._matching(source, of_candidate))

    def sought(self) -> Compiled:
        """Return SQL of the matches with one of the newest ``items`` of candidates in a span.

        The span is from above ``floor`` to below ``upper``. Behind the matches comes a row with the
        number of the oldest of these items, and how many there were.
        """
        items = (
            f"SELECT target.execution, target.resource_id FROM ({self._candidates.sql}) AS found"  # noqa: S608 - as above
            " CROSS JOIN iteration AS target WHERE target.resource_id = found.id"
            " AND target.execution > CAST(:floor AS BIGINT)"
            " AND target.execution < CAST(:upper AS BIGINT)"
            " ORDER BY target.execution DESC LIMIT :items"
        )
        return self._with_params(
            f"WITH hit AS MATERIALIZED ({items})"  # noqa: S608 - as above
            f" SELECT number, -1 AS items FROM ({self._matching('hit AS target')}) AS matching"
            " UNION ALL SELECT coalesce(min(execution), 0), count(*) FROM hit"
        )

    def _matching(self, source: str, of_candidate: str = "TRUE") -> str:
        """Return SQL of the ``missing`` newest jobs that match with an item of a source.

        SQLite goes through a source from the newest item on, and need not go on behind the last
        match that is wanted: it is told no order, for which it would test every item first.
        """
        in_row = not IN_ROW.isdisjoint(fields_of(self._rest))
        joined = " LEFT JOIN device ON device.id = target.resource_id" if in_row else ""
        hashed = self.asked.words.dialect.fold_parameters
        order = " ORDER BY target.execution DESC" if hashed else ""
        return (
            f"SELECT DISTINCT target.execution AS number FROM {source}{joined}"  # noqa: S608 - as above
            " CROSS JOIN execution WHERE execution.number = target.execution"
            f" AND {of_candidate} AND {self.asked.own_condition()}"
            f" AND {self.asked.compiled_condition(self._rest, 'h')}"
            f"{order} LIMIT :missing"
        )

    def _with_params(self, sql: str) -> Compiled:
        return Compiled(sql, {**self.asked.params, **self._candidates.params})


def hits(asked: Plan) -> Hits | None:
    """Return the statements of a request; None where no index finds devices that it asks for.

    Nor are there any where the request names the jobs: these are as easily looked at themselves.
    """
    if asked.names_jobs():
        return None
    dialect = asked.words.dialect
    parameters = Parameters(dialect, "f")
    found = finder(asked.split.pair, parameters, dialect)
    if found is None:
        return None
    candidates = Compiled(found.sql, {**dialect.fold_parameters, **parameters.bound})
    return Hits(asked, candidates, found.rest, read_through=found.read_through)
