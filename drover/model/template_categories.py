"""The categories that application templates are sorted into: a fixed tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import UNSET, Struct, UnsetType

from drover.model.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Category(Struct, frozen=True, kw_only=True, rename="camel"):
    """A category, below another one or at the top."""

    id: str
    name: str
    description: str
    parent_id: str | UnsetType = UNSET


def _id(number: int) -> str:
    return f"ca7e{number:020x}"


_DOMAINS: Final = _id(16)

CATEGORIES: Final = (
    Category(id=_id(1), name="Getting started", description="A first application"),
    Category(id=_id(2), name="Devices", description="Fleets, recipes and their data"),
    Category(id=_id(3), name="Jobs", description="Work over many devices, rows or users"),
    Category(id=_id(4), name="Experiences", description="Pages and endpoints for end users"),
    Category(id=_id(5), name="Integrations", description="Ties to other services"),
    Category(id=_DOMAINS, name="Industries", description="Whole solutions by industry"),
    *(
        Category(id=_id(17 + number), name=name, description=text, parent_id=_DOMAINS)
        for number, (name, text) in enumerate(
            (
                ("Agriculture", "Fields, barns and greenhouses"),
                ("Buildings", "Rooms, heating and access"),
                ("Energy", "Meters, grids and plants"),
                ("Logistics", "Vehicles, goods and places"),
                ("Manufacturing", "Machines and lines"),
            )
        )
    ),
)
"""All there are; each stands behind the one it is below."""

_KNOWN: Final = frozenset(each.id for each in CATEGORIES)


def below(base_id: str | None) -> Sequence[Category]:
    """Return the categories below one at any depth; all without one."""
    if base_id is None:
        return CATEGORIES
    within = {base_id}
    found = []
    for each in CATEGORIES:
        if each.parent_id in within:
            within.add(each.id)
            found.append(each)
    return found


def check_categories(ids: Iterable[str]) -> None:
    """Raise Invalid for the id of no category."""
    for each in ids:
        if each not in _KNOWN:
            message = f"Category {each} was not found at `categoryIds`"
            raise Invalid(message, field="categoryIds")
