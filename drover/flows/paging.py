"""Settings that find many things: pages, sorting, pairs of keys and values, results shaped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.flows.language import to_number
from drover.flows.visit import Thrown

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from drover.flows.settings import Settings

MOST_PER_PAGE: Final = 1000
MOST_PAIRS: Final = 100


def whole_number(
    settings: Settings, key: str, *, default: int, least: int = 0, most: int = MOST_PER_PAGE
) -> Callable[[Any], int]:
    """Compile a template that must give a whole number within bounds; it throws otherwise."""
    text = settings.template(key)

    def render(payload: Any) -> int:
        given = text(payload).strip()
        if not given:
            return default
        value = to_number(given)
        if not least <= value <= most or value != int(value):
            raise Thrown("Validation", f"{key} must be a whole number from {least} to {most}")
        return int(value)

    return render


def pairs(
    settings: Settings,
    key: str,
    key_name: str = "keyTemplate",
    value_name: str = "valueTemplate",
    *,
    most: int = MOST_PAIRS,
) -> Callable[[Any], list[tuple[str, str | None]]]:
    """Compile a list of keys and values; a value that is not configured is None."""
    entries = [
        (
            entry.template(key_name),
            entry.template(value_name) if entry.holds(value_name) else None,
        )
        for entry in settings.items(key, most=most)
    ]

    def render(payload: Any) -> list[tuple[str, str | None]]:
        return [
            (name(payload), None if value is None else value(payload)) for name, value in entries
        ]

    return render


def sorting(
    settings: Settings, fields: Collection[str], *, default: str, direction: str
) -> dict[str, str]:
    """Return the request's sort field and direction."""
    field = settings.literal("sortField", default=default, choices=fields)
    given = settings.literal(
        "sortDirection", default=direction, choices=("asc", "desc", "ASC", "DESC")
    )
    return {"sortField": field, "sortDirection": given.lower()}


def page_of(settings: Settings) -> Callable[[Any], dict[str, int]]:
    """Compile ``resultsPage`` and ``resultsPerPage``."""
    page = whole_number(settings, "resultsPage", default=0, most=1_000_000_000)
    size = whole_number(settings, "resultsPerPage", default=100, least=1)
    return lambda payload: {"page": page(payload), "perPage": size(payload)}
