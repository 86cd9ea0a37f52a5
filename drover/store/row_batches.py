"""Many rows as the parameters of one statement: JSON for SQLite, columns for PostgreSQL.

One statement costs one step: with SQLite a row of ``executemany`` hands the interpreter's lock to
and fro, which under load takes longer than the row; with PostgreSQL each row is a message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.store.statements import Dialect


def batch(
    dialect: Dialect, columns: Sequence[str], rows: Sequence[Sequence[object]]
) -> dict[str, object]:
    """Return the parameters: ``rows`` as JSON text, or a list under the name of each column."""
    if dialect == "sqlite":
        return {"rows": msgspec.json.encode(rows).decode()}
    lists = [list(each) for each in zip(*rows, strict=True)] or [[] for _ in columns]
    return dict(zip(columns, lists, strict=True))
