"""What workflows that react keep: memories of nodes, awaited replies, clocks of silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.ports.silences import Silence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.store.driver import Transaction


class FlowMemoryTable:
    """What nodes remember; see ``drover.ports.flows.FlowMemory``."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def get(self, flow_id: str, node_id: str, keys: Sequence[str]) -> dict[str, bytes]:
        """Return what is remembered under some keys."""
        params = {"flow_id": flow_id, "node_id": node_id, "keys": list(keys)}
        rows = await self._tx.fetch("flow_memory_get", params)
        return {row["key"]: row["value"].encode() for row in rows}

    async def put(self, flow_id: str, node_id: str, values: Mapping[str, bytes]) -> None:
        """Remember values by key."""
        own = {"flow_id": flow_id, "node_id": node_id}
        rows = [{**own, "key": key, "value": value.decode()} for key, value in values.items()]
        if rows:
            await self._tx.execute_many("flow_memory_put", rows)

    async def remove(self, flow_id: str, node_id: str, keys: Sequence[str]) -> None:
        """Forget what is remembered under some keys."""
        rows = [{"flow_id": flow_id, "node_id": node_id, "key": key} for key in keys]
        if rows:
            await self._tx.execute_many("flow_memory_remove", rows)

    async def forget(self, flow_id: str, node_id: str) -> None:
        """Forget all that a node remembers."""
        await self._tx.execute("flow_memory_forget", {"flow_id": flow_id, "node_id": node_id})

    async def size(self, flow_id: str, node_id: str) -> int:
        """Return under how many keys something is remembered."""
        params: dict[str, object] = {"flow_id": flow_id, "node_id": node_id}
        row = await self._tx.fetch_one("flow_memory_size", params)
        return 0 if row is None else int(row["keys"])


class ReplyTable:
    """Awaited replies; see ``drover.ports.replies.Replies``."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def wait_for(self, application_id: str, reply_id: str, until_ms: int) -> None:
        """Note that a reply is waited for."""
        params = {"id": reply_id, "application_id": application_id, "until_ms": until_ms}
        await self._tx.execute("reply_await", params)

    async def give(self, application_id: str, reply_id: str, document: bytes) -> bool:
        """Give a reply; False when nobody waits for it or it was given before."""
        params = {"id": reply_id, "application_id": application_id, "document": document.decode()}
        return await self._tx.execute("reply_give", params) > 0

    async def given(self, reply_ids: Sequence[str]) -> dict[str, bytes]:
        """Return those of some replies that have been given."""
        rows = await self._tx.fetch("replies_given", {"ids": list(reply_ids)})
        return {row["id"]: row["document"].encode() for row in rows}

    async def clear(self, now_ms: int) -> None:
        """Forget all that nobody waits for any more."""
        await self._tx.execute("replies_overdue", {"now_ms": now_ms})


class SilenceTable:
    """Clocks of devices' silence; see ``drover.ports.silences.Silences``."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def arm(self, silences: Sequence[Silence]) -> None:
        """Start clocks anew, always in one order so that servers do not wait in a circle."""
        rows = [
            {**each._asdict(), "due_ms": each.last_ms + int(each.seconds * 1000)}
            for each in sorted(silences)
        ]
        if rows:
            await self._tx.execute_many("silence_arm", rows)

    async def take(self, now_ms: int, limit: int) -> Sequence[Silence]:
        """Stop clocks that have run down, and return them."""
        rows = await self._tx.fetch("silences_take", {"now_ms": now_ms, "limit": limit})
        return [Silence(**{name: row[name] for name in Silence._fields}) for row in rows]

    async def next_ms(self) -> int | None:
        """Return when the next clock has run down."""
        row = await self._tx.fetch_one("silence_next")
        return None if row is None else row["next_ms"]
