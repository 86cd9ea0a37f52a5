"""Lines of a log for a person.

They are those of structlog's own renderer without colours, which writes each member through several
objects and takes most of the time of a line, of which each job of a beacon has four.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import structlog

if TYPE_CHECKING:
    from collections.abc import MutableMapping

_ELABORATE: Final = frozenset({"stack", "exception", "exc_info", "logger", "logger_name"})
"""Members that are more than a name and a value."""

_FIRST: Final = ("timestamp", "level", "event")
_quoted: Final = re.compile("[ \t=\r\n\"']").search
_EVENT_WIDTH: Final = 30
_LEVEL_WIDTH: Final = len("exception")


class PlainLines:
    """Renders events; what is out of the ordinary is left to structlog's own renderer."""

    def __init__(self) -> None:
        self._any = structlog.dev.ConsoleRenderer(colors=False)

    def __call__(self, logger: Any, method: str, event: MutableMapping[str, Any]) -> str:
        """Return the line of an event."""
        at, level, what = map(event.get, _FIRST)
        if not (at and level and what) or not event.keys().isdisjoint(_ELABORATE):
            return self._any(logger, method, event)
        members = [
            f"{name}=" + (value if type(value) is str and not _quoted(value) else _shown(value))
            for name, value in sorted(event.items())
            if name not in _FIRST
        ]
        head = f"{at} [{level:<{_LEVEL_WIDTH}}] {what!s:<{_EVENT_WIDTH}}"
        return " ".join((head, *members)).rstrip(" ")


def _shown(value: object) -> str:
    if isinstance(value, str) and not _quoted(value):
        return value
    return repr(value)
