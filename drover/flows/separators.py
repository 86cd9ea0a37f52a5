"""The separators that nodes for CSV are configured with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.flows.separated import Separators

if TYPE_CHECKING:
    from collections.abc import Callable

    from drover.flows.settings import Settings

_KEYS: Final = {
    "value": "delimiterTemplate",
    "row": "recordDelimiterTemplate",
    "quote": "quoteCharTemplate",
    "escape": "escapeCharTemplate",
}


def separators(settings: Settings) -> Callable[[Any], Separators]:
    """Return what renders the separators; those that render to nothing are the usual ones."""
    texts = {name: settings.template(key) for name, key in _KEYS.items()}

    def render(payload: Any) -> Separators:
        given = {name: text(payload) for name, text in texts.items()}
        return Separators(**{name: text for name, text in given.items() if text})

    return render
