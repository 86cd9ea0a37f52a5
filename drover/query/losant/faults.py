"""Faults in a query: what is wrong, and where as a JSON pointer; and checks of shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drover.model.errors import Flaw, Invalid
from drover.query.fields import Literal, checked_text

if TYPE_CHECKING:
    from types import TracebackType

MAX_ENTRIES: Final = 100
"""How many entries a list in a query may have."""


def fault(place: str, reason: str) -> Invalid:
    """Return the error that says what is wrong where."""
    return Invalid(
        f"Invalid query at '{place}': {reason}", field="query", flaws=(Flaw(place, reason),)
    )


def escaped(name: str) -> str:
    """Return a member's name as part of a JSON pointer, cut to a bearable length."""
    return name[:64].replace("~", "~0").replace("/", "~1")


class At:
    """Gives the place of the fault to an Invalid raised inside."""

    __slots__ = ("_place",)

    def __init__(self, place: str) -> None:
        self._place = place

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, Invalid):
            raise fault(self._place, error.message) from error


def literal_in(operand: object, place: str) -> Literal:
    """Return ``operand`` if it is a value other than null; raises Invalid."""
    if isinstance(operand, str | bool | int | float):
        return operand
    if isinstance(operand, list):
        raise fault(place, "a list is not a value; use $in")
    raise fault(place, "expected text, a number, true or false")


def list_in(operand: object, place: str) -> list[object]:
    """Return ``operand`` if it is a list of bearable length; raises Invalid."""
    if not isinstance(operand, list):
        raise fault(place, "expected a list")
    if len(operand) > MAX_ENTRIES:
        raise fault(place, f"a list has at most {MAX_ENTRIES} entries")
    return operand


def object_in(operand: object, place: str, what: str) -> dict[str, object]:
    """Return ``operand`` if it is an object; raises Invalid."""
    if not isinstance(operand, dict):
        raise fault(place, f"{what} is an object")
    return operand


def text_in(operand: object, place: str, longest: int) -> str:
    """Return ``operand`` if it is text of at most ``longest`` characters; raises Invalid."""
    if not isinstance(operand, str) or len(operand) > longest:
        raise fault(place, f"expected text of at most {longest} characters")
    with At(place):
        return checked_text(operand)
