"""Which flows are to run when something happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Sequence


class FlowToRun(Struct, frozen=True, kw_only=True):
    """An enabled flow with a trigger that matches, in the version that runs.

    ``definition`` is what a FlowBatch carries, ``tag`` changes with it. ``config`` is the JSON of
    the trigger's config.
    """

    flow_id: str
    tag: str
    definition: bytes
    trigger_index: int
    config: bytes = b"{}"


class FlowVersionKey(Struct, frozen=True, kw_only=True):
    """A version of a flow; an empty ``version_id`` is the develop version."""

    application_id: str
    flow_id: str
    version_id: str = ""


class TriggerEntry(Struct, frozen=True, kw_only=True):
    """A trigger by its position in the version; ``config`` is JSON."""

    index: int
    type: str
    key: str
    config: bytes = b"{}"


class FlowIndex(Protocol):
    """The triggers of flows, found by what they wait for."""

    async def subscribed(
        self, application_id: str, trigger_type: str, key: str
    ) -> Sequence[FlowToRun]:
        """Return each matching trigger of each enabled flow of the application."""
        ...

    async def replace(self, owner: FlowVersionKey, triggers: Sequence[TriggerEntry]) -> None:
        """Note what a version of a flow waits for, in place of what was noted before."""
        ...

    async def using(self, application_id: str, trigger_types: Sequence[str], key: str) -> set[str]:
        """Return the ids of flows with such a trigger in any version, enabled or not."""
        ...
