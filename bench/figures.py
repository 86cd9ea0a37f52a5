"""A measured figure, and the table that shows it beside its bound and its goal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Figure:
    """One measurement: ``bound`` is what the machine did without us in the same run."""

    name: str
    value: float
    unit: str
    goal: str = ""
    bound: float | None = None
    bound_name: str = ""

    @property
    def ratio(self) -> float | None:
        """The share of the bound that was reached."""
        return self.value / self.bound if self.bound else None

    def row(self) -> tuple[str, ...]:
        """Return the cells of its row."""
        ratio = f"{self.ratio:.2f}" if self.ratio is not None else ""
        bound = f"{self.bound:,.0f} ({self.bound_name})" if self.bound else ""
        return (self.name, f"{self.value:,.1f} {self.unit}", self.goal, bound, ratio)


HEADINGS = ("figure", "measured", "goal", "bound in the same run", "ratio")


def show(figures: Iterable[Figure]) -> None:
    """Print each figure when it is known, then all as a table and as Markdown for the README."""
    rows = []
    for figure in figures:
        rows.append(figure.row())
        print(" · ".join(filter(None, rows[-1])), flush=True)
    table = Table(*HEADINGS)
    for row in rows:
        table.add_row(*row)
    Console().print(table)
    print("| " + " | ".join(HEADINGS) + " |")
    print("|" + " --- |" * len(HEADINGS))
    for row in rows:
        print("| " + " | ".join(row) + " |")
