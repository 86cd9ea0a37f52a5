"""Lists of things: a table for people, lines of tabs for programs, JSON where it is asked for."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from cyclopts import Parameter
from rich.console import Console
from rich.table import Table
from rich.text import Text

from drover.client.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

AsJson = Annotated[bool, Parameter(name="--as-json", negative="")]
"""The flag of lists that prints one JSON object a line instead of a table."""

TAB: Final = "\t"


class Listing:
    """Rows under the names of their columns; what others wrote neither steers nor styles."""

    def __init__(self, *columns: str) -> None:
        self._columns = columns
        self._rows: list[tuple[str, ...]] = []

    def add_row(self, *cells: object) -> None:
        """Add a row: a cell for each column."""
        self._rows.append(tuple(printable(str(each)) for each in cells))

    def show(self) -> None:
        """Print it: as a table to a terminal, else as lines, their cells parted by tabs.

        Nothing is cut off, so that what is shown can be given to the next command.
        """
        console = Console()
        if console.is_terminal:
            console.print(self._table(console.width))
            return
        for row in [self._columns, *self._rows]:
            sys.stdout.write(TAB.join(cell.replace(TAB, " ") for cell in row) + "\n")

    def _table(self, width: int) -> Table:
        table = Table()
        whole = max((len(row[0]) for row in self._rows), default=0) <= width // 2
        for place, name in enumerate(self._columns):
            # The first column is what things are called by: in one piece where there is room.
            table.add_column(name, overflow="fold", no_wrap=whole and place == 0)
        for row in self._rows:
            table.add_row(*map(Text, row))
        return table


def print_json_lines(items: Iterable[Any]) -> None:
    """Print one JSON object a line; what could steer a terminal stands as its escape."""
    for item in items:
        text = msgspec.json.encode(item).decode()
        safe = (each if each.isprintable() else json.dumps(each)[1:-1] for each in text)
        sys.stdout.write("".join(safe) + "\n")
