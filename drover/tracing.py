"""Spans of what a server does, for those who collect traces; next to nothing where nobody does.

What is traced says so with ``span``; which collector hears of it is decided once, with ``use``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    Told = Mapping[str, str | int]

EXECUTION: Final = "drover.execution.id"
"""The attribute that holds the id of an execution."""

ITEMS: Final = "drover.items"
"""The attribute that holds how many iterations something is about."""


class Span(Protocol):
    """Something that takes time, as OpenTelemetry knows it."""

    def set_attribute(self, key: str, value: str | int) -> None:
        """Tell more of it."""
        ...

    def update_name(self, name: str) -> None:
        """Name it otherwise than when it began."""
        ...


class Traces(Protocol):
    """Whoever collects spans."""

    def span(
        self, name: str, told: Told, headers: Mapping[str, str] | None
    ) -> AbstractContextManager[Span]:
        """Return a span that lasts as long as its block; it belongs to the trace in the headers."""
        ...


class _NoSpan:
    """Stands for every span where nobody collects them."""

    def __enter__(self) -> Span:
        return self

    def __exit__(self, *_error: object) -> None:
        pass

    def set_attribute(self, key: str, value: str | int) -> None:
        """Forget it."""

    def update_name(self, name: str) -> None:
        """Forget it."""


_NO_SPAN: Final = _NoSpan()
_in_use: list[Traces] = []


def use(traces: Traces | None) -> None:
    """Let these traces hear of every span of this process from now on, or nobody."""
    _in_use[:] = [] if traces is None else [traces]


def heard() -> bool:
    """Tell whether anybody hears of spans, so that more is to be told of them."""
    return bool(_in_use)


def span(name: str, execution: str = "", items: int = 0) -> AbstractContextManager[Span]:
    """Return a span about an execution, or so many iterations of it, that lasts as its block."""
    if not _in_use:
        return _NO_SPAN
    told: dict[str, str | int] = {EXECUTION: execution} if execution else {}
    if items:
        told[ITEMS] = items
    return _in_use[0].span(name, told, None)


def request(method: str, headers: Mapping[str, str]) -> AbstractContextManager[Span]:
    """Return the span of a request, part of the trace that its headers name, if they do."""
    if not _in_use:
        return _NO_SPAN
    return _in_use[0].span(method, {"http.request.method": method}, headers)
