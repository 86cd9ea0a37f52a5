"""Forms of archives' files: what each of them makes of the same pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from drover.ports.archives import Moment, StoredLine

T_contra = TypeVar("T_contra", contravariant=True)

ColumnType = Literal["number", "boolean", "time", "text"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a file: its name, and what its values are."""

    name: str
    type: ColumnType = "text"


class Misfit(Exception):
    """Values of some columns are not of their type: the file is begun again, with these as text."""

    def __init__(self, names: Collection[str]) -> None:
        super().__init__(", ".join(sorted(names)))
        self.names = frozenset(names)


class Sheet(Protocol[T_contra]):
    """The content of one file, while it is made; each call returns the bytes that are ready."""

    def begin(self) -> bytes:
        """Begin the file."""
        ...

    def add(self, page: Sequence[T_contra], /) -> bytes:
        """Add a row for each of a page; raises Misfit."""
        ...

    def end(self) -> bytes:
        """End the file."""
        ...


@dataclass(frozen=True, slots=True)
class Form:
    """A form of files: how their names end, and how those of states and of documents are begun.

    ``states`` takes the id of the device and the columns of its attributes.
    """

    suffix: str
    states: Callable[[str, Sequence[Column]], Sheet[Moment]]
    documents: Callable[[Sequence[Column]], Sheet[StoredLine]]


def widened(columns: Sequence[Column], misfit: Misfit) -> list[Column]:
    """Return the columns, those that did not fit as text."""
    return [Column(each.name) if each.name in misfit.names else each for each in columns]
