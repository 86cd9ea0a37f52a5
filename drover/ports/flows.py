"""The areas of the store for workflows: which are to run, what they keep, what became of runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Sequence


PUBLISHES: Final = "$publishes"
"""What the index calls the first levels of topics that a flow's nodes publish on."""

DEBUG_LEVELS: Final = ("verbose", "info", "warn", "error")
"""How grave a debug message is, the least first."""


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


class IndexedTrigger(Struct, frozen=True, kw_only=True):
    """A trigger as it is found: its position in the flow, type, key and config (JSON)."""

    position: int
    type: str
    key: str
    config: bytes = b"{}"


class FlowIndex(Protocol):
    """The triggers of flows, found by what they wait for."""

    async def subscribed(
        self,
        application_id: str,
        trigger_type: str,
        key: str,
        *,
        flow_id: str | None = None,
        version: str | None = None,
    ) -> Sequence[FlowToRun]:
        """Return each matching trigger of each enabled flow of the application.

        Flows count in their default version, or in the version named; ``flow_id`` keeps to one
        flow. Triggers on events of any level match every level.
        """
        ...

    async def awaited(self, application_id: str, trigger_type: str, key: str) -> bool:
        """Tell whether any flow, running or not, has such a trigger."""
        ...

    async def awaited_keys(
        self, application_id: str, trigger_types: Sequence[str], keys: Sequence[str]
    ) -> Sequence[tuple[str, str]]:
        """Return type and key of those triggers that any flow, running or not, has."""
        ...

    async def awaited_configs(
        self, application_id: str, trigger_types: Sequence[str], keys: Sequence[str]
    ) -> Sequence[tuple[str, str, bytes]]:
        """Return type, key and config (JSON) of such triggers of any flow, running or not."""
        ...

    async def keys(self, application_id: str, trigger_type: str) -> Sequence[str]:
        """Return the keys of all triggers of a type that any flow, running or not, has."""
        ...

    async def all_keys(self, trigger_type: str) -> Sequence[tuple[str, str]]:
        """Return application and key of all triggers of a type, of every application."""
        ...

    async def index(
        self,
        application_id: str,
        flow_id: str,
        version_id: str,
        triggers: Sequence[IndexedTrigger],
    ) -> None:
        """Set what a version is found by, in place of what it was; "" is the develop version."""
        ...

    async def using(self, application_id: str, trigger_types: Sequence[str], key: str) -> set[str]:
        """Return the ids of flows with such a trigger in any version, enabled or not."""
        ...

    @property
    def storage(self) -> FlowStorage:
        """What flows keep between runs."""
        ...

    @property
    def memory(self) -> FlowMemory:
        """What nodes remember between runs."""
        ...

    @property
    def history(self) -> FlowHistory:
        """What became of runs."""
        ...


class FlowStorage(Protocol):
    """Values that flows keep between runs, by key, as JSON; all versions of a flow share them."""

    async def get(self, flow_id: str, keys: Sequence[str]) -> dict[str, bytes]:
        """Return the values of those keys that have one."""
        ...

    async def all(self, flow_id: str, most_bytes: int) -> dict[str, bytes]:
        """Return every value, in order of their keys; raises TooLarge."""
        ...

    async def put(self, flow_id: str, key: str, value: bytes) -> None:
        """Store a value."""
        ...

    async def takes(self, flow_id: str, key: str, most: int) -> bool:
        """Tell whether a value can be stored where a flow may have so many."""
        ...

    async def lock(self, flow_id: str) -> None:
        """Keep other units of work from changing the flow's values until this one ends."""
        ...

    async def remove(self, flow_id: str, key: str) -> None:
        """Forget a value; one that is not there is no error."""
        ...

    async def clear(self, flow_id: str) -> None:
        """Forget every value."""
        ...

    async def size(self, flow_id: str) -> tuple[int, int]:
        """Return how many keys there are, and how many bytes keys and values take."""
        ...


class FlowMemory(Protocol):
    """What nodes of flows remember between runs, by node and key, as JSON.

    All versions of a flow share it; users do not see it.
    """

    async def get(self, flow_id: str, node_id: str, keys: Sequence[str]) -> dict[str, bytes]:
        """Return what is remembered under some keys."""
        ...

    async def put(self, flow_id: str, node_id: str, values: Mapping[str, bytes]) -> None:
        """Remember values by key."""
        ...

    async def remove(self, flow_id: str, node_id: str, keys: Sequence[str]) -> None:
        """Forget what is remembered under some keys; what is not there is no error."""
        ...

    async def forget(self, flow_id: str, node_id: str) -> None:
        """Forget all that a node remembers; nothing remembered is no error."""
        ...

    async def size(self, flow_id: str, node_id: str) -> int:
        """Return under how many keys something is remembered."""
        ...


class RunCounts(Struct, frozen=True, kw_only=True):
    """Counts of the runs of one version of a flow in one minute; wall time in ms."""

    flow_id: str
    version: str
    minute_ms: int
    runs: int
    paths_completed: int
    paths_failed: int
    wall_ms: float


class RunNote(Struct, frozen=True, kw_only=True):
    """A message of a run worth keeping: an error, or a line of the debug log."""

    flow_id: str
    version: str
    topic: str
    time_ms: int
    document: Mapping[str, Any]


class FlowHistory(Protocol):
    """What became of runs: counts for each minute, and the last errors and debug messages."""

    async def add(self, counts: Sequence[RunCounts], notes: Sequence[RunNote]) -> None:
        """Add counts to those there are, and notes, and forget the oldest notes beyond a limit.

        What belongs to a flow that was deleted is passed over.
        """
        ...

    async def counts(
        self,
        flow_id: str,
        span_ms: tuple[int, int],
        *,
        newest: int | None = None,
        version: str | None = None,
    ) -> Sequence[RunCounts]:
        """Return the counts of a span, newest minute first, or the newest few of them.

        No version means all.
        """
        ...

    async def notes(
        self,
        flow_id: str,
        topic: str,
        span_ms: tuple[int, int],
        *,
        limit: int,
        version: str | None = None,
    ) -> Sequence[RunNote]:
        """Return the newest notes of a span, newest first; no version means all."""
        ...
