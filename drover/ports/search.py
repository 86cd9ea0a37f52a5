"""The area of the store that finds resources of every kind by a part of their name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Found:
    """A resource that was found: its kind and id."""

    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class NamedDevice:
    """A device as it is suggested."""

    id: str
    name: str
    device_class: str


class Search(Protocol):
    """Names of resources, whatever their kind."""

    async def find(
        self, application_id: str, text: str, kinds: Sequence[str], limit: int
    ) -> Sequence[Found]:
        """Return resources of these kinds whose folded name holds ``text``, which is folded.

        Some of them, no more than ``limit``, where there are more. In a large application a text of
        fewer than three characters is looked for at the beginning of names alone.
        """
        ...

    async def devices(
        self, application_id: str, starts_with: str, limit: int
    ) -> Sequence[NamedDevice]:
        """Return devices whose names begin so, whatever the case, the first in their order."""
        ...
